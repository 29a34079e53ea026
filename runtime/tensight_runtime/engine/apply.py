"""Applying an operator to tensors: plan, kernel, wrapping, and a node where a gradient may be asked for.

Knows no operator by name; everything comes from the operator's declaration.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tensight_runtime.engine import arrays, autocast
from tensight_runtime.engine.arguments import PARTS, PARTS_FLOATS_ALIKE, call_key, facts_of, unwrapped
from tensight_runtime.engine.inplace import check_inplace, run_inplace
from tensight_runtime.engine.meta import Size, meta_of_array
from tensight_runtime.engine.node import edge_of, sequence
from tensight_runtime.engine.out import into_out
from tensight_runtime.engine.plan import Entry, Plan, make_plan, prepare
from tensight_runtime.engine.recipe import recipe_for
from tensight_runtime.engine.results import result_class
from tensight_runtime.engine.state import modes
from tensight_runtime.engine.tensor import Tensor, wrap
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.op import InPlace, Op

_new = object.__new__
_ndarray = np.ndarray


def call(entry: Entry, args: Sequence, kwargs: dict) -> object:
    """Call an operator of the table as torch's function or method is called."""
    key = call_key(args, kwargs, PARTS_FLOATS_ALIKE if entry.floats_alike else PARTS)
    plan = entry.plans.get(key)
    if plan is not None:
        values = [*args, *plan.tail] if plan.arranged else plan.op.bind(args, kwargs)
    else:
        if kwargs:
            if "out" in kwargs and not any("out" in getattr(o, "base", o).index for o in entry.overloads):
                return into_out(entry, args, kwargs)
            kwargs = _without_neutral(entry, kwargs)
        plan, values = prepare(entry, args, kwargs)
        if plan.cacheable and key is not None:
            entry.remember(key, plan)
    if modes.autocast is not None:
        return autocast.run(plan, values)
    return execute(plan, values)


def call_op(op: Op | InPlace, args: Sequence, kwargs: dict) -> object:
    """Call one operator: how derivatives and composite bodies reach others."""
    entry = _entries.get(op)
    if entry is None:
        entry = _entries[op] = Entry(getattr(op, "base_name", op.name), (op,))
    return call(entry, args, kwargs)


def apply(op: Op | InPlace, values: list) -> object:
    """Run an operator on bound arguments."""
    return execute(make_plan(op, values), values)


_entries: dict[Op | InPlace, Entry] = {}


def execute(plan: Plan, values: list) -> object:
    """Run a plan on the bound arguments it was made for."""
    if plan.fast:
        result = _fast_result(plan, values)
    elif plan.op.composite and not plan.inplace:
        return _composite(plan, values)
    elif plan.target is not None:
        return run_inplace(plan, values)
    else:
        return _execute(plan, values)
    if modes.grad:
        required = 0
        for bit, at in plan.diff:
            operand = values[at]
            if operand._base is not None:
                operand._refresh()
            if operand._requires:
                required |= bit
        if required and plan.meta.dtype.category >= 2:
            record(plan, values, required, (result,), ())
    elif modes.inference:
        result._inference = True
    return result


def _fast_result(plan: Plan, values: list) -> Tensor:
    """One new tensor out of single tensors and numbers: most calls."""
    operands = list(values)
    for at in plan.singles:
        operands[at] = values[at]._array
    for at, _, carried in plan.casts:
        operands[at] = operands[at].astype(carried)
    if plan.count is not None:
        del operands[plan.count :]
    array = plan.kernel(plan.xp, *operands)
    if type(array) is not _ndarray or array.dtype is not plan.np_dtype:
        array = arrays.coerce(plan.xp, array, plan.meta.dtype)
    if array.base is not None:
        array = unshared(array, operands)
    else:
        for at in plan.singles:
            if array is operands[at]:
                array = array.copy()
    result = _new(Tensor)
    result._array = array
    result._meta = plan.meta
    if array.shape != plan.meta.shape:
        raise AssertionError(f"{plan.op.name}: inferred {plan.meta}, computed {list(array.shape)}")
    return result


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


def _execute(plan: Plan, values: list) -> object:
    required = 0
    if modes.grad:
        required = _required(plan, values)
    for at, bumps in plan.mutated:
        if bumps:
            check_inplace(values[at], False)
    found, operands = run_kernel(plan, values)
    for at, bumps in plan.mutated:
        if operands[at] is not values[at]._array:
            values[at]._array[...] = operands[at]
        if bumps:
            values[at]._bump()
    op = plan.op
    extras: tuple = ()
    if op.extras:
        count = len(op.outs) or 1
        found, extras = (found[0], found[1:]) if count == 1 else (found[:count], found[count:])
    if plan.result == "host":
        return _host(plan.host, found)
    if plan.result == "one":
        alias = plan.alias or _alias(plan, values)
        if alias.startswith("same:"):
            return values[op.index[alias[5:]]]
        result = _wrapped(plan, found, plan.meta, plan.dtypes, alias, values, operands)
        results = (result,)
    else:
        alias = plan.alias or _alias(plan, values)
        results = _many(plan, list(found), alias, values, operands)
    recorded = required and record(plan, values, required, results, extras)
    if not recorded and modes.inference:
        for result in results:
            result._inference = True
    if plan.grad_at is not None and values[plan.grad_at]:
        for result in results:
            if not result._meta.dtype.differentiable:
                raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
            result.requires_grad = True
    if plan.result == "one":
        return results[0]
    if op.outs:
        return result_class(op.base_name, op.outs)(results)
    return plan.many(results)


def record(plan: Plan, values: list, required: int, results: tuple, extras: tuple) -> bool:
    """Give the results a node.  False if none of them can carry a gradient."""
    if not any(r._meta.dtype.category >= 2 for r in results):
        return False
    recipe = plan.recipes.get(required)
    if recipe is None:
        positions = {at for bit, at in plan.diff if required & bit}
        recipe = plan.recipes[required] = recipe_for(plan.op, values, positions, tuple(r._meta for r in results))
    node = _new(recipe.node_class)
    node.recipe = recipe
    node.seq = next(sequence)
    needs = recipe.needs
    node.edges = edges = []
    for at, k in recipe.positions:
        operand = values[at] if k is None else values[at][k]
        edges.append(edge_of(operand) if at in needs else None)
    saved = [values[at] for at in recipe.reads]
    for nr in recipe.out_reads:
        result = results[nr]
        alias = _new(Tensor)
        alias._array, alias._meta, alias._vc = result._array, result._meta, result._versions()
        saved.append(alias)
    for k in recipe.extra_reads:
        saved.append(wrap_extra(extras[k], values, plan))
    versions = None
    for slot, k in enumerate(recipe.tensor_slots):
        tensor = saved[k]
        if tensor._vc is not None and tensor._vc[0]:
            versions = versions or [0] * len(recipe.tensor_slots)
            versions[slot] = tensor._vc[0]
        if tensor._inference:
            _refuse_inference()
    node.versions = versions
    for k in recipe.list_slots:
        saved[k] = saved[k], [t._version if isinstance(t, Tensor) else 0 for t in saved[k]]
    node.saved = saved
    node.out_metas = recipe.out_metas
    if recipe.width != 1:
        node.width = recipe.width
    for nr, result in enumerate(results):
        if result._meta.dtype.category >= 2:
            result._node = node
            result._nr = nr
            result._requires = True
    return True


def _required(plan: Plan, values: list) -> int:
    """Bits of the operands that require grad."""
    required = 0
    for bit, at in plan.diff:
        value = values[at]
        for operand in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(operand, Tensor) and operand.requires_grad:
                required |= bit
    return required


def _composite(plan: Plan, values: list) -> object:
    """A body in other operators: it takes care of history itself."""
    positional = values if plan.count is None else values[: plan.count]
    return plan.kernel(*positional, **{name: values[at] for name, at in plan.keywords})


def _alias(plan: Plan, values: list) -> str:
    """What a declared alias function says; contiguity of the operands is all it can see beyond the plan."""
    key = tuple(values[at]._array.flags.c_contiguous for at in plan.singles)
    found = plan.aliases.get(key)
    if found is None:
        facts = facts_of(plan.op, values)
        for at, contiguous in zip(plan.singles, key, strict=True):
            meta = values[at]._meta
            facts[at] = Fact(meta.dtype, meta.fact.dims, meta.device, values[at].requires_grad, values[at].is_leaf, contiguous)
        found = plan.alias_of(facts)
        plan.aliases[key] = found
    return found


def _wrapped(plan: Plan, array, meta, dtype, alias: str, values: list, operands: list) -> Tensor:
    """A kernel's array as a tensor: new, or a view of the first operand."""
    if alias == "new":
        if type(array) is not _ndarray or dtype is None or array.dtype is not plan.np_dtype or plan.bf16:
            array = _finished(plan, array, dtype)
        array = unshared(array, operands)
        view = None
    else:
        view = values[plan.singles[0]] if plan.singles else None
        array = _finished(plan, array, dtype)
        if view is not None and alias == "maybe" and not np.may_share_memory(array, view._array):
            view = None
    if meta is None or meta.shape != array.shape:
        meta = meta_of_array(array, dtype, plan.device)
    result = wrap(array, meta)
    if view is not None:
        make_view(result, view, plan, values, alias)
    return result


def make_view(result: Tensor, of: Tensor, plan: Plan, values: list, alias: str) -> None:
    """Share the version; for a differentiable view also remember how it looks into its base."""
    result._vc = of._versions()
    if plan.views:
        result._base = of if of._base is None else of._base
        at = plan.singles[0]
        result._view = (plan.op, [*values[:at], None, *values[at + 1 :]], at, of._view)
        result._seen = result._vc[0]
        result._kind = "multi" if alias == "multi_view" else "" if modes.grad else "no_grad"
        if of._kind and not result._kind:
            result._kind = of._kind


def _many(plan: Plan, found: list, alias: str, values: list, operands: list) -> tuple[Tensor, ...]:
    metas = plan.metas if plan.metas is not None and len(plan.metas) == len(found) else [None] * len(found)
    dtypes = plan.dtypes if plan.dtypes is not None and len(plan.dtypes) == len(found) else [None] * len(found)
    results = []
    for k, (array, meta, dtype) in enumerate(zip(found, metas, dtypes, strict=True)):
        result = _wrapped(plan, array, meta, dtype, "new" if alias == "new" else alias, values, operands)
        if result._view is not None:
            result._view = (*result._view, k)
        results.append(result)
    return tuple(results)


def _finished(plan: Plan, array, dtype):
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
        for item in operand if isinstance(operand, list) else (operand,):
            if arrays.is_array(item) and (array is item or (array.base is not None and np.may_share_memory(array, item))):
                return array.copy()
    return array


def wrap_extra(value: object, values: list, plan: Plan) -> object:
    """What a kernel kept for backward: arrays become tensors."""
    if arrays.is_array(value):
        return wrap(value, meta_of_array(value, None, plan.device))
    if isinstance(value, np.generic):
        return wrap(np.asarray(value), meta_of_array(np.asarray(value), None, plan.device))
    return value


def _host(kind: str, value: object) -> object:
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


def _without_neutral(entry: Entry, kwargs: dict) -> dict:
    """Keywords that every creation operator of torch takes and that change nothing here, unless declared."""
    found = kwargs
    for name in ("layout", "pin_memory"):
        if name in kwargs and not any(name in getattr(o, "base", o).index for o in entry.overloads):
            found = {k: v for k, v in found.items() if k != name}
    return found


def _refuse_inference() -> None:
    raise RuntimeError(
        "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in computation "
        "tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it in autograd, or use "
        "`torch.no_grad()` instead of `torch.inference_mode()`."
    )
