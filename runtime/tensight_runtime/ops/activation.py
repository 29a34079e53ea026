"""Activation functions, under torch.nn.functional and where torch also has them.

The functional forms take `inplace=`.  Each kernel here is declared as two operators, the one that returns a new tensor
and the one that writes into its operand, told apart by that argument.
"""

from collections.abc import Callable, Sequence
from math import pi, sqrt
from types import FunctionType

from tensight_runtime.ops import specialmath
from tensight_runtime.ops.elementwise import Off, On, Refusing, clipped, floating_only, real_only, select, unary
from tensight_runtime.spec import promote
from tensight_runtime.spec.kind import Num, OptNum, Str, Tensor
from tensight_runtime.spec.op import Op, op
from tensight_runtime.spec.promote import DtypeRule
from tensight_runtime.spec.require import Refused
from tensight_runtime.spec.shape import same_shape

F = "torch.nn.functional."


def functional(
    kernel: Callable,
    grad: Callable,
    *,
    names: Sequence[str] = (),
    inplace_names: Sequence[str] = (),
    dtype: DtypeRule | None = None,
    accepts: Sequence[str] | None = None,
    rejects: dict[str, str] | Sequence[str] = (),
    grad_name: str = "",
    inplace_grad_name: str = "",
    inplace_grad: Callable | None = None,
    overload: str = "",
) -> tuple[Op, Op]:
    """`F.<kernel's name>(input, ..., inplace=False)` and the same with inplace=True, which may save the result
    instead."""
    name = kernel.__name__.strip("_")
    shared = {"name": name, "shape": same_shape, "dtype": dtype or floating_only(f"{name}_cpu"), "rejects": rejects}
    samples = accepts or [f"{name}({fact})" for fact in ("f32[2, 3]", "f64[]", "f32[0, 3]")]
    plain = op(F + name, *names, overload=overload, accepts=samples, grad_name=grad_name, **shared)(kernel)
    signature = FunctionType(kernel.__code__, kernel.__globals__, name, (*(kernel.__defaults__ or ())[:-1], True))
    signature.__annotations__ = kernel.__annotations__ | {"inplace": On}
    signature.__doc__ = kernel.__doc__
    writing = op(
        F + name,
        *inplace_names,
        overload="inplace",
        alias="same:input",
        mutates=("input",),
        accepts=[f"{name}(f32[2, 3], inplace=True)"] if not accepts else (),
        grad_name=inplace_grad_name or grad_name,
        **shared,
    )(signature)
    writing.kernel = _written(kernel)
    plain.vjp("input")(grad)
    writing.vjp("input")(inplace_grad or grad)
    return plain, writing


def _written(kernel: Callable) -> Callable:
    """The kernel, its result written into the operand."""

    def write(xp, input, *options):
        input[...] = kernel(xp, input, *options)
        return input

    write.__module__ = kernel.__module__
    return write


# --- sigmoid and tanh ------------------------------------------------------------------------------------------------


def _sigmoid(xp, input):
    curve = xp.exp(-input)
    curve += 1
    return xp.reciprocal(curve)


sigmoid = unary("sigmoid", "1 / (1 + exp(-input)).", _sigmoid, lambda g, out: g * ((1 - out) * out),
                also=("torch.special.expit", F + "sigmoid"))  # fmt: skip


@op("torch.logit", "Tensor.logit", "torch.special.logit", shape=same_shape, inplace=True,
    dtype=real_only("logit_cpu", promote.promoted_float("input")),
    accepts=["logit(f32[2, 3]{0..1})", "logit(f32[3]{0..1}, 0.1)"])  # fmt: skip
def logit(xp, input: Tensor, eps: OptNum = None):
    """log(input / (1 - input)), of the operand kept in [eps, 1 - eps] if eps is given."""
    x = input if eps is None else xp.minimum(xp.maximum(input, eps), 1 - eps)
    return xp.log(x / (1 - x))


@logit.vjp("input")
def _(g, input, eps):
    slope = g / (input * (1 - input))
    return slope if eps is None else slope.masked_fill((input < eps) | (input > 1 - eps), 0.0)


@op(
    F + "logsigmoid",
    name="logsigmoid",
    shape=same_shape,
    dtype=floating_only("log_sigmoid_cpu"),
    grad_name="LogSigmoidBackward0",
    accepts=["logsigmoid(f32[2, 3])", "logsigmoid(f64[])"],
    rejects={"logsigmoid(i64[2])": "\"log_sigmoid_cpu\" not implemented for 'Long'"},
)
def logsigmoid(xp, input: Tensor):
    """log(sigmoid(input)), without overflow."""
    return xp.minimum(input, 0) - xp.log1p(xp.exp(-xp.abs(input)))


@logsigmoid.vjp("input")
def _(g, input):
    return g * (-input).sigmoid()


@op(
    F + "tanh",
    name="tanh",
    overload="functional",
    composite=True,
    shape=same_shape,
    dtype=promote.promoted_float(),
    accepts=["tanh(f32[2])"],
)
def functional_tanh(input: Tensor):
    """Hyperbolic tangents."""
    return input.tanh()


@op(
    F + "tanhshrink",
    composite=True,
    shape=same_shape,
    dtype=promote.promoted_float(),
    accepts=["tanhshrink(f32[2, 3])"],
)
def tanhshrink(input: Tensor):
    """input - tanh(input)."""
    return input - input.tanh()


@op(F + "softsign", composite=True, shape=same_shape, dtype=promote.promoted_float(), accepts=["softsign(f32[2, 3])"])
def softsign(input: Tensor):
    """input / (1 + |input|)."""
    return input / (input.abs() + 1)


# --- rectifiers ------------------------------------------------------------------------------------------------------

NO_BOOL_RELU = Refusing(promote.promoted(), "b", "Boolean inputs not supported for relu", RuntimeError)


def _relu_grad(g, out):
    return g.masked_fill(out <= 0, 0.0)


torch_relu = unary("relu", "max(input, 0).", lambda xp, input: clipped(xp, input, 0, None), _relu_grad,
                   dtype=NO_BOOL_RELU, rejects={"relu(bool[2])": "Boolean inputs not supported for relu"},
                   accepts=["relu(f32[2, 3])", "relu(i64[3])", "relu(f64[])"])  # fmt: skip


def _relu(xp, input: Tensor, inplace: Off = False):
    """max(input, 0)."""
    return clipped(xp, input, 0, None)


relu, relu_ = functional(
    _relu, _relu_grad, inplace_names=(F + "relu_", "torch.relu_"), dtype=NO_BOOL_RELU, overload="functional"
)


def _hardtanh_dtype(input, min_val, max_val):
    if isinstance(min_val, (int, float)) and isinstance(max_val, (int, float)) and min_val > max_val:
        raise Refused("min_val cannot be greater than max_val", ValueError)
    return NO_BOOL_HARDTANH.compute(input.dtype)


NO_BOOL_HARDTANH = Refusing(promote.promoted(), "b", "Bool inputs not supported for hardtanh", RuntimeError)


def _hardtanh(xp, input: Tensor, min_val: Num = -1.0, max_val: Num = 1.0, inplace: Off = False):
    """input kept between min_val and max_val."""
    if input.dtype.kind in "iu":
        min_val, max_val = int(min_val), int(max_val)
    return clipped(xp, input, min_val, max_val)


hardtanh, hardtanh_ = functional(
    _hardtanh, lambda g, input, min_val, max_val: g.masked_fill((input <= min_val) | (input >= max_val), 0.0),
    inplace_names=(F + "hardtanh_",), dtype=_hardtanh_dtype,
    rejects={"hardtanh(f32[2], 1, -1)": "min_val cannot be greater than max_val"},
    accepts=["hardtanh(f32[2, 3])", "hardtanh(f32[4], -0.5, 0.5)", "hardtanh(i64[3])"],
)  # fmt: skip


def _relu6(xp, input: Tensor, inplace: Off = False):
    """input kept between 0 and 6."""
    return clipped(xp, input, 0, 6)


relu6, relu6_ = functional(
    _relu6, lambda g, input: g.masked_fill((input <= 0) | (input >= 6), 0.0), inplace_names=(),
    dtype=NO_BOOL_HARDTANH, grad_name="HardtanhBackward0",
)  # fmt: skip


def _leaky_relu(xp, input: Tensor, negative_slope: Num = 0.01, inplace: Off = False):
    """input where it is positive, else input * negative_slope."""
    return select(xp, input > 0, input, input * negative_slope)


leaky_relu, leaky_relu_ = functional(
    _leaky_relu,
    lambda g, input, negative_slope: g.where(input > 0, g * negative_slope),
    inplace_names=(F + "leaky_relu_",),
    inplace_grad_name="LeakyReluBackward1",
    inplace_grad=lambda g, out, negative_slope: g.where(out > 0, g * negative_slope),
    rejects={"leaky_relu(i64[2])": "\"leaky_relu_cpu\" not implemented for 'Long'"},
)


def _elu(xp, input: Tensor, alpha: Num = 1.0, inplace: Off = False):
    """input where it is positive, else alpha * (exp(input) - 1)."""
    return select(xp, input > 0, input, xp.expm1(input) * alpha)


elu, elu_ = functional(
    _elu,
    lambda g, input, alpha: g.where(input > 0, g * (input.clamp_max(0.0).exp() * alpha)),
    inplace_names=(F + "elu_",),
    inplace_grad_name="EluBackward1",
    inplace_grad=lambda g, out, alpha: g.where(out > 0, g * (out + alpha)),
    rejects={"elu(i64[2])": "\"elu_cpu\" not implemented for 'Long'"},
)

SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def _selu(xp, input: Tensor, inplace: Off = False):
    """scale * elu(input, alpha), with the constants that keep mean 0 and variance 1."""
    return select(xp, input > 0, input * SELU_SCALE, xp.expm1(input) * (SELU_ALPHA * SELU_SCALE))


selu, selu_ = functional(
    _selu,
    lambda g, input: (g * SELU_SCALE).where(input > 0, g * (input.clamp_max(0.0).exp() * (SELU_ALPHA * SELU_SCALE))),
    names=("torch.selu",), inplace_names=(F + "selu_", "torch.selu_"), dtype=floating_only("elu_cpu"),
    grad_name="EluBackward0", inplace_grad_name="EluBackward1",
    inplace_grad=lambda g, out: (g * SELU_SCALE).where(out > 0, g * (out + SELU_ALPHA * SELU_SCALE)),
)  # fmt: skip


def _celu(xp, input: Tensor, alpha: Num = 1.0, inplace: Off = False):
    """input where it is positive, else alpha * (exp(input / alpha) - 1)."""
    return select(xp, input > 0, input, xp.expm1(input / alpha) * alpha)


celu, celu_ = functional(
    _celu, lambda g, input, alpha: g.where(input > 0, g * (input.clamp_max(0.0) / alpha).exp()),
    names=("torch.celu",), inplace_names=(F + "celu_", "torch.celu_"), dtype=floating_only("elu_cpu"),
    accepts=["celu(f32[2, 3])", "celu(f32[3], 0.5)"],
)  # fmt: skip


def _threshold(xp, input: Tensor, threshold: Num, value: Num, inplace: Off = False):
    """input where it is above the threshold, else `value`."""
    return xp.where(input > threshold, input, value).astype(input.dtype)


threshold, threshold_ = functional(
    _threshold, lambda g, input, threshold: g.masked_fill(~(input > threshold), 0.0), names=("torch.threshold",),
    inplace_names=(F + "threshold_", "torch.threshold_"), dtype=real_only("threshold_cpu"),
    accepts=["threshold(f32[2, 3], 0.1, 20)", "threshold(i64[3], 1, 2)"], inplace_grad_name="ThresholdBackward1",
)  # fmt: skip

# --- smooth ones -----------------------------------------------------------------------------------------------------


def _silu(xp, input: Tensor, inplace: Off = False):
    """input * sigmoid(input), also known as swish."""
    return input / (1 + xp.exp(-input))


def _silu_grad(g, input):
    gate = input.sigmoid()
    slope = gate * (1 + input * (1 - gate))
    return g * (slope.conj() if slope.dtype.is_complex else slope)


silu, silu_ = functional(_silu, _silu_grad, dtype=floating_only("silu_cpu", complex=True),
                         rejects={"silu(i64[2])": "\"silu_cpu\" not implemented for 'Long'"})  # fmt: skip


def _softplus_of(xp, x):
    return clipped(xp, x, 0, None) + xp.log1p(xp.exp(-xp.abs(x)))


def _mish(xp, input: Tensor, inplace: Off = False):
    """input * tanh(softplus(input))."""
    return input * xp.tanh(_softplus_of(xp, input))


def _mish_grad(g, input):
    curve = softplus(input).tanh()
    return g * (curve + input * input.sigmoid() * (1 - curve * curve))


mish, mish_ = functional(_mish, _mish_grad, rejects={"mish(i64[2])": "\"mish_cpu\" not implemented for 'Long'"})


@op(
    F + "softplus",
    shape=same_shape,
    dtype=floating_only("softplus_cpu"),
    accepts=["softplus(f32[2, 3])", "softplus(f32[3], 2, 1)"],
    rejects={"softplus(i64[2])": "\"softplus_cpu\" not implemented for 'Long'"},
)
def softplus(xp, input: Tensor, beta: Num = 1, threshold: Num = 20):
    """log(1 + exp(beta * input)) / beta; the input itself where beta * input is above the threshold."""
    scaled = input if beta == 1 else input * beta
    smooth = _softplus_of(xp, scaled)
    return select(xp, scaled > threshold, input, smooth if beta == 1 else smooth / beta)


@softplus.vjp("input")
def _(g, input, beta, threshold):
    scaled = input if beta == 1 else input * beta
    return g.where(scaled > threshold, g * scaled.sigmoid())


def _gelu_dtype(input, approximate):
    if isinstance(approximate, str) and approximate not in ("none", "tanh"):
        raise Refused("approximate argument must be either none or tanh.")
    return floating_only("GeluKernelImpl").compute(input.dtype)


ROOT = sqrt(2 / pi)


@op(F + "gelu", shape=same_shape, dtype=_gelu_dtype,
    accepts=["gelu(f32[2, 3])", "gelu(f32[3], approximate='tanh')", "gelu(f64[])"],
    rejects={"gelu(i64[2])": "\"GeluKernelImpl\" not implemented for 'Long'",
             "gelu(f32[2], approximate='x')": "approximate argument must be either none or tanh."})  # fmt: skip
def gelu(xp, input: Tensor, *, approximate: Str = "none"):
    """input times the normal distribution function of input; "tanh" approximates it."""
    if approximate == "tanh":
        return 0.5 * input * (1 + xp.tanh(ROOT * (input + 0.044715 * (input * input * input))))
    curve = specialmath.erf(xp, input * sqrt(0.5))
    curve += 1
    curve *= input
    curve *= 0.5
    return curve


@gelu.vjp("input")
def _(g, input, approximate):
    if approximate == "tanh":
        squared = input * input
        curve = (ROOT * (input + 0.044715 * squared * input)).tanh()
        slope = (1 - curve * curve) * (ROOT * (1 + 0.134145 * squared))
        return g * (0.5 * (1 + curve) + 0.5 * input * slope)
    density = (-0.5 * (input * input)).exp() * (1 / sqrt(2 * pi))
    return g * (0.5 * (1 + (input * sqrt(0.5)).erf()) + input * density)


def _hardswish(xp, input: Tensor, inplace: Off = False):
    """input * relu6(input + 3) / 6."""
    return input * clipped(xp, input + 3, 0, 6) / 6


hardswish, hardswish_ = functional(
    _hardswish, lambda g, input: g.where(input > 3, g * (input / 3 + 0.5)).masked_fill(input <= -3, 0.0),
    rejects={"hardswish(i64[2])": "\"hardswish_cpu\" not implemented for 'Long'"},
)  # fmt: skip


def _hardsigmoid(xp, input: Tensor, inplace: Off = False):
    """relu6(input + 3) / 6."""
    return clipped(xp, input + 3, 0, 6) / 6


hardsigmoid, hardsigmoid_ = functional(
    _hardsigmoid, lambda g, input: (g / 6).masked_fill((input <= -3) | (input >= 3), 0.0),
    rejects={"hardsigmoid(i64[2])": "\"hardsigmoid_cpu\" not implemented for 'Long'"},
)  # fmt: skip


# --- shrinking -------------------------------------------------------------------------------------------------------


def _softshrink_dtype(input, lambd):
    if isinstance(lambd, (int, float)) and lambd < 0:
        raise Refused(f"lambda must be in range [0, 3.40282e+38] for input dtype Float, but found {lambd}")
    return floating_only("softshrink_cpu").compute(input.dtype)


@op(
    F + "softshrink",
    shape=same_shape,
    dtype=_softshrink_dtype,
    accepts=["softshrink(f32[2, 3])", "softshrink(f32[3], 0.2)"],
    rejects={"softshrink(f32[2], -1)": "lambda must be in range [0, 3.40282e+38] for input dtype Float, but found -1"},
)
def softshrink(xp, input: Tensor, lambd: Num = 0.5):
    """Moved towards 0 by lambd, 0 within it."""
    return xp.where(input > lambd, input - lambd, xp.where(input < -lambd, input + lambd, input * 0))


@op("torch.hardshrink", "Tensor.hardshrink", F + "hardshrink", shape=same_shape, dtype=floating_only("hardshrink_cpu"),
    accepts=["hardshrink(f32[2, 3])", "hardshrink(f32[3], 0.2)"])  # fmt: skip
def hardshrink(xp, input: Tensor, lambd: Num = 0.5):
    """0 within lambd of 0, the input elsewhere."""
    return xp.where((input >= -lambd) & (input <= lambd), 0, input).astype(input.dtype)


@softshrink.vjp("input")
@hardshrink.vjp("input")
def _(g, input, lambd):
    return g.masked_fill((input >= -lambd) & (input <= lambd), 0.0)
