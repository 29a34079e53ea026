"""torch.save and torch.load in PyTorch's own file format: real torch reads what is written here, and vice versa.

A file is a ZIP archive: `data.pkl` is a pickle in which tensors are calls of `torch._utils._rebuild_tensor_v2` on
storages, `data/<key>` are the storages' bytes.  `load` executes no pickle of unknown contents: what is not plain data
or a tensor is refused unless `weights_only=False`.
"""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable

import numpy as np

from tensight_runtime.engine import arrays
from tensight_runtime.engine.meta import Size, meta_of_array
from tensight_runtime.engine.tensor import Parameter, Tensor, subclassed, wrap
from tensight_runtime.spec.device import CPU, Device, parse_device
from tensight_runtime.spec.dtype import ALL, BY_NAME, DType, bfloat16
from tensight_runtime.spec.op import scalar_name

_STORAGES = {f"{scalar_name(d)}Storage": d for d in ALL}


# -- saving -----------------------------------------------------------------------------------------------------------


def save(obj: object, f, pickle_module=None, pickle_protocol: int = 2, _use_new_zipfile_serialization: bool = True,
         _disable_byteorder_record: bool = False) -> None:  # fmt: skip
    """Write an object with tensors in it to a path or a binary file."""
    if not _use_new_zipfile_serialization:
        raise NotImplementedError("tensight_runtime writes PyTorch's ZIP format only")
    name = "archive"
    if isinstance(f, (str, os.PathLike)):
        name = os.path.splitext(os.path.basename(os.fspath(f)))[0] or "archive"
    stream = io.BytesIO()
    pickler = _Pickler(stream, 2)
    pickler.dump(obj)
    with zipfile.ZipFile(f, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(f"{name}/data.pkl", stream.getvalue())
        archive.writestr(f"{name}/byteorder", "little")
        for key, data in pickler.stored.items():
            archive.writestr(f"{name}/data/{key}", data)
        archive.writestr(f"{name}/version", "3\n")


class _Global:
    """A name in a module of torch, which need not exist here."""

    def __init__(self, module: str, name: str):
        self.module, self.name = module, name

    def __call__(self):
        raise TypeError("stands for a name only")


class _Pickler(pickle._Pickler):
    """Tensors become storages and calls that rebuild them; classes of tensight_runtime are named as torch's."""

    def __init__(self, stream, protocol: int):
        super().__init__(stream, protocol)
        self.stored: dict[str, bytes] = {}
        self.storages: dict[int, tuple] = {}
        self.globals: dict[tuple[str, str], _Global] = {}

    def persistent_id(self, obj: object) -> object:
        return obj.identity if isinstance(obj, _Storage) else None

    def reducer_override(self, obj: object) -> object:
        if isinstance(obj, _Global):
            return obj.name
        if isinstance(obj, DType):
            return self.named("torch", obj.name), None  # written as a global, see save_reduce
        if isinstance(obj, Device):
            return self.named("torch", "device"), (obj.type,) if obj.index is None else (obj.type, obj.index)
        if isinstance(obj, Size):
            return self.named("torch", "Size"), (tuple(obj),)
        if isinstance(obj, Tensor):
            return self.tensor(obj)
        return NotImplemented

    def save_reduce(self, func, args, *rest, obj=None, **keywords):
        if args is None:  # a dtype: torch's global of that name
            self.save(func)
            return
        super().save_reduce(func, args, *rest, obj=obj, **keywords)

    def save_global(self, obj: object, name: str | None = None) -> None:
        if isinstance(obj, _Global):
            self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
            self.memoize(obj)
            return
        module = getattr(obj, "__module__", None) or ""
        if module == "tensight_runtime" or module.startswith("tensight_runtime."):
            qualified = name or obj.__qualname__
            self.write(pickle.GLOBAL + f"{_torch_module(module)}\n{qualified}\n".encode())
            self.memoize(obj)
            return
        super().save_global(obj, name)

    def named(self, module: str, name: str) -> _Global:
        found = self.globals.get((module, name))
        if found is None:
            found = self.globals[module, name] = _Global(module, name)
        return found

    def tensor(self, tensor: Tensor) -> tuple:
        if tensor.grad_fn is not None:
            tensor = tensor.detach().requires_grad_(tensor.requires_grad)
        storage, offset, strides = self.storage(tensor)
        rebuild = self.named("torch._utils", "_rebuild_tensor_v2")
        args = (storage, offset, tuple(tensor.shape), strides, tensor.requires_grad, OrderedDict())
        if isinstance(tensor, Parameter):
            plain = wrap(tensor._array, tensor._meta)
            return self.named("torch._utils", "_rebuild_parameter"), (plain, tensor.requires_grad, OrderedDict())
        return rebuild, args

    def storage(self, tensor: Tensor) -> tuple:
        """The storage a tensor lies in (shared by its views), its offset and strides there."""
        array = arrays.on_device(tensor._array, CPU)
        root = array
        while isinstance(root.base, np.ndarray):
            root = root.base
        whole = root.dtype == array.dtype and root.flags.c_contiguous and all(stride >= 0 for stride in array.strides)
        if not whole:
            root = array = np.ascontiguousarray(array)
        width = array.itemsize
        offset = (array.ctypes.data - root.ctypes.data) // width if array.size else 0
        known = self.storages.get(id(root))
        if known is None:
            key = str(len(self.storages))
            data = to_bits(root) if tensor.dtype is bfloat16 else root
            kind = self.named("torch", f"{scalar_name(tensor.dtype)}Storage")
            identity = ("storage", kind, key, str(tensor.device), root.size)
            known = self.storages[id(root)] = (_Storage(identity), root)
            self.stored[key] = data.tobytes()
        return known[0], offset, tuple(stride // width for stride in array.strides)


class _Storage:
    def __init__(self, identity: tuple):
        self.identity = identity


def to_bits(array: np.ndarray) -> np.ndarray:
    """bfloat16 values, carried by float32, as their 16 bits."""
    return (np.ascontiguousarray(array).view(np.uint32) >> 16).astype(np.uint16)


def from_bits(bits: np.ndarray) -> np.ndarray:
    """The other way round."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


# -- loading ----------------------------------------------------------------------------------------------------------


def load(f, map_location=None, pickle_module=None, *, weights_only: bool | None = None, mmap: bool | None = None,
         **pickle_load_args) -> object:  # fmt: skip
    """Read what `save` (or real torch's) wrote.  `weights_only=False` also runs the file's own constructors: trusted "
    "files only."""
    weights_only = True if weights_only is None else weights_only
    try:
        archive = zipfile.ZipFile(f)
    except zipfile.BadZipFile:
        raise NotImplementedError(
            "tensight_runtime reads PyTorch's ZIP format only (torch.save of version 1.6 and later); this file is not "
            "in it"
        ) from None
    with archive:
        names = archive.namelist()
        pickled = next((n for n in names if n.endswith("/data.pkl") or n == "data.pkl"), None)
        if pickled is None:
            raise RuntimeError("PytorchStreamReader failed locating file data.pkl: file not found")
        if any(n.endswith("/constants.pkl") for n in names):
            raise NotImplementedError("this is a TorchScript archive; tensight_runtime reads those of torch.save")
        prefix = pickled[: -len("data.pkl")]
        reader = _Unpickler(archive, prefix, weights_only, _placement(map_location))
        return reader.load()


def add_safe_globals(safe_globals: list) -> None:
    """Allow classes and functions in files loaded with weights_only=True."""
    for item in safe_globals:
        _safe[f"{item.__module__}.{item.__qualname__}"] = item


class _Unpickler(pickle.Unpickler):
    def __init__(self, archive: zipfile.ZipFile, prefix: str, weights_only: bool, place: Callable):
        super().__init__(io.BytesIO(archive.read(prefix + "data.pkl")), encoding="utf-8")
        self.archive, self.prefix, self.weights_only, self.place = archive, prefix, weights_only, place
        self.storages: dict[str, tuple] = {}
        order = prefix + "byteorder"
        self.swapped = order in archive.namelist() and archive.read(order) == b"big"

    def persistent_load(self, identity: tuple) -> tuple:
        kind, storage_type, key, location, _ = identity
        if kind != "storage":
            raise pickle.UnpicklingError(f"unknown persistent id {kind!r}")
        found = self.storages.get(key)
        if found is None:
            dtype = storage_type.dtype
            data = self.archive.read(f"{self.prefix}data/{key}")
            carried = np.dtype(np.uint16) if dtype is bfloat16 else arrays.numpy_dtype(dtype)
            array = np.frombuffer(bytearray(data), carried.newbyteorder(">") if self.swapped else carried)
            if self.swapped:
                array = array.astype(carried)
            if dtype is bfloat16:
                array = from_bits(array)
            found = self.storages[key] = (array, dtype, self.place(location))
        return found

    def find_class(self, module: str, name: str) -> object:
        path = f"{module}.{name}"
        found = _ALLOWED.get(path) or _safe.get(path)
        if found is not None:
            return found
        if module == "torch" and name in BY_NAME:
            return BY_NAME[name]
        if module in ("torch", "torch.storage") and name in _STORAGES:
            return _StorageType(_STORAGES[name])
        if self.weights_only:
            raise pickle.UnpicklingError(
                "Weights only load failed. In PyTorch 2.6, we changed the default value of the `weights_only` argument "
                "in "
                "`torch.load` from `False` to `True`. Re-running `torch.load` with `weights_only` set to `False` will "
                "likely "
                "succeed, but it can result in arbitrary code execution. Do it only if you got the file from a trusted "
                "source.\n"
                f"WeightsUnpickler error: Unsupported global: GLOBAL {path} was not an allowed global by default. "
                f"Please use "
                f"`torch.serialization.add_safe_globals([{name}])` to allowlist this global if you trust this "
                f"class/function."
            )
        if module == "torch" or module.startswith("torch."):
            module = "tensight_runtime" + module[len("torch") :]
            try:
                return super().find_class(module, name)
            except (ImportError, AttributeError):
                raise NotImplementedError(f"the file needs {path}, which is not in tensight_runtime") from None
        return super().find_class(module, name)


class _StorageType:
    def __init__(self, dtype: DType):
        self.dtype = dtype


def _rebuild_tensor(storage: tuple, offset: int, size: tuple, stride: tuple, requires_grad: bool = False,
                    hooks: object = None, metadata: object = None) -> Tensor:  # fmt: skip
    array, dtype, device = storage
    width = array.itemsize
    if min((offset, *size, *stride), default=0) < 0:
        raise pickle.UnpicklingError("a tensor in this file has negative sizes or strides")
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if 0 not in size and last >= array.size:
        raise pickle.UnpicklingError("a tensor in this file reaches beyond its storage")
    view = np.lib.stride_tricks.as_strided(array[offset:], tuple(size), tuple(s * width for s in stride))
    view = view if 0 not in size else np.empty(tuple(size), array.dtype)
    view = arrays.on_device(view, device)
    tensor = wrap(view, meta_of_array(view, dtype, device))
    tensor._requires = bool(requires_grad)
    return tensor


def _rebuild_parameter(data: Tensor, requires_grad: bool, hooks: object, state: object = None) -> Parameter:
    parameter = subclassed(data, Parameter)
    parameter._requires = bool(requires_grad)
    return parameter


def _rebuild_device(type: str, index: int | None = None) -> Device:
    return Device(type, index)


_ALLOWED: dict[str, object] = {
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor, "torch._utils._rebuild_tensor": _rebuild_tensor,
    "torch._utils._rebuild_parameter": _rebuild_parameter,
    "torch._utils._rebuild_parameter_with_state": _rebuild_parameter,
    "torch.Size": Size, "torch.device": _rebuild_device, "collections.OrderedDict": OrderedDict,
    "collections.Counter": Counter, "collections.defaultdict": defaultdict, "builtins.set": set,
    "builtins.frozenset": frozenset,
    "builtins.complex": complex, "builtins.bytearray": bytearray, "builtins.slice": slice, "builtins.range": range,
    "builtins.list": list, "builtins.dict": dict, "builtins.int": int, "builtins.float": float, "builtins.str": str,
    "_codecs.encode": lambda text, encoding="utf-8": text.encode(encoding),
    "torch.nn.parameter.Parameter": Parameter, "torch.Tensor": Tensor,
}  # fmt: skip
for _module in ("__builtin__", "builtins"):
    _ALLOWED[f"{_module}.set"] = set
_safe: dict[str, object] = {}


def _torch_module(module: str) -> str:
    homes = {"tensight_runtime.engine.tensor": "torch.nn.parameter"}
    return homes.get(module, "torch" + module[len("tensight_runtime") :])


def _placement(map_location: object) -> Callable[[str], Device]:
    """Where the storages of a location in the file go."""

    def place(location: str) -> Device:
        if isinstance(map_location, dict):
            location = map_location.get(location, location)
        elif isinstance(map_location, (str, Device)):
            location = str(map_location)
        elif callable(map_location):
            location = "cpu"
        device = parse_device(location)
        if device.type == "cuda" and arrays.cupy_or_none() is None:
            raise RuntimeError(
                "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you are "
                "running on "
                "a CPU-only machine, please use torch.load with map_location=torch.device('cpu') to map your storages "
                "to the CPU."
            )
        return device.of_tensor()

    return place
