"""Kernels' arrays as tensors: new ones, or views that know their base."""

from __future__ import annotations

import numpy as np

from tensight_runtime.engine import arrays
from tensight_runtime.engine.arguments import facts_of
from tensight_runtime.engine.kernel import finished, unshared
from tensight_runtime.engine.meta import meta_of_array
from tensight_runtime.engine.plan import Plan
from tensight_runtime.engine.state import modes
from tensight_runtime.engine.tensor import Tensor, wrap
from tensight_runtime.spec.fact import Fact

_ndarray = np.ndarray


def alias_of(plan: Plan, values: list) -> str:
    """What a declared alias function says; contiguity of the operands is all it can see beyond the plan."""
    key = tuple(values[at]._array.flags.c_contiguous for at in plan.singles)
    found = plan.aliases.get(key)
    if found is None:
        facts = facts_of(plan.op, values)
        for at, contiguous in zip(plan.singles, key, strict=True):
            meta = values[at]._meta
            facts[at] = Fact(
                meta.dtype, meta.fact.dims, meta.device, values[at].requires_grad, values[at].is_leaf, contiguous
            )
        found = plan.alias_of(facts)
        plan.aliases[key] = found
    return found


def wrapped(plan: Plan, array, meta, dtype, alias: str, values: list, operands: list) -> Tensor:
    """A kernel's array as a tensor: new, or a view of the first operand."""
    if alias == "new":
        if type(array) is not _ndarray or dtype is None or array.dtype is not plan.np_dtype or plan.finishes:
            array = finished(plan, array, dtype)
        array = unshared(array, operands)
        view = None
    else:
        view = values[plan.singles[0]] if plan.singles else None
        if type(array) is not _ndarray or array.dtype is not plan.np_dtype or plan.finishes:
            array = finished(plan, array, dtype)
        if type(array) is _ndarray and view is not None and not array.flags.writeable and view._array.flags.writeable:
            array.flags.writeable = True  # broadcast_to protects what overlaps; the engine refuses writes there itself
        if view is not None and alias == "maybe" and not arrays.may_share(array, view._array):
            view = None
    if meta is None or meta.shape != array.shape:
        meta = meta_of_array(array, dtype, plan.device)
    result = wrap(array, meta)
    if view is not None:
        make_view(result, view, plan, values, alias)
    return result


def make_view(result: Tensor, of: Tensor, plan: Plan, values: list, alias: str) -> None:
    """Share the version; for a differentiable view also remember how it looks into its base."""
    if of._vc is None:
        of._vc = [0]
    result._vc = of._vc
    if plan.views:
        base = of._base
        result._base = of if base is None else base
        at = plan.singles[0]
        result._view = (plan.op, [*values[:at], None, *values[at + 1 :]], at, of._view)
        result._seen = result._vc[0]
        if alias == "multi_view":
            result._kind = "multi"
        elif not modes.grad:
            result._kind = "no_grad"
        elif of._kind:
            result._kind = of._kind


def many(plan: Plan, found: list, alias: str, values: list, operands: list) -> tuple[Tensor, ...]:
    metas = plan.metas if plan.metas is not None and len(plan.metas) == len(found) else [None] * len(found)
    dtypes = plan.dtypes if plan.dtypes is not None and len(plan.dtypes) == len(found) else [None] * len(found)
    results = []
    for k, (array, meta, dtype) in enumerate(zip(found, metas, dtypes, strict=True)):
        result = wrapped(plan, array, meta, dtype, "new" if alias == "new" else alias, values, operands)
        if result._view is not None:
            result._view = (*result._view, k)
        results.append(result)
    return tuple(results)
