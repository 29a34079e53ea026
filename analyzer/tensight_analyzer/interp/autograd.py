"""The abstract state of autograd: storages with versions, nodes with what they save, gradients of leaves.

Measured on 51 programs against torch (facts of the design): two rounds of a loop show what goes wrong.
"""

from __future__ import annotations

from typing import NamedTuple

from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.op import InPlace, Op, Selected, scalar_name

from tensight_analyzer.interp.events import GradEvent
from tensight_analyzer.interp.signals import Raised
from tensight_analyzer.interp.values import (
    DictValue,
    Fields,
    Instance,
    ListValue,
    Obj,
    OneOf,
    Seq,
    TensorValue,
    Unknown,
)

FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
    "freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
    "retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors "
    "after calling backward."
)


class Storage(Obj):
    """fields: version, an int, or None where branches disagree."""

    __slots__ = ()


class Use(NamedTuple):
    """A gradient since its first backward pass, at `at`: the leaf's version then, the gradient's own, and where a later pass
    added to it although the leaf had been updated (`stale`)."""

    version: int
    touched: int
    at: tuple
    stale: tuple | None = None


class Node:
    """A node of the graph: edges lead to nodes and leaves; `saved` are (storage, version, tensor).  fields: freed."""

    __slots__ = ("at", "edges", "fields", "op", "out", "saved")

    def __init__(self, op: Op | None, edges: tuple, saved: tuple, fields: Fields, at, out: Fact | None = None):
        self.op = op
        self.edges = edges
        self.saved = saved
        self.fields = fields
        self.at = at
        self.out = out


class Autograd:
    """Mixin of the abstract domain."""

    def new_storage(self) -> Storage:
        return Storage(self.machine.trail.fields(version=0))

    def requires_grad_of(self, base: Op, bound: list) -> bool | None:
        """Will the result require grad?  None where the mode or an operand is unknown."""
        mode = self.machine.state["grad"]
        if mode is False or not base.differentiable:
            return False
        answer: bool | None = False
        for param, value in zip(base.params, bound, strict=True):
            if not param.kind.holds or not (base.composite or param.name in base.vjps or param.kind.holds == "index"):
                continue
            for item in _tensors_in(value):
                grad = item.fields["fact"].requires_grad
                if grad is True:
                    return mode
                if grad is None:
                    answer = None
            if isinstance(value, Unknown) and value.python_type is None:
                answer = None  # it may be a tensor
        return answer

    def make_node(self, base: Op, bound: list, result: TensorValue, at) -> Node:
        """The node of a result that requires grad: what each derivative names is what it saves."""
        edges, saved = [], {}
        for param, value in zip(base.params, bound, strict=True):
            if not param.kind.holds:
                continue
            for item in _tensors_in(value):
                if not item.fields["fact"].requires_grad:
                    continue
                edges.append(item.fields.get("node") or item)
                derivative = base.vjps.get(param.name)
                for name in derivative.names if derivative else ():
                    if name in base.index:
                        for tensor in _tensors_in(bound[base.index[name]]):
                            self._save(saved, tensor)
                    elif name == "out":
                        self._save(saved, result)
        return Node(base, tuple(edges), tuple(saved.values()), self.machine.trail.fields(freed=False), at, result.fact)

    def remember_cut(self, base: Op, bound: list, made: TensorValue, at) -> None:
        """A result without a graph: what it was computed from, and whether the graph ends just here."""
        operands = tuple(base.tensors(bound))
        if operands:
            made.fields["parents"] = operands
            if any(t.fact.requires_grad is not False for t in operands):
                made.fields["cut"] = at
                made.fields["no grad"] = self.machine.state["grad"] is False

    def _save(self, saved: dict, tensor: TensorValue) -> None:
        storage = tensor.fields.get("storage")
        if isinstance(storage, Storage):
            saved[id(storage)] = (storage, storage.fields["version"], tensor)

    # -- in place ---------------------------------------------------------------------------------------------------------

    def mutated(self, op: Op | InPlace, base: Op, bound: list, result: object, requires: bool | None, at) -> object:
        """The operator writes to operands: the rules on leaves and views, versions, and the new history."""
        m = self.machine
        names = base.mutates if not isinstance(op, InPlace) else (base.params[0].name,)
        if callable(names):
            try:
                names = Selected(names, base.index)([self.facts_of(v) for v in bound])
            except (TypeError, AttributeError):
                names = ()
        target = None
        for name in names or ():
            silent = name.startswith("~")
            value = bound[base.index[name.lstrip("~")]]
            if not isinstance(value, TensorValue):
                continue
            if not silent:
                target = target or value
                self.check_inplace(value, at)
                self.check_update(value)
                self.bump(value, at)
        facts = result if isinstance(result, (tuple, list)) else (result,)
        if target is not None and isinstance(op, InPlace | Op) and (isinstance(op, InPlace) or base.alias == f"same:{names[0]}"
                                                                    or callable(base.alias)):  # fmt: skip
            alias = f"same:{names[0]}" if isinstance(op, InPlace) else self.alias_of(base, bound)
            if alias.startswith("same:"):
                fact = target.fact
                if isinstance(facts[0], Fact) and (fact.dims is None or getattr(op, "reshapes", False)):
                    fact = fact.with_dims(facts[0].dims)
                differentiable = fact.dtype is None or fact.dtype.category >= 2
                if differentiable and requires and fact.requires_grad is not True:
                    fact = fact.with_grad(True, False)
                elif differentiable and requires is None and fact.requires_grad is False:
                    fact = fact.with_grad(None, None)
                self.set_fact(target, fact)
                if requires and not (fact.is_leaf and fact.requires_grad):
                    m.trail.set(target.fields, "node", self.make_node(base, bound, target, at))
                    owner = target.fields.get("base")
                    if isinstance(owner, TensorValue) and owner.fact.requires_grad is not True:
                        self.set_fact(owner, owner.fact.with_grad(True, False))
                        m.trail.set(owner.fields, "node", target.fields["node"])
                return target
        if isinstance(result, Fact):
            return self.wrap(base, bound, result, requires, False, None, "new", at)
        if isinstance(result, (tuple, list)):
            return tuple(self.wrap(base, bound, f, requires, False, None, "new", at) for f in result)
        return None

    def check_inplace(self, value: TensorValue, at) -> None:
        """torch refuses in-place operations on leaves that require grad, and on views of them, while grad mode is on."""
        if self.machine.state["grad"] is not True:
            return
        fact = value.fact
        owner = value.fields.get("base")
        message = ""
        if fact.requires_grad is True and fact.is_leaf is True:
            message = "a leaf Variable that requires grad is being used in an in-place operation."
        elif (
            isinstance(owner, TensorValue)
            and owner.fact.requires_grad is True
            and owner.fact.is_leaf is True
            and (fact.requires_grad is True)
        ):
            message = "a view of a leaf Variable that requires grad is being used in an in-place operation."
        elif value.fields.get("multi") and fact.requires_grad is True:
            message = (
                "Output 0 of a function that returns multiple views is a view and is being modified inplace. This view is "
                "the output of a function that returns multiple views. Such functions do not allow the output views to be "
                "modified inplace. You should replace the inplace operation by an out-of-place one."
            )
        if message:
            self.complain(GradEvent("leaf-in-place", value, message, at, value.fields.get("origin", (None, None))[1]))

    def bump(self, value: TensorValue, at=None) -> None:
        storage = value.fields.get("storage")
        if isinstance(storage, Storage):
            version = storage.fields["version"]
            storage.fields["written"] = at  # for messages only, so it need not be undone
            self.machine.trail.set(storage.fields, "version", None if version is None else version + 1)

    def escaped(self, value: object) -> None:
        """Something unknown has it: its version is unknown from now on."""
        value = self.machine.resolve(value)
        if isinstance(value, TensorValue):
            storage = value.fields.get("storage")
            if isinstance(storage, Storage) and storage.fields["version"] is not None:
                self.machine.trail.set(storage.fields, "version", None)
        elif isinstance(value, (Instance, ListValue, DictValue)):
            self.handed_out[id(value)] = value

    def may_be_moved(self, tensors: list[TensorValue]) -> bool:
        """Is one of them in a module that something unknown has been given?  That may have moved it or changed its dtype."""
        wanted = set(map(id, tensors))
        queue = list(self.handed_out.values())
        seen = set(map(id, queue))
        for value in queue:
            if id(value) in wanted:
                return True
            for part in _parts(self.machine.resolve(value)):
                if id(part) not in seen and len(seen) < 100_000:
                    seen.add(id(part))
                    queue.append(part)
        return False

    def complain(self, event: GradEvent) -> None:
        m = self.machine
        if m.tries:
            raise Raised(m.new_exception("RuntimeError", event.message))
        m.tell(event)

    # -- backward ---------------------------------------------------------------------------------------------------------

    def backward(self, root: TensorValue, gradient: object, retain: object, create: object, at) -> None:
        """`root.backward()`: complain where torch would, free the graph, give the leaves their gradients."""
        if self.start_backward(root, gradient, at):
            leaves = self.walk(root, retain is True or create is True, at)
            for leaf in leaves:
                self.accumulate(leaf, at)

    def start_backward(self, root: TensorValue, gradient: object, at) -> bool:
        fact = self.fact(root)
        if fact.requires_grad is False:
            message = "element 0 of tensors does not require grad and does not have a grad_fn"
            cut = self.find_cut(root)
            self.complain(GradEvent("no-graph", root, message, at, cut and cut.fields["cut"], self.why_no_graph(root)))
            return False
        if gradient is None and fact.dims is not None and fact.requires_grad is True:
            if any(isinstance(d, int) and d > 1 for d in fact.dims) and all(not (isinstance(d, int) and d == 0)
                                                                            for d in fact.dims):  # fmt: skip
                self.complain(
                    GradEvent("not-scalar", root, "grad can be implicitly created only for scalar outputs", at)
                )
                return False
        return True

    def why_no_graph(self, root: TensorValue) -> str:
        """ "no-grad" if it was computed while gradients were off, else "detached"."""
        cut = self.find_cut(root)
        return "no-grad" if cut is not None and cut.fields.get("no grad") else "detached"

    def find_cut(self, root: TensorValue) -> TensorValue | None:
        """The nearest tensor below `root` at which the graph ends, None if there never was one."""
        seen, queue = set(), [root]
        for tensor in queue:
            if tensor.fields.get("cut") is not None:
                return tensor
            for parent in tensor.fields.get("parents") or ():
                if id(parent) not in seen and len(seen) < 200:
                    seen.add(id(parent))
                    queue.append(parent)
        return None

    def walk(self, root: TensorValue, keep: bool, at) -> list[TensorValue]:
        """Visit the graph below `root`; the leaves that get a gradient."""
        m = self.machine
        leaves: dict[int, TensorValue] = {}
        start = root.fields.get("node")
        if start is None and root.fact.is_leaf is not True:
            m.trail.set(m.state, "grads unknown", True)
            return []
        stack: list = [(start or root, True)]  # with whether the path surely leads there: below a join it does not
        seen: set[int] = set()
        while stack:
            node, sure = stack.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            if isinstance(node, TensorValue):
                if node.fields.get("node") is not None:
                    stack.append((node.fields["node"], sure))
                elif node.fact.is_leaf is not False:
                    leaves[id(node)] = node
                continue
            if node.saved and sure:
                if node.fields["freed"] is True:
                    self.complain(GradEvent("freed", root, FREED, at, node.at))
                    return []
                for storage, version, tensor in node.saved:
                    now = storage.fields["version"]
                    if version is not None and now is not None and now != version:
                        self.complain(GradEvent("saved-modified", tensor, self.saved_message(node, tensor, version, now), at,
                                                node.at))  # fmt: skip
                        return []
            if node.saved and not keep:
                m.trail.set(node.fields, "freed", True if sure else "perhaps")
            if m.state.get("retained") and node.fields.get("retain") is not None:
                self.accumulate(node.fields["retain"], at)
            stack.extend((edge, sure and node.op is not None) for edge in node.edges)
        return list(leaves.values())

    def saved_message(self, node: Node, tensor: TensorValue, version: int, now: int) -> str:
        fact = self.fact(tensor)
        kind = f"torch.{scalar_name(fact.dtype)}Tensor" if fact.dtype else "torch.Tensor"
        dims = "" if fact.dims is None else " [" + ", ".join(map(str, fact.dims)) + "]"
        return (
            "one of the variables needed for gradient computation has been modified by an inplace operation: "
            f"[{kind}{dims}] is at version {now}; expected version {version} instead."
        )

    def accumulate(self, leaf: TensorValue, at) -> None:
        """Give a leaf its gradient.  One that still holds what an earlier update has used is reported."""
        m = self.machine
        fact = self.fact(leaf)
        grad = leaf.fields.get("grad")
        storage = leaf.fields.get("storage")
        version = storage.fields["version"] if isinstance(storage, Storage) else None
        if isinstance(grad, TensorValue):
            use = grad.fields.get("use")
            if (
                isinstance(use, Use)
                and use.stale is None
                and version is not None
                and version > use.version
                and (_version(grad) == use.touched)
            ):
                m.trail.set(grad.fields, "use", Use(use.version, use.touched, use.at, at))
            return
        if grad is None or isinstance(grad, Unknown):
            made = self.make(Fact(fact.dtype, fact.dims, fact.device, False, True))
            if version is not None:
                made.fields["use"] = Use(version, 0, at)
            m.trail.set(leaf.fields, "grad", made)

    def check_update(self, leaf: TensorValue) -> None:
        """A leaf is written to: with gradients of which an earlier update has used a part already?"""
        grad = leaf.fields.get("grad")
        use = grad.fields.get("use") if isinstance(grad, TensorValue) else None
        if isinstance(use, Use) and use.stale is not None and _version(grad) == use.touched:
            self.machine.tell(GradEvent("accumulated", leaf, "", use.stale, use.at))


def _version(tensor: TensorValue) -> int | None:
    storage = tensor.fields.get("storage")
    return storage.fields["version"] if isinstance(storage, Storage) else None


def _parts(value: object):
    """What an object, a container or a choice holds."""
    if isinstance(value, OneOf):
        return value.alternatives
    if isinstance(value, Instance):
        return list(value.fields.values())
    items = value.fields["items"] if isinstance(value, (ListValue, DictValue)) else value
    if isinstance(items, dict):
        return items.values()
    if isinstance(items, Seq):
        return (items.element,)
    return items if isinstance(items, tuple) else ()


def _tensors_in(value: object):
    if isinstance(value, TensorValue):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors_in(item)
    elif hasattr(value, "element") and isinstance(value.element, TensorValue):
        yield value.element
