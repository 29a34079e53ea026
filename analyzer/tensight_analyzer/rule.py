"""A rule: one file, one class.  Its docstring is its page, its help text and its tests.

    class ShapeMismatch(Rule):
        '''An operator is given sizes that cannot go together.

        ## Why
        ...
        ## Bad
            y = x @ w  # error
        ## Good
            y = x @ w.T
        '''

        code, name, category = "TS101", "shape-mismatch", "shape"
        listens = (Refusal,)

        def visit(self, event, scene):
            yield self.finding(scene, event.at, event.message)

A rule sees events (`interp.events`): plain records of what the interpreter did, never syntax trees of a parser.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import NamedTuple

from tensight_analyzer.facts.finding import Finding, Note
from tensight_analyzer.facts.origin import Scene


class Rule:
    """What all rules share.  `listens` are the kinds of events `visit` is called with."""

    code: str = ""
    name: str = ""
    category: str = "api"
    severity: str = "error"
    listens: tuple[type, ...] = ()

    def visit(self, event, scene: Scene) -> Iterator[Finding | None]:
        """The findings of one event."""
        raise NotImplementedError

    def finding(self, scene: Scene, at: tuple, message: str, notes: tuple[Note, ...] = (),
                fix: str | None = None) -> Finding | None:  # fmt: skip
        """A finding at the user's place of an event; None if no code of the user leads there."""
        spot = scene.spot(at)
        if spot is None:
            return None
        if spot.inside:
            message = f"{message} (in {spot.inside[-1]})"
        return Finding(
            spot.where, self.code, self.name, self.category, self.severity, message, notes + scene.calls(spot), fix
        )


class Example(NamedTuple):
    """A code block of a rule's page; `errors` are the lines (from 1) marked `# error`."""

    title: str
    code: str
    errors: tuple[int, ...]


def page(rule: type[Rule]) -> str:
    """The rule's page in Markdown."""
    return f"# {rule.name} ({rule.code})\n\n{inspect.getdoc(rule)}\n"


def summary(rule: type[Rule]) -> str:
    """The first line of the page."""
    return inspect.getdoc(rule).splitlines()[0]


def examples(rule: type[Rule]) -> list[Example]:
    """The indented blocks of the page, each under its heading."""
    title, block, found = "", [], []

    def close() -> None:
        lines = [line[4:] for line in block]
        while lines and not lines[-1].strip():
            lines.pop()
        if lines:
            marks = tuple(i for i, line in enumerate(lines, 1) if line.rstrip().endswith("# error"))
            found.append(Example(title, "\n".join(lines) + "\n", marks))
        block.clear()

    for line in inspect.getdoc(rule).splitlines():
        if line.startswith("    ") or (block and not line.strip()):
            block.append(line)
            continue
        close()
        if line.startswith("#"):
            title = line.lstrip("# ")
    close()
    return found
