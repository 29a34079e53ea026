"""Arithmetic of two operands, element by element, with broadcasting and promotion; Python's operators on tensors."""

from tensight_runtime.ops.elementwise import (
    OnlyNone,
    Refusing,
    arithmetic,
    binary,
    conj,
    fact_of,
    floating_only,
    is_number,
    not_derived,
    real_only,
)
from tensight_runtime.spec import promote
from tensight_runtime.spec.dtype import complex128, float64
from tensight_runtime.spec.kind import Num, Str, Tensor, TensorOrNum
from tensight_runtime.spec.op import op
from tensight_runtime.spec.promote import DtypeRule
from tensight_runtime.spec.require import Refused
from tensight_runtime.spec.shape import broadcasted

NO_BOOL_SUB = ("Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the "
               "`~` or `logical_not()` operator instead.")  # fmt: skip
NO_BOOLS_SUB = ("Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator "
                "instead.")  # fmt: skip


# --- sums --------------------------------------------------------------------------------------------------------------


class _Scaled(DtypeRule):
    """Promotion of `input` and `other`, with torch's demands on `alpha` and, for sub, on bool tensors."""

    def __init__(self, subtracts: bool):
        super().__init__(("input", "other"), lambda dtype: dtype, lambda dtype: dtype)
        self.subtracts = subtracts

    def of_op(self, op):
        promoted = self._promotion(op)
        at = [op.index[p] for p in ("input", "other", "alpha")]

        def dtype(values):
            result = promoted(values)
            first, second, alpha = (values[i] for i in at)
            if self.subtracts:
                _refuse_bool(first, second)
            if result is not None and result.category < 2 and isinstance(alpha, float):
                raise Refused("For integral input tensors, argument alpha must not be a floating point number.")
            if isinstance(alpha, bool) and result is not None and result.category > 0:
                raise Refused("Boolean alpha only supported for Boolean results.")
            return result

        return dtype


def _refuse_bool(first, second) -> None:
    bools = [isinstance(v, bool) or getattr(getattr(fact_of(v), "dtype", None), "category", 1) == 0 for v in (first, second)]
    if all(bools) and fact_of(first) and fact_of(second):
        raise Refused(NO_BOOLS_SUB)
    if any(bools):
        raise Refused(NO_BOOL_SUB)


@op(
    "torch.add", "Tensor.add", "Tensor.__add__", "Tensor.__radd__",
    shape=broadcasted("input", "other"), dtype=_Scaled(subtracts=False), inplace=True,
    accepts=["add(f32[2, 3], f32[3])", "add(f32[2, 3], 1)", "add(i64[2, 1], f32[4], alpha=2)", "add(i64[3], 0.5)",
             "add(u8[3], 300)", "add(f32[0, 3], f32[1])", "add(bool[3], bool[3])", "add(f32[], f64[])"],
    rejects={"add(f32[2], f32[3])": "The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0",
             "add(i64[2], 1, alpha=1.5)": "For integral input tensors, argument alpha must not be a floating point number."},
)  # fmt: skip
def add(xp, input: Tensor, other: TensorOrNum, *, alpha: Num = 1):
    """input + alpha * other."""
    return arithmetic(xp.add, input, other if alpha == 1 else arithmetic(xp.multiply, other, alpha))


@add.vjp("input")
def _(g):
    return g


@add.vjp("other")
def _(g, alpha):
    return g if is_number(alpha) and alpha == 1 else g * conj(alpha)


@op(
    "torch.sub", "Tensor.sub", "Tensor.__sub__", "torch.subtract", "Tensor.subtract",
    shape=broadcasted("input", "other"), dtype=_Scaled(subtracts=True), inplace=True,
    accepts=["sub(f32[2, 3], f32[3])", "sub(f32[2, 3], 1)", "sub(i64[2, 1], f32[4], alpha=2)", "sub(u8[3], 1)"],
    rejects={"sub(bool[2], bool[2])": "Subtraction, the `-` operator, with two bool tensors is not supported.",
             "sub(bool[2], 1)": "Subtraction, the `-` operator, with a bool tensor is not supported."},
)  # fmt: skip
def sub(xp, input: Tensor, other: TensorOrNum, *, alpha: Num = 1):
    """input - alpha * other; bool tensors are refused."""
    return arithmetic(xp.subtract, input, other if alpha == 1 else arithmetic(xp.multiply, other, alpha))


@sub.vjp("input")
def _(g):
    return g


@sub.vjp("other")
def _(g, alpha):
    return -g if is_number(alpha) and alpha == 1 else g * -conj(alpha)


@op(
    "torch.rsub", "Tensor.__rsub__",
    shape=broadcasted("input", "other"), dtype=_Scaled(subtracts=True), grad_name="RsubBackward1",
    accepts=["rsub(f32[2, 3], 1)", "rsub(f32[2, 3], f32[3])", "rsub(i64[3], 1.5)"],
    rejects={"rsub(bool[2], 1)": "Subtraction, the `-` operator, with a bool tensor is not supported."},
)  # fmt: skip
def rsub(xp, input: Tensor, other: TensorOrNum, *, alpha: Num = 1):
    """other - alpha * input."""
    return arithmetic(xp.subtract, other, input if alpha == 1 else arithmetic(xp.multiply, input, alpha))


@rsub.vjp("input")
def _(g, alpha):
    return -g if is_number(alpha) and alpha == 1 else g * -conj(alpha)


@rsub.vjp("other")
def _(g):
    return g


# --- products and quotients --------------------------------------------------------------------------------------------

mul = binary(
    "mul", "input * other.", lambda xp, input, other: arithmetic(xp.multiply, input, other),
    lambda g, other: g * conj(other), lambda g, input: g * conj(input),
    also=("Tensor.__mul__", "Tensor.__rmul__", "torch.multiply", "Tensor.multiply"),
    accepts=["mul(f32[2, 3], f32[3])", "mul(f32[2, 3], 2)", "mul(i64[2, 1], 0.5)", "mul(bool[3], f32[3])", "mul(c64[2], f32[])",
             "mul(u8[3], 300)"],
    rejects={"mul(f32[2], f32[3])": "The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0"},
)  # fmt: skip


@op(
    "torch.div", "Tensor.div", "Tensor.__truediv__", "torch.divide", "Tensor.divide",
    shape=broadcasted("input", "other"), dtype=promote.promoted_float("input", "other"), inplace=True,
    accepts=["div(f32[2, 3], f32[3])", "div(f32[2, 3], 2)", "div(i64[2, 1], i64[4])", "div(i64[3], 2)", "div(f32[0], 2)"],
    rejects={"div(f32[2], f32[3])": "The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0"},
)  # fmt: skip
def div(xp, input: Tensor, other: TensorOrNum, *, rounding_mode: OnlyNone = None):
    """input / other; integers are divided in the default floating dtype."""
    return xp.true_divide(input, other)


@div.vjp("input")
def _(g, other):
    return g / conj(other)


@div.vjp("other")
def _(g, input, other):
    return -g * conj((input / other) / other)


true_divide = binary(
    "true_divide", "input / other.", lambda xp, input, other: xp.true_divide(input, other),
    lambda g, other: g / conj(other), lambda g, input, other: -g * conj((input / other) / other),
    dtype=promote.promoted_float(), grad_name="DivBackward0",
)  # fmt: skip


def _divided(xp, input, other, rounding_mode):
    _refuse_zero(xp, input, other)
    if rounding_mode == "floor":
        return arithmetic(xp.floor_divide, input, other)
    if _integral(input, other):
        quotient = arithmetic(xp.floor_divide, input, other)
        rest = input - quotient * other
        return quotient + ((rest != 0) & (quotient < 0))
    return xp.trunc(xp.true_divide(input, other))


def _integral(*operands) -> bool:
    return all(x.dtype.kind in "iu" if hasattr(x, "dtype") else isinstance(x, int) for x in operands)


def _refuse_zero(xp, input, other) -> None:
    if _integral(input, other) and not xp.all(xp.asarray(other)):
        raise Refused("ZeroDivisionError")


def _rounding_mode(input, other, rounding_mode) -> None:
    if isinstance(rounding_mode, str) and rounding_mode not in ("trunc", "floor"):
        raise Refused(f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'")


class _RoundedDivision(DtypeRule):
    def of_op(self, op):
        promoted, mode = self._promotion(op), op.index["rounding_mode"]

        def dtype(values):
            _rounding_mode(None, None, values[mode])
            return promoted(values)

        return dtype


@op(
    "torch.div", "Tensor.div", "torch.divide", "Tensor.divide",
    name="div", overload="mode", grad_name="DivBackward2", shape=broadcasted("input", "other"), inplace=True,
    dtype=_RoundedDivision(("input", "other"), lambda d: d, lambda d: d),
    accepts=["div(i64[4]{1..9}, i64[4]{1..5}, rounding_mode='floor')", "div(f32[2, 3], f32[3], rounding_mode='trunc')",
             "div(i64[4]{0..9}, 3, rounding_mode='trunc')", "div(f32[4], 0.5, rounding_mode='floor')"],
    rejects={"div(f32[2], 2, rounding_mode='up')": "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found 'up'"},
)  # fmt: skip
def div_mode(xp, input: Tensor, other: TensorOrNum, *, rounding_mode: Str):
    """input / other, rounded towards zero ("trunc") or down ("floor"); integers stay integers."""
    return _divided(xp, input, other, rounding_mode)


@div_mode.vjp("input")
def _(g):
    return g.new_zeros(g.shape)


@div_mode.vjp("other")
def _(g):
    return g.new_zeros(g.shape)


@op(
    "Tensor.__rtruediv__", "Tensor.__rdiv__",
    composite=True, shape=broadcasted("input", "other"), dtype=promote.promoted_float(),
    accepts=["rtruediv(f32[2, 3]{1..3}, 2)", "rtruediv(i64[3]{1..9}, 1.5)"], name="rtruediv",
)  # fmt: skip
def reflected_div(input: Tensor, other: TensorOrNum):
    """other / input, computed as torch does: the reciprocal times `other`."""
    return input.reciprocal() * other


def _floor_divide(xp, input, other):
    _refuse_zero(xp, input, other)
    return arithmetic(xp.floor_divide, input, other)


floor_divide = binary(
    "floor_divide", "input / other rounded down; integers stay integers.", _floor_divide,
    not_derived("floor_divide"), not_derived("floor_divide"), grad_name="NotImplemented", also=("Tensor.__floordiv__",), dtype=real_only("div_floor_cpu"),
    accepts=["floor_divide(f32[2, 3], f32[3])", "floor_divide(i64[4]{0..9}, 3)", "floor_divide(i64[4]{0..9}, i64[4]{1..5})",
             "floor_divide(i64[4], 1.5)"],
)  # fmt: skip


@op(
    "Tensor.__rfloordiv__", name="rfloordiv",
    composite=True, shape=broadcasted("input", "other"), dtype=real_only("div_floor_cpu"),
    accepts=["rfloordiv(f32[2, 3]{1..3}, 2)", "rfloordiv(i64[3]{1..9}, 5)"],
)  # fmt: skip
def reflected_floor_divide(input: Tensor, other: TensorOrNum):
    """other // input."""
    return (input * 0 + other).floor_divide(input)


def _remainder(xp, input, other):
    _refuse_zero(xp, input, other)
    return arithmetic(xp.remainder, input, other)


def _quotient_grad(g, input, other):
    return -g * input.div(other, rounding_mode="floor")


remainder = binary(
    "remainder", "What is left of input after subtracting other * floor(input / other); it has other's sign.", _remainder,
    lambda g: g, _quotient_grad, also=("Tensor.__mod__",),
    dtype=Refusing(promote.promoted(), "bc", "\"remainder_cpu\" not implemented for '{}'"),
    accepts=["remainder(f32[2, 3], f32[3])", "remainder(i64[4]{0..9}, 3)", "remainder(f32[4], -1.5)", "remainder(i64[3], 2.5)"],
)  # fmt: skip


@op(
    "torch.remainder", name="remainder", overload="of_number",
    shape=broadcasted("input", "other"), dtype=Refusing(promote.promoted("input", "other"), "bc", "\"remainder_cpu\" not implemented for '{}'"),
    grad_name="NotImplemented", accepts=["remainder(7, i64[4]{1..5})", "remainder(7.5, f32[4]{1..5})"],
)  # fmt: skip
def remainder_of_number(xp, input: Num, other: Tensor):
    """A number's remainders."""
    return _remainder(xp, input, other)


remainder_of_number.vjp("other")(not_derived("remainder"))


@op("Tensor.__rmod__", name="rmod", composite=True, shape=broadcasted("input", "other"), dtype=remainder._dtype,
    accepts=["rmod(i64[4]{1..5}, 7)", "rmod(f32[4]{1..5}, 7.5)"])  # fmt: skip
def reflected_remainder(input: Tensor, other: TensorOrNum):
    """other % input."""
    return other.remainder(input) if fact_of(other) else remainder_of_number(other, input)


fmod = binary(
    "fmod", "What is left of input after subtracting other * trunc(input / other); it has input's sign.",
    lambda xp, input, other: (_refuse_zero(xp, input, other), arithmetic(xp.fmod, input, other))[1],
    lambda g: g, lambda g, input, other: -g * input.div(other, rounding_mode="trunc"),
    dtype=Refusing(promote.promoted(), "bc", "\"fmod_cpu\" not implemented for '{}'"),
    accepts=["fmod(f32[2, 3], f32[3])", "fmod(i64[4]{0..9}, 3)", "fmod(f32[4], -1.5)"],
)  # fmt: skip

# --- powers ------------------------------------------------------------------------------------------------------------


class _Power(DtypeRule):
    """Promotion; two bools are refused, and integers to a negative number."""

    def of_op(self, op):
        promoted = self._promotion(op)
        at = [op.index[p] for p in ("input", "exponent")]

        def dtype(values):
            result = promoted(values)
            exponent = values[at[1]]
            if result is not None and result.category == 0:
                raise Refused("\"pow\" not implemented for 'Bool'", NotImplementedError)
            if result is not None and result.category == 1 and isinstance(exponent, int) and exponent < 0:
                raise Refused("Integers to negative integer powers are not allowed.")
            return result

        return dtype


def _raised(xp, input, exponent):
    if isinstance(exponent, (int, float)):
        if exponent == 2:
            return xp.square(input)
        if exponent == 0.5 and input.dtype.kind == "f":
            return xp.sqrt(input)
        if exponent == -1 and input.dtype.kind == "f":
            return xp.reciprocal(input)
        if exponent == 3:
            return input * input * input
    try:
        return arithmetic(xp.power, input, exponent)
    except ValueError:  # NumPy does without negative powers of integers
        negative = exponent < 0
        power = xp.power(input, xp.where(negative, 0, exponent))
        return xp.where(negative, xp.where(input == 1, 1, xp.where(input == -1, 1 - 2 * (exponent % 2), 0)), power)


@op(
    "torch.pow", "Tensor.pow", "Tensor.__pow__",
    overload="tensor", name="pow", shape=broadcasted("input", "exponent"),
    dtype=_Power(("input", "exponent"), lambda d: d, lambda d: d), inplace=True, grad_name="PowBackward1", autocast="fp32",
    accepts=["pow(f32[2, 3]{1..3}, f32[3])", "pow(i64[3]{1..4}, i64[3]{0..3})", "pow(f32[3]{1..3}, i64[])"],
    rejects={"pow(bool[3], bool[3])": "\"pow\" not implemented for 'Bool'"},
)  # fmt: skip
def pow_tensor(xp, input: Tensor, exponent: Tensor):
    """input to the power of exponent, element by element."""
    return _raised(xp, input, exponent)


@pow_tensor.vjp("input")
def _(g, input, exponent):
    slope = exponent * input ** (exponent - 1)
    return g * conj(slope.masked_fill(exponent == 0, 0.0))


@pow_tensor.vjp("exponent")
def _(g, input, exponent, out):
    slope = out * input.log()
    flat = (input == 0) if exponent.dtype.is_complex else (input == 0) & (exponent >= 0)
    return g * conj(slope.masked_fill(flat, 0.0))


@op(
    "torch.pow", "Tensor.pow", "Tensor.__pow__",
    overload="number", name="pow", shape=broadcasted("input"), dtype=_Power(("input", "exponent"), lambda d: d, lambda d: d),
    inplace=True, grad_name="PowBackward0", autocast="fp32",
    accepts=["pow(f32[2, 3], 2)", "pow(f32[2, 3]{1..3}, 0.5)", "pow(i64[3], 3)", "pow(i64[3]{1..4}, 0.5)", "pow(f32[], -1)",
             "pow(f32[3]{1..3}, -2.5)", "pow(f32[2], 0)", "pow(bool[3], 2)"],
    rejects={"pow(i64[3], -1)": "Integers to negative integer powers are not allowed."},
)  # fmt: skip
def pow_number(xp, input: Tensor, exponent: Num):
    """input to the power of a number."""
    return _raised(xp, input, exponent)


@pow_number.vjp("input")
def _(g, input, exponent):
    if exponent == 0:
        return g.new_zeros(g.shape)
    if exponent == 2:
        return g * conj(input * 2)
    return g * conj(exponent * input ** (exponent - 1))


@op(
    "torch.pow",
    overload="of_number", name="pow", shape=broadcasted("exponent"), grad_name="PowBackward2", autocast="fp32",
    dtype=promote.promoted("input", "exponent"),
    accepts=["pow(2, f32[2, 3])", "pow(2.5, i64[3]{0..3})", "pow(2, i64[3]{0..3})", "pow(0.0, f32[3]{0..3})"],
)  # fmt: skip
def pow_of_number(xp, input: Num, exponent: Tensor):
    """A number to the powers of exponent."""
    return _raised(xp, xp.asarray(input, dtype=exponent.dtype), exponent)


@pow_of_number.vjp("exponent")
def _(g, input, exponent, out):
    if input == 0:
        return g * out.log().masked_fill(exponent >= 0, 0.0) * out
    return g * conj(out * g.new_tensor(input, dtype=out.dtype).log())


@op("Tensor.__rpow__", name="rpow", composite=True, shape=broadcasted("input", "other"), dtype=promote.promoted(),
    accepts=["rpow(f32[2, 3], 2)", "rpow(i64[3]{0..3}, 2)"])  # fmt: skip
def reflected_pow(input: Tensor, other: TensorOrNum):
    """other ** input."""
    return other.pow(input) if fact_of(other) else pow_of_number(other, input)


def _double(dtype):
    return complex128 if dtype is not None and dtype.category == 3 else float64


@op("torch.float_power", "Tensor.float_power", composite=True, shape=broadcasted("input", "exponent"),
    dtype=DtypeRule(("input", "exponent"), _double, lambda d: d),
    accepts=["float_power(f32[3]{1..3}, 2)", "float_power(i64[3]{1..3}, f32[3])"])  # fmt: skip
def float_power(input: Tensor, exponent: TensorOrNum):
    """input ** exponent in float64 (complex128 for complex operands)."""
    return input.double().pow(exponent.double() if fact_of(exponent) else float(exponent))


# --- two-argument functions --------------------------------------------------------------------------------------------

atan2 = binary(
    "atan2", "The angle of the point (other, input).", lambda xp, input, other: xp.arctan2(input, other),
    lambda g, input, other: g * other / (input * input + other * other),
    lambda g, input, other: -g * input / (input * input + other * other),
    also=("torch.arctan2", "Tensor.arctan2"), other=Tensor, dtype=real_only("atan2_cpu", promote.promoted_float()),
    accepts=["atan2(f32[2, 3], f32[3])", "atan2(i64[3], i64[3])"],
)  # fmt: skip

hypot = binary(
    "hypot", "sqrt(input**2 + other**2).", lambda xp, input, other: xp.hypot(input, other),
    lambda g, input, out: g * (input / out), lambda g, other, out: g * (other / out),
    other=Tensor, dtype=floating_only("hypot_cpu"), rejects={"hypot(i64[2], i64[2])": "\"hypot_cpu\" not implemented for 'Long'"},
)  # fmt: skip

logaddexp = binary(
    "logaddexp", "log(exp(input) + exp(other)).", lambda xp, input, other: xp.logaddexp(input, other),
    lambda g, input, other: g / (1 + (other - input).exp()), lambda g, input, other: g / (1 + (input - other).exp()),
    other=Tensor, inplace=False, dtype=floating_only("logaddexp_cpu"),
)  # fmt: skip

logaddexp2 = binary(
    "logaddexp2", "log2(2**input + 2**other).", lambda xp, input, other: xp.logaddexp2(input, other),
    lambda g, input, other: g / (1 + (other - input).exp2()), lambda g, input, other: g / (1 + (input - other).exp2()),
    other=Tensor, inplace=False, dtype=floating_only("logaddexp2_cpu"),
)  # fmt: skip


def _halved(ge):
    """The derivative of max and min: all to the operand that is taken, half to each where they are equal."""

    def grad(g, input, other):
        return (g / 2).where(input == other, g).masked_fill(~ge(input, other), 0.0)

    return grad


_extremum_dtype = lambda name: Refusing(promote.promoted(), "c", f"{name} not implemented for complex tensors.", RuntimeError)

maximum = binary(
    "maximum", "The larger of both, nan if either is.", lambda xp, input, other: xp.maximum(input, other),
    _halved(lambda a, b: a >= b), _halved(lambda a, b: b >= a),
    other=Tensor, inplace=False, dtype=_extremum_dtype("maximum"),
    rejects={"maximum(c64[2], c64[2])": "maximum not implemented for complex tensors."},
)  # fmt: skip
minimum = binary(
    "minimum", "The smaller of both, nan if either is.", lambda xp, input, other: xp.minimum(input, other),
    _halved(lambda a, b: a <= b), _halved(lambda a, b: b <= a),
    other=Tensor, inplace=False, dtype=_extremum_dtype("minimum"),
)  # fmt: skip
fmax = binary(
    "fmax", "The larger of both; of a number and nan, the number.", lambda xp, input, other: xp.fmax(input, other),
    lambda g, input, other: g.masked_fill(~((input >= other) | other.isnan()), 0.0),
    lambda g, input, other: g.masked_fill((input >= other) | other.isnan(), 0.0),
    other=Tensor, inplace=False, dtype=_extremum_dtype("fmax"),
)  # fmt: skip
fmin = binary(
    "fmin", "The smaller of both; of a number and nan, the number.", lambda xp, input, other: xp.fmin(input, other),
    lambda g, input, other: g.masked_fill(~((input <= other) | other.isnan()), 0.0),
    lambda g, input, other: g.masked_fill((input <= other) | other.isnan(), 0.0),
    other=Tensor, inplace=False, dtype=_extremum_dtype("fmin"),
)  # fmt: skip
