"""Requirements of operators: met, broken, or undecided.

A rule says `require(eq(a, b), "size {} is not size {}", a, b)`.  A broken requirement raises `Refused` with torch's
message.  An undecided one (some size is symbolic) is an *obligation*: it is handed to whoever infers, who may know more
about the sizes on the current path, and who learns from it that the condition holds wherever the operator succeeded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tensight_runtime.spec.cond import Cond


class Refused(Exception):
    """The operator does not accept these arguments; `str()` is torch's message, `error` the exception torch raises."""

    def __init__(self, message: str, error: type[Exception] = RuntimeError):
        super().__init__(message)
        self.error = error


class RankUnknown(Exception):
    """A rule asked for the shape of a fact that has none; `infer` answers with an unknown shape."""


class Obligation(NamedTuple):
    cond: Cond
    template: str
    values: tuple
    error: type[Exception]

    @property
    def message(self) -> str:
        return self.template.format(*map(shown, self.values))


_collector: list[Obligation] | None = None


def require(cond: bool | Cond, template: str, *values: object, error: type[Exception] = RuntimeError) -> None:
    """Demand `cond`; `template.format(*values)` is torch's message, formatted only when needed.

    Sequences among `values` are printed as torch prints sizes, `[2, 3]`.
    """
    if cond is True:
        return
    if cond is False:
        raise Refused(template.format(*map(shown, values)), error)
    if _collector is not None:
        _collector.append(Obligation(cond, template, values, error))


@contextmanager
def collecting() -> Iterator[list[Obligation]]:
    """Obligations of the rules that run inside, innermost first come."""
    global _collector
    outer, _collector = _collector, []
    try:
        yield _collector
    finally:
        _collector = outer


def shown(value: object) -> object:
    """A value as torch's messages print it."""
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(map(str, value)) + "]"
    return value
