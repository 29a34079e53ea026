"""torch.finfo and torch.iinfo."""

from __future__ import annotations

from tensight_runtime.engine.state import get_default_dtype
from tensight_runtime.spec.dtype import DType

# bits of exponent and of stored significand
_LAYOUT = {"float16": (5, 10), "bfloat16": (8, 7), "float32": (8, 23), "float64": (11, 52)}


class finfo:
    """Limits of a floating point dtype; of a complex one those of its parts."""

    def __init__(self, dtype: DType | None = None):
        dtype = (dtype or get_default_dtype()).to_real()
        if dtype.category != 2:
            raise TypeError(
                "torch.finfo() requires a floating point input type. Use torch.iinfo to handle 'torch.finfo'"
            )
        exponent, significand = _LAYOUT[dtype.name]
        bias = 2 ** (exponent - 1) - 1
        self.bits = dtype.bits
        self.dtype = dtype.name
        self.eps = 2.0**-significand
        self.max = (2.0 - 2.0**-significand) * 2.0**bias
        self.min = -self.max
        self.tiny = self.smallest_normal = 2.0 ** (1 - bias)
        self.resolution = {10: 1e-3, 7: 1e-2, 23: 1e-6, 52: 1e-15}[significand]

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )


class iinfo:
    """Limits of an integer dtype."""

    def __init__(self, dtype: DType):
        if dtype.category != 1:
            if dtype.category == 0:
                raise TypeError("torch.bool is not supported by torch.iinfo")
            raise TypeError(f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{dtype}'")
        self.bits = dtype.bits
        self.dtype = dtype.name
        self.max = 2 ** (dtype.bits - dtype.signed) - 1
        self.min = -(2 ** (dtype.bits - 1)) if dtype.signed else 0

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
