"""Functions of two operands, element by element: maximum and its kin, atan2, hypot, logaddexp."""

from tensight_runtime.ops.elementwise import (
    Refusing,
    binary,
    floating_only,
    real_only,
)
from tensight_runtime.spec import promote
from tensight_runtime.spec.kind import Tensor

# --- two-argument functions ------------------------------------------------------------------------------------------

atan2 = binary(
    "atan2", "The angle of the point (other, input).", lambda xp, input, other: xp.arctan2(input, other),
    lambda g, input, other: g * other / (input * input + other * other),
    lambda g, input, other: -g * input / (input * input + other * other),
    also=("torch.arctan2", "Tensor.arctan2"), other=Tensor, dtype=real_only("atan2_cpu", promote.promoted_float()),
    accepts=["atan2(f32[2, 3], f32[3])", "atan2(i64[3], i64[3])"],
)  # fmt: skip

hypot = binary(
    "hypot",
    "sqrt(input**2 + other**2).",
    lambda xp, input, other: xp.hypot(input, other),
    lambda g, input, out: g * (input / out),
    lambda g, other, out: g * (other / out),
    other=Tensor,
    dtype=floating_only("hypot_cpu"),
    rejects={"hypot(i64[2], i64[2])": "\"hypot_cpu\" not implemented for 'Long'"},
)

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


_extremum_dtype = lambda name: Refusing(
    promote.promoted(), "c", f"{name} not implemented for complex tensors.", RuntimeError
)

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
