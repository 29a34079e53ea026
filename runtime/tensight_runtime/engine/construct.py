"""Tensors out of something else: the old constructors, unpickling."""

from __future__ import annotations

import numpy as np

from tensight_runtime.engine import arrays
from tensight_runtime.engine.state import get_default_dtype
from tensight_runtime.engine.tensor import Tensor, from_array, subclassed
from tensight_runtime.spec.device import CPU, parse_device
from tensight_runtime.spec.dtype import DType


def legacy(data: tuple, device: object = None, dtype: DType | None = None) -> Tensor:
    """`torch.Tensor(2, 3)`: sizes; `torch.Tensor([1, 2])`: values; `torch.Tensor(tensor)`: the same memory."""
    dtype = dtype or get_default_dtype()
    place = CPU if device is None else parse_device(device).of_tensor()
    if len(data) == 1 and isinstance(data[0], Tensor):
        return data[0].detach()
    carried = arrays.numpy_dtype(dtype)
    if not data:
        array = np.empty(0, carried)
    elif all(isinstance(size, int) for size in data):
        array = np.zeros(data, carried)
    elif len(data) == 1 and isinstance(data[0], tuple) and type(data[0]).__name__ == "Size":
        array = np.zeros(data[0], carried)
    elif len(data) == 1:
        array = arrays.cast(np.array(_plain(data[0])), dtype)
    else:
        raise TypeError(f"new(): data must be a sequence (got {type(data[0]).__name__})")
    return from_array(arrays.on_device(array, place), dtype, place)


def rebuild(cls: type, array: np.ndarray, dtype: DType, device: str, requires_grad: bool, state: dict) -> Tensor:
    """A pickled tensor."""
    place = parse_device(device)
    self = subclassed(from_array(arrays.on_device(array, place), dtype, place), cls)
    self._requires = requires_grad
    self.__dict__.update(state)
    return self


def _plain(value: object) -> object:
    """Nested sequences with tensors in them, without."""
    if isinstance(value, Tensor):
        return value._array
    if isinstance(value, (list, tuple, range)):
        return [_plain(item) for item in value]
    return value
