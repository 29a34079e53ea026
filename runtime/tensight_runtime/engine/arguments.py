"""Arguments on their way into an operator: as facts, as plain Python values, as a key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from tensight_runtime.engine.layout import layout, memory_format
from tensight_runtime.engine.meta import Size
from tensight_runtime.engine.tensor import Parameter, Tensor, from_array
from tensight_runtime.spec.device import Device
from tensight_runtime.spec.dtype import DType
from tensight_runtime.spec.op import Op


def facts_of(op: Op, values: Sequence) -> list:
    """Bound arguments as rules take them: facts for tensors."""
    return [
        value._meta.fact if isinstance(value, Tensor)
        else _facts_in(value) if param.kind.holds and isinstance(value, (list, tuple, slice))
        else value
        for param, value in zip(op.params, values, strict=True)
    ]  # fmt: skip


def _facts_in(value: object) -> object:
    if isinstance(value, Tensor):
        return value._meta.fact
    if isinstance(value, (list, tuple)):
        return (
            type(value)([_facts_in(item) for item in value])
            if type(value) in (list, tuple)
            else tuple(map(_facts_in, value))
        )
    if isinstance(value, slice):
        return slice(*map(_whole, (value.start, value.stop, value.step)))
    return value


def plain(op: Op, values: list) -> list:
    """NumPy scalars as Python numbers; tensors with one element where a number is asked for; arrays in an index as "
    "tensors."""
    result = values
    for at, (param, value) in enumerate(zip(op.params, values, strict=True)):
        kind = param.kind
        new = value
        if isinstance(value, np.generic):
            if kind.name not in ("data", "any"):
                new = value.item()
        elif isinstance(value, Tensor):
            if not kind.holds and kind.name in _NUMBERS and value._meta.shape.numel() == 1 and not value._meta.shape:
                new = value._array.item()
        elif kind.holds == "index":
            new = _plain_index(value)
        elif kind.name in _NUMBERS and isinstance(value, (tuple, list)):
            if any(_single(item) for item in value):
                new = tuple(item.item() if _single(item) else item for item in value)
        elif kind.name == "int[]" and isinstance(value, np.ndarray):
            new = tuple(value.tolist())
        if new is not value:
            if result is values:
                result = list(values)
            result[at] = new
    return result


def _single(item: object) -> bool:
    """A NumPy scalar, or a tensor with one element."""
    return isinstance(item, np.generic) or (isinstance(item, Tensor) and item._meta.shape.numel() == 1)


_NUMBERS: Final = {"int", "int[]", "Scalar", "Scalar[]", "bool", "int[]|str"}


def _plain_index(value: object) -> object:
    if isinstance(value, np.ndarray):
        return from_array(value)
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, slice):
        parts = tuple(map(_whole, (value.start, value.stop, value.step)))
        return value if parts == (value.start, value.stop, value.step) else slice(*parts)
    if isinstance(value, (tuple, list)):
        new = [_plain_index(item) for item in value]
        return value if all(a is b for a, b in zip(new, value, strict=True)) else type(value)(new)
    return value


def _whole(value: object) -> object:
    """A bound of a slice as an int."""
    return value if value is None or type(value) is int else value.__index__()


def holds_tensor(value: object) -> bool:
    """Whether a tensor is somewhere in a nested argument."""
    if isinstance(value, Tensor):
        return True
    return isinstance(value, (list, tuple)) and any(map(holds_tensor, value))


def unwrapped(value: object) -> object:
    """A nested argument with arrays for tensors."""
    if isinstance(value, Tensor):
        return value._array
    if isinstance(value, (list, tuple)):
        return (
            type(value)([unwrapped(item) for item in value])
            if type(value) in (list, tuple)
            else tuple(map(unwrapped, value))
        )
    return value


def call_key(args: Sequence, kwargs: dict, parts: dict[type, Callable]) -> tuple | None:
    """What a plan depends on: metas of tensors, types and values of the rest; None if that cannot be said."""
    try:
        key = [a._meta if type(a) is Tensor else parts[type(a)](a) for a in args]
        if kwargs:
            for name, a in kwargs.items():
                key += (_KEYWORD, name, parts[type(a)](a))
        return tuple(key)
    except KeyError:
        return None


def _typed(value: object) -> tuple:
    return type(value), value


def _same(value: object) -> object:
    return value


def _slice(value: slice) -> tuple:
    return (
        slice,
        PARTS[type(value.start)](value.start),
        PARTS[type(value.stop)](value.stop),
        PARTS[type(value.step)](value.step),
    )


def _items(value: Sequence) -> tuple:
    return type(value), *[PARTS[type(item)](item) for item in value]


_KEYWORD: Final = object()
PARTS: Final[dict[type, Callable]] = {
    Tensor: lambda t: t._meta, Parameter: lambda t: t._meta, int: _same, str: _same, type(None): _same, DType: _same,
    Device: _same, type(...): _same, layout: _same, memory_format: _same, bool: _typed, float: _typed, complex: _typed,
    tuple: _items, list: _items, Size: _items, slice: _slice,
}  # fmt: skip
# where floats are operands only their being floats matters
PARTS_FLOATS_ALIKE: Final[dict[type, Callable]] = PARTS | {float: type}
