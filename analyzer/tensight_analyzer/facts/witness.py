"""Witnesses: an error about symbolic sizes is shown by numbers that meet it.

Numbers for the symbols of the path are put in their place and the same root is interpreted again; only if it refuses
the same thing at the same place is the finding an error.  So symbols that are secretly equal, and paths that cannot
be taken, raise no false alarm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tensight_runtime.spec.knowledge import Knowledge
from tensight_runtime.spec.size import Expr, Symbol, symbols

from tensight_analyzer.facts.finding import Finding
from tensight_analyzer.interp.events import Refusal
from tensight_analyzer.interp.values import TensorValue

MOST = 8  # replays of one program

Numbers = dict[object, int]


class Claim:
    """A finding that holds if the path can be taken: what is known on it, and the symbols of the operands."""

    __slots__ = ("finding", "known", "mentioned")

    def __init__(self, finding: Finding, known: Knowledge | None, mentioned: frozenset[Symbol]):
        self.finding = finding
        self.known = known
        self.mentioned = mentioned

    @property
    def concrete(self) -> bool:
        """No symbol takes part in it, so there is nothing to try."""
        known = self.known
        return known is None or not (self.mentioned or known.rewrites or known.ranges or known.obligations)

    def numbers(self) -> Numbers | None:
        """Numbers that meet the path, by the keys of the symbols."""
        witness = self.known.witness(self.mentioned)
        return None if witness is None else {symbol.key: number for symbol, number in witness.items()}


def claim(finding: Finding, event: object) -> Claim:
    """The claim an event makes."""
    if not isinstance(event, Refusal):
        return Claim(finding, None, frozenset())
    found: set[Symbol] = set()
    for size in _sizes(event.bound):
        found |= symbols(size)
    return Claim(finding, event.path, frozenset(found))


def confirmed(claims: Iterable[Claim], replay: Callable[[Numbers], set[tuple]]) -> list[Finding]:
    """The findings that stand.  `replay(numbers)` answers with the places of the findings met under these numbers."""
    findings: list[Finding] = []
    met: set[tuple] = set()
    replays = 0
    for one in claims:
        if one.concrete or one.finding.place in met:
            findings.append(one.finding)
            continue
        numbers = one.numbers()
        if numbers is None or replays >= MOST:
            findings.append(one.finding.weaker("no sizes were found for which this can be shown"))
            continue
        replays += 1
        again = replay(numbers)
        met |= again
        if one.finding.place in again:
            findings.append(one.finding)
    return findings


def _sizes(value: object) -> Iterable[Expr]:
    if isinstance(value, Expr):
        yield value
    elif isinstance(value, TensorValue):
        yield from (d for d in value.fact.dims or () if isinstance(d, Expr))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _sizes(item)
