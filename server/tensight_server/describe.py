"""From an analysis to plain data for editors: which span of the text shows what.

    facts   the different things shown, each a small dictionary (see `Describer.tensor` and its neighbours)
    spots   [line, col, end_line, end_col, numbers of facts, role, operator]; lines from 1, columns from 0
            in characters.  A spot without facts covers what is around it.  If several facts were seen, the first is
            what they have in common.
    hints   see `hints`
    scopes  for each spot, the number of the function it stands in

All of it is JSON: it goes from the analysis process to the one that answers the editor.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from tensight_analyzer.interp.events import Step
from tensight_analyzer.interp.frame import Place
from tensight_analyzer.ir import nodes as ir
from tensight_runtime.spec.fact import Fact, show_dims, show_fact
from tensight_runtime.spec.size import UNKNOWN, Expr, Symbol, as_size, product, substitute, symbols

MOST = 8  # alternatives kept of one place
MOST_NUMBERS = 3

BIND, PARAM, READ, EXPR, NOTHING = "bind", "param", "read", "expr", ""


class Operators:
    """A listener: which operator made the value of each expression of the user, the last one winning."""

    def __init__(self):
        self.names: dict[ir.Node, str] = {}

    def __call__(self, event: object) -> None:
        if event.__class__ is not Step:
            return
        node, frame = event.at
        while frame is not None:
            place = frame.place
            if place is not None and place.facts is not None:
                if node is not None:
                    self.names[node] = event.op.name
                return
            node, frame = frame.call_node, frame.caller


class Describer:
    """Describes the places of one file."""

    def __init__(self, places: list[Place], operators: dict[ir.Node, str]):
        self.places = places
        self.operators = operators
        self.facts: list[dict] = []
        self.numbers: dict[str, int] = {}
        self.origins = origins(places)
        self.spots: list[list] = []
        self.scopes: list[int] = []
        self._scope_numbers: dict[int, int] = {}

    def describe(self) -> None:
        for place in self.places:
            if place.facts is not None:
                self._chunk(place)

    # -- spots ---------------------------------------------------------------------------------------------------------

    def _chunk(self, place: Place) -> None:
        bound = bindings(place.chunk)
        shown_names: set[tuple[int, str]] = set()  # numbers that are worth showing where they are read
        makers: dict[tuple[int, str], tuple[list[int], str]] = {}
        for node, scope, called in in_scopes(place.chunk):
            seen = place.facts.get(node)
            role = self._role(node, bound)
            facts: list[int] = []
            operator = ""
            if seen is not None:
                name = (id(scope), node_name(node) or "")
                computed = role == BIND and not isinstance(bound[node], (ir.Const, type(None)))
                facts = self._alternatives(seen, numbers=computed or name in shown_names)
                if role == EXPR and facts and self.facts[facts[0]]["kind"] == "size" and not self._is_size(node):
                    facts = []
                if facts and role == BIND:
                    shown_names.add(name)
                operator = self._operator(node, bound, makers, name, facts)
            if facts or (isinstance(node, (ir.Name, ir.Const, ir.Param)) and called is None):
                self._spot(place.span(node), facts, role if facts else NOTHING, operator, scope)
            if called is not None and facts:  # `f` of `f(x)`, and `.view` of `x.view(1)`, show the result
                self._spot(self._handle(place, called), facts, EXPR, operator, scope)

    def _spot(self, span: tuple, facts: list[int], role: str, operator: str, scope: object) -> None:
        # a name with a dot tells variants of an operator apart, for us only
        self.spots.append([*span, facts, role, operator.partition(".")[0]])
        self.scopes.append(self._scope_numbers.setdefault(id(scope), len(self._scope_numbers)))

    def _role(self, node: ir.Node, bound: dict) -> str:
        if isinstance(node, ir.Param):
            return PARAM
        if node in bound:
            return BIND
        return READ if isinstance(node, ir.Name) else EXPR

    def _is_size(self, node: ir.Node) -> bool:
        """Does an expression ask a tensor for a size, in place of computing any number?"""
        return node in self.operators or isinstance(node, (ir.Subscript, ir.Attribute))

    def _operator(self, node: ir.Node, bound: dict, makers: dict, name: tuple, facts: list[int]) -> str:
        if node in bound:
            value = bound[node]
            found = self.operators.get(value, "") if value is not None else ""
            makers[name] = (facts, found)
            return found
        if isinstance(node, ir.Name):
            known, found = makers.get(name, ((), ""))
            return found if known == facts else ""
        return self.operators.get(node, "")

    def _handle(self, place: Place, func: ir.Node) -> tuple[int, int, int, int]:
        """What of a call's function names it: all of a name, the last part of `a.b`."""
        line, col, end_line, end_col = place.span(func)
        if isinstance(func, ir.Attribute):
            return end_line, end_col - len(func.name), end_line, end_col
        return line, col, end_line, end_col

    # -- facts ---------------------------------------------------------------------------------------------------------

    def _alternatives(self, seen: list, numbers: bool) -> list[int]:
        """The facts of a place, without repetition; nothing if none of them is about tensors."""
        flat: list = []
        for snapshot in seen:
            joined = isinstance(snapshot, tuple) and snapshot and snapshot[0] == "oneof"
            flat.extend(s for s in (snapshot[1] if joined else (snapshot,)) if s not in flat)
        described: dict[str, dict] = {}  # alternatives that read the same are one
        for snapshot in flat:
            found = self.snapshot(snapshot, numbers) or {"kind": "other", "text": "something else"}
            known = described.get(found["text"])
            if known is None or (found.get("sizes") and not known.get("sizes")):
                described[found["text"]] = found
        shown = sorted(described.values(), key=lambda d: d["kind"] == "other")
        if not shown or shown[0]["kind"] == "other" or self._vague(shown):
            return []
        common = common_part(flat) if len(shown) > 1 else None
        if common is None:
            return [self._number(d) for d in shown[:MOST]]
        return [self._number(together(self.snapshot(common, numbers), shown)), *(self._number(d) for d in shown[:MOST])]

    def _vague(self, shown: list[dict]) -> bool:
        """Is it a number of which nothing is known but that it is one, or too many numbers to be of use?"""
        sizes = [d for d in shown if d["kind"] == "size"]
        return len(sizes) > MOST_NUMBERS or any(not d["sizes"] and not d["text"].lstrip("-").isdigit() for d in sizes)

    def _number(self, fact: dict) -> int:
        key = json.dumps(fact, sort_keys=True)
        if key not in self.numbers:
            self.numbers[key] = len(self.facts)
            self.facts.append(fact)
        return self.numbers[key]

    def snapshot(self, snapshot: object, numbers: bool) -> dict | None:
        """One snapshot as data; None if it is of no interest and has no name."""
        if isinstance(snapshot, Fact):
            return self.tensor(snapshot)
        if isinstance(snapshot, Expr):
            return {"kind": "size", "text": str(renamed((snapshot,))[0]), "sizes": self.sizes((snapshot,))}
        kind = snapshot[0]
        if kind == "value":
            name, value = snapshot[1], snapshot[2]
            if numbers and name == "int":
                return {"kind": "size", "text": str(value), "sizes": []}
            return {"kind": "other", "text": "None" if value is None else name}
        if kind in ("tuple", "list", "dict"):
            return self.group(snapshot)
        return {"kind": "other", "text": "something not known"} if kind == "unknown" else None

    def tensor(self, fact: Fact) -> dict:
        dims = fact.dims
        shown = fact.with_dims(renamed(dims)) if dims else fact
        elements = product(shown.dims) if dims is not None else None
        known = elements is not None and "?" not in str(elements)
        return {
            "kind": "tensor",
            "text": show_fact(shown),
            "dtype": fact.dtype.short if fact.dtype else None,
            "dims": None if dims is None else [str(d) for d in shown.dims],
            "device": None if fact.device is None else str(fact.device),
            "requires_grad": fact.requires_grad,
            "is_leaf": fact.is_leaf,
            "contiguous": fact.contiguous,
            "elements": _plain(elements) if known else None,
            "bytes": _plain(elements * fact.dtype.itemsize) if known and fact.dtype else None,
            "sizes": self.sizes(dims or ()),
        }

    def group(self, snapshot: tuple) -> dict | None:
        """A tuple, list or dictionary: sizes if all its items are, otherwise its items if some are tensors."""
        kind = snapshot[0]
        if len(snapshot) < 2 or not snapshot[1]:
            return None
        if kind == "dict":
            labels, items = [repr(k) for k, _ in snapshot[1]], [v for _, v in snapshot[1]]
        else:
            labels, items = [str(i) for i in range(len(snapshot[1]))], list(snapshot[1])
            sizes = tuple(i if isinstance(i, Expr) else i[2] for i in items if is_size(i))
            if kind == "tuple" and len(sizes) == len(items):
                inside = show_dims(renamed(sizes))[1:-1]
                return {"kind": "sizes", "text": f"({inside},)" if len(sizes) == 1 else f"({inside})",
                        "sizes": self.sizes(sizes)}  # fmt: skip
        parts = [self.snapshot(i, False) for i in items]
        if not any(p and p["kind"] in ("tensor", "group") for p in parts):
            return None
        texts = [p["text"] if p else "…" for p in parts]
        opening, closing = {"tuple": "()", "list": "[]", "dict": "{}"}[kind]
        named = [f"{k}: {t}" for k, t in zip(labels, texts, strict=True)] if kind == "dict" else texts
        sizes = [size for p in parts if p for size in p.get("sizes", ())]
        items = [list(item) for item in zip(labels, texts, strict=True)]
        return {"kind": "group", "text": opening + ", ".join(named) + closing, "items": items, "sizes": sizes}

    def sizes(self, dims) -> list[list]:
        """Where the named sizes come from: [name, file, line, what is there]."""
        found = []
        for symbol in dict.fromkeys(s for d in dims if isinstance(d, Expr) for s in sorted(symbols(d), key=str)):
            if symbol in self.origins:
                found.append([symbol.name, *self.origins[symbol]])
        return found


def is_size(snapshot: object) -> bool:
    """Is it a number that may be a size?"""
    return isinstance(snapshot, Expr) or (isinstance(snapshot, tuple) and snapshot[:2] == ("value", "int"))


def _plain(size: object) -> int | str:
    return int(size) if isinstance(size, int) else str(size)


def renamed(dims: tuple) -> tuple:
    """Two different symbols of one name are told apart by a number."""
    named: dict[str, list[Symbol]] = {}
    found = [sorted(symbols(d), key=lambda s: (s.name, repr(s.key))) for d in dims if isinstance(d, Expr)]
    for symbol in (s for each in found for s in each):
        if symbol not in named.setdefault(symbol.name, []):
            named[symbol.name].append(symbol)
    new = {
        symbol: as_size(Symbol(f"{name}_{i}", symbol.key, symbol.low, symbol.rank))
        for name, group in named.items() for i, symbol in enumerate(group, 1) if i > 1
    }  # fmt: skip
    return tuple(substitute(d, new) if isinstance(d, Expr) else d for d in dims) if new else tuple(dims)


def together(common: dict, each: list[dict]) -> dict:
    """What several have in common, with the values of what they do not."""
    found = common | {"common": True}
    for key in ("requires_grad", "is_leaf", "contiguous", "elements", "bytes"):
        values = list(dict.fromkeys(d.get(key) for d in each))
        if key in common and None not in values:
            found[key] = values if len(values) > 1 else values[0]
    return found


def common_part(snapshots: list) -> object | None:
    """What several snapshots have in common, if all are tensors, or tuples of as many tensors; None otherwise."""
    if all(isinstance(s, Fact) for s in snapshots):
        return merged(snapshots)
    first = snapshots[0]
    if not all(type(s) is tuple and len(s) == 2 and s[0] == first[0] in ("tuple", "list") and s[1] for s in snapshots):
        return None
    if len({len(s[1]) for s in snapshots}) > 1:
        return None
    columns = [list(dict.fromkeys(c)) for c in zip(*(s[1] for s in snapshots), strict=True)]
    parts = [c[0] if len(c) == 1 else common_part(c) for c in columns]
    return None if any(p is None for p in parts) else (first[0], tuple(parts))


def merged(facts: list[Fact]) -> Fact:
    """What several facts have in common."""

    def common(values: list) -> object:
        return values[0] if all(v == values[0] for v in values) else None

    dims = None
    if all(f.dims is not None and len(f.dims) == len(facts[0].dims or ()) for f in facts):
        dims = tuple(
            c[0] if all(d == c[0] or str(d) == str(c[0]) for d in c) else UNKNOWN
            for c in zip(*(f.dims for f in facts), strict=True)
        )
    rest = [common([getattr(f, name) for f in facts]) for name in ("device", "requires_grad", "is_leaf", "contiguous")]
    return Fact(common([f.dtype for f in facts]), dims, *rest)


# -- the tree ----------------------------------------------------------------------------------------------------------


def in_scopes(chunk: ir.Chunk) -> Iterator[tuple[ir.Node, object, ir.Node | None]]:
    """Every node in source order, the function it stands in, and for a call the node that names what is called."""
    stack: list[tuple[ir.Node, object, bool]] = [(chunk, None, False)]
    while stack:
        node, scope, is_called = stack.pop()
        called = node.func if isinstance(node, ir.Call) else None
        if not is_called:
            yield node, scope, called
        if isinstance(node, ir.Code):
            scope = node
        below = list(ir.children(node))
        for child in reversed(below):
            stack.append((child, scope, child is called and isinstance(child, (ir.Name, ir.Attribute))))


def bindings(chunk: ir.Chunk) -> dict[ir.Node, ir.Node | None]:
    """The targets of bindings and the expression that is bound as a whole, None if it is taken apart."""
    found: dict[ir.Node, ir.Node | None] = {}

    def target(node: ir.Node, value: ir.Node | None) -> None:
        if isinstance(node, (ir.Tuple, ir.List)):
            same = isinstance(value, ir.Tuple) and len(value.items) == len(node.items)
            for i, item in enumerate(node.items):
                target(item, value.items[i] if same else value)
        elif isinstance(node, ir.Starred):
            target(node.value, None)
        elif isinstance(node, (ir.Name, ir.Attribute)):
            found[node] = value

    for node in ir.walk(chunk):
        if isinstance(node, ir.Assign):
            for each in node.targets:
                target(each, node.value)
        elif isinstance(node, (ir.AnnAssign, ir.NamedExpr)):
            target(node.target, node.value)
        elif isinstance(node, ir.AugAssign):
            target(node.target, None)
        elif isinstance(node, (ir.For, ir.Clause)):
            target(node.target, None)
        elif isinstance(node, ir.WithItem) and node.target is not None:
            target(node.target, None)
    return found


def node_name(node: ir.Node) -> str | None:
    """The user's name for a variable, parameter or attribute."""
    if isinstance(node, ir.Name):
        return node.id
    if isinstance(node, ir.Param):
        return node.name
    if isinstance(node, ir.Attribute):
        owner = node_name(node.value)
        return f"{owner}.{node.name}" if owner else None
    return None


def origins(places: list[Place]) -> dict[Symbol, tuple[str, int, str]]:
    """Where each symbol was named: the first binding that holds just it, or the parameter in whose shape it occurs."""
    bound: dict[Symbol, tuple[str, int, str]] = {}
    inside: dict[Symbol, tuple[str, int, str]] = {}
    for place in places:
        for node, seen in (place.facts or {}).items():
            name = node_name(node)
            if name is None:
                continue
            where = (place.file, place.span(node)[0])
            for snapshot in seen[:MOST]:
                if isinstance(snapshot, Expr):
                    symbol = only_symbol(snapshot)
                    if symbol is not None and name.rpartition(".")[2] == symbol.name:
                        bound.setdefault(symbol, (*where, name))
                elif isinstance(snapshot, Fact) and isinstance(node, ir.Param):
                    for i, size in enumerate(snapshot.dims or ()):
                        symbol = only_symbol(size)
                        if symbol is not None:
                            inside.setdefault(symbol, (*where, f"{name}.shape[{i}]"))
    return inside | bound


def only_symbol(size: object) -> Symbol | None:
    """The symbol that a size consists of, if it is just that."""
    if isinstance(size, Expr) and len(size.terms) == 1:
        atoms, factor = size.terms[0]
        if factor == 1 and len(atoms) == 1 and isinstance(atoms[0], Symbol):
            return atoms[0]
    return None
