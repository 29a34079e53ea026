"""Writing into a tensor: what torch refuses, the version, and the history of a base and its views.

Writing into a view changes its base: the base gets a CopySlices node, which routes the gradient of the written part
through the operator and the rest past it; every view of the base learns its node anew when somebody asks (`refresh`).
"""

from __future__ import annotations

from tensight_runtime.engine import arrays
from tensight_runtime.engine.kernel import run_kernel
from tensight_runtime.engine.node import Node, SpecialNode, edge_of, sequence, short_name
from tensight_runtime.engine.recipe import node_class
from tensight_runtime.engine.recording import record, required_bits
from tensight_runtime.engine.state import modes
from tensight_runtime.engine.tensor import Tensor, wrap


def run_inplace(plan, values: list) -> Tensor:
    """Run an operator that writes into one of its operands and returns it."""
    target: Tensor = values[plan.target]
    if plan.writes and target._base is None and not target._inference:
        if not modes.grad or not (target._requires or required_bits(plan, values)):
            return _write(plan, values, target)
    if plan.inplace and plan.alias != "new":
        return _become_view(plan, values, target)
    required = required_bits(plan, values) if modes.grad else 0
    requires = modes.grad and (bool(required) or target.requires_grad)
    base = target._base
    check_inplace(target, requires or (modes.grad and base is not None and base.requires_grad))
    if plan.inplace and target._vc is not None:
        _check_overlap(plan, values, target)
    extras: tuple = ()
    if plan.op.composite:
        if required:  # what the body saves of the old values must outlive the write
            values = _before(plan, values, required, reads=True)
        positional = values if plan.count is None else values[: plan.count]
        result = plan.kernel(*positional, **{name: values[at] for name, at in plan.keywords})
        target._array[...] = arrays.cast(result._array, target._meta.dtype)
        target._bump()
        if result._requires:
            rebase(target, result._node, result._nr)
        return target
    before = values
    if required:
        before = _before(plan, values, required)
    found, operands = run_kernel(plan, values)
    if plan.op.extras:
        found, extras = found[0], found[1:]
    if plan.inplace or operands[plan.target] is not target._array:
        written = arrays.coerce(plan.xp, found, target._meta.dtype)
        target._array[...] = written
    elif target._meta.dtype.name == "bfloat16":
        target._array[...] = arrays.cast(target._array, target._meta.dtype)
    for at, bumps in plan.mutated or ((plan.target, True),):
        if bumps:
            values[at]._bump()
    if requires and target._meta.dtype.category >= 2:
        _record_write(plan, before, required, target, extras)
    elif plan.grad_at is not None and values[plan.grad_at]:
        target.requires_grad_()
    return target


def _write(plan, values: list, target: Tensor) -> Tensor:
    """Kernel and write, without history."""
    array = target._array
    if array.base is not None and not arrays.writable(array):
        raise RuntimeError(OVERLAP)
    if plan.inplace and target._vc is not None:
        _check_overlap(plan, values, target)
    operands = list(values)
    for at in plan.singles:
        operands[at] = values[at]._array
    if plan.count is not None:
        keywords = {name: operands[at] for name, at in plan.keywords}
        found = plan.kernel(plan.xp, *operands[: plan.count], **keywords)
    else:
        found = plan.kernel(plan.xp, *operands)
    if plan.inplace:
        if getattr(found, "dtype", None) is array.dtype:
            array[...] = found
        else:
            array[...] = arrays.coerce(plan.xp, found, target._meta.dtype)
    target._bump()
    return target


def _become_view(plan, values: list, target: Tensor) -> Tensor:
    """`x.t_()`: an operator that gives a view changes how the tensor itself looks at its memory."""
    from tensight_runtime.engine.apply import apply

    check_inplace(target, modes.grad and target.requires_grad)
    seen = apply(plan.op, values)
    if seen is not target:
        target._array, target._meta = seen._array, seen._meta
        if seen._requires:  # without grad mode it has no history of its own
            target._node, target._nr, target._requires = seen._node, seen._nr, True
        if target._base is not None:
            target._view = seen._view
    target._bump()
    target._seen = target._vc[0]
    return target


def _record_write(plan, before: list, required: int, target: Tensor, extras: tuple) -> None:
    """The node of the written tensor; where no gradient can come from, one that ends here."""
    stand_in = wrap(target._array, target._meta)
    stand_in._vc = target._vc
    if not (required and record(plan, before, required, (stand_in,), extras)):
        if not target.requires_grad:
            return
        node = node_class(plan.op.node_name(before))()
        node.recipe, node.seq, node.edges, node.saved = None, next(sequence), [], []
        node.apply = lambda g: []
        stand_in._node = node
    recipe = stand_in._node.recipe
    own = [k for k, (at, _) in enumerate(recipe.positions) if at == plan.target] if recipe is not None else []
    rebase(target, stand_in._node, 0, own[0] if own else None)


def _before(plan, values: list, required: int, reads: bool = False) -> list:
    """The operands as they are before the write; where a derivative reads the old values, a copy of them."""
    at = plan.target
    target: Tensor = values[at]
    name = plan.op.params[at].name
    positions = {i for bit, i in plan.diff if required & bit}
    reads = reads or any(name in vjp.names for p, vjp in plan.op.vjps.items() if plan.op.index[p] in positions)
    old = wrap(target._array.copy() if reads else target._array, target._meta)
    old._requires, old._node, old._nr = target.requires_grad, target._node, target._nr
    return [old if v is target else v for v in values]


def check_inplace(target: Tensor, requires: bool) -> None:
    """Raise what torch raises for a write it forbids."""
    if requires:
        base = target._base
        if base is not None:
            _check_view(target, base)
        if target._node is None and target._requires:
            raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
    if target._inference and not modes.inference:
        raise RuntimeError(
            "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a "
            "normal "
            "tensor before doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for more details."
        )
    if not arrays.writable(target._array):
        raise RuntimeError(OVERLAP)


def _check_overlap(plan, values: list, target: Tensor) -> None:
    """An operand may lie exactly where the target lies, or elsewhere, but not partly there."""
    for at in plan.singles:
        other = values[at]
        if other is target or other._vc is not target._vc or not arrays.may_share(other._array, target._array):
            continue
        here, there = target._array, other._array
        same = here.shape == there.shape and here.strides == there.strides and target.data_ptr() == other.data_ptr()
        if not same and here.size > 1:
            raise RuntimeError(
                "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single "
                "memory "
                "location. Please clone() the tensor before performing the operation."
            )


def _check_view(target: Tensor, base: Tensor) -> None:
    if target._kind == "multi":
        name = short_name(target.grad_fn.name()) if target.grad_fn is not None else "the operator"
        if target.grad_fn is None and not base.requires_grad:
            name = short_name(target._view[0].node_name(target._view[1]))
        raise RuntimeError(
            f"Output {target._view[4] if len(target._view) > 4 else target._nr} of {name} is a view and is being "
            f"modified "
            "inplace. This view is the output of a function that returns multiple views. Such functions do not allow "
            "the output "
            "views to be modified inplace. You should replace the inplace operation by an out-of-place one."
        )
    if target._kind == "no_grad":
        raise RuntimeError(
            "A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given that this "
            "use case "
            "is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view and the "
            "inplace "
            "either both inside the no_grad block (if you don't want the inplace to be tracked) or both outside (if "
            "you want "
            "the inplace to be tracked)."
        )
    if base._node is None and base._requires:
        raise RuntimeError("a view of a leaf Variable that requires grad is being used in an in-place operation.")


def rebase(target: Tensor, node: Node, nr: int, own: int | None = None) -> None:
    """`node` made the values that `target` has now; its edge `own` is the one of the values before."""
    base = target._base
    if base is None:
        target._node, target._nr, target._requires = node, nr, True
        return
    copy = CopySlices(base, target, node, nr, own)
    base._node, base._nr, base._requires = copy, 0, True
    target._seen = -1  # and so for every other view, whose `_seen` is behind the version


def refresh(view: Tensor) -> None:
    """The node of a view whose memory was written to: the view's operators applied to the base as it is now."""
    view._seen = view._vc[0]
    base = view._base
    if not base._requires:
        return
    before, modes.grad = modes.grad, True
    try:
        again = look(view._view, base)
    finally:
        modes.grad = before
    view._requires = again._requires
    if again._node is not None:
        view._node, view._nr = AsStridedBackward0(again, base), 0


def look(view: tuple | None, base: Tensor) -> Tensor:
    """The view of `base` that the chain of operators `view` leads to."""
    from tensight_runtime.engine.apply import apply

    chain = []
    while view is not None:
        chain.append(view)
        view = view[3]
    for op, values, at, _, *which in reversed(chain):
        values = list(values)
        values[at] = base
        base = apply(op, values)
        if which:
            base = base[which[0]]
    return base


class AsStridedBackward0(SpecialNode):
    """A view of a base that was written to: its gradient goes back through the operators that make the view."""

    def __init__(self, view: Tensor, base: Tensor):
        self.seq = next(sequence)
        self.steps: list[tuple[Node, int]] = []
        end, edge = edge_of(base), edge_of(view)
        while not _same_edge(edge, end):
            self.steps.append(edge if type(edge) is tuple else (edge, 0))
            (edge,) = self.steps[-1][0].edges
        self.edges = [end]

    def apply(self, g: Tensor) -> list:
        for node, nr in self.steps:
            (g,) = node.apply(g if node.width == 1 else _at(g, nr, node.width))
        return [g]

    def release(self) -> None:
        for node, _ in self.steps:
            node.release()


class CopySlices(SpecialNode):
    """A base after a write into one of its views."""

    def __init__(self, base: Tensor, view: Tensor, node: Node, nr: int, own: int | None):
        self.seq = next(sequence)
        self.node = node
        self.nr = nr
        self.look = view._view
        self.own = own  # its gradient goes where the base's old values came from
        self.edges = [edge_of(base), *(edge for k, edge in enumerate(node.edges) if k != own)]

    def apply(self, g: Tensor) -> list:
        from tensight_runtime.engine import internal

        rest = internal.clone(g)
        part = look(self.look, rest)
        inner = internal.clone(part)
        grads = self.node.apply(inner if self.node.width == 1 else _at(inner, self.nr, self.node.width))
        own = grads.pop(self.own) if self.own is not None else None
        if own is None:
            own = wrap(arrays.xp_for(part.device).zeros_like(part._array), part._meta)
        internal.copy_(part, own)
        return [rest, *grads]

    def name(self) -> str:
        return "torch::autograd::CopySlices"

    def __repr__(self) -> str:
        return f"<CopySlices object at {id(self):#x}>"

    def release(self) -> None:
        self.node.release()


def _same_edge(a: object, b: object) -> bool:
    return a is b or (type(a) is tuple and type(b) is tuple and a[0] is b[0] and a[1] == b[1])


def _at(g: Tensor, nr: int, width: int) -> tuple:
    return tuple(g if i == nr else None for i in range(width))


OVERLAP = (
    "unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please "
    "clone() "
    "the tensor before performing the operation."
)
