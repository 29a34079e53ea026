"""The analyzer as the tests call it: text in, findings and facts out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tensight_analyzer.check import Reader, check_file, chosen
from tensight_analyzer.cli import with_large_stack
from tensight_analyzer.config import Settings
from tensight_analyzer.facts.finding import Finding, in_order
from tensight_analyzer.facts.suppress import suppressed
from tensight_analyzer.interp.values import Native
from tensight_analyzer.ir import nodes as ir
from tensight_analyzer.plugin import Registry, installed
from tensight_runtime.spec.fact import Fact, parse_fact, show_fact
from tensight_runtime.spec.size import Expr, Symbol, as_size, substitute, symbols


def findings_in(code: str, folder, registry: Registry | None = None, **settings) -> list[Finding]:
    """What `tensight check` finds in a program; `given(...)` is known."""
    return _checked(code, folder, registry or installed(), Settings(**settings))[1]


def facts_and_findings(code: str, folder) -> tuple[Callable[[int], list[list[str]]], list[Finding]]:
    """What is known of a line: for each name it binds (or for its value) the alternatives; and the findings."""
    places, findings = _checked(code, folder, installed(), Settings())
    by_line: dict[int, list[list[str]]] = {}
    for place in places:
        for statement in statements(place.chunk):
            line = place.span(statement)[2]
            nodes = bound_nodes(statement)
            by_line[line] = [shown(place.facts[n]) for n in nodes if n in place.facts]
    return lambda line: by_line.get(line, []), findings


def _checked(code: str, folder, registry: Registry, settings: Settings) -> tuple[list, list[Finding]]:
    path = folder / "program.py"
    path.write_text(code, encoding="utf-8")
    reader = Reader(settings)
    rules = [rule() for rule in chosen(registry, settings)]

    def run():
        return check_file(str(path), (str(path),), rules, settings, registry, reader, extra_builtins={"given": GIVEN})

    result, findings = with_large_stack(run)
    return result.places, [f for f in in_order(findings) if not suppressed(f, reader.comments)]


def statements(chunk: ir.Chunk) -> Iterator[ir.Stmt]:
    return (node for node in ir.walk(chunk) if isinstance(node, ir.Stmt))


def bound_nodes(statement: ir.Stmt) -> list[ir.Node]:
    """The names a statement binds, else its value."""
    match statement:
        case ir.Assign(targets=(target, *_)) | ir.AugAssign(target=target) | ir.AnnAssign(target=target):
            return list(target.items) if isinstance(target, (ir.Tuple, ir.List)) else [target]
        case ir.ExprStmt(value=value) | ir.Return(value=value) if value is not None:
            return [value]
    return []


def shown(snapshots: list) -> list[str]:
    """The alternatives seen at a place, in the notation of facts."""
    flat = [a for s in snapshots for a in (s[1] if isinstance(s, tuple) and s and s[0] == "oneof" else (s,))]
    return list(dict.fromkeys(map(_one, flat)))


def _one(snapshot: object) -> str:
    if isinstance(snapshot, Fact):
        return show_fact(snapshot)
    if isinstance(snapshot, tuple) and snapshot[0] == "value":
        return str(snapshot[2])
    if isinstance(snapshot, tuple) and snapshot[0] in ("tuple", "list") and len(snapshot) > 1:
        inside = ", ".join(map(_one, snapshot[1]))
        return f"({inside})" if snapshot[0] == "tuple" else f"[{inside}]"
    return str(snapshot) if isinstance(snapshot, Expr) else "?"


def _given(machine, args, kwargs, at):
    """`given("f32[B, 784]")`: a tensor of which only the fact is known."""
    text = machine.resolve(args[0])
    fact = parse_fact(text)

    def size(value: object) -> object:
        if not isinstance(value, Expr):
            return value
        own = {s: _symbol(machine, s) for s in symbols(value)}
        return substitute(value, own)

    if fact.dims is not None:
        fact = fact.with_dims(tuple(size(d) for d in fact.dims))
    return machine.domain.make(fact)


def _symbol(machine, symbol: Symbol) -> object:
    """One symbol for one name in all of a program's facts; a number while a witness is replayed."""
    key = ("given", symbol.name)
    known = machine.numbers.get(key)
    return known if known is not None else as_size(Symbol(symbol.name, key, 0, 2))


GIVEN = Native("given", _given)

__all__ = ["GIVEN", "facts_and_findings", "findings_in"]
