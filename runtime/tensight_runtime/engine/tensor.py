"""Tensor: an array, what it is (`Meta`), and its place in the graph.

Operators are not here: `methods.py` installs them from the table.  What is written here concerns the object itself.
Most fields have their default on the class, so that making a tensor sets two attributes:

    _array, _meta       the values; dtype, shape and device
    _requires           requires grad; `_node`, `_nr` the node that made it and which of its outputs it is
    _vc                 [version], made when somebody asks; shared by an array's tensors
    _base, _view        of a view: the tensor it looks into, and the chain of operators that leads there; `_seen` the
                        version at which `_node` was right
    _kind               of a view: "", "multi" or "no_grad" (how it was made decides whether it may be written to)
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from tensight_runtime.engine import arrays
from tensight_runtime.engine.described import Described
from tensight_runtime.engine.hooks import RemovableHandle
from tensight_runtime.engine.meta import Meta, meta_of_array
from tensight_runtime.spec.device import CPU, Device
from tensight_runtime.spec.dtype import DType

if TYPE_CHECKING:
    from tensight_runtime.engine.methods import TensorMethods
    from tensight_runtime.engine.node import Node
else:
    TensorMethods = object  # installed from the table; methods.pyi shows them to type checkers

_new = object.__new__


class Tensor(Described, TensorMethods):
    """torch.Tensor.  `Tensor(2, 3)` and `Tensor([1, 2])` are torch's old constructors."""

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

    def __new__(cls, *data: object, device: object = None) -> Tensor:
        from tensight_runtime.engine.construct import legacy

        return subclassed(legacy(data, device), cls)

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
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in "
                "a "
                "subgraph that doesn't require differentiation use var_no_grad = var.detach()."
            )
        if value and not self._meta.dtype.differentiable:
            raise RuntimeError("only Tensors of floating point and complex dtype can require gradients")
        if value and self._inference:
            from tensight_runtime.engine.state import modes

            if not modes.inference:
                raise RuntimeError(
                    "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed."
                )
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
                "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute "
                "won't be "
                "populated during autograd.backward(). If you indeed want the .grad field to be populated for a "
                "non-leaf "
                "Tensor, use .retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor by mistake, make "
                "sure "
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
            raise TypeError(
                f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}"
            )
        if value is self:
            raise RuntimeError("can't assign Variable as its own grad")
        if value.shape != self.shape:
            raise RuntimeError(
                f"attempting to assign a gradient of size '{list(value.shape)}' to a tensor of size "
                f"'{list(self.shape)}'. "
                "Please ensure that the gradient and the tensor are the same size"
            )
        if value.dtype is not self.dtype:
            from tensight_runtime.engine.tape import cpp_name, scalar_name

            raise RuntimeError(
                f"attempting to assign a gradient with dtype '{cpp_name(value.dtype)}' to a tensor with grad_dtype "
                f"'{scalar_name(self.dtype)}'. The gradient must match the tensor's grad_dtype (defaults to the "
                f"tensor's dtype)."
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

    def set_(self, source: Tensor | None = None) -> Tensor:
        """Looks at another tensor's memory from now on."""
        source = from_array(np.empty(0, self._meta.array_dtype), self.dtype) if source is None else source
        self._array, self._meta = source._array, source._meta
        self._bump()
        return self

    def resize_(self, *sizes, memory_format: object = None) -> Tensor:
        """Another shape, in place: elements are kept in order, new ones are arbitrary."""
        if self.requires_grad:
            raise RuntimeError("cannot resize variables that require grad")
        shape = tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes
        flat = np.resize(self._array.ravel(), shape) if self._array.size else np.zeros(shape, self._array.dtype)
        self._array, self._meta = flat, meta_of_array(flat, self.dtype, self.device)
        self._bump()
        return self

    def resize_as_(self, the_template: Tensor, *, memory_format: object = None) -> Tensor:
        """The shape of another tensor, in place."""
        return self.resize_(tuple(the_template.shape))

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


_DEEPCOPY = (
    "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  If you "
    "were "
    "attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, see "
    "https://github.com/pytorch/pytorch/pull/103001"
)
