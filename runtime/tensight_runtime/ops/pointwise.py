"""Arithmetic of two operands, element by element, with broadcasting and promotion; Python's operators on tensors."""

from tensight_runtime.ops.elementwise import (
    OnlyNone,
    Refusing,
    arithmetic,
    binary,
    conj,
    fact_of,
    is_number,
    not_derived,
    numbered,
    real_only,
)
from tensight_runtime.spec import promote
from tensight_runtime.spec.kind import Num, Str, Tensor, TensorOrNum
from tensight_runtime.spec.op import op
from tensight_runtime.spec.promote import DtypeRule
from tensight_runtime.spec.require import Refused
from tensight_runtime.spec.shape import broadcasted

NO_BOOL_SUB = (
    "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the "
    "`~` or `logical_not()` operator instead."
)
NO_BOOLS_SUB = (
    "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator "
    "instead."
)


# --- sums ------------------------------------------------------------------------------------------------------------


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
    bools = [
        isinstance(v, bool) or getattr(getattr(fact_of(v), "dtype", None), "category", 1) == 0 for v in (first, second)
    ]
    if all(bools) and fact_of(first) and fact_of(second):
        raise Refused(NO_BOOLS_SUB)
    if any(bools):
        raise Refused(NO_BOOL_SUB)


@op(
    "torch.add",
    "Tensor.add",
    "Tensor.__add__",
    "Tensor.__radd__",
    shape=broadcasted("input", "other"),
    dtype=_Scaled(subtracts=False),
    inplace=True,
    accepts=[
        "add(f32[2, 3], f32[3])",
        "add(f32[2, 3], 1)",
        "add(i64[2, 1], f32[4], alpha=2)",
        "add(i64[3], 0.5)",
        "add(u8[3], 300)",
        "add(f32[0, 3], f32[1])",
        "add(bool[3], bool[3])",
        "add(f32[], f64[])",
    ],
    rejects={
        "add(f32[2], f32[3])": "The size of tensor a (2) must match the size of tensor b (3)",
        "add(i64[2], 1, alpha=1.5)": "For integral input tensors, argument alpha must not be a floating point number.",
    },
)
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
    shape=broadcasted("input", "other"), dtype=_Scaled(subtracts=True), grad_name=numbered("Rsub", 0, 1),
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


# --- products and quotients ------------------------------------------------------------------------------------------

mul = binary(
    "mul",
    "input * other.",
    lambda xp, input, other: arithmetic(xp.multiply, input, other),
    lambda g, other: g * conj(other),
    lambda g, input: g * conj(input),
    also=("Tensor.__mul__", "Tensor.__rmul__", "torch.multiply", "Tensor.multiply"),
    accepts=[
        "mul(f32[2, 3], f32[3])",
        "mul(f32[2, 3], 2)",
        "mul(i64[2, 1], 0.5)",
        "mul(bool[3], f32[3])",
        "mul(c64[2], f32[])",
        "mul(u8[3], 300)",
    ],
    rejects={"mul(f32[2], f32[3])": "The size of tensor a (2) must match the size of tensor b (3)"},
)


@op(
    "torch.div",
    "Tensor.div",
    "Tensor.__truediv__",
    "torch.divide",
    "Tensor.divide",
    shape=broadcasted("input", "other"),
    dtype=promote.promoted_float("input", "other"),
    inplace=True,
    accepts=[
        "div(f32[2, 3], f32[3])",
        "div(f32[2, 3], 2)",
        "div(i64[2, 1], i64[4])",
        "div(i64[3], 2)",
        "div(f32[0], 2)",
    ],
    rejects={"div(f32[2], f32[3])": "The size of tensor a (2) must match the size of tensor b (3)"},
)
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
    "torch.div",
    "Tensor.div",
    "torch.divide",
    "Tensor.divide",
    name="div",
    overload="mode",
    grad_name="DivBackward2",
    shape=broadcasted("input", "other"),
    inplace=True,
    dtype=_RoundedDivision(("input", "other"), lambda d: d, lambda d: d),
    accepts=[
        "div(i64[4]{1..9}, i64[4]{1..5}, rounding_mode='floor')",
        "div(f32[2, 3], f32[3], rounding_mode='trunc')",
        "div(i64[4]{0..9}, 3, rounding_mode='trunc')",
        "div(f32[4], 0.5, rounding_mode='floor')",
    ],
    rejects={"div(f32[2], 2, rounding_mode='up')": "div expected rounding_mode to be one of None, 'trunc', or 'floor'"},
)
def div_mode(xp, input: Tensor, other: TensorOrNum, *, rounding_mode: Str):
    """input / other, rounded towards zero ("trunc") or down ("floor"); integers stay integers."""
    return _divided(xp, input, other, rounding_mode)


@div_mode.vjp("input")
def _(g, other):
    return g.new_zeros(g.shape)


@div_mode.vjp("other")
def _(g, input, other):
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
    "floor_divide",
    "input / other rounded down; integers stay integers.",
    _floor_divide,
    not_derived("floor_divide"),
    not_derived("floor_divide"),
    grad_name="NotImplemented",
    also=("Tensor.__floordiv__",),
    dtype=real_only("div_floor_cpu"),
    accepts=[
        "floor_divide(f32[2, 3], f32[3])",
        "floor_divide(i64[4]{0..9}, 3)",
        "floor_divide(i64[4]{0..9}, i64[4]{1..5})",
        "floor_divide(i64[4], 1.5)",
    ],
)


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
    "remainder",
    "What is left of input after subtracting other * floor(input / other); it has other's sign.",
    _remainder,
    lambda g: g,
    _quotient_grad,
    also=("Tensor.__mod__",),
    grad_name=numbered("Remainder", 1, 0),
    dtype=Refusing(promote.promoted(), "bc", "\"remainder_cpu\" not implemented for '{}'"),
    accepts=[
        "remainder(f32[2, 3], f32[3])",
        "remainder(i64[4]{0..9}, 3)",
        "remainder(f32[4], -1.5)",
        "remainder(i64[3], 2.5)",
    ],
)


@op(
    "torch.remainder",
    name="remainder",
    overload="of_number",
    shape=broadcasted("input", "other"),
    dtype=Refusing(promote.promoted("input", "other"), "bc", "\"remainder_cpu\" not implemented for '{}'"),
    grad_name="NotImplemented",
    accepts=["remainder(7, i64[4]{1..5})", "remainder(7.5, f32[4]{1..5})"],
)
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
    grad_name=numbered("Fmod", 1, 0),
    dtype=Refusing(promote.promoted(), "bc", "\"fmod_cpu\" not implemented for '{}'"),
    accepts=["fmod(f32[2, 3], f32[3])", "fmod(i64[4]{0..9}, 3)", "fmod(f32[4], -1.5)"],
)  # fmt: skip
