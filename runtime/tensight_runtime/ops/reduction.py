"""Reductions that add, multiply or count: sum, mean, prod, all, any, logsumexp."""

from tensight_runtime.ops.reducing import count_over, floats_only, given_dtype, over, spread, sum_dtype, unreduced
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import eq
from tensight_runtime.spec.dtype import bool_, int64, uint8
from tensight_runtime.spec.kind import Bool, Int, Ints, OptDtype, OptInts, Size, Tensor, UnknownLike
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import Refused, require
from tensight_runtime.spec.shape import expandable, reduced, sizes_of


def accumulated(input, dtype=None):
    """`dtype=`, int64 for integers and bool, or the input's dtype."""
    return given_dtype(dtype, promote.accumulated(input))


def float_result(name, dtype):
    """The `dtype=` of a mean, which must be floating point or complex."""
    chosen = given_dtype(dtype, None)
    if chosen is not None and chosen.category < 2:
        raise Refused(
            f"{name}(): could not infer output dtype. Optional dtype must be either a floating point or complex dtype. "
            f"Got: {scalar_name(chosen)}"
        )
    return chosen


def averaged(input, dtype=None):
    """`dtype=` or the input's, which must be floating point or complex."""
    return promote.floating_mean(input) if dtype is None else float_result("mean", dtype)


def nan_averaged(input, dtype=None):
    floats_only(input, "nanmean(): expected input to have floating point or complex dtype but got {}")
    return input.dtype if dtype is None else float_result("nanmean", dtype)


# -- sum --------------------------------------------------------------------------------------------------------------


@op(
    "torch.sum", "Tensor.sum",
    shape=lambda input: (), dtype=accumulated, autocast="fp32",
    accepts=[
        "sum(f32[2, 3])", "sum(i32[2, 3])", "sum(bool[4])", "sum(f32[])", "sum(f32[0, 3])",
        "sum(f32[2, 3], dtype=torch.float64)",
    ],
)  # fmt: skip
def sum_(xp, input: Tensor, *, dtype: OptDtype = None):
    """The sum of all elements; integers and bool add up in int64."""
    return input.sum(dtype=sum_dtype(input, dtype))


@sum_.vjp("input")
def _(g, input_shape):
    return g.expand(input_shape)


@op(
    "torch.sum", "Tensor.sum",
    name="sum", overload="dim", grad_name="SumBackward1", shape=reduced, dtype=accumulated, autocast="fp32",
    accepts=[
        "sum(f32[2, 3], 1)", "sum(f32[2, 3, 4], dim=(0, -1), keepdim=True)", "sum(i32[2, 3], -1)",
        "sum(f32[2, 3], None)", "sum(f32[], 0)", "sum(f32[2, 3], ())", "sum(f16[2, 3], 0, dtype=torch.float32)",
        "sum(f32[0, 3], 0)",
    ],
    rejects={
        "sum(f32[2, 3], 2)": "Dimension out of range (expected to be in range of [-2, 1], but got 2)",
        "sum(f32[2, 3], (0, 0))": "dim 0 appears multiple times in the list of dims",
    },
)  # fmt: skip
def sum_dim(xp, input: Tensor, dim: OptInts, keepdim: Bool = False, *, dtype: OptDtype = None):
    """The sum over `dim` (one or several; None: all)."""
    return input.sum(over(input, dim), sum_dtype(input, dtype), None, keepdim)


@sum_dim.vjp("input")
def _(g, input_shape, dim, keepdim):
    return spread(g, input_shape, dim, keepdim)


def summed_to(input, size):
    """The dims of `size`, to which the input's must be expandable back."""
    wanted = sizes_of(size)
    message = "size {{{}}} is not expandable to size {{{}}}."
    require(len(wanted) <= len(input.shape), message, wanted, input.shape)
    for want, have in zip(wanted[::-1], input.shape[::-1], strict=False):
        require(expandable(want, have), message, wanted, input.shape)
    return wanted


def _sums(input, size) -> bool | None:
    """Whether the sizes differ, so that there is something to sum; to no dims it always is."""
    if input.dims is None or isinstance(size, UnknownLike):
        return None
    wanted = sizes_of(size)
    if not wanted or len(wanted) != len(input.dims):
        return True
    same = [eq(a, b) for a, b in zip(wanted, input.dims, strict=True)]
    return True if any(s is False for s in same) else False if all(s is True for s in same) else None


def summed_to_dtype(input, size):
    """int64 for integers if something is summed, else the input's."""
    total = promote.accumulated(input)
    if total is input.dtype:
        return total
    return {True: total, False: input.dtype, None: None}[_sums(input, size)]


@op(
    "Tensor.sum_to_size",
    varargs="size", shape=summed_to, dtype=summed_to_dtype,
    alias=lambda input, size: {True: "new", False: "same:input", None: "maybe"}[_sums(input, size)],
    accepts=[
        "sum_to_size(f32[2, 3], 1, 3)", "sum_to_size(f32[2, 3, 4], (3, 1))", "sum_to_size(f32[2, 3], 2, 3)",
        "sum_to_size(i32[2, 3], 3)", "sum_to_size(bool[2, 3], 2, 3)",
    ],
    rejects={"sum_to_size(f32[3, 4], 3)": "size {[3]} is not expandable to size {[3, 4]}."},
)  # fmt: skip
def sum_to_size(xp, input: Tensor, size: Size):
    """Summed over the dims that expanding `size` to the input's shape would repeat."""
    lead = input.ndim - len(size)
    repeated = tuple(i for i, s in enumerate(size, lead) if s == 1 and input.shape[i] != 1)
    return input.sum((*range(lead), *repeated), keepdims=True).reshape(size)


@sum_to_size.vjp("input")
def _(g, input_shape):
    return g.expand(input_shape)


@op(
    "torch.nansum", "Tensor.nansum",
    shape=reduced, dtype=accumulated,
    accepts=["nansum(f32[2, 3])", "nansum(f32[2, 3], 1, keepdim=True)", "nansum(i64[3])"],
)  # fmt: skip
def nansum(xp, input: Tensor, dim: OptInts = None, keepdim: Bool = False, *, dtype: OptDtype = None):
    """The sum, NaN counting as zero."""
    return xp.nansum(input, over(input, dim), sum_dtype(input, dtype), keepdims=keepdim)


@nansum.vjp("input")
def _(g, input, dim, keepdim):
    return spread(g, input.shape, dim, keepdim) * input.isnan().logical_not()


# -- mean -------------------------------------------------------------------------------------------------------------


@op(
    "torch.mean", "Tensor.mean",
    shape=lambda input: (), dtype=averaged,
    accepts=[
        "mean(f32[2, 3])", "mean(f32[])", "mean(i64[4], dtype=torch.float32)", "mean(f64[2, 3])", "mean(f16[100])",
        "mean(f32[0])",
    ],
    rejects={
        "mean(i64[3])":
            "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype.",
    },
)  # fmt: skip
def mean(xp, input: Tensor, *, dtype: OptDtype = None):
    """The mean of all elements, which must be floating point unless `dtype` is given."""
    return _mean(input, None, False, dtype)


@mean.vjp("input")
def _(g, input_shape):
    return g.expand(input_shape) / count_over(input_shape, None)


@op(
    "torch.mean", "Tensor.mean",
    name="mean", overload="dim", grad_name="MeanBackward1", shape=reduced, dtype=averaged,
    accepts=[
        "mean(f32[2, 3], 1)", "mean(f32[2, 3, 4], (0, -1), True)", "mean(f32[], 0)",
        "mean(i32[2, 3], 0, dtype=torch.float64)",
    ],
    rejects={"mean(f32[2, 3], -3)": "Dimension out of range (expected to be in range of [-2, 1], but got -3)"},
)  # fmt: skip
def mean_dim(xp, input: Tensor, dim: OptInts, keepdim: Bool = False, *, dtype: OptDtype = None):
    """The mean over `dim` (one or several; None: all)."""
    return _mean(input, over(input, dim), keepdim, dtype)


@mean_dim.vjp("input")
def _(g, input_shape, dim, keepdim):
    return spread(g, input_shape, dim, keepdim) / count_over(input_shape, dim)


def _mean(input, axis, keepdim, dtype):
    total = input.sum(axis, sum_dtype(input, dtype), None, keepdim)
    return total / (input.size // max(total.size, 1) if input.size else count_over(input.shape, axis))


@op(
    "torch.nanmean", "Tensor.nanmean",
    composite=True, shape=reduced, dtype=nan_averaged,
    accepts=["nanmean(f32[2, 3])", "nanmean(f32[2, 3], 1, True)"],
    rejects={"nanmean(i64[3])": "nanmean(): expected input to have floating point or complex dtype but got Long"},
)  # fmt: skip
def nanmean(input: Tensor, dim: OptInts = None, keepdim: Bool = False, *, dtype: OptDtype = None):
    """The mean over the elements that are not NaN."""
    return input.nansum(dim, keepdim, dtype=dtype) / input.isnan().logical_not().sum(dim, keepdim)


# -- prod -------------------------------------------------------------------------------------------------------------


@op(
    "torch.prod", "Tensor.prod",
    shape=lambda input: (), dtype=accumulated, autocast="fp32",
    accepts=["prod(f32[2, 3])", "prod(i32[3])", "prod(f32[])", "prod(f32[0])", "prod(f32[3]{0..0})"],
)  # fmt: skip
def prod(xp, input: Tensor, *, dtype: OptDtype = None):
    """The product of all elements; integers and bool multiply in int64."""
    return input.prod(dtype=sum_dtype(input, dtype))


@prod.vjp("input")
def _(g, input, out):
    if (input == 0).any():
        return g * _product_of_others(input, None).conj()
    return g * (out / input).conj()


@op(
    "torch.prod", "Tensor.prod",
    name="prod", overload="dim", grad_name="ProdBackward1", shape=reduced, dtype=accumulated, autocast="fp32",
    accepts=["prod(f32[2, 3], 1)", "prod(f32[2, 3], -2, True)", "prod(f32[], 0)", "prod(f32[2, 3]{0..0}, 1)"],
    rejects={"prod(f32[2, 3], 2)": "Dimension out of range (expected to be in range of [-2, 1], but got 2)"},
)  # fmt: skip
def prod_dim(xp, input: Tensor, dim: Int, keepdim: Bool = False, *, dtype: OptDtype = None):
    """The product over one dim."""
    return input.prod(over(input, dim), sum_dtype(input, dtype), None, keepdim)


@prod_dim.vjp("input")
def _(g, input, out, dim, keepdim):
    g = unreduced(g, input.shape, dim, keepdim)
    if (input == 0).any():
        return g * _product_of_others(input, dim).conj()
    return g * (unreduced(out, input.shape, dim, keepdim) / input).conj()


def _product_of_others(x, dim):
    """For each element the product of the others, where some are zero."""
    zero = x == 0
    filled = x.masked_fill(zero, 1)
    product = filled.prod() if dim is None else filled.prod(dim, True)
    only_zero = (zero.sum() if dim is None else zero.sum(dim, True)) == zero
    return product / filled * only_zero


# -- all, any, count_nonzero ------------------------------------------------------------------------------------------


def truth_dims(input, dim, keepdim):
    """As `reduced`, but an empty `dim` reduces nothing here."""
    return input.shape if isinstance(dim, (tuple, list)) and not dim else reduced(input, dim, keepdim)


def truth_axis(input, dim):
    return () if isinstance(dim, (tuple, list)) and not dim else over(input, dim)


def truth(input):
    """bool, but uint8 stays uint8."""
    return uint8 if input.dtype is uint8 else bool_ if input.dtype else None


@op(
    "torch.all", "Tensor.all",
    shape=truth_dims, dtype=truth,
    accepts=[
        "all(bool[2, 3])", "all(f32[2, 3], 1)", "all(u8[2, 3], 0, True)", "all(bool[0])",
        "all(bool[2, 3, 4], (0, 2))", "all(bool[], 0)", "all(f32[2, 3], ())",
    ],
    rejects={"all(bool[2], 1)": "Dimension out of range (expected to be in range of [-1, 0], but got 1)"},
)  # fmt: skip
def all_(xp, input: Tensor, dim: OptInts = None, keepdim: Bool = False):
    """Are all elements (over `dim`) nonzero?"""
    return xp.all(input, truth_axis(input, dim), keepdims=keepdim)


@op(
    "torch.any", "Tensor.any",
    shape=truth_dims, dtype=truth,
    accepts=[
        "any(bool[2, 3])", "any(f32[2, 3], 1)", "any(u8[2, 3], 0, True)", "any(bool[0])",
        "any(bool[2, 3, 4], (0, 2))",
    ],
    rejects={"any(bool[2], 1)": "Dimension out of range (expected to be in range of [-1, 0], but got 1)"},
)  # fmt: skip
def any_(xp, input: Tensor, dim: OptInts = None, keepdim: Bool = False):
    """Is some element (over `dim`) nonzero?"""
    return xp.any(input, truth_axis(input, dim), keepdims=keepdim)


@op(
    "torch.count_nonzero", "Tensor.count_nonzero",
    shape=lambda input, dim: reduced(input, dim), dtype=int64,
    accepts=["count_nonzero(i64[2, 3]{0..1})", "count_nonzero(f32[2, 3], 1)", "count_nonzero(bool[2, 3, 4], (0, 1))"],
)  # fmt: skip
def count_nonzero(xp, input: Tensor, dim: OptInts = None):
    """How many elements (over `dim`) are not zero."""
    return xp.count_nonzero(input, over(input, dim))


# -- logsumexp, trace -------------------------------------------------------------------------------------------------


@op(
    "torch.logsumexp", "Tensor.logsumexp", "torch.special.logsumexp",
    shape=reduced, dtype=promote.promoted_float(), autocast="none",
    accepts=[
        "logsumexp(f32[2, 3], 1)", "logsumexp(f32[2, 3], (0, 1), True)", "logsumexp(i64[3], 0)",
        "logsumexp(f32[], 0)", "logsumexp(f32[0, 3], 0)",
    ],
)  # fmt: skip
def logsumexp(xp, input: Tensor, dim: Ints, keepdim: Bool = False):
    """log(sum(exp(x))) without overflow."""
    axis = over(input, dim)
    if not input.size:
        return xp.log(xp.exp(input).sum(axis, keepdims=keepdim))
    top = input.real.max(axis, keepdims=True)
    top = xp.where(xp.isfinite(top), top, xp.zeros_like(top))
    result = xp.log(xp.exp(input - top).sum(axis, keepdims=keepdim))
    return result + top.reshape(result.shape)


@logsumexp.vjp("input")
def _(g, input, out, dim, keepdim):
    shape = input.shape
    return unreduced(g, shape, dim, keepdim) * (input - unreduced(out, shape, dim, keepdim)).exp().conj()


def trace_dims(input):
    if len(input.shape) != 2:
        raise Refused(f"trace: expected a matrix, but got tensor with dim {len(input.shape)}")
    return ()


@op(
    "torch.trace", "Tensor.trace",
    shape=trace_dims, dtype=lambda input: promote.accumulated(input),
    accepts=["trace(f32[3, 3])", "trace(i32[2, 4])"],
    rejects={"trace(f32[3])": "trace: expected a matrix, but got tensor with dim 1"},
)  # fmt: skip
def trace(xp, input: Tensor):
    """The sum of a matrix's diagonal."""
    return xp.trace(input, dtype=sum_dtype(input, None))


@trace.vjp("input")
def _(g, input_shape):
    rows, columns = input_shape
    return g.expand(max(rows, columns)).diag_embed()[:rows, :columns]
