"""Recording history: a node for the results of an operator whose operands require grad."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tensight_runtime.engine import arrays
from tensight_runtime.engine.meta import meta_of_array
from tensight_runtime.engine.node import Node, Packed, edge_of, sequence
from tensight_runtime.engine.plan import Plan
from tensight_runtime.engine.recipe import Recipe, recipe_for
from tensight_runtime.engine.state import modes, switches
from tensight_runtime.engine.tensor import Tensor, wrap

_new = object.__new__


def record_one(plan: Plan, values: Sequence, required: int, result: Tensor) -> None:
    """Give a result of single tensors its node: `record` for most calls."""
    recipe = plan.recipes.get(required)
    if recipe is None:
        if plan.meta.dtype.category < 2:
            return
        recipe = make_recipe(plan, values, required, (result,))
    node = _new(recipe.node_class)
    node.recipe = recipe
    node.seq = next(sequence)
    node.edges = edges = []
    for at in recipe.ends:
        if at < 0:
            edges.append(None)
            continue
        operand = values[at]
        before = operand._node
        edges.append(operand if before is None else before if operand._nr == 0 else (before, operand._nr))
    node.saved = saved = [values[at] for at in recipe.reads]
    if recipe.out_reads:
        saved.append(_alias_of(result))
    for k in recipe.tensor_slots:
        counter = saved[k]._vc
        if counter is not None and (counter[0] or saved[k]._inference):
            node.versions = _versions(saved, recipe)
            break
    if switches.saved_hooks and modes.saved_hooks:
        _pack(node, recipe)
    result._node = node
    result._requires = True


def record(plan: Plan, values: list, required: int, results: tuple, extras: tuple) -> bool:
    """Give the results a node.  False if none of them can carry a gradient."""
    if not any(r._meta.dtype.category >= 2 for r in results):
        return False
    recipe = plan.recipes.get(required) or make_recipe(plan, values, required, results)
    node = _new(recipe.node_class)
    node.recipe = recipe
    node.seq = next(sequence)
    needs = recipe.needs
    node.edges = edges = []
    for at, k in recipe.positions:
        operand = values[at] if k is None else values[at][k]
        edges.append(edge_of(operand) if at in needs else None)
    node.saved = saved = [values[at] for at in recipe.reads]
    for nr in recipe.out_reads:
        saved.append(_alias_of(results[nr]))
    for k in recipe.extra_reads:
        saved.append(wrap_extra(extras[k], values, plan))
    node.versions = _versions(saved, recipe)
    for k in recipe.list_slots:
        saved[k] = saved[k], [t._version if isinstance(t, Tensor) else 0 for t in saved[k]]
    if switches.saved_hooks and modes.saved_hooks:
        _pack(node, recipe)
    if recipe.width != 1:
        node.width = recipe.width
    for nr, result in enumerate(results):
        if result._meta.dtype.category >= 2:
            result._node = node
            result._nr = nr
            result._requires = True
    return True


def _pack(node: Node, recipe: Recipe) -> None:
    """Give what is saved to the innermost saved_tensors_hooks."""
    pack, unpack = modes.saved_hooks[-1]
    node.packed = True
    for k in recipe.tensor_slots:
        node.saved[k] = Packed(pack(node.saved[k]), unpack)


def make_recipe(plan: Plan, values: Sequence, required: int, results: tuple):
    """The recipe for these operands requiring grad, remembered in the plan."""
    positions = {at for bit, at in plan.diff if required & bit}
    recipe = plan.recipes[required] = recipe_for(plan.op, list(values), positions, tuple(r._meta for r in results))
    return recipe


def _alias_of(result: Tensor) -> Tensor:
    """A result as its own node saves it: without the node, since a cycle would keep the memory."""
    alias = _new(Tensor)
    alias._array = result._array
    alias._meta = result._meta
    if result._vc is None:
        result._vc = [0]
    alias._vc = result._vc
    return alias


def _versions(saved: list, recipe) -> list[int] | None:
    """The versions of the saved tensors, None if all are 0."""
    versions = None
    for slot, k in enumerate(recipe.tensor_slots):
        tensor = saved[k]
        if tensor._vc is not None:
            if tensor._inference:
                _refuse_inference()
            if tensor._vc[0]:
                versions = versions or [0] * len(recipe.tensor_slots)
                versions[slot] = tensor._vc[0]
    return versions


def wrap_extra(value: object, values: list, plan: Plan) -> object:
    """What a kernel kept for backward: arrays become tensors."""
    if arrays.is_array(value):
        return wrap(value, meta_of_array(value, None, plan.device))
    if isinstance(value, np.generic):
        return wrap(np.asarray(value), meta_of_array(np.asarray(value), None, plan.device))
    return value


def required_bits(plan: Plan, values: list) -> int:
    """Bits of the operands that require grad."""
    required = 0
    for bit, at in plan.diff:
        value = values[at]
        if isinstance(value, Tensor):
            if value._base is not None:
                value._refresh()
            if value._requires:
                required |= bit
        elif any(isinstance(operand, Tensor) and operand.requires_grad for operand in value):
            required |= bit
    return required


def mark_inference(result: Tensor) -> None:
    """A result of inference mode; it gets its counter now, which is where the others look for the mark."""
    result._inference = True
    result._versions()


def _refuse_inference() -> None:
    raise RuntimeError(
        "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in "
        "computation "
        "tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it in autograd, "
        "or use "
        "`torch.no_grad()` instead of `torch.inference_mode()`."
    )
