"""torch's functions that are no operators: seeds, questions about dtypes, old constructors, process settings."""

from __future__ import annotations

import warnings

import numpy as np

from tensight_runtime.engine import Tensor, from_array, state
from tensight_runtime.engine import random as generator
from tensight_runtime.engine.construct import legacy
from tensight_runtime.engine.meta import Size
from tensight_runtime.spec.device import Device, parse_device
from tensight_runtime.spec.dtype import BY_NAME, DType
from tensight_runtime.spec.dtype import promote_types as _promote_types
from tensight_runtime.spec.dtype import result_type as _result_type


class _Types(type):
    """`torch.dtype` and `torch.device` are the classes of `spec`; calling torch.device parses."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls.instances)


class dtype(metaclass=_Types):
    """torch.dtype."""

    instances = DType


class device(metaclass=_Types):
    """`torch.device("cuda", 1)`, `torch.device("cuda:1")`; also a context manager that sets the default device."""

    instances = Device

    def __new__(cls, type: object = "cpu", index: int | None = None) -> Device:
        found = parse_device(type)
        return found if index is None else Device(found.type, index)


def manual_seed(seed: int):
    """Seeds the default generator, and those of the GPUs."""
    return generator.manual_seed(seed)


def get_rng_state() -> Tensor:
    """The default generator's state."""
    return from_array(np.array(generator.get_rng_state()))


def set_rng_state(new_state: Tensor) -> None:
    """Sets the default generator's state."""
    generator.set_rng_state(new_state.numpy())


def is_tensor(obj: object) -> bool:
    """Whether the object is a tensor."""
    return isinstance(obj, Tensor)


def is_storage(obj: object) -> bool:
    """Whether the object is a storage."""
    return type(obj).__name__ in ("UntypedStorage", "TypedStorage")


def is_floating_point(input: Tensor) -> bool:
    """Whether the dtype is a floating point one."""
    return input.is_floating_point()


def is_complex(input: Tensor) -> bool:
    """Whether the dtype is complex."""
    return input.is_complex()


def is_signed(input: Tensor) -> bool:
    """Whether the dtype has negative numbers."""
    return input.is_signed()


def is_inference(input: Tensor) -> bool:
    """Whether the tensor was made in inference mode."""
    return input.is_inference()


def is_conj(input: Tensor) -> bool:
    """Whether the tensor is a lazy conjugate; there are none here."""
    return False


def is_nonzero(input: Tensor) -> bool:
    """Whether the only element is not zero."""
    return bool(input)


def numel(input: Tensor) -> int:
    """The number of elements."""
    return input.numel()


def can_cast(from_: DType, to: DType) -> bool:
    """Whether an in-place operator may write one dtype into the other."""
    return from_.category <= to.category


def promote_types(type1: DType, type2: DType) -> DType:
    """The smallest dtype that holds both."""
    return _promote_types(type1, type2)


def result_type(tensor1: object, tensor2: object) -> DType:
    """The dtype an arithmetic operator would give."""
    tensors = [(t.dtype, t.dim()) for t in (tensor1, tensor2) if isinstance(t, Tensor)]
    return _result_type(tensors, [t for t in (tensor1, tensor2) if not isinstance(t, Tensor)])


def broadcast_shapes(*shapes: object) -> Size:
    """The shape that shapes broadcast to."""
    shapes = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    try:
        return Size(np.broadcast_shapes(*shapes))
    except ValueError:
        raise RuntimeError(
            "Shape mismatch: objects cannot be broadcast to a single shape: " + ", ".join(str(list(s)) for s in shapes)
        ) from None


def from_numpy(ndarray: np.ndarray) -> Tensor:
    """A tensor that shares the array's memory."""
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    if any(stride < 0 for stride in ndarray.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not "
            "currently "
            "supported. (You can probably work around this by making a copy of your array  with array.copy().) "
        )
    if not ndarray.flags.writeable:
        warnings.warn(
            "The given NumPy array is not writable, and PyTorch does not support non-writable tensors. This means "
            "writing to this "
            "tensor will result in undefined behavior. You may want to copy the array to protect its data or make it "
            "writable "
            "before converting it to a tensor.",
            stacklevel=2,
        )
        ndarray = ndarray.copy(order="K")
    return from_array(ndarray)


def typename(obj: object) -> str:
    """The dotted name of an object's type; of a tensor its old name."""
    return obj.type() if isinstance(obj, Tensor) else f"{type(obj).__module__}.{type(obj).__qualname__}"


def set_default_device(device: object) -> None:
    """Where new tensors go."""
    state.set_default_device(device)


def set_default_tensor_type(t: object) -> None:
    """The old way to set the default dtype."""
    state.set_default_dtype(t.dtype if hasattr(t, "dtype") else _OLD[str(t).rpartition(".")[2]])


def compile(model=None, **options):
    """torch.compile: the function or module itself, there is nothing to compile."""
    return (lambda model: model) if model is None else model


def vmap(func, in_dims=0, out_dims=0, randomness="error", *, chunk_size=None):
    """Calls `func` for each index of the mapped dims and stacks what comes back."""
    from tensight_runtime.engine.mapping import vmap as mapped

    return mapped(func, in_dims, out_dims)


def get_num_threads() -> int:
    """Threads that kernels use; NumPy's BLAS decides."""
    return _settings["threads"]


def set_num_threads(threads: int) -> None:
    """Remembered; NumPy's BLAS decides."""
    _settings["threads"] = int(threads)


def get_num_interop_threads() -> int:
    """Threads between operators: one."""
    return 1


def set_num_interop_threads(threads: int) -> None:
    """Without effect."""


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Remembered; all algorithms here are deterministic."""
    _settings["deterministic"] = bool(mode)


def are_deterministic_algorithms_enabled() -> bool:
    """What `use_deterministic_algorithms` set."""
    return _settings["deterministic"]


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """False."""
    return False


def set_float32_matmul_precision(precision: str) -> None:
    """Remembered; products are computed in full float32."""
    _settings["precision"] = precision


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` set."""
    return _settings["precision"]


def set_flush_denormal(mode: bool) -> bool:
    """False: not supported."""
    return False


_settings = {"threads": 1, "deterministic": False, "precision": "highest"}


class _Old(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor) and instance.dtype is cls.dtype


def _old(name: str, dtype: DType) -> type:
    """`torch.FloatTensor`."""

    def make(cls, *data, device=None):
        return legacy(data, device, dtype)

    return _Old(name, (), {"__new__": make, "dtype": dtype, "__module__": "torch"})


_OLD = {
    f"{name}Tensor": _old(f"{name}Tensor", BY_NAME[dtype])
    for name, dtype in {
        "Float": "float32", "Double": "float64", "Half": "float16", "BFloat16": "bfloat16", "Long": "int64",
        "Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8", "Bool": "bool",
    }.items()
}  # fmt: skip
globals().update(_OLD)
