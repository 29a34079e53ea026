"""Reductions by rank and frequency: median, mode, quantile."""

from tensight_runtime.ops.reducing import known
from tensight_runtime.ops.reduction_extremes import (
    index_interval,
    nonempty,
    reached,
    scattered,
    selected_dtypes,
    shared,
)
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import ge
from tensight_runtime.spec.dtype import float32, float64
from tensight_runtime.spec.kind import Bool, Int, OptInt, Str, Tensor, TensorLike, TensorOrNum
from tensight_runtime.spec.op import op
from tensight_runtime.spec.require import Refused, require
from tensight_runtime.spec.shape import reduced


def ranked(xp, input, dim):
    """The input sorted along `dim` (moved last), and the permutation; NaN comes last."""
    moved = xp.moveaxis(input, dim, -1) if input.ndim else input.reshape(1)
    order = xp.argsort(moved, -1, kind="stable")
    return xp.take_along_axis(moved, order, -1), order


def picked(xp, ranks, sorted_, order, dim, keepdim, ndim):
    """(values, indices) at these ranks, the dim removed or put back as 1."""
    values = xp.take_along_axis(sorted_, ranks, -1)
    indices = xp.take_along_axis(order, ranks, -1)
    if not ndim:
        return values[0], indices[0]
    if keepdim:
        return xp.moveaxis(values, -1, dim), xp.moveaxis(indices, -1, dim)
    return values[..., 0], indices[..., 0]


def _median_ranks(xp, sorted_, ignore_nan):
    """The lower middle; the first NaN where there is one and NaN counts."""
    n = sorted_.shape[-1]
    valid = (sorted_ == sorted_).sum(-1, keepdims=True)
    if ignore_nan:
        return xp.maximum(valid - 1, 0) // 2
    return xp.where(valid < n, valid, (n - 1) // 2)


def _median(xp, input, dim, keepdim, ignore_nan):
    sorted_, order = ranked(xp, input, dim)
    return picked(xp, _median_ranks(xp, sorted_, ignore_nan), sorted_, order, dim, keepdim, input.ndim)


@op(
    "torch.median", "Tensor.median",
    shape=lambda input: (), dtype=promote.same(),
    accepts=["median(f32[2, 3])", "median(f32[4])", "median(i64[5])", "median(f32[])"],
)  # fmt: skip
def median(xp, input: Tensor):
    """The lower median of all elements; NaN if there is one."""
    if not input.size:
        return xp.nan
    return _median(xp, input.reshape(-1), 0, False, False)[0]


@op(
    "torch.nanmedian", "Tensor.nanmedian",
    shape=lambda input: (), dtype=promote.same(),
    accepts=["nanmedian(f32[2, 3])", "nanmedian(i64[4])"],
)  # fmt: skip
def nanmedian(xp, input: Tensor):
    """The lower median of the elements that are not NaN."""
    if not input.size:
        return xp.nan
    return _median(xp, input.reshape(-1), 0, False, True)[0]


@median.vjp("input")
@nanmedian.vjp("input")
def _(g, input, out):
    return shared(g, reached(input, out))


@op(
    "torch.median", "Tensor.median",
    name="median", overload="dim", grad_name="MedianBackward1", shape=nonempty("median"),
    dtype=selected_dtypes("median"), outs=("values", "indices"), interval=index_interval,
    accepts=["median(f32[2, 3], 1)", "median(f32[4, 3], 0, True)", "median(f32[], 0)", "median(f64[2, 4], dim=-1)"],
    rejects={"median(f32[0, 3], 0)": "median(): Expected reduction dim 0 to have non-zero size."},
)  # fmt: skip
def median_dim(xp, input: Tensor, dim: Int, keepdim: Bool = False):
    """(values, indices) of the lower medians along `dim`."""
    return _median(xp, input, dim, keepdim, False)


@op(
    "torch.nanmedian", "Tensor.nanmedian",
    name="nanmedian", overload="dim", grad_name="NanmedianBackward1", shape=nonempty("nanmedian"),
    dtype=selected_dtypes("nanmedian"), outs=("values", "indices"), interval=index_interval,
    accepts=["nanmedian(f32[2, 3], 1)", "nanmedian(f32[4, 3], 0, True)"],
)  # fmt: skip
def nanmedian_dim(xp, input: Tensor, dim: Int, keepdim: Bool = False):
    """(values, indices) of the lower medians along `dim`, leaving NaN out."""
    return _median(xp, input, dim, keepdim, True)


@op(
    "torch.mode", "Tensor.mode",
    shape=nonempty("mode"), dtype=selected_dtypes("mode"), outs=("values", "indices"), interval=index_interval,
    accepts=["mode(f32[2, 3])", "mode(i64[4, 9]{0..3}, 1)", "mode(i64[9, 2]{0..2}, 0, True)", "mode(f32[])"],
    rejects={"mode(f32[0, 3], 0)": "mode(): Expected reduction dim 0 to have non-zero size."},
)  # fmt: skip
def mode(xp, input: Tensor, dim: Int = -1, keepdim: Bool = False):
    """(values, indices): the most frequent value along `dim`, the smallest among equals, and its last place."""
    sorted_, order = ranked(xp, input, dim)
    n = sorted_.shape[-1]
    places = xp.arange(n)
    starts = xp.concatenate([xp.ones_like(sorted_[..., :1], dtype=bool), sorted_[..., 1:] != sorted_[..., :-1]], -1)
    run = places - xp.maximum.accumulate(xp.where(starts, places, 0), -1)  # how many equal ones came before
    return picked(xp, xp.argmax(run, -1)[..., None] if n else run, sorted_, order, dim, keepdim, input.ndim)


@median_dim.vjp("input")
@nanmedian_dim.vjp("input")
@mode.vjp("input")
def _(g, indices, input_shape, dim, keepdim):
    return scattered(g, indices, input_shape, dim, keepdim)


# -- quantile ---------------------------------------------------------------------------------------------------------


def quantile_dims(input, q, dim, keepdim, interpolation):
    """The reduced dims, after those of `q`."""
    if isinstance(interpolation, str) and interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        words = "linear, lower, higher, midpoint or nearest"
        raise Refused(f"quantile() interpolation must be one of {words}, but got {interpolation}")
    q_dims = ()
    if isinstance(q, TensorLike):
        if q.fact.dtype and input.dtype and q.fact.dtype is not input.dtype:
            raise Refused("quantile() q tensor must be same dtype as the input tensor")
        q_dims = q.fact.shape
        if len(q_dims) > 1:
            raise Refused("quantile() q must be a scalar or 1D tensor")
    elif isinstance(q, (int, float)):
        require(0 <= q <= 1, f"quantile() q must be in the range [0, 1] but got {q:g}")
    else:
        known(q)
    require(ge(input.numel, 1), "quantile() input tensor must be non-empty")
    return (*q_dims, *reduced(input, dim, keepdim))


def quantile_dtype(input):
    if input.dtype not in (None, float32, float64):
        raise Refused("quantile() input tensor must be either float or double dtype")
    return input.dtype


@op(
    "torch.quantile", "Tensor.quantile",
    composite=True, shape=quantile_dims, dtype=quantile_dtype, in_order=False,
    accepts=[
        "quantile(f32[7], 0.3)", "quantile(f32[2, 5], f32[3]{0..1}, 1)", "quantile(f32[2, 5], 0.5, 0, True)",
        "quantile(f32[2, 5], f32[2]{0..1})", "quantile(f64[2, 6], 0.4, interpolation='nearest')",
        "quantile(f32[2, 5], f32[2]{0..1}, 0, True, interpolation='midpoint')",
        "quantile(f32[2, 5], f32[]{0..1}, keepdim=True)",
    ],
    rejects={
        "quantile(i64[3], 0.5)": "quantile() input tensor must be either float or double dtype",
        "quantile(f32[3], 1.5)": "quantile() q must be in the range [0, 1] but got 1.5",
        "quantile(f32[3], f64[2]{0..1})": "quantile() q tensor must be same dtype as the input tensor",
    },
)  # fmt: skip
def quantile(
    input: Tensor, q: TensorOrNum, dim: OptInt = None, keepdim: Bool = False, *, interpolation: Str = "linear"
):
    """The q-th quantiles over everything or along `dim`; a 1-d `q` comes first in the result."""
    return _quantile(input, q, dim, keepdim, interpolation, ignore_nan=False)


@op(
    "torch.nanquantile", "Tensor.nanquantile",
    composite=True, shape=quantile_dims, dtype=quantile_dtype, in_order=False,
    accepts=["nanquantile(f32[7], 0.3)", "nanquantile(f32[2, 5], f32[3]{0..1}, 1)"],
    rejects={"nanquantile(i64[3], 0.5)": "quantile() input tensor must be either float or double dtype"},
)  # fmt: skip
def nanquantile(
    input: Tensor, q: TensorOrNum, dim: OptInt = None, keepdim: Bool = False, *, interpolation: Str = "linear"
):
    """As quantile, leaving NaN out."""
    return _quantile(input, q, dim, keepdim, interpolation, ignore_nan=True)


def _quantile(input, q, dim, keepdim, interpolation, ignore_nan):
    ndim = input.dim()
    moved = input.reshape(-1) if dim is None or not ndim else input.movedim(dim, -1)
    ordered = moved.sort(-1)[0]
    valid = ordered.isnan().logical_not().sum(-1, True)
    n = ordered.shape[-1]
    if ignore_nan:
        rank = (valid - 1).clamp(min=0).to(input.dtype) * q
    else:
        rank = ((valid * 0 + (n - 1)).to(input.dtype) * q).masked_fill(valid < n, n - 1)
    result = _at_rank(ordered, rank, interpolation)
    scalar = not hasattr(q, "dim") or q.dim() == 0
    result = result.squeeze(-1) if scalar else result.movedim(-1, 0)
    if keepdim and ndim:
        lead = 0 if scalar else 1
        if dim is None:
            return result.reshape((*result.shape, *(1,) * ndim))
        return result.unsqueeze(dim + lead if dim >= 0 else dim)
    return result


def _at_rank(ordered, rank, interpolation):
    if interpolation in ("lower", "higher", "nearest"):
        at = rank.floor() if interpolation == "lower" else rank.ceil() if interpolation == "higher" else rank.round()
        return ordered.gather(-1, at.long())
    below = rank.long()
    low, high = ordered.gather(-1, below), ordered.gather(-1, rank.ceil().long())
    return low.lerp(high, rank - below if interpolation == "linear" else 0.5)
