"""Running sums, products and extremes along a dim; differences and trapezoids."""

from tensight_runtime.ops.reducing import apply, array_dtype, floats_only, given_dtype, sum_dtype
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import eq, ge
from tensight_runtime.spec.dtype import defaults, int64, promote_types
from tensight_runtime.spec.kind import Int, Num, OptDtype, OptTensor, Tensor
from tensight_runtime.spec.op import op
from tensight_runtime.spec.require import RankUnknown, Refused, require
from tensight_runtime.spec.shape import axis, broadcast_dims
from tensight_runtime.spec.size import smax


def along(input, dim):
    """The input's shape; `dim` must be one of its dims."""
    if input.dims is not None and isinstance(dim, int):
        axis(dim, len(input.dims))
    return input.shape


def accumulated(input, dtype):
    return given_dtype(dtype, promote.accumulated(input))


def typed(x, dtype):
    return x if dtype is None else x.astype(array_dtype(dtype))


def backwards(t, dim):
    """The running sum from the far end of `dim`."""
    return t.flip(dim).cumsum(dim).flip(dim) if t.dim() else t


@op(
    "torch.cumsum", "Tensor.cumsum",
    shape=along, dtype=accumulated, inplace=True, autocast="fp32",
    accepts=[
        "cumsum(f32[2, 3], 1)", "cumsum(i32[4], -1)", "cumsum(bool[3], 0)", "cumsum(f32[], 0)",
        "cumsum(f32[0, 3], 0)", "cumsum(f32[2, 3], dim=0, dtype=torch.float64)",
    ],
    rejects={"cumsum(f32[3], 1)": "Dimension out of range (expected to be in range of [-1, 0], but got 1)"},
)  # fmt: skip
def cumsum(xp, input: Tensor, dim: Int, *, dtype: OptDtype = None):
    """The running sum along `dim`; integers and bool in int64."""
    if not input.ndim:
        return typed(input, dtype)
    return xp.cumsum(input, dim, sum_dtype(input, dtype))


@cumsum.vjp("input")
def _(g, dim):
    return backwards(g, dim)


@op(
    "torch.cumprod", "Tensor.cumprod",
    shape=along, dtype=accumulated, inplace=True, autocast="fp32",
    accepts=["cumprod(f32[2, 3], 1)", "cumprod(i32[4], -1)", "cumprod(f32[], 0)", "cumprod(f64[3]{0..0}, 0)"],
    rejects={"cumprod(f32[3], 1)": "Dimension out of range (expected to be in range of [-1, 0], but got 1)"},
)  # fmt: skip
def cumprod(xp, input: Tensor, dim: Int, *, dtype: OptDtype = None):
    """The running product along `dim`; integers and bool in int64."""
    if not input.ndim:
        return typed(input, dtype)
    return xp.cumprod(input, dim, sum_dtype(input, dtype))


@cumprod.vjp("input")
def _(g, input, out, dim):
    if not input.dim():
        return g
    zero = input == 0
    if not zero.any():
        return backwards(g * out.conj(), dim) / input.conj()
    # up to the first zero as ever; at it, the products with the zero left out; behind it nothing
    first = zero.logical_and(zero.cumsum(dim) == 1)
    without = input.masked_fill(first, 1).cumprod(dim).conj()
    before = backwards(g * out.conj(), dim) / input.masked_fill(zero, 1).conj()
    return before * first.logical_not() + backwards(g * without, dim) * first


# -- extremes ---------------------------------------------------------------------------------------------------------


def place_interval(input, dim):
    if input.dims is None or not isinstance(dim, int):
        return None
    return (0, input.dims[axis(dim, len(input.dims))]) if input.dims else (0, 1)


def value_and_place(input):
    return input.dtype, int64


def _running(xp, input, dim, extreme):
    """(values, indices) of a running extreme: the last place among equals; NaN stays."""
    if not input.ndim:
        return input, 0
    values = extreme.accumulate(input, dim)
    size = input.shape[dim]
    shape = [1] * input.ndim
    shape[dim] = size
    here = (input == values) | (input != input)
    places = xp.where(here, xp.arange(size).reshape(shape), 0)
    return values, xp.maximum.accumulate(places, dim)


@op(
    "torch.cummax", "Tensor.cummax",
    shape=along, dtype=value_and_place, outs=("values", "indices"), interval=place_interval,
    accepts=["cummax(f32[2, 5], 1)", "cummax(i64[6]{0..3}, 0)", "cummax(f32[], 0)", "cummax(f32[0, 2], -1)"],
    rejects={"cummax(f32[3], 1)": "Dimension out of range (expected to be in range of [-1, 0], but got 1)"},
)  # fmt: skip
def cummax(xp, input: Tensor, dim: Int):
    """(values, indices): the largest so far along `dim`, and where it was last."""
    return _running(xp, input, dim, xp.maximum)


@op(
    "torch.cummin", "Tensor.cummin",
    shape=along, dtype=value_and_place, outs=("values", "indices"), interval=place_interval,
    accepts=["cummin(f32[2, 5], 1)", "cummin(i64[6]{0..3}, 0)", "cummin(f32[], 0)"],
    rejects={"cummin(f32[3], 1)": "Dimension out of range (expected to be in range of [-1, 0], but got 1)"},
)  # fmt: skip
def cummin(xp, input: Tensor, dim: Int):
    """(values, indices): the smallest so far along `dim`, and where it was last."""
    return _running(xp, input, dim, xp.minimum)


@cummax.vjp("input")
@cummin.vjp("input")
def _(g, input, indices, input_shape, dim):
    g = g[0]
    return g if g is None or not input_shape else g.new_zeros(input_shape).scatter_add(dim, indices, g)


def logcumsumexp_dtype(input):
    floats_only(input, "\"logcumsumexp_out_cpu\" not implemented for '{}'", NotImplementedError)
    return input.dtype


@op(
    "torch.logcumsumexp", "Tensor.logcumsumexp",
    shape=along, dtype=logcumsumexp_dtype,
    accepts=["logcumsumexp(f32[2, 5], 1)", "logcumsumexp(f64[3], 0)", "logcumsumexp(f32[], 0)"],
    rejects={"logcumsumexp(i64[3], 0)": "\"logcumsumexp_out_cpu\" not implemented for 'Long'"},
)  # fmt: skip
def logcumsumexp(xp, input: Tensor, dim: Int):
    """The running log(sum(exp(x))) along `dim`."""
    if not input.ndim:
        return input
    wide = input.astype("float64") if input.dtype.kind == "f" else input
    return xp.logaddexp.accumulate(wide, dim).astype(input.dtype, copy=False)


@logcumsumexp.vjp("input")
def _(g, input, out, dim):
    if not input.dim():
        return g

    def back(part):  # in logarithms, since exp(-out) may overflow
        logs = part.abs().log().masked_fill(part <= 0, -1e30)
        return ((logs - out).flip(dim).logcumsumexp(dim).flip(dim) + input).exp()

    return back(g) - back(-g)


# -- differences ------------------------------------------------------------------------------------------------------


def diff_dims(input, n, dim, prepend, append):
    if not input.shape:
        raise Refused("diff expects input to be at least one-dimensional")
    if not isinstance(n, int):
        raise RankUnknown
    require(n >= 0, "order must be non-negative but got {}", n)
    at = axis(dim, len(input.shape))
    if n == 0:
        return input.shape
    size = input.shape[at]
    for more in (prepend, append):
        if more is None:
            continue
        if len(more.shape) != len(input.shape):
            raise Refused("diff expects prepend or append to be the same dimension as input")
        for d, (have, want) in enumerate(zip(more.shape, input.shape, strict=True)):
            if d != at:
                require(
                    eq(have, want),
                    "diff expects the shape of tensor to prepend or append to match that of input except along the "
                    "differencing dimension; input.size({}) = {}, but got tensor.size({}) = {}",
                    d, want, d, have,
                )  # fmt: skip
        size = size + more.shape[at]
    less = size - n
    return (*input.shape[:at], less if ge(less, 0) is True else smax(less, 0), *input.shape[at + 1 :])


@op(
    "torch.diff", "Tensor.diff",
    composite=True, shape=diff_dims, dtype=promote.promoted("input"),
    accepts=["diff(f32[2, 5])", "diff(i64[4, 3], 2, 0)", "diff(bool[4])", "diff(f32[2], 5)", "diff(f32[3], 0)"],
    rejects={
        "diff(f32[])": "diff expects input to be at least one-dimensional",
        "diff(f32[3], -1)": "order must be non-negative but got -1",
    },
)  # fmt: skip
def diff(input: Tensor, n: Int = 1, dim: Int = -1, prepend: OptTensor = None, append: OptTensor = None):
    """The n-th differences of neighbours along `dim`."""
    if n == 0:
        return input.clone()
    parts = [t for t in (prepend, input, append) if t is not None]
    x = input if len(parts) == 1 else apply("torch.cat", parts, dim)
    for _ in range(min(n, x.shape[dim])):
        left = x.narrow(dim, 0, max(x.shape[dim] - 1, 0))
        right = x.narrow(dim, min(1, x.shape[dim]), max(x.shape[dim] - 1, 0))
        x = right.logical_xor(left) if str(x.dtype) == "torch.bool" else right - left
    return x


# -- trapezoids -------------------------------------------------------------------------------------------------------


def float_of(y):
    return defaults.dtype if y.dtype is not None and y.dtype.category < 2 else y.dtype


def _without(shape, at):
    return (*shape[:at], *shape[at + 1 :])


def trapezoid_dims(y, dim):
    if not y.shape:
        raise Refused("Dimension out of range (expected to be in range of [-1, 0], but got -1)", IndexError)
    return _without(y.shape, axis(dim, len(y.shape)))


def _averages(y, dim):
    n = max(y.shape[dim] - 1, 0)
    return (y.narrow(dim, 0, n) + y.narrow(dim, min(1, y.shape[dim]), n)) / 2


@op(
    "torch.trapezoid", "torch.trapz",
    overload="dx", name="trapezoid", composite=True, shape=trapezoid_dims, dtype=float_of,
    accepts=["trapezoid(f32[2, 5])", "trapezoid(i64[4])", "trapezoid(f32[2, 5], dx=2, dim=0)"],
)  # fmt: skip
def trapezoid_dx(y: Tensor, *, dx: Num = 1, dim: Int = -1):
    """The integral along `dim` of samples at distance `dx`."""
    return _averages(y, dim).sum(dim) * dx


def widths_dims(y, x, dim):
    at = axis(dim, len(y.shape))
    if len(x.shape) == 1:
        require(eq(x.shape[0], y.shape[at]), "trapezoid: There must be one `x` value for each sample point")
        return _without(y.shape, at)
    if len(x.shape) != len(y.shape):
        raise RankUnknown
    return _without(broadcast_dims(y.shape, x.shape), at)


def both(y, x):
    return promote_types(float_of(y), float_of(x))


@op(
    "torch.trapezoid", "torch.trapz",
    overload="x", name="trapezoid", composite=True, shape=widths_dims, dtype=both,
    accepts=[
        "trapezoid(f32[2, 5], f32[2, 5])", "trapezoid(f32[2, 5], f32[5])", "trapezoid(f32[2, 5], f32[2], dim=0)",
    ],
    rejects={"trapezoid(f32[2, 5], f32[4])": "trapezoid: There must be one `x` value for each sample point"},
)  # fmt: skip
def trapezoid_x(y: Tensor, x: Tensor, *, dim: Int = -1):
    """The integral along `dim` of samples at the places `x`."""
    return (_averages(y, dim) * _widths(y, x, dim)).sum(dim)


def _widths(y, x, dim):
    if x.dim() > 1:
        return x.diff(1, dim)
    return x.diff().reshape((-1,) + (1,) * (y.dim() - 1 - dim % y.dim()))


def cumulative_dims(y, dim):
    at = axis(dim, len(y.shape))
    less = y.shape[at] - 1
    return (*y.shape[:at], less if ge(less, 0) is True else smax(less, 0), *y.shape[at + 1 :])


def cumulative_x_dims(y, x, dim):
    widths_dims(y, x, dim)
    return (
        cumulative_dims(y, dim)
        if len(x.shape) == 1
        else broadcast_dims(cumulative_dims(y, dim), cumulative_dims(x, dim))
    )


@op(
    "torch.cumulative_trapezoid",
    overload="dx", name="cumulative_trapezoid", composite=True, shape=cumulative_dims, dtype=float_of,
    accepts=["cumulative_trapezoid(f32[2, 5])", "cumulative_trapezoid(f32[2, 5], dx=2, dim=0)"],
)  # fmt: skip
def cumulative_trapezoid_dx(y: Tensor, *, dx: Num = 1, dim: Int = -1):
    """The running integral along `dim` of samples at distance `dx`."""
    return _averages(y, dim).cumsum(dim) * dx


@op(
    "torch.cumulative_trapezoid",
    overload="x", name="cumulative_trapezoid", composite=True, shape=cumulative_x_dims, dtype=both,
    accepts=["cumulative_trapezoid(f32[2, 5], f32[5])", "cumulative_trapezoid(f32[2, 5], f32[2, 5], dim=0)"],
)  # fmt: skip
def cumulative_trapezoid_x(y: Tensor, x: Tensor, *, dim: Int = -1):
    """The running integral along `dim` of samples at the places `x`."""
    return (_averages(y, dim) * _widths(y, x, dim)).cumsum(dim)
