"""What a tensor tells about itself and what Python and NumPy ask of it: shape, strides, len, float, item, numpy, "
"repr."""

from __future__ import annotations

import numpy as np

from tensight_runtime.engine import arrays
from tensight_runtime.engine.layout import layout, strided
from tensight_runtime.engine.meta import Meta, Size
from tensight_runtime.spec.device import CPU, Device
from tensight_runtime.spec.dtype import DType, bfloat16
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.kind import TensorLike


class Described(TensorLike):
    """The part of Tensor that reads its array and its meta and needs nothing else."""

    _array: np.ndarray
    _meta: Meta
    __array_priority__ = 1000  # NumPy scalars and arrays leave `array * tensor` to the tensor

    # -- what it is -------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> Size:
        return self._meta.shape

    @property
    def dtype(self) -> DType:
        return self._meta.dtype

    @property
    def device(self) -> Device:
        return self._meta.device

    @property
    def fact(self) -> Fact:
        return self._meta.fact

    @property
    def ndim(self) -> int:
        return len(self._meta.shape)

    @property
    def layout(self) -> layout:
        return strided

    itemsize = property(lambda self: self._meta.dtype.itemsize)
    nbytes = property(lambda self: self._meta.dtype.itemsize * self.numel())
    is_cuda = property(lambda self: self._meta.device.type == "cuda")
    is_cpu = property(lambda self: self._meta.device.type == "cpu")
    is_meta = property(lambda self: self._meta.device.type == "meta")
    is_mps = is_xpu = is_sparse = is_sparse_csr = is_quantized = is_mkldnn = is_nested = False
    name = None
    names = property(lambda self: (None,) * len(self._meta.shape))

    def dim(self) -> int:
        return len(self._meta.shape)

    ndimension = dim

    def size(self, dim: int | None = None) -> Size | int:
        """The shape, or one size."""
        shape = self._meta.shape
        if dim is None:
            return shape
        return shape[self._axis(dim)]

    def numel(self) -> int:
        return self._meta.shape.numel()

    nelement = numel

    def element_size(self) -> int:
        return self._meta.dtype.itemsize

    def stride(self, dim: int | None = None) -> tuple[int, ...] | int:
        """Elements from one index of a dim to the next."""
        width = self._array.itemsize
        strides = tuple(s // width for s in self._array.strides)
        return strides if dim is None else strides[self._axis(dim)]

    def _axis(self, dim: int) -> int:
        n = len(self._meta.shape)
        if not -n <= dim < n:
            bound = max(n, 1)
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-bound}, {bound - 1}], but got {dim})"
            )
        return dim

    def storage_offset(self) -> int:
        """Elements from the start of the memory it looks into."""
        root = self._array
        while isinstance(root.base, type(root)):
            root = root.base
        return (self.data_ptr() - address(root)) // self._array.itemsize

    def data_ptr(self) -> int:
        return address(self._array) if self._array.size else 0

    def is_contiguous(self, memory_format: object = None) -> bool:
        if memory_format is not None and "channels_last" in str(memory_format):
            order = (0, 2, 3, 1) if self.ndim == 4 else (0, 2, 3, 4, 1)
            return self.ndim in (4, 5) and self._array.transpose(order).flags.c_contiguous
        return self._array.flags.c_contiguous

    def is_floating_point(self) -> bool:
        return self._meta.dtype.category == 2

    def is_complex(self) -> bool:
        return self._meta.dtype.category == 3

    def is_signed(self) -> bool:
        return self._meta.dtype.signed

    def is_inference(self) -> bool:
        return self._inference

    def is_pinned(self, device: object = None) -> bool:
        return False

    def pin_memory(self, device: object = None) -> Described:
        return self

    def is_shared(self) -> bool:
        return False

    def share_memory_(self) -> Described:
        return self

    def is_set_to(self, tensor: Described) -> bool:
        return self.data_ptr() == tensor.data_ptr() and self.shape == tensor.shape and self.stride() == tensor.stride()

    # -- Python and NumPy -------------------------------------------------------------------------------------------

    def item(self) -> object:
        """The only element as a Python number."""
        if self._array.size != 1:
            raise RuntimeError(f"a Tensor with {self._array.size} elements cannot be converted to Scalar")
        return self._array.item()

    def tolist(self) -> object:
        """The values as nested lists, a number if 0-dim."""
        return self._array.tolist()

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """The array; both look at the same memory."""
        if not force:
            if self.requires_grad:
                raise RuntimeError(
                    "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
                )
            if self.is_cuda:
                raise TypeError(
                    f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to "
                    f"host "
                    "memory first."
                )
        if self._meta.dtype is bfloat16:
            raise TypeError("Got unsupported ScalarType BFloat16")
        return arrays.on_device(self._array, CPU)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        array = self.numpy()
        return array if dtype is None else array.astype(dtype, copy=False)

    def __array_wrap__(self, array: np.ndarray, context: object = None, return_scalar: bool = False) -> Described:
        from tensight_runtime.engine.tensor import from_array

        return from_array(np.asarray(array, np.uint8 if array.dtype == np.bool_ else None))

    def __len__(self) -> int:
        shape = self._meta.shape
        if not shape:
            raise TypeError("len() of a 0-d tensor")
        return shape[0]

    def __iter__(self):
        if not self._meta.shape:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __bool__(self) -> bool:
        if self._array.size != 1:
            what = "with no values" if self._array.size == 0 else "with more than one value"
            raise RuntimeError(f"Boolean value of Tensor {what} is ambiguous")
        return bool(self._array.item())

    def _number(self) -> object:
        if self._array.size != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        return self._array.item()

    def __float__(self) -> float:
        return float(self._number())

    def __int__(self) -> int:
        return int(self._number())

    def __complex__(self) -> complex:
        return complex(self._number())

    def __index__(self) -> int:
        if self._array.size != 1 or self._meta.dtype.category > 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self._array.item())

    def __contains__(self, element: object) -> bool:
        if not isinstance(element, (Described, int, float, complex, np.generic)):
            raise RuntimeError(
                f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}."
            )
        return bool((self._array == (element._array if isinstance(element, Described) else element)).any())

    def __hash__(self) -> int:
        return id(self)

    def __dir__(self) -> list[str]:
        return sorted({*object.__dir__(self)} - {"__slots__"})

    def __format__(self, spec: str) -> str:
        if not self._meta.shape and type(self).__name__ == "Tensor":
            return self._array.item().__format__(spec)
        return object.__format__(self, spec)

    def __repr__(self, *, tensor_contents: str | None = None) -> str:
        from tensight_runtime.engine.printing import show

        return show(self)


def address(array) -> int:
    """Where an array's first element lies."""
    return array.ctypes.data if isinstance(array, np.ndarray) else array.data.ptr
