"""IR as indented text, one node a line: for tests, and for `tensight ir FILE`."""

from __future__ import annotations

from dataclasses import fields

from tensight_analyzer.ir import nodes
from tensight_analyzer.ir.program import Program

_INDENT = "  "


def show(what: nodes.Node | Program) -> str:
    """A node and everything below it, or a program; the lines of a program's nodes count from the start of the file."""
    lines: list[str] = []
    if isinstance(what, nodes.Node):
        _show(what, "", 0, 0, lines)
    else:
        for unit in what.units:
            _show(unit.chunk, "", 0, unit.line - 1, lines)
        lines += (f"{c.kind} {_place(c[:4])}: {c.message}" for c in what.complaints)
        lines += (f"note: {note}" for note in what.notes)
    return "\n".join(lines) + "\n"


def _show(node: nodes.Node, label: str, depth: int, shift: int, lines: list[str]) -> None:
    line, col, end_line, end_col = node.span
    head = [label + node.__class__.__name__]
    below: list[tuple[str, nodes.Node]] = []
    for field in fields(node)[1:]:
        value = getattr(node, field.name)
        if isinstance(value, nodes.Node):
            below.append((f"{field.name}: ", value))
        elif isinstance(value, tuple) and any(isinstance(item, nodes.Node) for item in value):
            below += _items(field.name, value)
        elif value not in ((), frozenset(), None, "", False) or field.name == "value":
            head.append(f"{field.name}={_scalar(value)}")
    head.append(_place((line + shift, col, end_line + shift, end_col)))
    lines.append(_INDENT * depth + " ".join(head))
    for name, child in below:
        _show(child, name, depth + 1, shift, lines)


def _items(name: str, values: tuple[nodes.Node | None, ...]) -> list[tuple[str, nodes.Node]]:
    """A tuple's nodes; the None among them (the key of a `**mapping`) can be told from the missing number."""
    return [(f"{name}[{i}]: ", value) for i, value in enumerate(values) if value is not None]


def _scalar(value: object) -> str:
    if isinstance(value, frozenset):
        return "{" + ", ".join(sorted(value)) + "}"
    return repr(value)


def _place(span: tuple[int, ...]) -> str:
    line, col, end_line, end_col = span
    return f"@{line}:{col}-{end_col}" if line == end_line else f"@{line}:{col}-{end_line}:{end_col}"
