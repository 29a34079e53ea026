"""What the families of elementwise operators share: constructors, dtype checks, helpers of kernels and derivatives.

A declared operator stays one visible statement: `exp = unary("exp", "e to the power of each element", kernel, grad)`.
"""

from collections.abc import Callable, Sequence

from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import Cond
from tensight_runtime.spec.dtype import BY_NAME, DType, bfloat16, bool_
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.kind import Kind, Tensor, TensorLike, TensorOrNum, UnknownLike
from tensight_runtime.spec.op import Op, op, scalar_name
from tensight_runtime.spec.promote import DtypeRule
from tensight_runtime.spec.require import Refused
from tensight_runtime.spec.shape import broadcasted, same_shape


def _exactly(wanted: bool) -> Callable[[object], bool | None]:
    return lambda value: None if isinstance(value, (UnknownLike, Cond)) else value is wanted


Off = Kind("bool", _exactly(False))  # False only, True only, None only: kinds that tell overloads apart
On = Kind("bool", _exactly(True))
OnlyNone = Kind("None", lambda value: None if isinstance(value, UnknownLike) else False, optional=True)


# --- constructors ----------------------------------------------------------------------------------------------------


def unary(
    name: str,
    doc: str,
    kernel: Callable,
    grad: Callable | None = None,
    *,
    also: Sequence[str] = (),
    dtype: DtypeRule | DType | Callable | None = None,
    domain: str = "",
    accepts: Sequence[str] | None = None,
    rejects: dict[str, str] | Sequence[str] = (),
    inplace: bool = True,
    grad_name: str = "",
) -> Op:
    """`torch.<name>(input)` and `Tensor.<name>()`, elementwise; `kernel(xp, input)`, `grad(g, ...)`.

    `domain` bounds the sample values, "{1..3}".  Integers become floating unless `dtype=` says otherwise.
    """
    if accepts is None:
        accepts = [f"{name}({fact}{domain})" for fact in ("f32[2, 3]", "f64[]", "i64[4]", "f32[0, 3]")]
    declared = op(
        f"torch.{name}", f"Tensor.{name}", *also,
        shape=same_shape, dtype=dtype or promote.promoted_float(), accepts=accepts, rejects=rejects, inplace=inplace,
        grad_name=grad_name,
    )(named(kernel, name, doc, input=Tensor))  # fmt: skip
    if grad is not None:
        declared.vjp("input")(grad)
    return declared


def binary(
    name: str,
    doc: str,
    kernel: Callable,
    grad: Callable | None = None,
    grad_other: Callable | None = None,
    *,
    also: Sequence[str] = (),
    other: Kind = TensorOrNum,
    dtype: DtypeRule | DType | Callable | None = None,
    accepts: Sequence[str] | None = None,
    rejects: dict[str, str] | Sequence[str] = (),
    inplace: bool = True,
    grad_name: str = "",
    overload: str = "",
) -> Op:
    """`torch.<name>(input, other)` and `Tensor.<name>(other)`, elementwise with broadcasting and promotion."""
    if accepts is None:
        accepts = [f"{name}(f32[2, 3], f32[3])", f"{name}(f32[0, 3], f32[1])", f"{name}(f32[2], f64[])"]
        accepts += [f"{name}(f32[2, 3], 2)", f"{name}(i64[2], 1.5)"] if other is TensorOrNum else []
    declared = op(
        f"torch.{name}", f"Tensor.{name}", *also,
        shape=broadcasted("input", "other"), dtype=dtype or promote.promoted(), accepts=accepts, rejects=rejects,
        inplace=inplace, grad_name=grad_name, overload=overload,
    )(named(kernel, name, doc, input=Tensor, other=other))  # fmt: skip
    if grad is not None:
        declared.vjp("input")(grad)
    if grad_other is not None:
        declared.vjp("other")(grad_other)
    return declared


def named(kernel: Callable, name: str, doc: str, **kinds: Kind) -> Callable:
    """A lambda as a kernel: with a name, a docstring and the kinds of its parameters."""
    kernel.__name__ = kernel.__qualname__ = name
    kernel.__doc__ = doc
    kernel.__annotations__ = kinds
    return kernel


# --- dtype rules that refuse -----------------------------------------------------------------------------------------


class Refusing(DtypeRule):
    """A dtype rule that first refuses promoted dtypes of some `categories` ("bifc": bool, integer, floating, complex).

    `message` is torch's, with {} for its C++ name of the dtype.
    """

    def __init__(self, rule: DtypeRule, categories: str, message: str, error: type[Exception] = NotImplementedError):
        def compute(dtype: DType | None) -> DType | None:
            if dtype is not None and "bifc"[dtype.category] in categories:
                raise Refused(message.format(scalar_name(dtype)), error)
            return rule.compute(dtype)

        super().__init__(rule.params, compute, rule.result, rule.casts)


def floating_only(kernel: str, rule: DtypeRule | None = None, complex: bool = False) -> DtypeRule:
    """Floating (or complex) operands; others: '"silu_cpu" not implemented for 'Long''."""
    return Refusing(rule or promote.promoted(), "bi" if complex else "bic", f"\"{kernel}\" not implemented for '{{}}'")


def integral_only(kernel: str) -> DtypeRule:
    """Integers and bool; others: '"bitwise_and_cpu" not implemented for 'Float''."""
    return Refusing(promote.promoted(), "fc", f"\"{kernel}\" not implemented for '{{}}'")


def real_only(kernel: str, rule: DtypeRule | None = None) -> DtypeRule:
    """Anything but complex."""
    return Refusing(rule or promote.promoted(), "c", f"\"{kernel}\" not implemented for '{{}}'")


def keeps_integers(kernel: str) -> DtypeRule:
    """floor, trunc: integers stay what they are, bool and complex are refused."""
    return Refusing(promote.promoted(), "bc", f"\"{kernel}\" not implemented for '{{}}'")


_CPP = {
    "bool": "bool",
    "uint8": "unsigned char",
    "int8": "signed char",
    "int16": "short int",
    "int32": "int",
    "int64": "long int",
    "float16": "c10::Half",
    "bfloat16": "c10::BFloat16",
    "float32": "float",
    "float64": "double",
    "complex64": "c10::complex<float>",
    "complex128": "c10::complex<double>",
}


def cpp_name(dtype: DType) -> str:
    """torch's other C++ name of a dtype: "long int", "c10::Half"."""
    return _CPP[dtype.name]


# --- helpers of rules and kernels ------------------------------------------------------------------------------------


def np_name(dtype: DType) -> str:
    """The array dtype that holds a dtype's values; bfloat16 is computed in float32."""
    return "float32" if dtype is bfloat16 else dtype.name


def dtype_of(array: object) -> DType:
    """The dtype of an array or array-like by its name."""
    return BY_NAME.get(str(array.dtype), bool_)


def wrapped(input, other):
    """A Python int beyond what an integer array's dtype holds, reduced the way torch reduces it: modulo 2**bits."""
    if type(other) is not int or not hasattr(input, "dtype") or input.dtype.kind not in "iu":
        return other
    bits = input.dtype.itemsize * 8
    other %= 1 << bits
    return other - (1 << bits) if input.dtype.kind == "i" and other >> (bits - 1) else other


def arithmetic(function: Callable, a, b):
    """`function(a, b)`; Python ints too large for the arrays' dtype wrap around."""
    try:
        return function(a, b)
    except OverflowError:
        return function(wrapped(b, a), wrapped(a, b))


LARGE = 4_096  # elements from which a detour that saves time an element pays


def select(xp, mask, a, b):
    """`xp.where(mask, a, b)`; on large NumPy arrays by bits, as NumPy branches at every element (15 times slower)."""
    dtypes = {x.dtype for x in (a, b) if hasattr(x, "dtype")}
    size = max(x.size for x in (mask, a, b) if hasattr(x, "size"))
    if size < LARGE or xp.__name__ != "numpy" or len(dtypes) != 1 or mask.dtype.kind != "b":
        return xp.where(mask, a, b)
    dtype = dtypes.pop()
    bits = {4: "int32", 8: "int64"}.get(dtype.itemsize)
    if bits is None or dtype.kind == "c":
        return xp.where(mask, a, b)
    left, right = (xp.asarray(x, dtype=dtype).view(bits) for x in (a, b))
    result = (left ^ right) & -mask.view("int8").astype(bits)
    if result.shape != xp.broadcast_shapes(result.shape, right.shape):
        return (result ^ right).view(dtype)
    result ^= right
    return result.view(dtype)


def clipped(xp, x, low, high):
    """x between two numbers, either of which may be None; nan stays nan."""
    if getattr(x, "size", 1) >= LARGE and x.dtype.kind == "f":  # with both bounds NumPy takes a faster loop
        return xp.clip(x, -xp.inf if low is None else low, xp.inf if high is None else high)
    if low is not None:
        x = xp.maximum(x, low)
    return x if high is None else xp.minimum(x, high)


def host(value: object) -> object:
    """A number out of a number or a 0-dim array."""
    return value.item() if hasattr(value, "item") else value


def fact_of(value: object) -> Fact | None:
    """The fact of a tensor of any domain, None for everything else."""
    return value.fact if isinstance(value, TensorLike) else None


def numbered(name: str, tensor: int, number: int, param: str = "other") -> Callable:
    """torch's name of the node of an operator that is two of torch's: for a tensor operand, and for a number."""
    names = {True: f"{name}Backward{number}", False: f"{name}Backward{tensor}"}
    return {
        "other": lambda other: names[is_number(other)], "min": lambda min: names[is_number(min)],
        "max": lambda max: names[is_number(max)], "weight": lambda weight: names[is_number(weight)],
        "value": lambda value: names[is_number(value)],
    }[param]  # fmt: skip


def is_number(value: object) -> bool:
    """A Python number, whose value is known."""
    return isinstance(value, (int, float, complex))


# --- helpers of derivatives ------------------------------------------------------------------------------------------


def conj(x):
    """The complex conjugate where there is one to take; also of a Python number."""
    if isinstance(x, (int, float)):
        return x
    if isinstance(x, complex):
        return x.conjugate()
    dtype = getattr(x, "dtype", None)
    return x.conj() if dtype is not None and dtype.is_complex else x


def not_derived(name: str) -> Callable:
    """The derivative of an operator of which torch has none: reaching it is an error."""

    def grad(g):
        raise RuntimeError(f"derivative for aten::{name} is not implemented")

    return grad
