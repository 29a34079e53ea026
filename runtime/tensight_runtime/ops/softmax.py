"""softmax and its relatives.

torch has each in two signatures: `torch.softmax(input, dim, dtype=None)`, and `F.softmax(input, dim=None,
_stacklevel=3, dtype=None)` where a missing dim is guessed from the rank.
"""

from tensight_runtime.ops.reducing import array_dtype, wide
from tensight_runtime.ops.standardizing import dots, sums
from tensight_runtime.spec import promote
from tensight_runtime.spec.dtype import DType
from tensight_runtime.spec.kind import Bool, Int, Num, OptDtype, OptInt, Tensor
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import Refused
from tensight_runtime.spec.shape import axis

NOT_FLOAT = "\"{}\" not implemented for '{}'"


def softmax_dims(input, dim):
    """The input's shape; `dim` must be one of its dims."""
    if input.dims is not None and isinstance(dim, int):
        axis(dim, len(input.dims))
    return input.dims if input.dims is not None else input.shape


def softmax_dtype(kernel):
    """`dtype=` or the input's, floating point."""

    def dtype_of(input, dtype, dim=-1):
        if dtype is not None:
            return dtype if isinstance(dtype, DType) else None
        if input.dtype is not None and input.dtype.category < 2:
            last = input.dims is None or not isinstance(dim, int) or dim in (-1, len(input.dims) - 1)
            name = f"{kernel}_lastdim_kernel_impl" if last else f"{kernel}_kernel_impl"
            raise Refused(NOT_FLOAT.format(name, scalar_name(input.dtype)), NotImplementedError)
        return input.dtype

    return dtype_of


def guessed_dim(ndim):
    """The dim F.softmax takes if none is given."""
    return 0 if ndim in (0, 1, 3) else 1


def prepared(input, dim, dtype):
    """(the array in the dtype to compute in, the axis)."""
    x = wide(input) if dtype is None else input.astype(array_dtype(dtype))
    return (x, dim) if x.ndim else (x.reshape(1), 0)


def _softmax(xp, input, dim, dtype):
    x, at = prepared(input, dim, dtype)
    if not x.size:
        return x.reshape(input.shape)
    result = x - x.max(at, keepdims=True)
    xp.exp(result, out=result)
    result /= sums(xp, result, (at,))
    return result.reshape(input.shape)


def _log_softmax(xp, input, dim, dtype):
    x, at = prepared(input, dim, dtype)
    if not x.size:
        return x.reshape(input.shape)
    away = x - x.max(at, keepdims=True)
    away -= xp.log(sums(xp, xp.exp(away), (at,)))
    return away.reshape(input.shape)


# -- their derivatives, operators of their own so that a backward pass is one kernel ----------------------------------


@op(shape=lambda y: y.shape, dtype=promote.same("y"))
def softmax_gradient(xp, g: Tensor, y: Tensor, dim: Int):
    """y * (g - sum(g * y)), y being the softmax."""
    if not y.ndim:
        return xp.zeros_like(y)
    result = g - dots(xp, g, y, (dim,))
    result *= y
    return result


@softmax_gradient.vjp("g")
def _(h, y, dim):
    return softmax_gradient(h, y, dim)


@softmax_gradient.vjp("y")
def _(h, g, y, dim):
    if not y.dim():
        return h * 0
    return h * (g - (g * y).sum(dim, True)) - g * (h * y).sum(dim, True)


@op(shape=lambda y: y.shape, dtype=promote.same("y"))
def log_softmax_gradient(xp, g: Tensor, y: Tensor, dim: Int):
    """g - exp(y) * sum(g), y being the log_softmax."""
    if not y.ndim:
        return xp.zeros_like(y)
    result = xp.exp(y)
    result *= sums(xp, g, (dim,))
    return xp.subtract(g, result, out=result)


@log_softmax_gradient.vjp("g")
def _(h, y, dim):
    return h - (h * y.exp()).sum(dim, True) if y.dim() else h * 0


@log_softmax_gradient.vjp("y")
def _(h, g, y, dim):
    return -h * y.exp() * g.sum(dim, True) if y.dim() else h * 0


OUT_OF_RANGE = "Dimension out of range (expected to be in range of [-2, 1], but got 2)"


@op(
    "torch.softmax", "Tensor.softmax", "torch.special.softmax",
    shape=softmax_dims, dtype=softmax_dtype("softmax"), autocast="fp32",
    accepts=[
        "softmax(f32[2, 3], 1)", "softmax(f32[2, 3, 4], dim=-2)", "softmax(f32[], 0)", "softmax(f32[0, 3], 0)",
        "softmax(f16[2, 3], -1, dtype=torch.float32)", "softmax(i64[3], 0, torch.float64)",
    ],
    rejects={
        "softmax(f32[2, 3], 2)": OUT_OF_RANGE,
        "softmax(i64[2, 3], 1)": "\"softmax_lastdim_kernel_impl\" not implemented for 'Long'",
    },
)  # fmt: skip
def softmax(xp, input: Tensor, dim: Int, dtype: OptDtype = None):
    """exp(x) divided by its sum along `dim`."""
    return _softmax(xp, input, dim, dtype)


@softmax.vjp("input")
def _(g, out, dim):
    return softmax_gradient(g, out, dim)


@op(
    "torch.log_softmax", "Tensor.log_softmax", "torch.special.log_softmax",
    shape=softmax_dims, dtype=softmax_dtype("log_softmax"), autocast="fp32",
    accepts=[
        "log_softmax(f32[2, 3], 1)", "log_softmax(f32[2, 3, 4], dim=-2)", "log_softmax(f32[], 0)",
        "log_softmax(f32[0, 3], 0)", "log_softmax(f16[2, 3], -1, dtype=torch.float32)",
    ],
    rejects={
        "log_softmax(f32[2, 3], 2)": OUT_OF_RANGE,
        "log_softmax(i64[2, 3], 1)": "\"log_softmax_lastdim_kernel_impl\" not implemented for 'Long'",
    },
)  # fmt: skip
def log_softmax(xp, input: Tensor, dim: Int, dtype: OptDtype = None):
    """log(softmax(x)) along `dim`, without underflow."""
    return _log_softmax(xp, input, dim, dtype)


@log_softmax.vjp("input")
def _(g, out, dim):
    return log_softmax_gradient(g, out, dim)


# -- the functional forms: dim may be left out ------------------------------------------------------------------------


@op(
    "torch.nn.functional.softmax",
    name="softmax", overload="functional", shape=softmax_dims, dtype=softmax_dtype("softmax"), autocast="fp32",
    accepts=[
        "softmax(f32[2, 3], dim=1)", "softmax(f32[2, 3, 4], -1)", "softmax(f32[2, 3])",
        "softmax(f32[2, 3], -1, dtype=torch.float64)",
    ],
    rejects={"softmax(f32[2, 3], 2)": OUT_OF_RANGE},
)  # fmt: skip
def softmax_functional(xp, input: Tensor, dim: OptInt = None, _stacklevel: Int = 3, dtype: OptDtype = None):
    """As torch.softmax; without `dim` it is 0 for 0-d, 1-d and 3-d inputs, else 1 (deprecated)."""
    return _softmax(xp, input, guessed_dim(input.ndim) if dim is None else dim, dtype)


@softmax_functional.vjp("input")
def _(g, out, dim):
    return softmax_gradient(g, out, guessed_dim(out.dim()) if dim is None else dim)


@op(
    "torch.nn.functional.log_softmax",
    name="log_softmax", overload="functional", shape=softmax_dims, dtype=softmax_dtype("log_softmax"),
    autocast="fp32",
    accepts=["log_softmax(f32[2, 3], dim=1)", "log_softmax(f32[2, 3, 4], -1)", "log_softmax(f32[2, 3])"],
    rejects={"log_softmax(f32[2, 3], 2)": OUT_OF_RANGE},
)  # fmt: skip
def log_softmax_functional(xp, input: Tensor, dim: OptInt = None, _stacklevel: Int = 3, dtype: OptDtype = None):
    """As torch.log_softmax; without `dim` it is 0 for 0-d, 1-d and 3-d inputs, else 1 (deprecated)."""
    return _log_softmax(xp, input, guessed_dim(input.ndim) if dim is None else dim, dtype)


@log_softmax_functional.vjp("input")
def _(g, out, dim):
    return log_softmax_gradient(g, out, guessed_dim(out.dim()) if dim is None else dim)


@op(
    "torch.nn.functional.softmin",
    composite=True, shape=softmax_dims, dtype=softmax_dtype("softmax"), autocast="fp32",
    accepts=["softmin(f32[2, 3], dim=1)", "softmin(f32[2, 3, 4], -1)", "softmin(f32[3])"],
    rejects={"softmin(f32[2, 3], 2)": OUT_OF_RANGE},
)  # fmt: skip
def softmin(input: Tensor, dim: OptInt = None, _stacklevel: Int = 3, dtype: OptDtype = None):
    """softmax of the negated input."""
    return (-input).softmax(guessed_dim(input.dim()) if dim is None else dim, dtype)


# -- gumbel_softmax ---------------------------------------------------------------------------------------------------


def gumbel_dims(logits, dim):
    return softmax_dims(logits, dim)


@op(
    "torch.nn.functional.gumbel_softmax",
    composite=True, random=True, shape=gumbel_dims, dtype=lambda logits: logits.dtype,
    accepts=["gumbel_softmax(f32[4, 3])", "gumbel_softmax(f32[4, 3], tau=0.5, hard=True, dim=0)"],
    rejects={"gumbel_softmax(f32[2, 3], dim=2)": OUT_OF_RANGE},
)  # fmt: skip
def gumbel_softmax(logits: Tensor, tau: Num = 1, hard: Bool = False, eps: Num = 1e-10, dim: Int = -1):
    """A sample of a categorical distribution, softened to have a gradient; `hard` makes it one-hot going forward."""
    noise = -(logits.detach() * 0).exponential_().log()
    soft = ((logits + noise) / tau).softmax(dim)
    if not hard:
        return soft
    one_hot = (soft.detach() * 0).scatter(dim, soft.detach().argmax(dim, True), 1.0)
    return one_hot - soft.detach() + soft
