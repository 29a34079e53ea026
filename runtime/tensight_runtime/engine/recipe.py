"""Recipes: which derivatives a node calls, with what, worked out once per plan and set of inputs that require grad."""

from __future__ import annotations

from tensight_runtime.engine.meta import Meta
from tensight_runtime.engine.node import Node
from tensight_runtime.engine.tensor import Tensor
from tensight_runtime.spec.op import Op, Vjp

_node_classes: dict[str, type[Node]] = {}


class Recipe:
    """How one kind of node saves and differentiates.

    positions       per edge: the operand (position among the values) and, in a list, which item
    metas           per edge: what its gradient must look like
    reads           positions of the values to save; then come results (`out_reads`) and extras (`extra_reads`)
    constants       shapes and dtypes, read after the saved values
    calls           (derivative, what it reads, [(index in its result, edge, number of edges if a list)])
    """

    __slots__ = (
        "calls", "constants", "ends", "extra_reads", "frees", "list_slots", "metas", "needs", "node_class",
        "out_metas", "out_reads", "out_slots", "packs", "positions", "reads", "saved_names", "simple_calls",
        "tensor_slots", "width",
    )  # fmt: skip


def recipe_for(op: Op, values: list, required: set[int], out_metas: tuple[Meta | None, ...]) -> Recipe:
    """The recipe of `op` when the operands at `required` need gradients."""
    recipe = Recipe()
    recipe.node_class = node_class(op.node_name(values))
    recipe.out_metas = out_metas
    recipe.width = len(out_metas)
    recipe.packs = bool(op.outs) or op.returns in ("list", "tuple")
    recipe.positions, recipe.metas, starts = [], [], {}
    for at, param in enumerate(op.params):
        if param.name not in op.vjps:
            continue
        value = values[at]
        starts[param.name] = len(recipe.positions)
        if isinstance(value, (list, tuple)):
            for k, item in enumerate(value):
                recipe.positions.append((at, k))
                recipe.metas.append(item._meta if isinstance(item, Tensor) else None)
        elif isinstance(value, Tensor):
            recipe.positions.append((at, None))
            recipe.metas.append(value._meta)
        elif value is not None:  # a number in a tensor's place has an edge too, to nowhere
            recipe.positions.append((at, None))
            recipe.metas.append(None)
    recipe.ends = tuple(at if at in required else -1 for at, _ in recipe.positions)
    _plan_calls(recipe, op, values, required, starts)
    simple = (
        not recipe.packs
        and not recipe.list_slots
        and all(len(targets) == 1 and targets[0][0] is None and targets[0][2] is None for _, _, targets in recipe.calls)
    )
    recipe.simple_calls = [(fn, reads, targets[0][1]) for fn, reads, targets in recipe.calls] if simple else None
    return recipe


def _plan_calls(recipe: Recipe, op: Op, values: list, required: set[int], starts: dict[str, int]) -> None:
    needed: list[Vjp] = []
    for name, vjp in op.vjps.items():
        if op.index[name] in required and vjp not in needed:
            needed.append(vjp)
    names = [name for vjp in needed for name in vjp.names]
    recipe.reads = list(dict.fromkeys(op.index[n] for n in names if n in op.index))
    outs = op.outs or ("out",)
    recipe.out_reads = list(dict.fromkeys(outs.index(n) for n in names if n in outs and n not in op.index))
    recipe.extra_reads = list(dict.fromkeys(op.extras.index(n) for n in names if n in op.extras))
    recipe.saved_names = [op.params[i].name for i in recipe.reads] + [outs[i] for i in recipe.out_reads]
    recipe.saved_names += [op.extras[i] for i in recipe.extra_reads]
    n = len(recipe.reads)
    recipe.tensor_slots = tuple(k for k, at in enumerate(recipe.reads) if isinstance(values[at], Tensor))
    recipe.tensor_slots += tuple(n + k for k in range(len(recipe.out_reads)))
    recipe.list_slots = tuple(
        k for k, at in enumerate(recipe.reads)
        if op.params[at].kind.holds and isinstance(values[at], (list, tuple))
        and any(isinstance(item, Tensor) for item in values[at])
    )  # fmt: skip
    recipe.out_slots = tuple((n + k, nr) for k, nr in enumerate(recipe.out_reads))
    recipe.frees = bool(recipe.out_reads or recipe.extra_reads) or any(op.params[at].kind.holds for at in recipe.reads)
    constants = list(dict.fromkeys(n for n in names if n not in recipe.saved_names))
    recipe.constants = [_constant(op, name, values, recipe) for name in constants]
    at = {name: k for k, name in enumerate([*recipe.saved_names, *constants])}
    recipe.calls = []
    for vjp in needed:
        targets = []
        for k, name in enumerate(vjp.inputs):
            value = values[op.index[name]]
            if op.index[name] in required:
                many = len(value) if isinstance(value, (list, tuple)) else None
                targets.append((None if len(vjp.inputs) == 1 else k, starts[name], many))
        recipe.calls.append((vjp.fn, tuple(at[name] for name in vjp.names), targets))
    recipe.needs = frozenset(required)


def _constant(op: Op, name: str, values: list, recipe: Recipe) -> object:
    """`input_shape`, `input_dtype`, `out_shape`."""
    owner, _, what = name.rpartition("_")
    if owner in op.index:
        value = values[op.index[owner]]
        if isinstance(value, (list, tuple)):
            return tuple(_aspect(item, what) for item in value)
        return _aspect(value, what)
    outs = op.outs or ("out",)
    if owner in outs:
        meta = recipe.out_metas[outs.index(owner)]
        return getattr(meta, what) if meta is not None else None
    raise TypeError(f"derivative of {op.name} reads {name!r}, which the operator has not")


def _aspect(value: object, what: str) -> object:
    if isinstance(value, Tensor):
        return getattr(value, what)
    return () if what == "shape" else None


def node_class(name: str) -> type[Node]:
    """The class of nodes torch calls `name`."""
    found = _node_classes.get(name)
    if found is None:
        found = _node_classes[name] = type(name, (Node,), {})
    return found
