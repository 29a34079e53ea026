"""What all nodes of the IR share.  Use `nodes`, which exports it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from operator import attrgetter

Span = tuple[int, int, int, int]


def node(cls: type) -> type:
    cls = dataclass(frozen=True, slots=True, eq=False)(cls)
    names = [f.name for f in fields(cls)]
    values = attrgetter(*names) if len(names) > 1 else lambda self: (self.span,)
    # The state methods that `dataclass` writes make pickling three times slower; the disk cache lives by its speed.
    cls.__reduce__ = lambda self: (cls, values(self))
    return cls


@node
class Node:
    span: Span


class Expr(Node):
    """An expression."""

    __slots__ = ()


class Stmt(Node):
    """A statement."""

    __slots__ = ()


def children(n: Node) -> Iterator[Node]:
    """The nodes directly below `n`, in source order."""
    for name in _node_fields(n.__class__):
        value = getattr(n, name)
        if isinstance(value, Node):
            yield value
        elif isinstance(value, tuple):
            for item in value:
                if isinstance(item, Node):
                    yield item


def walk(n: Node) -> Iterator[Node]:
    """`n` and everything below it, parents first (iterative: long chains do not exhaust the stack)."""
    stack = [n]
    while stack:
        top = stack.pop()
        yield top
        stack.extend(reversed(list(children(top))))


@cache
def _node_fields(cls: type) -> tuple[str, ...]:
    scalars = {"span", "id", "value_text", "op", "ops", "name", "kind", "why", "names", "level", "module", "doc"}
    return tuple(f.name for f in fields(cls) if f.name not in scalars or f.type in ("tuple[Alias, ...]",))
