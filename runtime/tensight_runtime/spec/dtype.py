"""Element types and torch's promotion between them.

Source: the "Tensor Attributes" page of PyTorch, sections torch.dtype and "type promotion".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final


class DType:
    """One element type; `torch.float32` and friends are its only instances.

    `category` orders kinds of numbers: 0 bool, 1 integer, 2 floating point, 3 complex.
    """

    __slots__ = ("bits", "category", "name", "short", "signed")

    def __init__(self, name: str, short: str, category: int, bits: int, signed: bool = True):
        self.name = name
        self.short = short
        self.category = category
        self.bits = bits
        self.signed = signed

    @property
    def itemsize(self) -> int:
        return max(self.bits // 8, 1)

    @property
    def is_floating_point(self) -> bool:
        return self.category == 2

    @property
    def is_complex(self) -> bool:
        return self.category == 3

    @property
    def is_signed(self) -> bool:
        return self.signed

    @property
    def differentiable(self) -> bool:
        """Only floating point and complex tensors can require gradients."""
        return self.category >= 2

    def to_real(self) -> DType:
        return {complex64: float32, complex128: float64}.get(self, self)

    def to_complex(self) -> DType:
        return {float32: complex64, float64: complex128}.get(self, complex64 if self.category < 3 else self)

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self):
        return (dtype_named, (self.name,))


bool_: Final = DType("bool", "bool", 0, 8, signed=False)
uint8: Final = DType("uint8", "u8", 1, 8, signed=False)
int8: Final = DType("int8", "i8", 1, 8)
int16: Final = DType("int16", "i16", 1, 16)
int32: Final = DType("int32", "i32", 1, 32)
int64: Final = DType("int64", "i64", 1, 64)
float16: Final = DType("float16", "f16", 2, 16)
bfloat16: Final = DType("bfloat16", "bf16", 2, 16)
float32: Final = DType("float32", "f32", 2, 32)
float64: Final = DType("float64", "f64", 2, 64)
complex64: Final = DType("complex64", "c64", 3, 64)
complex128: Final = DType("complex128", "c128", 3, 128)

ALL: Final = (
    bool_, uint8, int8, int16, int32, int64, float16, bfloat16, float32, float64, complex64, complex128,
)  # fmt: skip
BY_SHORT: Final = {d.short: d for d in ALL}
# torch's public spellings: `torch.long` is `torch.int64`
BY_NAME: Final = {d.name: d for d in ALL} | {
    "half": float16, "float": float32, "double": float64, "short": int16, "int": int32, "long": int64,
    "cfloat": complex64, "cdouble": complex128,
}  # fmt: skip


def dtype_named(name: str) -> DType:
    """The dtype torch calls `torch.<name>`; KeyError if there is none."""
    return BY_NAME[name]


class Defaults:
    """What `set_default_dtype` and `set_default_device` set; one per process, saved and restored by its users."""

    __slots__ = ("device", "dtype")

    def __init__(self):
        self.dtype: DType | None = float32
        self.device = None  # None is the CPU

    def reset(self) -> None:
        self.dtype, self.device = float32, None


defaults = Defaults()


def promote_types(a: DType | None, b: DType | None) -> DType | None:
    """`torch.promote_types`; None (unknown) unless the other side decides alone."""
    if a is b:
        return a
    if a is None or b is None:
        return None
    if a.category != b.category:
        low, high = (a, b) if a.category < b.category else (b, a)
        if high.category == 3 and low is float64:
            return complex128
        return high
    if a.category == 1 and (a is uint8 or b is uint8):
        other = b if a is uint8 else a
        return int16 if other is int8 else other
    if a.category == 2 and a.bits == b.bits == 16:
        return float32  # float16 with bfloat16: neither holds the other
    return a if a.bits >= b.bits else b


def number_dtype(value: object) -> DType | None:
    """The dtype a Python number counts as in a promotion: bool, int64, the default float, or its complex."""
    if isinstance(value, bool):
        return bool_
    if isinstance(value, int):
        return int64
    if isinstance(value, float):
        return defaults.dtype
    if isinstance(value, complex):
        return defaults.dtype.to_complex() if defaults.dtype else None
    kind = getattr(value, "python_type", None)  # symbolic sizes say int; the analyzer's unknowns what they know
    return {bool: bool_, int: int64, float: defaults.dtype}.get(kind)


def result_type(tensors: Iterable[tuple[DType | None, int | None]], numbers: Iterable[object] = ()) -> DType | None:
    """`torch.result_type` over (dtype, number of dims) pairs and Python numbers.

    Tensors with dims decide; a 0-dim tensor or a number raises the result only by being of a higher category.
    """
    # who occurs twice counts once: the loop below tries both ranks for each of unknown rank
    tensors = list(dict.fromkeys((dtype, ndim and 1) for dtype, ndim in tensors))
    numbers = list(numbers)
    for i, (dtype, ndim) in enumerate(tensors):
        if ndim is None:  # may be 0-dim or not: only an answer that is the same either way is known
            rest = tensors[:i] + tensors[i + 1 :]
            answers = [result_type([*rest, (dtype, n)], numbers) for n in (0, 1)]
            return answers[0] if answers[0] is answers[1] else None
    dimmed = [dtype for dtype, ndim in tensors if ndim]
    zero_dim = [dtype for dtype, ndim in tensors if not ndim]
    groups = [dimmed, zero_dim, [number_dtype(n) for n in numbers]]
    result: DType | None = None
    started = False
    for group in groups:
        if not group:
            continue
        top = group[0]
        for dtype in group[1:]:
            top = promote_types(top, dtype)
        if not started:
            result, started = top, True
        elif top is None or result is None:
            # an unknown of lower priority cannot matter to a complex result
            result = result if result is not None and result.category == 3 else None
        elif top.category > result.category:
            result = _raise_category(result, top)
    return result


def _raise_category(result: DType, higher: DType) -> DType:
    return promote_types(result, higher) if higher.category == 3 and result.category == 2 else higher
