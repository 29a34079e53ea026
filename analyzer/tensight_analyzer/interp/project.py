"""Where modules come from: the program, its roots, the runtime's own source, models of the standard library."""

from __future__ import annotations

import os
from collections.abc import Callable

from tensight_runtime import ops as runtime_ops

from tensight_analyzer.interp.frame import Frame, Place
from tensight_analyzer.interp.values import MISSING, ClassValue, Fields, Native, TensorValue
from tensight_analyzer.natives import engine, python, tensors

RUNTIME = os.path.dirname(os.path.dirname(os.path.abspath(runtime_ops.__file__)))
MODELS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "models")
# parts of the runtime that run on arrays: the analyzer has models of what they offer (natives.engine)
OPAQUE = ("tensight_runtime.engine", "tensight_runtime.ops", "tensight_runtime.spec")
INTERPRETED = ("tensight_runtime.engine.modes",)


class Source:
    """A module's file, read: its chunks with their places."""

    __slots__ = ("is_package", "path", "places", "program")

    def __init__(self, path: str, program, places: list[Place], is_package: bool):
        self.path = path
        self.program = program
        self.places = places
        self.is_package = is_package


class Project:
    """Finds and reads modules.  `read(path)` gives a Program; `roots` are folders of the user's own sources."""

    def __init__(self, read: Callable[[str], object], roots: tuple[str, ...], own: tuple[str, ...] = ()):
        self.read = read
        self.roots = tuple(os.path.abspath(r) for r in roots)
        self.own = tuple(os.path.abspath(o) for o in own)
        self.sources: dict[str, Source | None] = {}
        self.by_path: dict[str, Source] = {}
        self.entry_frame: Frame | None = None
        self.modules: dict[str, str] = {}  # plugins' models of packages: dotted name -> file
        self.tensor_class = ClassValue(Fields(), "Tensor", (), TensorValue, engine.make_tensor)
        self.parameter_class = ClassValue(
            Fields(), "Parameter", (self.tensor_class,), TensorValue, engine.make_parameter
        )
        self.buffer_class = ClassValue(Fields(), "Buffer", (self.tensor_class,), TensorValue, engine.make_buffer)
        self.tensor_methods: dict[str, Native] = {
            n: Native(f"Tensor.{n}", f) for n, f in tensors.TENSOR_METHODS.items()
        }
        self.tensor_only = tensors.TENSOR_ONLY

    def canonical(self, name: str) -> str:
        """`torch` is our runtime."""
        if name == "torch" or name.startswith("torch."):
            return "tensight_runtime" + name[5:]
        return name

    def public_name(self, module: str) -> str | None:
        """torch's name of a module of the runtime."""
        if module == "tensight_runtime" or module.startswith("tensight_runtime."):
            return "torch" + module[16:]
        return None

    def native_module(self, name: str, machine) -> dict | None:
        """The contents of a module that is modelled natively."""
        if name == "tensight_runtime" or (name.startswith(OPAQUE) and name not in INTERPRETED):
            return engine.module_contents(name, machine)
        return python.module_contents(name, machine)

    def engine_name(self, public: str, name: str, machine) -> object:
        found = engine.name_in(public, name, machine)
        return MISSING if found is None else found

    def is_namespace(self, name: str) -> bool:
        """A module of torch that has nothing but operators: `torch.linalg`."""
        public = self.public_name(name)
        return public is not None and bool(runtime_ops.table().members(public))

    def may_exist(self, name: str) -> bool:
        """An installed package that is not read: importing it may well succeed."""
        return True

    def find(self, name: str) -> Source | None:
        """The source of a module, None if there is none to be had."""
        if name in self.sources:
            return self.sources[name]
        found = None
        for path, is_package in self._candidates(name):
            if os.path.isfile(path):
                found = self.load(path, is_package)
                break
        self.sources[name] = found
        return found

    def _candidates(self, name: str):
        relative = name.replace(".", os.sep)
        if name in self.modules:
            yield self.modules[name], False
            return
        if self.public_name(name) is not None:
            if name == "tensight_runtime" or (name.startswith(OPAQUE) and name not in INTERPRETED):
                return
            base = os.path.join(os.path.dirname(RUNTIME), relative)
            yield base + ".py", False
            yield os.path.join(base, "__init__.py"), True
            return
        for root in self.roots:
            base = os.path.join(root, relative)
            yield os.path.join(base, "__init__.py"), True
            yield base + ".py", False
        yield os.path.join(MODELS, name + ".py"), False

    def load(self, path: str, is_package: bool = False) -> Source | None:
        """Read a file and place its chunks; places of files that are not the user's record nothing."""
        path = os.path.abspath(path)
        if path in self.by_path:
            return self.by_path[path]
        program = self.read(path)
        if program is None:
            return None
        places = [Place(path, unit.line, unit.chunk) for unit in program.units]
        if not self.is_own(path):
            for place in places:
                place.facts = None
        source = Source(path, program, places, is_package)
        self.by_path[path] = source
        return source

    def is_own(self, path: str) -> bool:
        if path.startswith((RUNTIME + os.sep, MODELS + os.sep)):
            return False
        return not self.own or any(path == o or path.startswith(o + os.sep) for o in self.own)
