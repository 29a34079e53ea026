"""Sizes given as one number or one per dim."""

from collections.abc import Iterable

import tensight_runtime as torch


def _single(x):
    return tuple(x) if isinstance(x, Iterable) else (x,)


def _pair(x):
    return tuple(x) if isinstance(x, Iterable) else (x, x)


def _triple(x):
    return tuple(x) if isinstance(x, Iterable) else (x, x, x)


def _quadruple(x):
    return tuple(x) if isinstance(x, Iterable) else (x, x, x, x)


def _ntuple(n, name="parse"):
    """A function that repeats a number n times and leaves a sequence alone."""

    def parse(x):
        return tuple(x) if isinstance(x, Iterable) else (x,) * n

    parse.__name__ = name
    return parse


def _reverse_repeat_tuple(t, n):
    """(1, 2), 2 -> (2, 2, 1, 1): how `F.pad` wants what a convolution calls padding."""
    return tuple(x for x in reversed(t) for _ in range(n))


def typename(o):
    """The name torch's messages give to an object's type."""
    if isinstance(o, torch.Tensor):
        return o.type()
    kind = o if isinstance(o, type) else type(o)
    if kind.__module__ in ("builtins", "__builtin__"):
        return kind.__name__
    return f"{kind.__module__}.{kind.__qualname__}".replace("tensight_runtime.", "torch.")


def position(index, length):
    """A list index as a position from the front."""
    index = index.__index__()
    if not -length <= index < length:
        raise IndexError(f"index {index} is out of range")
    return index + length if index < 0 else index
