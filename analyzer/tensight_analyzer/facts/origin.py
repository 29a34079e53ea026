"""Where things are in the user's own files, and what the user calls them.

An event carries `at`, the node and frame in which it happened.  That may be deep inside a library's source (a layer's
`forward`); the finding belongs to the innermost call that stands in a file of the user.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from tensight_runtime.spec.fact import Fact, show_fact
from tensight_runtime.spec.knowledge import Knowledge
from tensight_runtime.spec.size import Expr

from tensight_analyzer.facts.finding import Note, Where
from tensight_analyzer.interp.frame import Frame
from tensight_analyzer.interp.values import DictValue, Instance, ListValue, ModuleValue, TensorValue
from tensight_analyzer.ir import nodes as ir

LONGEST = 48  # characters of the user's source in a message
# attributes in which modules keep their parts, which nobody writes: `fc._parameters["weight"]` is `fc.weight`
REGISTRIES = ("_parameters", "_buffers", "_modules")


class Spot(NamedTuple):
    """A node in a file of the user, its frame, and the library functions below it, innermost last."""

    where: Where
    node: ir.Node
    frame: Frame
    inside: tuple[str, ...]


class Scene:
    """Answers the rules' questions.  `lines(file)` gives a file's lines."""

    def __init__(self, lines: Callable[[str], list[str]]):
        self.lines = lines

    # -- places -------------------------------------------------------------------------------------------------------

    def spot(self, at: tuple | None) -> Spot | None:
        """The innermost place of the user's own code that leads to `at`, None if there is none."""
        node, frame = at or (None, None)
        inside: list[str] = []
        while frame is not None:
            place = frame.place
            if node is not None and place is not None and place.facts is not None:
                return Spot(Where(place.file, *place.span(node)), node, frame, tuple(reversed(inside)))
            if frame.function is not None:
                inside.append(_qualified(frame))
            node, frame = frame.call_node, frame.caller
        return None

    def note(self, at: tuple | None, message: str) -> tuple[Note, ...]:
        """A note at a place of the user, nothing if there is none."""
        spot = self.spot(at)
        return (Note(spot.where, message),) if spot else ()

    def text(self, spot: Spot, node: ir.Node | None = None) -> str:
        """The user's source of a node, on one line and not too long."""
        place = spot.frame.place
        line, col, end_line, end_col = place.span(node or spot.node)
        lines = self.lines(place.file)[line - 1 : end_line]
        if not lines:
            return ""
        lines[-1] = lines[-1][:end_col]
        lines[0] = lines[0][col:]
        text = " ".join(" ".join(lines).split())
        return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"

    def calls(self, spot: Spot) -> tuple[Note, ...]:
        """The user's calls that lead to a spot, innermost first."""
        notes, frame, name = [], spot.frame, ""
        while frame.call_node is not None and frame.caller is not None and len(notes) < 3:
            place = frame.caller.place
            name = name or (_qualified(frame) if frame.function is not None else "")
            if place is not None and place.facts is not None:
                notes.append(Note(Where(place.file, *place.span(frame.call_node)), f"{name or 'it'} is called here"))
                name = ""
            frame = frame.caller
        return tuple(notes)

    # -- names --------------------------------------------------------------------------------------------------------

    def operands(self, spot: Spot, event) -> list[tuple[str, TensorValue]]:
        """The tensors an operator was applied to, each with the user's name for it ("" if it has none)."""
        nodes = operand_nodes(spot, event.op) if not spot.inside else {}
        base = getattr(event.op, "base", event.op)
        found = []
        for param, value in zip(base.params, event.bound, strict=True):
            node = nodes.get(param.name)
            parts = getattr(node, "items", ()) if isinstance(value, (list, tuple)) else ()
            for i, tensor in enumerate(_tensors(value)):
                part = parts[i] if i < len(parts) else node if isinstance(value, TensorValue) else None
                found.append((self.name_of(tensor, spot, part), tensor))
        return found

    def name_of(self, tensor: TensorValue, spot: Spot, node: ir.Node | None = None) -> str:
        """What the user calls a tensor: the expression it was given as, or the variable or attribute that holds it."""
        if node is not None:
            return self.text(spot, node)
        frame: Frame | None = spot.frame
        while frame is not None:
            for name, value in frame.locals.items():
                if isinstance(name, str):
                    path = _path_to(tensor, value, name, 4)
                    if path:
                        return path
            frame = frame.parent
        return ""

    def about(self, name: str, tensor: TensorValue, known: Knowledge) -> tuple[str, tuple[Note, ...]]:
        """ "`w` is f32[10, 784]", and a note where it was made."""
        shown = show_fact(readable(tensor.fact, known))
        made = self.spot(self.made_at(tensor))
        text = self.text(made) if made is not None else ""
        called = f"`{name or text}`" if name or text else "an operand"
        if made is None or text == name:
            return f"{called} is {shown}", ()
        if not name:
            return f"{called} is {shown}", (Note(made.where, f"{called} is {shown}"),)
        return f"{called} is {shown}", (Note(made.where, f"{called} is {shown}, made here: `{text}`"),)

    def refused(self, event) -> tuple[str, tuple[Note, ...]]:
        """A refusal in torch's words and the user's names: "mat1 and mat2 …: `x` is f32[2, 3], `w` is f32[4, 5]"."""
        spot = self.spot(event.at)
        if spot is None:
            return event.message, ()
        shown: list[str] = []
        notes: dict[Where, Note] = {}
        for name, tensor in self.operands(spot, event):
            text, made = self.about(name, tensor, event.path)
            if (
                len(shown) == 4 or text in shown or (made and made[0].where in notes)
            ):  # a bias beside its weight says nothing new
                continue
            shown.append(text)
            notes.update((note.where, note) for note in made)
        notes.pop(spot.where, None)
        first = event.message.rstrip(".")
        return f"{first}: {', '.join(shown)}" if shown else first, tuple(notes.values())

    def of_tensor(self, event) -> tuple[str, tuple[Note, ...]]:
        """A complaint of autograd in torch's words, with the user's name for the tensor."""
        spot = self.spot(event.at)
        name = self.holder(event)
        first = event.message.partition(". ")[0].rstrip(".")
        if spot is None or event.tensor is None:
            return first, ()
        text, notes = self.about(name, event.tensor, Knowledge.EMPTY)
        return f"{first}: {text}", tuple(n for n in notes if n.where != spot.where)

    def holder(self, event) -> str:
        """The user's name for the tensor an event is about: the variable that holds it, or the expression at hand."""
        spot = self.spot(event.at)
        if spot is None or event.tensor is None:
            return ""
        name = self.name_of(event.tensor, spot)
        if name or spot.inside:
            return name
        match spot.node:
            case ir.Call(func=ir.Attribute(value=owner)) if event.kind in ("no-graph", "not-scalar", "numpy", "freed"):
                return self.text(spot, owner)
        return ""

    def made_at(self, tensor: TensorValue) -> tuple | None:
        if tensor.fields.get("made at") is not None:
            return tensor.fields["made at"]
        origin = tensor.fields.get("origin")
        return origin[1] if origin else None


def readable(fact: Fact, known: Knowledge) -> Fact:
    """A fact whose sizes are written in the user's names."""
    if fact.dims is None:
        return fact
    return fact.with_dims(tuple(known.readable(known.normalize(d)) if isinstance(d, Expr) else d for d in fact.dims))


def operand_nodes(spot: Spot, op) -> dict[str, ir.Node]:
    """Parameters of an operator -> the expressions the user gave for them at this node."""
    node = spot.node
    names = [p.name for p in getattr(op, "base", op).params]
    match node:
        case ir.BinOp():
            given = [node.left, node.right]
        case ir.AugAssign():
            given = [node.target, node.value]
        case ir.UnaryOp():
            given = [node.operand]
        case ir.Compare():
            given = [node.left, node.rights[0]]
        case ir.Subscript():
            given = [node.value, node.index]
        case ir.Call():
            given = list(node.args)
            if isinstance(node.func, ir.Attribute) and not _is_namespace(node.func.value, spot.frame):
                given.insert(0, node.func.value)
            if any(isinstance(g, ir.Starred) for g in given):
                return {}
        case _:
            return {}
    keywords = {k.name: k.value for k in getattr(node, "keywords", ()) if k.name}
    return dict(zip(names, given, strict=False)) | keywords


def _is_namespace(node: ir.Node, frame: Frame) -> bool:
    """Is it a module, `torch.nn.functional`?"""
    while isinstance(node, ir.Attribute):
        node = node.value
    if not isinstance(node, ir.Name):
        return False
    value = frame.locals.get(node.id, frame.module.fields.get(node.id))
    return isinstance(value, ModuleValue)


def _qualified(frame: Frame) -> str:
    owner = frame.function.owner
    return f"{owner.name}.{frame.function.name}" if owner is not None else frame.function.name


def _tensors(value: object) -> Iterator[TensorValue]:
    if isinstance(value, TensorValue):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)


def _path_to(tensor: TensorValue, value: object, path: str, depth: int) -> str:
    """The attribute path at which an object holds a tensor, "" if it does not."""
    if value is tensor:
        return path
    if depth == 0:
        return ""
    if isinstance(value, (ListValue, tuple)):
        items = value.fields["items"] if isinstance(value, ListValue) else value
        parts = ((f"{path}[{i}]", v) for i, v in enumerate(items if isinstance(items, tuple) else ()))
    elif isinstance(value, DictValue):
        parts = ((f"{path}[{k!r}]", v) for k, v in value.fields["items"].items() if isinstance(k, str))
    elif isinstance(value, Instance):
        parts = iter(_attributes(value, path))
    else:
        return ""
    for name, part in parts:
        found = _path_to(tensor, part, name, depth - 1)
        if found:
            return found
    return ""


def _attributes(value: Instance, path: str) -> Iterator[tuple[str, object]]:
    for name, part in value.fields.items():
        if name in REGISTRIES and isinstance(part, DictValue):
            for key, item in part.fields["items"].items():
                if isinstance(key, str):
                    yield f"{path}[{key}]" if key.isdigit() else f"{path}.{key}", item
        elif isinstance(name, str) and not name.startswith("_"):
            yield f"{path}.{name}", part


def made_by(tensor: object) -> tuple | None:
    """The operator that computed a tensor's values and its place; views are looked through."""
    if not isinstance(tensor, TensorValue):
        return None
    tensor = tensor.fields.get("base") or tensor
    return tensor.fields.get("origin")


def written_at(tensor: TensorValue) -> tuple | None:
    """Where a tensor was changed in place last."""
    storage = tensor.fields.get("storage")
    return storage.fields.get("written") if storage is not None else None
