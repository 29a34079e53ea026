"""Activation functions with weights, gates or random slopes: prelu, glu, rrelu."""

from tensight_runtime.ops.elementwise import Off, On, floating_only, select
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import divides, eq
from tensight_runtime.spec.kind import Any, Bool, Int, Num, Tensor
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import Refused, require
from tensight_runtime.spec.shape import axis, expandable, same_shape
from tensight_runtime.spec.size import product

F = "torch.nn.functional."


def _prelu_dims(input, weight):
    if input.dtype and weight.dtype and input.dtype is not weight.dtype:
        raise Refused(
            f"prelu: Type promoting not supported. Got {scalar_name(input.dtype)} and {scalar_name(weight.dtype)}"
        )
    if input.dims is None or weight.dims is None:
        return input.dims
    if len(weight.dims) > 1:
        raise Refused(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {len(weight.dims)}")
    count = product(weight.dims)
    if eq(count, 1) is not True:
        if not input.dims:
            raise Refused("Not allow zero-dim input tensor.")
        channels = input.dims[1] if len(input.dims) > 1 else 1
        require(
            expandable(count, channels),
            "Mismatch of parameter numbers and input channel size. Found parameter numbers = {} and channel size = {}.",
            count,
            channels,
        )
    return input.dims


def _per_channel(weight, ndim: int):
    """The weights along dim 1."""
    return weight.reshape((1, -1) + (1,) * (ndim - 2)) if ndim > 1 else weight.reshape((-1,) if ndim else ())


@op(
    "torch.prelu",
    "Tensor.prelu",
    F + "prelu",
    shape=_prelu_dims,
    dtype=promote.same(),
    grad_name="PreluKernelBackward0",
    accepts=["prelu(f32[2, 3], f32[3])", "prelu(f32[2, 3, 4], f32[1])", "prelu(f32[4], f32[1])"],
    rejects={
        "prelu(f32[3, 2], f32[3])": "Mismatch of parameter numbers and input channel size.",
        "prelu(f64[3, 2], f32[2])": "prelu: Type promoting not supported. Got Double and Float",
    },
)
def prelu(xp, input: Tensor, weight: Tensor):
    """input where it is positive, else input times a learned slope, one for all or one a channel (dim 1)."""
    return select(xp, input > 0, input, input * _per_channel(weight, input.ndim))


@prelu.vjp("input")
def _(g, input, weight):
    return g.where(input > 0, g * _per_channel(weight, input.dim()))


@prelu.vjp("weight")
def _(g, input, weight, weight_shape):
    slope = (g * input).masked_fill(input > 0, 0.0)
    if len(weight_shape) == 0 or weight_shape[0] == 1:
        return slope.sum().reshape(weight_shape)
    return slope.transpose(0, 1).reshape(weight_shape[0], -1).sum(1)


def _glu_dims(input, dim=-1):
    if not input.shape:
        raise Refused("glu does not support scalars because halving size must be even")
    at = axis(dim, input.ndim)
    size = input.shape[at]
    require(divides(2, size), "Halving dimension must be even, but dimension {} is size {}", at, size)
    return (*input.shape[:at], size // 2, *input.shape[at + 1 :])


@op(F + "glu", shape=_glu_dims, dtype=floating_only("glu_cpu"),
    accepts=["glu(f32[2, 4])", "glu(f32[4, 3], 0)", "glu(f64[2, 6, 3], dim=1)"],
    rejects={"glu(f32[3])": "Halving dimension must be even, but dimension 0 is size 3",
             "glu(f32[])": "glu does not support scalars because halving size must be even"})  # fmt: skip
def glu(xp, input: Tensor, dim: Int = -1):
    """The first half along a dim, gated by the sigmoid of the second."""
    values, gates = xp.split(input, 2, axis=dim)
    return values / (1 + xp.exp(-gates))


@glu.vjp("input")
def _(g, input, dim):
    from tensight_runtime.ops.joining import cat

    values, gates = input.chunk(2, dim)
    opened = gates.sigmoid()
    return cat([g * opened, g * values * opened * (1 - opened)], dim)


def _rrelu_dtype(input, lower, upper):
    if isinstance(lower, (int, float)) and isinstance(upper, (int, float)) and lower > upper:
        raise Refused("Lower bound should be less than or equal to the upper bound")
    return floating_only("rrelu_cpu").compute(input.dtype)


def _slopes(xp, rng, input, lower, upper, training):
    """The factor of each element: 1 where it is positive, elsewhere drawn, or the mean of the bounds."""
    slopes = xp.full(input.shape, (lower + upper) / 2, input.dtype)
    falls = input <= 0
    if training:
        low, high = (float(xp.asarray(bound, dtype="float32")) for bound in (lower, upper))
        slopes[falls] = xp.asarray(rng.uniform(int(falls.sum()), "float64", low, high))
    slopes[~falls] = 1
    return slopes


_RRELU = {
    "shape": same_shape,
    "dtype": _rrelu_dtype,
    "random": lambda training: training is not False,
    "extras": ("slopes",),
}


@op(
    "torch.rrelu",
    **_RRELU,
    grad_name="RreluWithNoiseBackward0",
    accepts=["rrelu(f32[2, 3])", "rrelu(f32[3], 0.1, 0.2)"],
    rejects={"rrelu(f32[2], 1, 0)": "Lower bound should be less than or equal to the upper bound"},
)
def rrelu(
    xp, rng, input: Tensor, lower: Num = 0.125, upper: Num = 1 / 3, training: Bool = False, generator: Any = None
):
    """Like leaky_relu, with slopes drawn between lower and upper in training, their mean otherwise."""
    slopes = _slopes(xp, rng, input, lower, upper, training)
    return input * slopes, slopes


@op(F + "rrelu", name="rrelu", overload="functional", **_RRELU, grad_name="RreluWithNoiseBackward0",
    accepts=["rrelu(f32[2, 3])", "rrelu(f32[20], training=True)"])  # fmt: skip
def functional_rrelu(
    xp, rng, input: Tensor, lower: Num = 0.125, upper: Num = 1 / 3, training: Bool = False, inplace: Off = False
):
    """Like leaky_relu, with slopes drawn between lower and upper in training, their mean otherwise."""
    slopes = _slopes(xp, rng, input, lower, upper, training)
    return input * slopes, slopes


@op(
    F + "rrelu",
    F + "rrelu_",
    "torch.rrelu_",
    name="rrelu",
    overload="inplace",
    **_RRELU,
    grad_name="RreluWithNoiseBackward1",
    alias="same:input",
    mutates=("input",),
    accepts=["rrelu(f32[2, 3], inplace=True)"],
)
def rrelu_(xp, rng, input: Tensor, lower: Num = 0.125, upper: Num = 1 / 3, training: Bool = False, inplace: On = True):
    """Like leaky_relu, with random slopes, written into the operand."""
    slopes = _slopes(xp, rng, input, lower, upper, training)
    input *= slopes
    return input, slopes


@rrelu.vjp("input")
@functional_rrelu.vjp("input")
def _(g, input, slopes):
    return g * slopes


@rrelu_.vjp("input")
def _(g, out, slopes):
    return g * slopes
