"""Powers, element by element: pow in its three forms, float_power."""

from tensight_runtime.ops.elementwise import (
    arithmetic,
    conj,
    fact_of,
)
from tensight_runtime.spec import promote
from tensight_runtime.spec.dtype import complex128, float64
from tensight_runtime.spec.kind import Num, Tensor, TensorOrNum
from tensight_runtime.spec.op import op
from tensight_runtime.spec.promote import DtypeRule
from tensight_runtime.spec.require import Refused
from tensight_runtime.spec.shape import broadcasted

# --- powers ----------------------------------------------------------------------------------------------------------


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
    "torch.pow",
    "Tensor.pow",
    "Tensor.__pow__",
    overload="tensor",
    name="pow",
    shape=broadcasted("input", "exponent"),
    dtype=_Power(("input", "exponent"), lambda d: d, lambda d: d),
    inplace=True,
    grad_name="PowBackward1",
    autocast="fp32",
    accepts=["pow(f32[2, 3]{1..3}, f32[3])", "pow(i64[3]{1..4}, i64[3]{0..3})", "pow(f32[3]{1..3}, i64[])"],
    rejects={"pow(bool[3], bool[3])": "\"pow\" not implemented for 'Bool'"},
)
def pow_tensor(xp, input: Tensor, exponent: Tensor):
    """input to the power of exponent, element by element."""
    return _raised(xp, input, exponent)


@pow_tensor.vjp("input")
def _(g, input, exponent, out):
    slope = exponent * input ** (exponent - 1)
    return g * conj(slope.masked_fill(exponent == 0, 0.0))


@pow_tensor.vjp("exponent")
def _(g, input, exponent, out):
    slope = out * input.log()
    flat = (input == 0) if exponent.dtype.is_complex else (input == 0) & (exponent >= 0)
    return g * conj(slope.masked_fill(flat, 0.0))


@op(
    "torch.pow",
    "Tensor.pow",
    "Tensor.__pow__",
    overload="number",
    name="pow",
    shape=broadcasted("input"),
    dtype=_Power(("input", "exponent"), lambda d: d, lambda d: d),
    inplace=True,
    grad_name="PowBackward0",
    autocast="fp32",
    accepts=[
        "pow(f32[2, 3], 2)",
        "pow(f32[2, 3]{1..3}, 0.5)",
        "pow(i64[3], 3)",
        "pow(i64[3]{1..4}, 0.5)",
        "pow(f32[], -1)",
        "pow(f32[3]{1..3}, -2.5)",
        "pow(f32[2], 0)",
        "pow(bool[3], 2)",
    ],
    rejects={"pow(i64[3], -1)": "Integers to negative integer powers are not allowed."},
)
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
