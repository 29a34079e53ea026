"""Counting: bincount, histc, unique."""

from tensight_runtime.ops.elementwise import not_derived
from tensight_runtime.ops.reducing import floats_only, known
from tensight_runtime.spec.cond import eq
from tensight_runtime.spec.dtype import float32, float64, int64
from tensight_runtime.spec.kind import Bool, Int, Num, OptInt, OptTensor, Tensor
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import RankUnknown, Refused, require
from tensight_runtime.spec.shape import axis
from tensight_runtime.spec.size import UNKNOWN

INTEGRAL = "bincount only supports 1-d non-negative integral inputs."


def bincount_dims(input, weights):
    if input.dtype and input.dtype.category != 1:
        raise Refused(f"\"bincount_cpu\" not implemented for '{scalar_name(input.dtype)}'", NotImplementedError)
    if len(input.shape) != 1:
        raise Refused(INTEGRAL)
    if weights is not None:
        message = "weights should be 1-d and have the same length as input"
        require(len(weights.shape) == 1, message)
        require(eq(weights.shape[0], input.shape[0]), message)
    return (UNKNOWN,)


def bincount_dtype(weights):
    if weights is None:
        return int64
    return weights.dtype if weights.dtype in (None, float32) else float64


@op(
    "torch.bincount", "Tensor.bincount",
    shape=bincount_dims, dtype=bincount_dtype, syncs=True,
    grad_name="NotImplemented",
    accepts=[
        "bincount(i64[5]{0..3})", "bincount(i32[4]{0..3}, f32[4])", "bincount(i64[3]{0..3}, minlength=9)",
        "bincount(i64[3]{0..3}, i64[3])", "bincount(i64[0])",
    ],
    rejects={
        "bincount(i64[2, 3])": "bincount only supports 1-d non-negative integral inputs.",
        "bincount(i64[3]{0..3}, f32[4])": "weights should be 1-d and have the same length as input",
        "bincount(i64[3]{-3..-1})": "bincount only supports 1-d non-negative integral inputs.",
    },
)  # fmt: skip
def bincount(xp, input: Tensor, weights: OptTensor = None, minlength: Int = 0):
    """How often each integer occurs, or the sum of its weights; as long as the largest needs, at least `minlength`."""
    if input.size and input.min() < 0:
        raise RuntimeError(INTEGRAL)
    return xp.bincount(input.astype("int64"), weights, minlength)


bincount.vjp("weights")(not_derived("bincount"))


def histc_dims(bins, min, max):
    if isinstance(bins, int):
        require(bins > 0, "torch.histogram(): bins must be > 0, but got {} for dimension 0", bins)
    if isinstance(min, (int, float)) and isinstance(max, (int, float)):
        require(min <= max, "torch.histc: max must be larger than min")
    return (bins if isinstance(bins, int) or hasattr(bins, "terms") else UNKNOWN,)


def histc_dtype(input):
    floats_only(input, "\"histogram_cpu\" not implemented for '{}'", NotImplementedError)
    return input.dtype


@op(
    "torch.histc", "Tensor.histc",
    shape=histc_dims, dtype=histc_dtype,
    accepts=["histc(f32[20], 5)", "histc(f32[2, 9], 4, -1, 1)", "histc(f32[3]{2..2})"],
    rejects={
        "histc(f32[3], 5, 2, 1)": "torch.histc: max must be larger than min",
        "histc(i64[3], 5)": "\"histogram_cpu\" not implemented for 'Long'",
    },
)  # fmt: skip
def histc(xp, input: Tensor, bins: Int = 100, min: Num = 0, max: Num = 0):
    """A histogram of `bins` equal bins between `min` and `max` (both 0: the data's range)."""
    flat = input.reshape(-1)
    low, high = float(min), float(max)
    if low == high and flat.size:
        low, high = float(flat.min()), float(flat.max())
    if low == high:
        low, high = low - 1, high + 1
    flat = flat[(flat >= low) & (flat <= high)]
    return xp.histogram(flat, bins, (low, high))[0]


# -- unique -----------------------------------------------------------------------------------------------------------


def _results(values, inverse, counts, return_inverse, return_counts):
    results = (values, *(() if not return_inverse else (inverse,)), *(() if not return_counts else (counts,)))
    return results if len(results) > 1 else values


def unique_facts(input, return_inverse, return_counts, dim):
    """values, then the indices and the counts that were asked for; nobody knows how many there are."""
    if not isinstance(return_inverse, bool) or not isinstance(return_counts, bool):
        raise RankUnknown
    known(dim)
    if dim is None:
        values = input.like(shape=(UNKNOWN,))
        inverse = input.like(int64)
    else:
        at = axis(dim, len(input.shape))
        values = input.like(shape=(*input.shape[:at], UNKNOWN, *input.shape[at + 1 :]))
        inverse = input.like(int64, (input.shape[at],))
    return _results(values, inverse, input.like(int64, (UNKNOWN,)), return_inverse, return_counts)


@op(
    "torch.unique", "Tensor.unique",
    grad_name=lambda dim: "Unique2Backward0" if dim is None else "UniqueDimBackward0",
    syncs=True, in_order=False,
    accepts=[
        "unique(i64[7]{0..3})", "unique(f32[2, 3])",
        "unique(i64[2, 4]{0..3}, return_inverse=True, return_counts=True)",
        "unique(i64[3, 4]{0..1}, dim=0, return_counts=True)", "unique(i64[2, 5]{0..1}, True, True, False, 1)",
        "unique(bool[5])",
    ],
    rejects={"unique(i64[3], dim=1)": "Dimension out of range (expected to be in range of [-1, 0], but got 1)"},
)  # fmt: skip
def unique(
    xp,
    input: Tensor,
    sorted: Bool = True,
    return_inverse: Bool = False,
    return_counts: Bool = False,
    dim: OptInt = None,
):
    """The distinct elements (or slices along `dim`), sorted; if asked, where each went and how often it occurs."""
    values, inverse, counts = xp.unique(input, False, True, True, axis=dim, equal_nan=False)
    return _results(
        values, inverse.reshape(-1 if dim is not None else input.shape), counts, return_inverse, return_counts
    )


@op(
    "torch.unique_consecutive", "Tensor.unique_consecutive",
    syncs=True,
    accepts=[
        "unique_consecutive(i64[9]{0..1})", "unique_consecutive(i64[2, 4]{0..1}, True, True)",
        "unique_consecutive(i64[6, 2]{0..1}, return_counts=True, dim=0)", "unique_consecutive(f32[0])",
    ],
)  # fmt: skip
def unique_consecutive(
    xp, input: Tensor, return_inverse: Bool = False, return_counts: Bool = False, dim: OptInt = None
):
    """The first of every run of equal elements (or slices along `dim`)."""
    rows = input.reshape(-1) if dim is None else xp.moveaxis(input, dim, 0)
    n = rows.shape[0]
    differs = (rows[1:] != rows[:-1]).reshape(max(n - 1, 0), rows[:1].size)
    first = xp.concatenate([xp.ones(min(n, 1), dtype=bool), differs.any(1)])
    at = xp.flatnonzero(first)
    values = rows[at] if dim is None else xp.moveaxis(rows[at], 0, dim)
    inverse = xp.cumsum(first) - 1
    counts = xp.diff(xp.concatenate([at, xp.asarray([n], dtype=at.dtype)])) if n else at
    return _results(
        values, inverse.reshape(-1 if dim is not None else input.shape), counts, return_inverse, return_counts
    )


@unique.rule
def _(input, return_inverse, return_counts, dim):
    return unique_facts(input, return_inverse, return_counts, dim)


@unique_consecutive.rule
def _(input, return_inverse, return_counts, dim):
    return unique_facts(input, return_inverse, return_counts, dim)


@unique.vjp("input")
def _(g, dim):
    name = "_unique2" if dim is None else "unique_dim"
    raise NotImplementedError(f"the derivative for '{name}' is not implemented.")


@unique_consecutive.vjp("input")
def _(g):
    raise NotImplementedError("the derivative for 'unique_consecutive' is not implemented.")
