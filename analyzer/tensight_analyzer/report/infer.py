"""`tensight infer --jsonl`: what was inferred, one JSON object a place and alternative."""

from __future__ import annotations

from collections.abc import Iterator

from tensight_runtime.spec.device import Device
from tensight_runtime.spec.dtype import DType
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.size import Expr, Symbol, as_size, substitute, symbols
from tensight_runtime.spec.size import Unknown as UnknownSize

from tensight_analyzer.interp.frame import Place
from tensight_analyzer.ir import nodes as ir

MOST = 8  # alternatives of a place; more are one unknown
EXPRESSIONS = (ir.Call, ir.BinOp, ir.UnaryOp, ir.Compare, ir.Subscript, ir.Attribute)


class Names:
    """Printed names of symbols: one name for one origin; a second origin of the same name gets a number."""

    def __init__(self):
        self.origins: dict[str, list] = {}

    def __call__(self, symbol) -> str:
        key = symbol.key
        known = self.origins.setdefault(symbol.name, [])
        if (key, symbol.rank) not in known:
            known.append((key, symbol.rank))
        at = known.index((key, symbol.rank))
        return symbol.name if at == 0 else f"{symbol.name}_{at + 1}"


_names = Names()


def records(places: list[Place]) -> Iterator[dict]:
    """The format of the ground truth's FORMAT.md."""
    global _names
    _names = Names()
    for place in places:
        if not place.facts:
            continue
        kinds = _binding_kinds(place.chunk)
        for node, seen in place.facts.items():
            kind = kinds.get(node) or ("param" if isinstance(node, ir.Param) else "expr")
            if kind == "expr" and not isinstance(node, EXPRESSIONS):
                continue
            line, col, end_line, end_col = place.span(node)
            base = {"file": place.file, "line": line, "col": col, "end_line": end_line, "end_col": end_col,
                    "name": _name(node) if kind != "expr" else None, "kind": kind}  # fmt: skip
            for shown in _alternatives(seen):
                yield base | shown


def _alternatives(seen: list) -> list[dict]:
    flat: list = []
    for snapshot in seen:
        if isinstance(snapshot, tuple) and snapshot and snapshot[0] == "oneof":
            flat.extend(snapshot[1])
        else:
            flat.append(snapshot)
    shown: list[dict] = []
    for snapshot in flat:
        one = described(snapshot)
        if one not in shown:
            shown.append(one)
    if len(shown) > MOST:
        return [_common(shown)]
    return shown


def _common(shown: list[dict]) -> dict:
    """Too many alternatives: what they all say."""
    first = shown[0]
    same = {k: v for k, v in first.items() if all(k in s and s[k] == v for s in shown)}
    if first.get("type") == "tensor" and same.get("type") == "tensor":
        shapes = [s.get("shape") for s in shown]
        if all(s is not None and len(s) == len(shapes[0]) for s in shapes):
            same["shape"] = [c[0] if all(x == c[0] for x in c) else None for c in zip(*shapes, strict=True)]
    return same if "type" in same else {"type": None}


def described(snapshot: object) -> dict:
    """One snapshot in the format's words."""
    if isinstance(snapshot, Fact):
        return {
            "type": "tensor",
            "shape": None if snapshot.dims is None else [size(d) for d in snapshot.dims],
            "dtype": snapshot.dtype.name if snapshot.dtype else None,
            "device": str(snapshot.device) if snapshot.device is not None else None,
            "requires_grad": snapshot.requires_grad,
            "is_leaf": snapshot.is_leaf,
        }
    if isinstance(snapshot, Expr):
        return {"type": "int", "value": size(snapshot)}
    kind = snapshot[0]
    if kind == "value":
        name, value = snapshot[1], snapshot[2]
        name = {"NoneType": "none", "complex": "other"}.get(name, name)
        return {"type": name, "value": value} if name in ("int", "bool") else {"type": name}
    if kind == "unknown":
        known = snapshot[1].__name__ if snapshot[1] is not None else None
        return {"type": known if known in ("int", "bool", "float", "str", "tuple", "list", "dict") else None}
    if kind in ("tuple", "list"):
        if len(snapshot) < 2:
            return {"type": kind}
        items = snapshot[1]
        if kind == "tuple" and items and all(_is_size(i) for i in items):
            return {"type": kind, "value": [size(i[2]) if isinstance(i, tuple) else size(i) for i in items]}
        return {"type": kind, "items": [described(i) for i in items]}
    if kind == "dict":
        return (
            {"type": "dict", "items": {k: described(v) for k, v in snapshot[1]}}
            if len(snapshot) > 1
            else {"type": "dict"}
        )
    if kind == "constant":
        value = snapshot[1]
        return {"type": "dtype" if isinstance(value, DType) else "device" if isinstance(value, Device) else "other"}
    if kind == "oneof":
        return {"type": None}
    if kind == "object":
        return {"type": "module" if any(c.name == "Module" for c in snapshot[1].mro) else None}
    return {"type": None}


def size(value: object) -> object:
    if isinstance(value, int):
        return int(value)
    if isinstance(value, UnknownSize):
        return None
    if not isinstance(value, Expr):
        return None
    renamed = {s: as_size(Symbol(_names(s), s.key, s.low, s.rank)) for s in symbols(value)}
    return str(substitute(value, renamed))


def _is_size(item: object) -> bool:
    return isinstance(item, Expr) or (isinstance(item, tuple) and item[0] == "value" and item[1] == "int")


def _binding_kinds(chunk: ir.Chunk) -> dict[ir.Node, str]:
    """Which nodes are targets of a binding."""
    kinds: dict[ir.Node, str] = {}

    def target(node: ir.Expr) -> None:
        if isinstance(node, (ir.Tuple, ir.List)):
            for item in node.items:
                target(item)
        elif isinstance(node, ir.Starred):
            target(node.value)
        elif isinstance(node, ir.Name):
            kinds[node] = "assign"
        elif isinstance(node, ir.Attribute):
            kinds[node] = "attr"
        elif isinstance(node, ir.Subscript):
            kinds[node] = "subscript target"

    for node in ir.walk(chunk):
        if isinstance(node, ir.Assign):
            for each in node.targets:
                target(each)
        elif isinstance(node, (ir.AugAssign, ir.AnnAssign, ir.For, ir.Clause, ir.NamedExpr)):
            target(node.target)
        elif isinstance(node, ir.WithItem) and node.target is not None:
            target(node.target)
    return {n: k for n, k in kinds.items() if k != "subscript target"}


def _name(node: ir.Node) -> str | None:
    if isinstance(node, ir.Name):
        return node.id
    if isinstance(node, ir.Param):
        return node.name
    if isinstance(node, ir.Attribute):
        owner = _name(node.value)
        return f"{owner}.{node.name}" if owner else node.name
    return None
