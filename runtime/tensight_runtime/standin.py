"""`import torch` means this package: for `tensight run`, which executes a user's file without torch."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


def install() -> None:
    """From now on `torch` and `torch.x` are imported as `tensight_runtime` and `tensight_runtime.x`, one module."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:
        if fullname != "torch" and not fullname.startswith("torch."):
            return None
        own = "tensight_runtime" + fullname[len("torch") :]
        try:
            found = importlib.util.find_spec(own)
        except ModuleNotFoundError:
            found = None
        if found is None:  # no other finder is asked: with torch installed it would answer
            raise ModuleNotFoundError(f"{fullname} is not in tensight_runtime", name=fullname)
        return ModuleSpec(fullname, _Loader(own), is_package=True)


class _Loader(Loader):
    def __init__(self, name: str):
        self.name = name

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        sys.modules[module.__name__] = importlib.import_module(self.name)  # what the import statement then finds
