"""What a tensor's dtype, shape and device are: one object for all tensors that agree in them.

Because equal ones are the same object, what an operator's rule made of some operands is remembered under them.
"""

from __future__ import annotations

from tensight_runtime.engine.arrays import dtype_of, numpy_dtype
from tensight_runtime.spec.device import CPU, Device
from tensight_runtime.spec.dtype import DType
from tensight_runtime.spec.fact import Fact


class Size(tuple):
    """A shape: a tuple that prints as `torch.Size([2, 3])`."""

    __slots__ = ()

    def numel(self) -> int:
        """The number of elements of a tensor of this shape."""
        count = 1
        for size in self:
            count *= size
        return count

    def __add__(self, other):
        return Size(tuple.__add__(self, tuple(other))) if isinstance(other, tuple) else NotImplemented

    def __radd__(self, other):
        return Size(tuple.__add__(tuple(other), self))

    def __mul__(self, times):
        return Size(tuple.__mul__(self, times))

    __rmul__ = __mul__

    def __getitem__(self, index):
        item = tuple.__getitem__(self, index)
        return Size(item) if type(index) is slice else item

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, self))}])"

    __str__ = __repr__

    def __reduce__(self):
        return Size, (tuple(self),)


class Meta:
    """dtype, shape, device; `fact` says the same to the operators' rules.  Made by `meta_of`."""

    __slots__ = ("array_dtype", "device", "dtype", "fact", "shape")

    def __init__(self, dtype: DType, shape: Size, device: Device):
        self.dtype = dtype
        self.shape = shape
        self.device = device
        self.array_dtype = numpy_dtype(dtype)
        self.fact = Fact(dtype, tuple(shape), device)

    def __repr__(self) -> str:
        return str(self.fact)


_MOST = 20_000
_metas: dict[tuple, Meta] = {}


def meta_of(dtype: DType, shape: tuple[int, ...], device: Device = CPU) -> Meta:
    """The one `Meta` of this dtype, shape and device."""
    key = (dtype, shape) if device is CPU or device == CPU else (dtype, shape, device)
    meta = _metas.get(key)
    if meta is None:
        if len(_metas) > _MOST:  # sizes that change all the time; whoever still holds one loses nothing but speed
            _metas.clear()
        device = CPU if device == CPU else device.of_tensor()
        key = (dtype, tuple(map(int, shape)), *key[2:])
        meta = _metas[key] = Meta(dtype, Size(key[1]), device)
    return meta


def meta_of_array(array, dtype: DType | None = None, device: Device = CPU) -> Meta:
    """The meta of a tensor with this array."""
    return meta_of(dtype or dtype_of(array), array.shape, device)
