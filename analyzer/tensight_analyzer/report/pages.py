"""Rules' pages: `tensight explain`, `tensight rules`."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from tensight_analyzer.plugin import Registry
from tensight_analyzer.rule import page, summary


def listing(registry: Registry) -> Iterator[str]:
    """A line for each rule."""
    width = max(len(name) for name in registry.rules)
    for rule in sorted(registry.rules.values(), key=lambda r: r.code):
        yield f"{rule.code}  {rule.name:<{width}}  {rule.severity:<7}  {summary(rule)}"


def explain(registry: Registry, name: str) -> str | None:
    """The page of a rule, by name or code."""
    rule = registry.rule(name)
    return page(rule) if rule is not None else None


def similar(registry: Registry, name: str) -> str:
    """A hint after a wrong name."""
    close = get_close_matches(name.lower(), registry.rules, 1, 0.5)
    return f"did you mean {close[0]!r}?" if close else "`tensight rules` lists them"
