"""Tensor: an array, what it is (`Meta`), and its place in the graph.

Operators are not here: `methods.py` installs them from the table.  What is written here concerns the object itself.  Most
fields have their default on the class, so that making a tensor sets two attributes:

    _array, _meta       the values, and dtype, shape, device
    _requires           requires grad; `_node`, `_nr` the node that made it and which of its outputs it is
    _vc                 [version], made when somebody asks; shared by an array's tensors
    _base, _view        of a view: the tensor it looks into, and the chain of operators that leads there; `_seen` the version
                        at which `_node` was right
    _kind               of a view: "", "multi" or "no_grad" (how it was made decides whether it may be written to)
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from tensight_runtime.engine import arrays
from tensight_runtime.engine.hooks import RemovableHandle
from tensight_runtime.engine.layout import strided
from tensight_runtime.engine.meta import Meta, Size, meta_of_array
from tensight_runtime.spec.device import CPU, Device
from tensight_runtime.spec.dtype import DType, bfloat16
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.kind import TensorLike

if TYPE_CHECKING:
    from tensight_runtime.engine.tape import Node

_new = object.__new__


class Tensor(TensorLike):
    """torch.Tensor.  `Tensor(2, 3)` and `Tensor([1, 2])` are torch's old constructors."""

    _array: np.ndarray
    _meta: Meta
    _requires = False
    _node: Node | None = None
    _nr = 0
    _vc: list[int] | None = None
    _base: Tensor | None = None
    _view: tuple | None = None
    _seen = 0
    _kind = ""
    _inference = False
    _grad: Tensor | None = None
    _hooks: OrderedDict | None = None
    _post_hooks: OrderedDict | None = None
    _retains = False
    __array_priority__ = 1000  # NumPy scalars and arrays leave `array * tensor` to the tensor

    def __new__(cls, *data: object, device: object = None) -> Tensor:
        from tensight_runtime.engine.construct import legacy

        return subclassed(legacy(data, device), cls)

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

    layout = property(lambda self: strided)
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
            raise IndexError(f"Dimension out of range (expected to be in range of [{-bound}, {bound - 1}], but got {dim})")
        return dim

    def storage_offset(self) -> int:
        """Elements from the start of the memory it looks into."""
        root = self._array
        while isinstance(root.base, type(root)):
            root = root.base
        return (self.data_ptr() - _address(root)) // self._array.itemsize

    def data_ptr(self) -> int:
        return _address(self._array) if self._array.size else 0

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

    def pin_memory(self, device: object = None) -> Tensor:
        return self

    def is_shared(self) -> bool:
        return False

    def share_memory_(self) -> Tensor:
        return self

    def is_set_to(self, tensor: Tensor) -> bool:
        return self.data_ptr() == tensor.data_ptr() and self.shape == tensor.shape and self.stride() == tensor.stride()

    def as_subclass(self, cls: type) -> Tensor:
        """The same tensor as an instance of `cls`."""
        return subclassed(self, cls)

    # -- its place in the graph -------------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        if self._base is not None:
            self._refresh()
        return self._requires

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if not self.is_leaf and not value:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a "
                "subgraph that doesn't require differentiation use var_no_grad = var.detach()."
            )
        if value and not self._meta.dtype.differentiable:
            raise RuntimeError("only Tensors of floating point and complex dtype can require gradients")
        if value and self._inference:
            from tensight_runtime.engine.state import modes

            if not modes.inference:
                raise RuntimeError("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.")
        if self._node is None:
            self._requires = bool(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Sets `requires_grad` and returns the tensor."""
        if requires_grad and not self._meta.dtype.differentiable:
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        self.requires_grad = requires_grad
        return self

    @property
    def is_leaf(self) -> bool:
        return self.grad_fn is None

    @property
    def grad_fn(self) -> Node | None:
        if self._base is not None:
            self._refresh()
        return self._node

    @property
    def output_nr(self) -> int:
        return self._nr

    @property
    def grad(self) -> Tensor | None:
        if self._grad is None and self._node is not None and not self._retains:
            warnings.warn(
                "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be "
                "populated during autograd.backward(). If you indeed want the .grad field to be populated for a non-leaf "
                "Tensor, use .retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor by mistake, make sure "
                "you access the leaf Tensor instead.",
                stacklevel=2,
            )
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is None:
            self._grad = None
            return
        if not isinstance(value, Tensor):
            raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}")
        if value is self:
            raise RuntimeError("can't assign Variable as its own grad")
        if value.shape != self.shape:
            raise RuntimeError(
                f"attempting to assign a gradient of size '{list(value.shape)}' to a tensor of size '{list(self.shape)}'. "
                "Please ensure that the gradient and the tensor are the same size"
            )
        if value.dtype is not self.dtype:
            from tensight_runtime.engine.tape import cpp_name, scalar_name

            raise RuntimeError(
                f"attempting to assign a gradient with dtype '{cpp_name(value.dtype)}' to a tensor with grad_dtype "
                f"'{scalar_name(self.dtype)}'. The gradient must match the tensor's grad_dtype (defaults to the tensor's dtype)."
            )
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def _version(self) -> int:
        if self._inference:
            raise RuntimeError("Inference tensors do not track version counter.")
        return 0 if self._vc is None else self._vc[0]

    def _is_view(self) -> bool:
        return self._base is not None

    def _bump(self) -> None:
        """Count one change of the values."""
        if self._vc is None:
            self._vc = [1]
        else:
            self._vc[0] += 1

    def _versions(self) -> list[int]:
        """The counter that this tensor and its aliases share."""
        if self._vc is None:
            self._vc = [0]
        return self._vc

    def _refresh(self) -> None:
        """A view whose memory was written to learns its new node."""
        if self._vc[0] != self._seen:
            from tensight_runtime.engine.inplace import refresh

            refresh(self)

    @property
    def data(self) -> Tensor:
        """The same values without history, and with a version of its own."""
        return wrap(self._array, self._meta)

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        self._array, self._meta = value._array, value._meta

    def detach_(self) -> Tensor:
        """Takes the tensor itself out of the graph."""
        if self._base is not None:
            raise RuntimeError(
                "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for "
                "training, and gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence "
                "detach_() cannot be called on these gradients. To fix this error, please refer to the "
                "Optimizer.zero_grad() function in torch/optim/optimizer.py as the solution."
            )
        self._requires, self._node, self._nr = False, None, 0
        return self

    def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None) -> None:
        """Adds the gradients of this tensor to the `grad` of the leaves it was made from."""
        from tensight_runtime.engine.tape import backward

        backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def retain_grad(self) -> None:
        """A tensor that is not a leaf gets its `grad` in backward as well."""
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if self._node is not None:
            self._retains = True
            self._node.retain(self)

    @property
    def retains_grad(self) -> bool:
        return self._retains

    def register_hook(self, hook) -> RemovableHandle:
        """`hook(grad)` runs when the gradient of this tensor is complete; what it returns replaces it."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self._node is not None:
            return self._node.register_tensor_hook(self._nr, hook)
        if self._hooks is None:
            self._hooks = OrderedDict()
        return RemovableHandle(self._hooks, hook)

    def register_post_accumulate_grad_hook(self, hook) -> RemovableHandle:
        """`hook(tensor)` runs after `grad` of this leaf was added to."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self._node is not None:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        if self._post_hooks is None:
            self._post_hooks = OrderedDict()
        return RemovableHandle(self._post_hooks, hook)

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
                raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
            if self.is_cuda:
                raise TypeError(
                    f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host "
                    "memory first."
                )
        if self._meta.dtype is bfloat16:
            raise TypeError("Got unsupported ScalarType BFloat16")
        return arrays.on_device(self._array, CPU)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        array = self.numpy()
        return array if dtype is None else array.astype(dtype, copy=False)

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
        if not isinstance(element, (Tensor, int, float, complex, np.generic)):
            raise RuntimeError(
                f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}."
            )
        return bool((self._array == (element._array if isinstance(element, Tensor) else element)).any())

    def __hash__(self) -> int:
        return id(self)

    def __dir__(self) -> list[str]:
        return sorted({*object.__dir__(self)} - {"__slots__"})

    def __format__(self, spec: str) -> str:
        if not self._meta.shape and type(self) is Tensor:
            return self._array.item().__format__(spec)
        return object.__format__(self, spec)

    def __repr__(self, *, tensor_contents: str | None = None) -> str:
        from tensight_runtime.engine.printing import show

        return show(self)

    def __reduce_ex__(self, protocol: int):
        from tensight_runtime.engine.construct import rebuild

        if self.grad_fn is not None:
            raise RuntimeError(_DEEPCOPY)
        array = np.ascontiguousarray(arrays.on_device(self._array, CPU)).reshape(self.shape)
        state = {k: v for k, v in self.__dict__.items() if not k.startswith("_")}
        return rebuild, (type(self), array, self.dtype, str(self.device), self._requires, state)

    def __deepcopy__(self, memo: dict) -> Tensor:
        if id(self) in memo:
            return memo[id(self)]
        if self.grad_fn is not None:
            raise RuntimeError(_DEEPCOPY)
        from copy import deepcopy

        copy = _new(type(self))
        memo[id(self)] = copy
        copy._array, copy._meta, copy._requires = self._array.copy(order="K"), self._meta, self._requires
        if self._grad is not None:
            copy._grad = deepcopy(self._grad, memo)
        for key, value in self.__dict__.items():
            if not key.startswith("_") or key == "_is_buffer":
                copy.__dict__[key] = deepcopy(value, memo)
        return copy


class _ParameterMeta(type):
    """A tensor marked `_is_param` counts as a Parameter."""

    def __instancecheck__(cls, instance: object) -> bool:
        if type.__instancecheck__(cls, instance):
            return True
        return cls is Parameter and isinstance(instance, Tensor) and getattr(instance, "_is_param", False)


class Parameter(Tensor, metaclass=_ParameterMeta):
    """torch.nn.Parameter: a tensor that a Module lists among its parameters when it is assigned to it."""

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        if data is None:
            data = from_array(np.empty(0, np.float32))
        self = _alias(data, cls)
        if requires_grad and not self._meta.dtype.differentiable:
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
        self._requires = requires_grad
        return self

    def __repr__(self, *, tensor_contents: str | None = None) -> str:
        return "Parameter containing:\n" + super().__repr__()


class _BufferMeta(type):
    """A tensor marked `_is_buffer` counts as a Buffer."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor) and getattr(instance, "_is_buffer", False)


class Buffer(Tensor, metaclass=_BufferMeta):
    """torch.nn.Buffer: a tensor that a Module lists among its buffers when it is assigned to it."""

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Tensor:
        if data is None:
            data = from_array(np.empty(0, np.float32))
        self = _alias(data, Tensor)
        self._requires = data.requires_grad
        self._is_buffer = True
        self.persistent = persistent
        return self


def wrap(array: np.ndarray, meta: Meta) -> Tensor:
    """A tensor of this array, which `meta` describes."""
    self = _new(Tensor)
    self._array = array
    self._meta = meta
    return self


def from_array(array: np.ndarray, dtype: DType | None = None, device: Device = CPU) -> Tensor:
    """A tensor that shares the array's memory; `dtype` is needed only for bfloat16."""
    return wrap(array, meta_of_array(array, dtype, device))


def subclassed(tensor: Tensor, cls: type) -> Tensor:
    """The same tensor as an instance of `cls`: values, history and version are shared."""
    if type(tensor) is cls:
        return tensor
    self = _new(cls)
    self.__dict__.update(tensor.__dict__)
    self.__dict__["_vc"] = tensor._versions()
    return self


def _alias(data: Tensor, cls: type) -> Tensor:
    """A new leaf over the same memory and version."""
    if not isinstance(data, Tensor):
        raise TypeError(f"Expected a Tensor, got {type(data).__name__}")
    self = _new(cls)
    self._array, self._meta, self._vc = data._array, data._meta, data._versions()
    return self


def _address(array) -> int:
    return array.ctypes.data if isinstance(array, np.ndarray) else array.data.ptr


_DEEPCOPY = (
    "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  If you were "
    "attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, see "
    "https://github.com/pytorch/pytorch/pull/103001"
)
