"""Sorting: sort, argsort, topk, kthvalue, searchsorted, bucketize.  NaN counts as the greatest value."""

from tensight_runtime.ops.reduction_extremes import index_interval, no_complex, scattered
from tensight_runtime.ops.reduction_ranks import picked, ranked
from tensight_runtime.spec.cond import eq, ge, le
from tensight_runtime.spec.dtype import bool_, int32, int64
from tensight_runtime.spec.kind import Bool, Int, Num, OptBool, OptStr, OptTensor, Tensor, UnknownLike
from tensight_runtime.spec.op import op
from tensight_runtime.spec.require import Refused, require
from tensight_runtime.spec.shape import axis, reduced
from tensight_runtime.spec.size import UNKNOWN


def sorted_dims(input, dim):
    """The input's shape; `dim` must be one of its dims."""
    if input.dims is not None and isinstance(dim, int):
        axis(dim, len(input.dims))
    return input.shape


def sorted_dtypes(input):
    if input.dtype is not None and input.dtype.category == 3:
        raise Refused(" Sort does not support complex dtypes on CPU")
    return input.dtype, int64


def order_along(xp, x, dim, descending):
    """The permutation that sorts along `dim`; equal elements keep their order."""
    if not descending:
        return xp.argsort(x, dim, kind="stable")
    backwards = xp.argsort(
        xp.flip(x, dim), dim, kind="stable"
    )  # what comes last among equals shall be found last again
    return x.shape[dim] - 1 - xp.flip(backwards, dim)


def _sort(xp, input, dim, descending):
    x = input if input.ndim else input.reshape(1)
    order = order_along(xp, x, dim, descending)
    values = xp.take_along_axis(x, order, dim)
    return values.reshape(input.shape), order.reshape(input.shape)


@op(
    "torch.sort", "Tensor.sort",
    shape=sorted_dims, dtype=sorted_dtypes, outs=("values", "indices"), interval=index_interval,
    accepts=[
        "sort(f32[2, 5])", "sort(i64[7]{0..3}, stable=True)", "sort(f32[4, 3], 0, True)", "sort(f32[])",
        "sort(f32[0, 3], dim=0)", "sort(bool[5], stable=True, descending=True)",
    ],
    rejects={
        "sort(f32[2, 3], 2)": "Dimension out of range (expected to be in range of [-2, 1], but got 2)",
        "sort(c64[3])": " Sort does not support complex dtypes on CPU",
    },
)  # fmt: skip
def sort(xp, input: Tensor, dim: Int = -1, descending: Bool = False, *, stable: OptBool = None):
    """(values, indices) along `dim`; always stable here."""
    return _sort(xp, input, dim, descending)


@sort.vjp("input")
def _(g, indices, input_shape, dim):
    return scattered(g, indices, input_shape, dim, True)


@op(
    "torch.argsort", "Tensor.argsort",
    shape=sorted_dims, dtype=lambda input: sorted_dtypes(input)[1], interval=index_interval,
    accepts=[
        "argsort(f32[2, 5])", "argsort(i64[7]{0..3}, stable=True)", "argsort(f32[4, 3], 0, True)", "argsort(f32[])",
    ],
    rejects={"argsort(f32[2, 3], 2)": "Dimension out of range (expected to be in range of [-2, 1], but got 2)"},
)  # fmt: skip
def argsort(xp, input: Tensor, dim: Int = -1, descending: Bool = False, *, stable: Bool = False):
    """The indices that sort along `dim`."""
    return order_along(xp, input, dim, descending) if input.ndim else 0


@op(
    "torch.msort", "Tensor.msort",
    composite=True, shape=lambda input: input.shape, dtype=lambda input: sorted_dtypes(input)[0],
    accepts=["msort(f32[4, 3])", "msort(i64[5])", "msort(f32[])"],
)  # fmt: skip
def msort(input: Tensor):
    """Sorted along the first dim."""
    return input.sort(0)[0]


# -- topk and kthvalue ------------------------------------------------------------------------------------------------


def topk_dims(input, k, dim):
    shape = input.shape
    at = axis(dim, len(shape))
    if isinstance(k, UnknownLike) or hasattr(k, "fact"):
        k = UNKNOWN
    if k is not UNKNOWN:
        require(ge(k, 0), "selected index k out of range")
        require(le(k, shape[at] if shape else 1), "selected index k out of range")
    return (*shape[:at], k, *shape[at + 1 :]) if shape else ()


def topk_dtypes(input):
    if input.dtype is bool_:
        raise Refused("topk does not support bool dtypes on CPU")
    return no_complex("topk")(input), int64


@op(
    "torch.topk", "Tensor.topk",
    shape=topk_dims, dtype=topk_dtypes, outs=("values", "indices"), interval=index_interval,
    accepts=[
        "topk(f32[2, 5], 3)", "topk(f32[4, 3], 2, 0, False)", "topk(f32[200], 5)", "topk(f32[], 1)",
        "topk(f64[2, 5], k=5, dim=1)", "topk(f32[3], 0)", "topk(f32[3, 99], 4, largest=False)",
    ],
    rejects={
        "topk(f32[2, 3], 4)": "selected index k out of range",
        "topk(f32[2, 3], -1)": "selected index k out of range",
        "topk(f32[2, 3], 2, 2)": "Dimension out of range (expected to be in range of [-2, 1], but got 2)",
        "topk(bool[3], 2)": "topk does not support bool dtypes on CPU",
    },
)  # fmt: skip
def topk(xp, input: Tensor, k: Int, dim: Int = -1, largest: Bool = True, sorted: Bool = True):
    """(values, indices) of the `k` largest (or smallest) elements along `dim`, in order."""
    x = xp.moveaxis(input, dim, -1) if input.ndim else input.reshape(1)
    found = _few(xp, x, k, largest) if 0 < k <= 16 and x.shape[-1] > 16 * k and x.dtype.kind == "f" else None
    if found is None:
        order = order_along(xp, x, -1, largest)[..., :k]
        found = xp.take_along_axis(x, order, -1), order
    values, order = found
    if not input.ndim:
        return values.reshape(()), order.reshape(())
    return xp.ascontiguousarray(xp.moveaxis(values, -1, dim)), xp.ascontiguousarray(xp.moveaxis(order, -1, dim))


def _few(xp, x, k, largest):
    """The first few in order by taking the extreme out again and again; None if infinities would be taken twice."""
    rest = x.copy()
    gone = -xp.inf if largest else xp.inf
    values, order = [], []
    for _ in range(k):
        at = (xp.argmax if largest else xp.argmin)(rest, -1)[..., None]
        values.append(xp.take_along_axis(rest, at, -1))
        order.append(at)
        xp.put_along_axis(rest, at, gone, -1)
    values = xp.concatenate(values, -1)
    # NaN counts as the greatest: argmin would take it for the least
    if bool((values == gone).any()) or (not largest and bool((x != x).any())):
        return None
    return values, xp.concatenate(order, -1)


@topk.vjp("input")
def _(g, indices, input_shape, dim):
    return scattered(g, indices, input_shape, dim, True)


def kth_dims(input, k, dim, keepdim):
    dims = reduced(input, dim, keepdim)
    at = axis(dim, len(input.shape))
    size = input.shape[at] if input.shape else 1
    require(ge(size, 1), "kthvalue(): Expected reduction dim {} to have non-zero size.", at, error=IndexError)
    if not isinstance(k, UnknownLike) and not hasattr(k, "fact"):
        require(ge(k, 1), "kthvalue(): selected number k out of range for dimension {}", at)
        require(le(k, size), "kthvalue(): selected number k out of range for dimension {}", at)
    return dims


@op(
    "torch.kthvalue", "Tensor.kthvalue",
    shape=kth_dims, dtype=sorted_dtypes, outs=("values", "indices"), interval=index_interval,
    accepts=[
        "kthvalue(f32[2, 5], 2)", "kthvalue(f32[4, 3], 1, 0, True)", "kthvalue(f32[], 1)", "kthvalue(f64[6], k=6)",
    ],
    rejects={
        "kthvalue(f32[2, 3], 4)": "kthvalue(): selected number k out of range for dimension 1",
        "kthvalue(f32[0, 3], 1, 0)": "kthvalue(): Expected reduction dim 0 to have non-zero size.",
    },
)  # fmt: skip
def kthvalue(xp, input: Tensor, k: Int, dim: Int = -1, keepdim: Bool = False):
    """(values, indices) of the k-th smallest elements along `dim`, counted from 1."""
    values, order = ranked(xp, input, dim)
    ranks = xp.full((*values.shape[:-1], 1), k - 1)
    return picked(xp, ranks, values, order, dim, keepdim, input.ndim)


@kthvalue.vjp("input")
def _(g, indices, input_shape, dim, keepdim):
    return scattered(g, indices, input_shape, dim, keepdim)


# -- searchsorted and bucketize ---------------------------------------------------------------------------------------


def place_dtype(out_int32):
    return int32 if out_int32 is True else int64 if out_int32 is False else None


def check_side(right, side):
    if not isinstance(side, str):
        return
    if side not in ("left", "right"):
        raise Refused(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
    if side == "left" and right is True:
        raise Refused(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True"
        )


def check_sorter(sorted_sequence, sorter):
    if sorter is None:
        return
    require(
        len(sorter.shape) == len(sorted_sequence.shape)
        and all(eq(a, b) is not False for a, b in zip(sorter.shape, sorted_sequence.shape, strict=True)),
        "torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor {}and got sorter "
        "tensor {}",
        sorted_sequence.shape, sorter.shape,
    )  # fmt: skip


def searched_dims(sorted_sequence, input, right, side, sorter):
    """The shape of the values; a matrix of sequences has one for each row of values."""
    check_side(right, side)
    sequence, values = sorted_sequence.shape, input.shape
    require(
        len(sequence) > 0, "torch.searchsorted(): boundaries tensor should have positive dimension, but got 0 dimension"
    )
    check_sorter(sorted_sequence, sorter)
    if len(sequence) > 1:
        message = (
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries "
            "tensor and input value tensor must match, but we got boundaries tensor {} and input value tensor {}"
        )
        require(len(values) == len(sequence), message, sequence, values)
        for a, b in zip(sequence[:-1], values[:-1], strict=True):
            require(eq(a, b), message, sequence, values)
    return values


def _searched(xp, sequence, values, right, side, sorter):
    side = side or ("right" if right else "left")
    if sorter is not None:
        sequence = xp.take_along_axis(sequence, sorter, -1)
    if sequence.ndim == 1:
        return xp.searchsorted(sequence, values, side)
    rows, wanted = sequence.reshape(-1, sequence.shape[-1]), values.reshape(-1, values.shape[-1])
    found = [xp.searchsorted(row, some, side) for row, some in zip(rows, wanted, strict=True)]
    return xp.stack(found).reshape(values.shape) if found else xp.zeros(values.shape, dtype="int64")


def sequence_interval(sorted_sequence):
    return None if sorted_sequence.dims is None or not sorted_sequence.dims else (0, sorted_sequence.dims[-1] + 1)


@op(
    "torch.searchsorted",
    shape=searched_dims, dtype=place_dtype, interval=sequence_interval,
    accepts=[
        "searchsorted(i64[5]{1..1}, i64[2, 3]{0..2})", "searchsorted(f32[1], f32[4], right=True)",
        "searchsorted(i64[2, 5]{3..3}, i64[2, 3]{2..4})",
        "searchsorted(f32[1], f32[], out_int32=True, side='right')",
    ],
    rejects={
        "searchsorted(f32[3, 4], f32[2, 4])":
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions",
        "searchsorted(f32[4], f32[2, 4], side='up')":
            "torch.searchsorted(): side can only be 'left' or 'right' but got up",
    },
)  # fmt: skip
def searchsorted(
    xp, sorted_sequence: Tensor, input: Tensor, *, out_int32: Bool = False, right: Bool = False, side: OptStr = None,
    sorter: OptTensor = None,
):  # fmt: skip
    """Where each value would be put into the sorted last dim; before equal ones, or behind them (right)."""
    return _searched(xp, sorted_sequence, input, right, side, sorter)


def number_dims(sorted_sequence, right, side):
    check_side(right, side)
    if len(sorted_sequence.shape) != 1:
        raise Refused(
            "torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1, but we got "
            f"boundaries tensor dim({len(sorted_sequence.shape)}) and input value's dim(0) numel(1)"
        )
    return ()


@op(
    "torch.searchsorted",
    name="searchsorted", overload="number", shape=number_dims, dtype=place_dtype, interval=sequence_interval,
    accepts=["searchsorted(f32[1], 0.5)", "searchsorted(i64[4]{3..3}, 3, right=True)"],
    rejects={
        "searchsorted(f32[2, 3], 0.5)":
            "torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1",
    },
)  # fmt: skip
def searchsorted_number(
    xp, sorted_sequence: Tensor, self: Num, *, out_int32: Bool = False, right: Bool = False, side: OptStr = None,
    sorter: OptTensor = None,
):  # fmt: skip
    """Where a number would be put."""
    return _searched(xp, sorted_sequence, xp.asarray(self), right, side, sorter)


def bucketized_dims(input, boundaries):
    require(len(boundaries.shape) == 1, "boundaries tensor must be 1 dimension, but got dim({})", len(boundaries.shape))
    return input.shape


def boundary_interval(boundaries):
    return sequence_interval(boundaries)


@op(
    "torch.bucketize",
    shape=bucketized_dims, dtype=place_dtype, interval=boundary_interval,
    accepts=["bucketize(i64[2, 3]{0..5}, i64[4]{2..2})", "bucketize(f32[3], f32[1], out_int32=True, right=True)"],
    rejects={"bucketize(f32[3], f32[2, 2])": "boundaries tensor must be 1 dimension, but got dim(2)"},
)  # fmt: skip
def bucketize(xp, input: Tensor, boundaries: Tensor, *, out_int32: Bool = False, right: Bool = False):
    """The bucket of each value between sorted boundaries; a value equal to one goes below it, or above (right)."""
    return _searched(xp, boundaries, input, right, None, None)


@op(
    "torch.bucketize",
    name="bucketize", overload="number", dtype=place_dtype, interval=boundary_interval,
    shape=lambda boundaries: bucket_of_number(boundaries),
    accepts=["bucketize(0.5, f32[1])"],
    rejects={"bucketize(0.5, f32[2, 2])": "boundaries tensor must be 1 dimension, but got dim(2)"},
)  # fmt: skip
def bucketize_number(xp, self: Num, boundaries: Tensor, *, out_int32: Bool = False, right: Bool = False):
    """The bucket of a number."""
    return _searched(xp, boundaries, xp.asarray(self), right, None, None)


def bucket_of_number(boundaries):
    require(len(boundaries.shape) == 1, "boundaries tensor must be 1 dimension, but got dim({})", len(boundaries.shape))
    return ()
