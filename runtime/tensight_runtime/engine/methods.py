"""Tensor's operators and methods, installed from the table; and torch's functions, made from it.

Nothing here knows an operator by name: what is a method, an in-place method or an operator of Python follows from the
public names that were declared, "Tensor.add", "Tensor.add_", "Tensor.__add__".
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tensight_runtime.engine.apply import call, call_op, one, two
from tensight_runtime.engine.described import Described
from tensight_runtime.engine.plan import Entry
from tensight_runtime.engine.tensor import Tensor, from_array
from tensight_runtime.ops import PROPERTIES, table
from tensight_runtime.spec.op import REQUIRED, InPlace, Op


def install() -> None:
    """Give Tensor everything the table declares under "Tensor."; what the class has itself stays."""
    Tensor.dispatch = lambda self, op, args, kwargs: call_op(op, args, kwargs)
    Tensor.own_names = frozenset(Tensor.__dict__)
    own = {*Tensor.__dict__, *Described.__dict__}
    for name, overloads in table().members("Tensor").items():
        if name in own and name not in ("__hash__",):
            continue
        setattr(Tensor, name, _member(name, overloads))
    if "__eq__" in Tensor.__dict__:
        Tensor.__hash__ = lambda self: id(self)


def function(name: str) -> Callable | None:
    """torch's function of this public name ("torch.nn.functional.relu"), None if the table has none."""
    overloads = table().lookup(name)
    if not overloads:
        return None
    label = name.rpartition(".")[2]
    entry = Entry(label, overloads)

    alone, with_one = one(entry), two(entry)

    def torch_function(*args, **kwargs):
        if not kwargs and args and isinstance(args[0], Tensor):
            if len(args) == 1:
                return alone(args[0])
            if len(args) == 2:
                return with_one(*args)
        return call(entry, args, kwargs)

    torch_function.__name__ = torch_function.__qualname__ = label
    torch_function.__module__ = name.rpartition(".")[0]
    torch_function.__doc__ = _doc(overloads)
    return torch_function


def _member(name: str, overloads: tuple[Op | InPlace, ...]) -> object:
    dunder = name.startswith("__") and name.endswith("__")
    entry = Entry(name.strip("_") if dunder else name, overloads, method=True)
    if name in PROPERTIES:
        return property(lambda self: call(entry, (self,), {}), doc=_doc(overloads))
    if dunder and name not in ("__getitem__", "__setitem__"):
        method = _operator(entry)
    else:
        method = _method(entry)
    method.__name__ = name
    method.__qualname__ = f"Tensor.{name}"
    method.__doc__ = _doc(overloads)
    return method


def _method(entry: Entry) -> Callable:
    alone, with_one = one(entry), two(entry)

    def method(self, *args, **kwargs):
        if not kwargs:
            if not args:
                return alone(self)
            if len(args) == 1:
                return with_one(self, args[0])
        return call(entry, (self, *args), kwargs)

    return method


def _operator(entry: Entry) -> Callable:
    """An operator of Python: operands it does not know are left to the other side."""
    if all(_positional(op) == 1 for op in entry.overloads):
        return one(entry)
    with_one = two(entry)

    def operator(self, other):
        try:
            return with_one(self, other)
        except TypeError:
            if not _foreign(other):
                raise
            if isinstance(other, np.ndarray) and other.dtype.kind in "biufc":
                return with_one(self, from_array(other))
            return NotImplemented

    return operator


def _positional(op: Op | InPlace) -> int:
    return sum(p.default is REQUIRED for p in op.params)


def _foreign(value: object) -> bool:
    return not isinstance(value, (Tensor, int, float, complex))


def _doc(overloads: tuple[Op | InPlace, ...]) -> str:
    first = overloads[0]
    return first.base.doc if isinstance(first, InPlace) else first.doc
