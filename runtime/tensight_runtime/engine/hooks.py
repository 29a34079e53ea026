"""Handles of registered hooks."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable
from itertools import count

_ids = count()


class RemovableHandle:
    """What registering a hook returns: `remove()` takes the hook away again, as does leaving a `with` block."""

    def __init__(self, hooks: OrderedDict, hook: Callable, *, prepend: bool = False):
        self.id = next(_ids)
        self._hooks = weakref.ref(hooks) if _weakly(hooks) else (lambda: hooks)
        hooks[self.id] = hook
        if prepend:
            hooks.move_to_end(self.id, last=False)

    def remove(self) -> None:
        hooks = self._hooks()
        if hooks is not None:
            hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, kind, value, traceback) -> None:
        self.remove()


def _weakly(hooks: object) -> bool:
    return isinstance(hooks, OrderedDict)
