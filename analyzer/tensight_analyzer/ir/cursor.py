"""A position in the tokens of a chunk, and what all parts of the lowering share."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

from tensight_analyzer.ir import nodes
from tensight_analyzer.source.tokens import Tokens


class LoweringError(Exception):
    """A tree and its tokens do not fit together, or the tree has a node that the lowering does not know."""


class Dispatch(dict):
    """Handlers by node class, found by the class's name when the class is first met."""

    def __init__(self, by_name: dict[str, Callable[..., Any]]) -> None:
        super().__init__()
        self.by_name = by_name

    def __missing__(self, cls: type) -> Callable[..., Any]:
        handler = self.by_name.get(cls.__name__)
        if handler is None:
            raise LoweringError(f"unknown syntax: {cls.__name__}")
        self[cls] = handler
        return handler


class Scope:
    """The names of one function, lambda, class or module body while it is walked."""

    __slots__ = ("bound", "global_names", "nonlocal_names", "is_generator")

    def __init__(self) -> None:
        self.bound: set[str] = set()
        self.global_names: set[str] = set()
        self.nonlocal_names: set[str] = set()
        self.is_generator = False


class Cursor:
    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.texts = tokens.texts
        self.starts = tokens.starts
        self.ends = tokens.ends
        self.i = 0  # the cursor: index of the next token
        self.scope = Scope()

    def span(self, start: int) -> nodes.Span:
        """From token `start` to the token before the cursor."""
        return self.starts[start] + self.ends[self.i - 1]

    def comma(self) -> None:
        if self.texts[self.i] == ",":
            self.i += 1

    def expect(self, text: str) -> None:
        """Steps over a token that must be there: the check that tree and tokens go together."""
        if self.texts[self.i] != text:
            line, col = self.starts[self.i]
            raise LoweringError(f"expected {text!r} at {line}:{col}, found {self.texts[self.i]!r}")
        self.i += 1

    def bind(self, target: nodes.Node) -> None:
        self.scope.bound.update(target_names(target))


def identifier(text: str) -> str:
    """Python compares identifiers in their NFKC form."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def target_names(target: nodes.Node) -> list[str]:
    """The plain names that an assignment target binds."""
    names: list[str] = []
    stack = [target]
    while stack:
        t = stack.pop()
        cls = t.__class__
        if cls is nodes.Name:
            names.append(t.id)
        elif cls is nodes.Tuple or cls is nodes.List:
            stack.extend(t.items)
        elif cls is nodes.Starred:
            stack.append(t.value)
    return names
