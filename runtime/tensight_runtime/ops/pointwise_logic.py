"""Bits and truth: bitwise and logical operators, shifts, gcd, questions about nan."""

from tensight_runtime.ops.elementwise import Refusing, arithmetic, binary, integral_only, named, unary
from tensight_runtime.spec import promote
from tensight_runtime.spec.dtype import bool_
from tensight_runtime.spec.kind import Num, Tensor
from tensight_runtime.spec.op import op
from tensight_runtime.spec.promote import DtypeRule
from tensight_runtime.spec.shape import broadcasted, same_shape

# --- bits ------------------------------------------------------------------------------------------------------------

_BITS = lambda name: [
    f"{name}(i64[2, 3]{{0..9}}, i64[3]{{0..9}})",
    f"{name}(bool[3], bool[3])",
    f"{name}(i64[3]{{0..9}}, 3)",
    f"{name}(bool[2], 1)",
    f"{name}(u8[2]{{0..9}}, i64[2]{{0..9}})",
]

bitwise_and = binary(
    "bitwise_and", "The bits set in both; of bools, whether both hold.",
    lambda xp, input, other: arithmetic(xp.bitwise_and, input, other), also=("Tensor.__and__", "Tensor.__rand__"),
    dtype=integral_only("bitwise_and_cpu"), accepts=_BITS("bitwise_and"),
    rejects={"bitwise_and(f32[2], f32[2])": "\"bitwise_and_cpu\" not implemented for 'Float'"},
)  # fmt: skip
bitwise_or = binary(
    "bitwise_or", "The bits set in either; of bools, whether one holds.",
    lambda xp, input, other: arithmetic(xp.bitwise_or, input, other), also=("Tensor.__or__", "Tensor.__ror__"),
    dtype=integral_only("bitwise_or_cpu"), accepts=_BITS("bitwise_or"),
    rejects={"bitwise_or(f32[2], 1)": "\"bitwise_or_cpu\" not implemented for 'Float'"},
)  # fmt: skip
bitwise_xor = binary(
    "bitwise_xor", "The bits set in one only; of bools, whether they differ.",
    lambda xp, input, other: arithmetic(xp.bitwise_xor, input, other), also=("Tensor.__xor__", "Tensor.__rxor__"),
    dtype=integral_only("bitwise_xor_cpu"), accepts=_BITS("bitwise_xor"),
    rejects={"bitwise_xor(f32[2], 1)": "\"bitwise_xor_cpu\" not implemented for 'Float'"},
)  # fmt: skip
bitwise_not = unary(
    "bitwise_not",
    "All bits turned; of a bool, the opposite.",
    lambda xp, input: xp.invert(input),
    dtype=integral_only("bitwise_not_cpu"),
    accepts=["bitwise_not(i64[3])", "bitwise_not(bool[2, 3])", "bitwise_not(u8[2])"],
    rejects={"bitwise_not(f32[2])": "\"bitwise_not_cpu\" not implemented for 'Float'"},
)


@op(
    "Tensor.__invert__",
    shape=same_shape,
    name="invert",
    dtype=Refusing(
        promote.promoted(),
        "fc",
        "~ (operator.invert) is only implemented on integer and Boolean-type tensors",
        TypeError,
    ),
    accepts=["invert(bool[3])", "invert(i64[2])"],
    rejects={"invert(f32[2])": "~ (operator.invert) is only implemented on integer and Boolean-type tensors"},
)
def invert(xp, input: Tensor):
    """All bits turned; of a bool, the opposite."""
    return xp.invert(input)


def _shift(function: str):
    def kernel(xp, input, other):
        bits = (input if hasattr(input, "dtype") else other).dtype.itemsize * 8
        beyond = (other < 0) | (other >= bits)
        shifted = arithmetic(getattr(xp, function), input, xp.where(beyond, 0, other))
        return xp.where(beyond, 0 if function == "left_shift" else xp.where(xp.asarray(input) < 0, -1, 0), shifted)

    return kernel


_SHIFTS = lambda name: [f"{name}(i64[2, 3]{{0..9}}, i64[3]{{0..9}})", f"{name}(i64[3]{{0..9}}, 2)"]

bitwise_left_shift = binary(
    "bitwise_left_shift",
    "input * 2**other.",
    _shift("left_shift"),
    also=("Tensor.__lshift__",),
    dtype=Refusing(promote.promoted(), "bfc", "\"lshift_cpu\" not implemented for '{}'"),
    accepts=_SHIFTS("bitwise_left_shift"),
    rejects={"bitwise_left_shift(f32[2], 1)": "\"lshift_cpu\" not implemented for 'Float'"},
)
bitwise_right_shift = binary(
    "bitwise_right_shift",
    "input / 2**other, rounded down.",
    _shift("right_shift"),
    also=("Tensor.__rshift__",),
    dtype=Refusing(promote.promoted(), "bfc", "\"rshift_cpu\" not implemented for '{}'"),
    accepts=_SHIFTS("bitwise_right_shift"),
)


def _of_number(name: str, method: str, kernel, dtype: DtypeRule):
    """A reflected operator, `2 << tensor`."""
    return op(method, name=name, overload="of_number", shape=broadcasted("input", "other"), dtype=dtype)(
        named(
            lambda xp, input, other: kernel(xp, other, input),
            name,
            "The same with the operands turned.",
            input=Tensor,
            other=Num,
        )
    )


reflected_left_shift = _of_number(
    "bitwise_left_shift",
    "Tensor.__rlshift__",
    _shift("left_shift"),
    Refusing(promote.promoted("input", "other"), "bfc", "\"lshift_cpu\" not implemented for '{}'"),
)
reflected_right_shift = _of_number(
    "bitwise_right_shift",
    "Tensor.__rrshift__",
    _shift("right_shift"),
    Refusing(promote.promoted("input", "other"), "bfc", "\"rshift_cpu\" not implemented for '{}'"),
)
reflected_left_shift.kernel.__module__ = reflected_right_shift.kernel.__module__ = __name__

gcd = binary(
    "gcd",
    "Greatest common divisors.",
    lambda xp, input, other: xp.gcd(input, other),
    other=Tensor,
    dtype=Refusing(promote.promoted(), "bfc", "\"gcd_cpu\" not implemented for '{}'"),
    accepts=["gcd(i64[3]{0..9}, i64[3]{0..9})"],
    rejects={"gcd(f32[2], f32[2])": "\"gcd_cpu\" not implemented for 'Float'"},
)
lcm = binary(
    "lcm",
    "Least common multiples.",
    lambda xp, input, other: xp.lcm(input, other),
    other=Tensor,
    dtype=Refusing(promote.promoted(), "bfc", "\"lcm_cpu\" not implemented for '{}'"),
    accepts=["lcm(i64[3]{0..9}, i64[3]{0..9})"],
)

# --- truth -----------------------------------------------------------------------------------------------------------

_TRUTH = lambda name: [f"{name}(f32[2, 3], i64[3]{{0..2}})", f"{name}(bool[3], bool[3])"]

logical_and = binary(
    "logical_and",
    "Whether both are not 0.",
    lambda xp, input, other: xp.logical_and(input, other),
    other=Tensor,
    dtype=bool_,
    accepts=_TRUTH("logical_and"),
)
logical_or = binary(
    "logical_or",
    "Whether one is not 0.",
    lambda xp, input, other: xp.logical_or(input, other),
    other=Tensor,
    dtype=bool_,
    accepts=_TRUTH("logical_or"),
)
logical_xor = binary(
    "logical_xor",
    "Whether exactly one is not 0.",
    lambda xp, input, other: xp.logical_xor(input, other),
    other=Tensor,
    dtype=bool_,
    accepts=_TRUTH("logical_xor"),
)
logical_not = unary("logical_not", "Whether each element is 0.", lambda xp, input: xp.logical_not(input), dtype=bool_,
                    accepts=["logical_not(f32[2, 3])", "logical_not(bool[3])", "logical_not(i64[2])"])  # fmt: skip


def _question(name: str, doc: str, kernel, *also: str, dtype=bool_):
    return unary(name, doc, kernel, also=also, dtype=dtype, inplace=False,
                 accepts=[f"{name}(f32[2, 3])", f"{name}(i64[3])", f"{name}(f64[])"])  # fmt: skip


isnan = _question("isnan", "Whether each element is nan.", lambda xp, input: input != input)
isinf = _question("isinf", "Whether each element is infinite.", lambda xp, input: xp.isinf(input))
isfinite = _question(
    "isfinite", "Whether each element is neither nan nor infinite.", lambda xp, input: xp.isfinite(input)
)
isposinf = _question("isposinf", "Whether each element is +inf.", lambda xp, input: input == xp.inf)
isneginf = _question("isneginf", "Whether each element is -inf.", lambda xp, input: input == -xp.inf)
isreal = _question("isreal", "Whether each element has no imaginary part.", lambda xp, input: xp.imag(input) == 0)
signbit = _question("signbit", "Whether each element is negative, -0.0 too.",
                    lambda xp, input: xp.signbit(input) if input.dtype.kind == "f" else input < 0)  # fmt: skip
