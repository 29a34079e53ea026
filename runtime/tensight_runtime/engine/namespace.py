"""Modules whose functions all come from the table: torch.linalg, torch.fft, torch.special."""

from __future__ import annotations

from collections.abc import Callable

from tensight_runtime.engine.missing import Missing


def namespace(owner: str, scope: dict) -> tuple[Callable, Callable]:
    """`__getattr__` and `__dir__` of the module that stands for `owner`; what is found is kept in `scope`."""

    def find(name: str) -> object:
        if not name.startswith("__"):
            import tensight_runtime.engine  # noqa: F401  (Tensor's methods are installed)
            from tensight_runtime.engine.methods import function

            found = function(f"{owner}.{name}")
            if found is not None:
                scope[name] = found
                return found
        raise Missing(f"{owner}.{name} is not in tensight_runtime")

    def names() -> list[str]:
        from tensight_runtime.ops import table

        return sorted({*(n for n in scope if not n.startswith("_")), *table().members(owner)})

    return find, names
