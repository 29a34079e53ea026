"""Bits and truth: bitwise and logical operators, shifts, gcd, questions about nan and infinity; parts of complex numbers."""

from tensight_runtime.ops.elementwise import Refusing, arithmetic, binary, integral_only, named, real_only, unary
from tensight_runtime.spec import promote
from tensight_runtime.spec.dtype import DType, bool_
from tensight_runtime.spec.kind import Num, Tensor, TensorOrNum
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.promote import DtypeRule
from tensight_runtime.spec.require import Refused, require
from tensight_runtime.spec.cond import eq
from tensight_runtime.spec.shape import broadcasted, same_shape

# --- bits --------------------------------------------------------------------------------------------------------------

_BITS = lambda name: [f"{name}(i64[2, 3]{{0..9}}, i64[3]{{0..9}})", f"{name}(bool[3], bool[3])", f"{name}(i64[3]{{0..9}}, 3)",
                      f"{name}(bool[2], 1)", f"{name}(u8[2]{{0..9}}, i64[2]{{0..9}})"]  # fmt: skip

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
    "bitwise_not", "All bits turned; of a bool, the opposite.", lambda xp, input: xp.invert(input),
    dtype=integral_only("bitwise_not_cpu"), accepts=["bitwise_not(i64[3])", "bitwise_not(bool[2, 3])", "bitwise_not(u8[2])"],
    rejects={"bitwise_not(f32[2])": "\"bitwise_not_cpu\" not implemented for 'Float'"},
)  # fmt: skip


@op("Tensor.__invert__", shape=same_shape, name="invert",
    dtype=Refusing(promote.promoted(), "fc", "~ (operator.invert) is only implemented on integer and Boolean-type tensors", TypeError),
    accepts=["invert(bool[3])", "invert(i64[2])"],
    rejects={"invert(f32[2])": "~ (operator.invert) is only implemented on integer and Boolean-type tensors"})  # fmt: skip
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
    "bitwise_left_shift", "input * 2**other.", _shift("left_shift"), also=("Tensor.__lshift__",),
    dtype=Refusing(promote.promoted(), "bfc", "\"lshift_cpu\" not implemented for '{}'"), accepts=_SHIFTS("bitwise_left_shift"),
    rejects={"bitwise_left_shift(f32[2], 1)": "\"lshift_cpu\" not implemented for 'Float'"},
)  # fmt: skip
bitwise_right_shift = binary(
    "bitwise_right_shift", "input / 2**other, rounded down.", _shift("right_shift"), also=("Tensor.__rshift__",),
    dtype=Refusing(promote.promoted(), "bfc", "\"rshift_cpu\" not implemented for '{}'"), accepts=_SHIFTS("bitwise_right_shift"),
)  # fmt: skip


def _of_number(name: str, method: str, kernel, dtype: DtypeRule):
    """A reflected operator, `2 << tensor`."""
    return op(method, name=name, overload="of_number", shape=broadcasted("input", "other"), dtype=dtype)(
        named(lambda xp, input, other: kernel(xp, other, input), name, "The same with the operands turned.", input=Tensor, other=Num)
    )


reflected_left_shift = _of_number("bitwise_left_shift", "Tensor.__rlshift__", _shift("left_shift"),
                                  Refusing(promote.promoted("input", "other"), "bfc", "\"lshift_cpu\" not implemented for '{}'"))  # fmt: skip
reflected_right_shift = _of_number("bitwise_right_shift", "Tensor.__rrshift__", _shift("right_shift"),
                                   Refusing(promote.promoted("input", "other"), "bfc", "\"rshift_cpu\" not implemented for '{}'"))  # fmt: skip
reflected_left_shift.kernel.__module__ = reflected_right_shift.kernel.__module__ = __name__

gcd = binary("gcd", "Greatest common divisors.", lambda xp, input, other: xp.gcd(input, other), other=Tensor,
             dtype=Refusing(promote.promoted(), "bfc", "\"gcd_cpu\" not implemented for '{}'"), accepts=["gcd(i64[3]{0..9}, i64[3]{0..9})"],
             rejects={"gcd(f32[2], f32[2])": "\"gcd_cpu\" not implemented for 'Float'"})  # fmt: skip
lcm = binary("lcm", "Least common multiples.", lambda xp, input, other: xp.lcm(input, other), other=Tensor,
             dtype=Refusing(promote.promoted(), "bfc", "\"lcm_cpu\" not implemented for '{}'"), accepts=["lcm(i64[3]{0..9}, i64[3]{0..9})"])  # fmt: skip

# --- truth -------------------------------------------------------------------------------------------------------------

_TRUTH = lambda name: [f"{name}(f32[2, 3], i64[3]{{0..2}})", f"{name}(bool[3], bool[3])"]

logical_and = binary("logical_and", "Whether both are not 0.", lambda xp, input, other: xp.logical_and(input, other), other=Tensor,
                     dtype=bool_, accepts=_TRUTH("logical_and"))  # fmt: skip
logical_or = binary("logical_or", "Whether one is not 0.", lambda xp, input, other: xp.logical_or(input, other), other=Tensor,
                    dtype=bool_, accepts=_TRUTH("logical_or"))  # fmt: skip
logical_xor = binary("logical_xor", "Whether exactly one is not 0.", lambda xp, input, other: xp.logical_xor(input, other), other=Tensor,
                     dtype=bool_, accepts=_TRUTH("logical_xor"))  # fmt: skip
logical_not = unary("logical_not", "Whether each element is 0.", lambda xp, input: xp.logical_not(input), dtype=bool_,
                    accepts=["logical_not(f32[2, 3])", "logical_not(bool[3])", "logical_not(i64[2])"])  # fmt: skip


def _question(name: str, doc: str, kernel, *also: str, dtype=bool_):
    return unary(name, doc, kernel, also=also, dtype=dtype, inplace=False,
                 accepts=[f"{name}(f32[2, 3])", f"{name}(i64[3])", f"{name}(f64[])"])  # fmt: skip


isnan = _question("isnan", "Whether each element is nan.", lambda xp, input: input != input)
isinf = _question("isinf", "Whether each element is infinite.", lambda xp, input: xp.isinf(input))
isfinite = _question("isfinite", "Whether each element is neither nan nor infinite.", lambda xp, input: xp.isfinite(input))
isposinf = _question("isposinf", "Whether each element is +inf.", lambda xp, input: input == xp.inf)
isneginf = _question("isneginf", "Whether each element is -inf.", lambda xp, input: input == -xp.inf)
isreal = _question("isreal", "Whether each element has no imaginary part.", lambda xp, input: xp.imag(input) == 0)
signbit = _question("signbit", "Whether each element is negative, -0.0 too.",
                    lambda xp, input: xp.signbit(input) if input.dtype.kind == "f" else input < 0)  # fmt: skip

# --- complex numbers ---------------------------------------------------------------------------------------------------


@op("torch.real", "Tensor.real", shape=same_shape, dtype=promote.DtypeRule(("input",), lambda d: d, lambda d: d and d.to_real(), casts=False),
    alias=lambda input: "maybe" if input.dtype is None else "view" if input.dtype.is_complex else "same:input",
    accepts=["real(c64[3])", "real(f32[2])"])  # fmt: skip
def real(xp, input: Tensor):
    """The real parts, in the same memory; a real tensor itself."""
    return input.real


@real.vjp("input")
def _(g):
    return g


def _imag_dtype(input) -> DType | None:
    if input.dtype is not None and not input.dtype.is_complex:
        raise Refused("imag is not implemented for tensors with non-complex dtypes.")
    return input.dtype and input.dtype.to_real()


@op("torch.imag", "Tensor.imag", shape=same_shape, dtype=_imag_dtype, alias="view", accepts=["imag(c64[3])"],
    rejects={"imag(f32[2])": "imag is not implemented for tensors with non-complex dtypes."})  # fmt: skip
def imag(xp, input: Tensor):
    """The imaginary parts, in the same memory."""
    return input.imag


@imag.vjp("input")
def _(g):
    return g * 1j


@op("torch.conj", "Tensor.conj", "torch.conj_physical", "Tensor.conj_physical", inplace=True, shape=same_shape, dtype=promote.same(),
    alias=lambda input: "maybe" if input.dtype is None else "new" if input.dtype.is_complex else "same:input",
    accepts=["conj(c64[3])", "conj(f32[2])"])  # fmt: skip
def conj(xp, input: Tensor):
    """Complex conjugates; a real tensor itself."""
    return xp.conj(input) if input.dtype.kind == "c" else input


@conj.vjp("input")
def _(g):
    return g.conj()


angle = unary("angle", "The angles of complex numbers; 0 or pi of real ones.",
              lambda xp, input: xp.where(input != input, input, xp.angle(input)) if input.dtype.kind == "f" else xp.angle(input),
              lambda g, input: _angle_grad(g, input), inplace=False, accepts=["angle(c64[3])", "angle(f32[3])"],
              dtype=promote.DtypeRule(None, promote.promoted_float().compute, lambda d: d and d.to_real()))  # fmt: skip


def _angle_grad(g, input):
    if not input.dtype.is_complex:
        return g.new_zeros(g.shape)
    size = input.abs()
    scaled = g / size
    return (input * 1j / size * scaled).masked_fill(size == 0, 0.0)


def _complex_dtype(input) -> DType | None:
    if input.dtype is not None and not input.dtype.is_complex:
        raise Refused("view_as_real is only supported for complex tensors")
    return input.dtype and input.dtype.to_real()


@op("torch.view_as_real", shape=lambda input: (*input.shape, 2), dtype=_complex_dtype, alias="view",
    accepts=["view_as_real(c64[2, 3])", "view_as_real(c128[])"],
    rejects={"view_as_real(f32[2])": "view_as_real is only supported for complex tensors"})  # fmt: skip
def view_as_real(xp, input: Tensor):
    """Real and imaginary parts along a new last dim of 2, in the same memory."""
    return input[..., None].view("float32" if input.dtype.itemsize == 8 else "float64")


@view_as_real.vjp("input")
def _(g):
    return view_as_complex(g.contiguous())


def _pair_dims(input):
    if not input.shape:
        raise Refused("Input tensor must have one or more dimensions")
    require(eq(input.shape[-1], 2), "Tensor must have a last dimension of size 2")
    return input.shape[:-1]


def _pair_dtype(input) -> DType | None:
    if input.dtype is not None and input.dtype.category != 2:
        raise Refused("view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: "
                      f"{scalar_name(input.dtype)}")  # fmt: skip
    return input.dtype and input.dtype.to_complex()


@op("torch.view_as_complex", shape=_pair_dims, dtype=_pair_dtype, alias="view",
    accepts=["view_as_complex(f32[3, 2])", "view_as_complex(f64[2])"],
    rejects={"view_as_complex(f32[3])": "Tensor must have a last dimension of size 2",
             "view_as_complex(i64[3, 2])": "view_as_complex is only supported for half, float and double tensors"})  # fmt: skip
def view_as_complex(xp, input: Tensor):
    """A last dim of 2 as complex numbers, in the same memory."""
    return input.view("complex64" if input.dtype.itemsize <= 4 else "complex128")[..., 0]


@view_as_complex.vjp("input")
def _(g):
    return view_as_real(g)
