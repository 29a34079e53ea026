"""Calling kernels: operands as arrays, cast and moved as the plan says; results as arrays of the inferred dtype."""

from __future__ import annotations

import numpy as np

from tensight_runtime.engine import arrays
from tensight_runtime.engine.arguments import unwrapped
from tensight_runtime.engine.meta import Size
from tensight_runtime.engine.plan import Plan

_ndarray = np.ndarray


def run_kernel(plan: Plan, values: list) -> tuple[object, list]:
    """The kernel's result and the arrays it was given."""
    operands = list(values)
    for at in plan.singles:
        operands[at] = values[at]._array
    for at in plan.lists:
        operands[at] = [unwrapped(item) for item in values[at]]
    for at in plan.indexes:
        operands[at] = unwrapped(values[at])
    for at in plan.moves:
        operands[at] = arrays.on_device(operands[at], _device(values, plan))
    for at, dtype, carried in plan.casts:
        items = operands[at] if isinstance(operands[at], list) else [operands[at]]
        done = [_cast(item, dtype, carried) for item in items]
        operands[at] = done if isinstance(operands[at], list) else done[0]
    leading = [plan.xp]
    if plan.rng_at is not None:
        leading.append(_generator(values, plan.rng_at))
    positional = operands if plan.count is None else operands[: plan.count]
    keywords = {name: operands[at] for name, at in plan.keywords}
    return plan.kernel(*leading, *positional, **keywords), operands


def finished(plan: Plan, array, dtype):
    """A kernel's result as an array of the inferred dtype."""
    if not arrays.is_array(array):
        array = plan.xp.asarray(array)
    if dtype is not None:
        array = arrays.cast(array, dtype)
    if plan.device.type == "cuda" and isinstance(array, _ndarray):
        array = arrays.on_device(array, plan.device)
    elif plan.device.type == "cpu" and not isinstance(array, _ndarray):
        array = arrays.on_device(array, plan.device)
    return array


def unshared(array, operands: list):
    """The array, or a copy if it shares memory with an operand: a new tensor has memory of its own."""
    for operand in operands:
        for item in operand if isinstance(operand, (list, tuple)) else (operand,):
            if arrays.is_array(item) and (array is item or (array.base is not None and arrays.may_share(array, item))):
                return array.copy()
    return array


def host_value(kind: str, value: object) -> object:
    if kind == "size":
        return Size(int(size) for size in value)
    if kind == "bool":
        return bool(value)
    if kind == "int":
        return int(value)
    return value.item() if isinstance(value, np.generic) else value


def _cast(item, dtype, carried):
    if not arrays.is_array(item):
        return item
    return arrays.cast(item, dtype) if arrays.numpy_dtype(dtype) == carried else item.astype(carried)


def _device(values: list, plan: Plan):
    return next((values[i]._meta.device for i in plan.singles if values[i]._meta.device.type != "cpu"), plan.device)


def _generator(values: list, at: int):
    if at >= 0 and values[at] is not None:
        return values[at]
    from tensight_runtime.engine.random import default_generator

    return default_generator
