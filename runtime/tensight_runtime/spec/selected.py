"""Functions that name the arguments they need, out of those of an operator: rules and derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence


class Selected:
    """A function called with the arguments it names, out of those of an operator."""

    __slots__ = ("fn", "names", "positions")

    def __init__(self, fn: Callable, available: dict[str, int], skip: int = 0):
        code = fn.__code__
        self.fn = fn
        self.names = code.co_varnames[skip : code.co_argcount + code.co_kwonlyargcount]
        unknown = [n for n in self.names if n not in available]
        if unknown:
            raise TypeError(f"{fn.__qualname__} names {unknown}, which the operator has not; it has {list(available)}")
        self.positions = tuple(available[n] for n in self.names)

    def __call__(self, values: Sequence) -> object:
        return self.fn(*[values[i] for i in self.positions])


class Vjp:
    """The derivative with respect to `inputs`; `names` are what it reads, tensors among them are what it saves."""

    __slots__ = ("fn", "inputs", "names")

    def __init__(self, fn: Callable, inputs: tuple[str, ...]):
        self.fn = fn
        self.inputs = inputs
        self.names = fn.__code__.co_varnames[1 : fn.__code__.co_argcount]
