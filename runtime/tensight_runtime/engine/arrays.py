"""Arrays: the one place that picks NumPy or CuPy and knows which array dtype carries which torch dtype.

bfloat16 is carried by float32 arrays whose values are rounded to it; every other dtype by its own.
"""

from __future__ import annotations

import sys
import warnings
from functools import lru_cache
from types import ModuleType

import numpy as np

from tensight_runtime.spec.device import Device
from tensight_runtime.spec.dtype import ALL, DType, bfloat16

# log(0) and 0/0 are no reason to warn in torch; the filter leaves the user's own NumPy code alone
warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"tensight_runtime\.")

_NUMPY: dict[DType, np.dtype] = {d: np.dtype("float32" if d is bfloat16 else d.name) for d in ALL}
_DTYPES: dict[np.dtype, DType] = {a: d for d, a in _NUMPY.items() if d is not bfloat16}


def numpy_dtype(dtype: DType) -> np.dtype:
    """The array dtype that carries `dtype`."""
    return _NUMPY[dtype]


def dtype_of(array: object) -> DType:
    """The torch dtype of an array, TypeError in torch's words for one torch has not."""
    found = _DTYPES.get(array.dtype)
    if found is None:
        found = _DTYPES.get(array.dtype.newbyteorder("=")) if array.dtype.kind in "biufc" else None
        if found is None and array.dtype.kind == "u":
            raise TypeError(f"{array.dtype} tensors are not supported by tensight_runtime")
        if found is None or not array.dtype.isnative:
            raise TypeError(
                f"can't convert np.ndarray of type numpy.{array.dtype}. The only supported types are: float64, "
                f"float32, "
                "float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, and bool."
            )
    return found


def xp_for(device: Device) -> ModuleType:
    """NumPy, or CuPy for a CUDA device."""
    if device.type in ("cpu", "meta"):
        return np
    if device.type == "cuda":
        cupy = cupy_or_none()
        if cupy is None:
            raise AssertionError("Torch not compiled with CUDA enabled")
        return cupy
    raise RuntimeError(f"tensight_runtime has no device of type {device.type}")


@lru_cache(maxsize=1)
def cupy_or_none() -> ModuleType | None:
    """CuPy where it is installed and finds a device."""
    try:
        import cupy

        cupy.cuda.runtime.getDeviceCount()
        cupy.zeros(1)
        return cupy
    except Exception:  # whatever a driver may raise: there is no usable device
        return None


def is_array(value: object) -> bool:
    """A NumPy or CuPy array."""
    if isinstance(value, np.ndarray):
        return True
    cupy = sys.modules.get("cupy")
    return cupy is not None and isinstance(value, cupy.ndarray)


def on_device(array, device: Device):
    """The array, or its copy on `device`."""
    if device.type in ("cpu", "meta"):
        return array if isinstance(array, np.ndarray) else array.get()
    cupy = xp_for(device)
    with cupy.cuda.Device(device.index or 0):
        return cupy.asarray(array)


def cast(array, dtype: DType):
    """The array's values in `dtype`; the array itself when it is carried as it is."""
    target = _NUMPY[dtype]
    if array.dtype is not target and array.dtype != target:
        if array.dtype.kind == "c" and target.kind not in "cb":
            array = array.real
        array = array.astype(target)
    return round_to_bfloat16(array) if dtype is bfloat16 else array


def coerce(xp: ModuleType, value: object, dtype: DType):
    """A kernel's result (an array, a Python or NumPy scalar) as an array that carries `dtype`."""
    if not is_array(value):
        value = xp.asarray(value)
    return cast(value, dtype)


def round_to_bfloat16(array):
    """float32 values that bfloat16 holds, to nearest, ties to even; NaN stays NaN."""
    if array.size == 0:
        return array
    if not array.shape:
        return round_to_bfloat16(array.reshape(1)).reshape(())
    array = array if array.flags.c_contiguous else array.copy()
    bits = array.view("uint32")
    rounded = (bits + (0x7FFF + ((bits >> 16) & 1))) & 0xFFFF0000
    result = rounded.astype("uint32").view("float32")
    nan = array != array
    if nan.any():
        result[nan] = float("nan")
    return result


def may_share(a: object, b: object) -> bool:
    """Whether two arrays may lie in the same memory."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and np.may_share_memory(a, b)
    return bool(sys.modules["cupy"].may_share_memory(a, b))


def writable(array) -> bool:
    """Whether each element has its own place in memory, so that it may be written."""
    dims = zip(array.strides, array.shape, strict=True)
    return array.size == 0 or all(stride != 0 or size <= 1 for stride, size in dims)
