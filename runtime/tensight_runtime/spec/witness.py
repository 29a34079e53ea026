"""Numbers that meet everything a path knows: the search behind `Knowledge.witness`."""

from __future__ import annotations

from collections.abc import Iterable
from math import isqrt
from typing import TYPE_CHECKING

from tensight_runtime.spec.cond import Cond
from tensight_runtime.spec.learning import Quotient, meaning
from tensight_runtime.spec.size import Expr, Symbol, as_atom, as_size, evaluate, order, symbols

if TYPE_CHECKING:
    from tensight_runtime.spec.knowledge import Knowledge

MAX_TRIES = 20_000  # numbers put in place of a symbol
SPAN = 64  # consecutive numbers tried for a symbol, besides the divisors of the constants it has to do with


def find(known: Knowledge, extra_symbols: Iterable[Symbol] = ()) -> dict[Symbol, int] | None:
    """Small numbers for all symbols the path mentions, distinct and neither 0 nor 1 where it can be."""
    search = _Search(known, extra_symbols)
    return search.run(strict=True) or search.run(strict=False)


class _Search:
    def __init__(self, known: Knowledge, extra_symbols: Iterable[Symbol]):
        self.known = known
        self.derived = {atom: size for atom, size in known.rewrites.items() if type(atom) is Symbol}
        facts = list(known.facts())
        mentioned = {*extra_symbols, *self.derived}.union(*map(symbols, self.derived.values()), *map(_symbols, facts))
        for quotient in [symbol for symbol in mentioned if isinstance(symbol.key, Quotient)]:
            facts.append(Cond("==", as_size(quotient), meaning(as_size(quotient))))
            mentioned |= _symbols(facts[-1])
        facts += [Cond(">=", as_size(symbol), symbol.low) for symbol in self.derived if symbol.low is not None]
        self.needs = {cond: self._free(_symbols(cond)) for cond in facts}
        self.plan = self._plan(mentioned - self.derived.keys())

    def run(self, strict: bool) -> dict[Symbol, int] | None:
        """Depth first, at most half of MAX_TRIES; strict: all numbers distinct and greater than 1."""
        self.strict, self.tries = strict, MAX_TRIES // 2
        self.env: dict[Symbol, int] = {}
        self.used: list[int] = []
        return self.env if self._settle(0) and self._place(1) else None

    def _free(self, mentioned: Iterable[Symbol]) -> frozenset[Symbol]:
        """The symbols to choose, instead of those that follow."""
        return frozenset().union(*(symbols(self.derived[s]) if s in self.derived else {s} for s in mentioned))

    def _plan(self, free: set[Symbol]) -> list[tuple[Symbol | None, list[Symbol], list[Cond]]]:
        """The order of placing, symbols of small conditions first; with each, what can be computed and tested then."""
        needs = self.needs
        waiting = sorted(self.derived, key=order)
        placed: list[Symbol | None] = [None]
        for cond in sorted(needs, key=lambda cond: (len(needs[cond]), str(cond))):
            placed += sorted(needs[cond] - set(placed), key=order)
        placed += sorted(free - set(placed), key=order)
        plan = []
        seen: set[Symbol | None] = set()
        for symbol in placed:
            seen.add(symbol)
            now = [s for s in waiting if symbols(self.derived[s]) <= seen]
            waiting = [s for s in waiting if s not in now]
            plan.append((symbol, now, [cond for cond, needed in needs.items() if needed <= seen]))
            needs = {cond: needed for cond, needed in needs.items() if not needed <= seen}
        return plan

    def _place(self, at: int) -> bool:
        if at == len(self.plan):
            return True
        symbol = self.plan[at][0]
        before = len(self.used)
        for value in self._values(symbol):
            self.tries -= 1
            if self.tries < 0:
                return False
            if self.strict and value in self.used:
                continue
            self.env[symbol] = value
            self.used.append(value)
            if self._settle(at) and self._place(at + 1):
                return True
            del self.used[before:]
        return False

    def _settle(self, at: int) -> bool:
        """Computes what follows from the numbers so far and tests it."""
        _, derived, conditions = self.plan[at]
        for symbol in derived:
            size = self.derived[symbol]
            try:
                value = self.env[symbol] = evaluate(size, self.env)
            except ZeroDivisionError:
                return False
            if type(size) is Expr and type(as_atom(size)) is not Symbol:  # else it is forced to equal something
                if self.strict and (value < 2 or value in self.used):
                    return False
            self.used.append(value)
        return all(cond.holds(self.env) for cond in conditions)

    def _values(self, symbol: Symbol) -> list[int]:
        low, high = self.known.bounds(as_size(symbol))
        first = 2 if low is None else max(2, low)
        values = sorted({*range(first, first + SPAN), *(d for d in self._divisors(symbol) if d >= first)})
        if high is not None:
            values = [value for value in values if value <= high]
        last = -SPAN if low is None else low
        small = range(1 if high is None else min(1, high), last - 1, -1)
        return values or list(small) if self.strict else [*values, *small]

    def _divisors(self, symbol: Symbol) -> set[int]:
        found = set()
        for cond, needed in self.needs.items():
            if symbol in needed:
                for size in (cond.a, cond.b):
                    constant = abs(dict(size.terms).get((), 0) if type(size) is Expr else size)
                    if constant < 1_000_000:
                        small = [d for d in range(1, isqrt(constant) + 1) if constant % d == 0]
                        found.update(small, (constant // d for d in small))
        return found


def _symbols(cond: Cond) -> frozenset[Symbol]:
    return symbols(cond.a) | symbols(cond.b)
