"""How a path takes in a new condition: solve it, narrow a range, or keep it as an obligation."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from math import gcd
from typing import NamedTuple

from tensight_runtime.spec.cond import NEGATED, Cond, by_range, decide
from tensight_runtime.spec.division import tightest
from tensight_runtime.spec.expr import from_terms, without
from tensight_runtime.spec.size import (
    FRESH,
    UNKNOWN,
    Atom,
    Expr,
    FloorDiv,
    Max,
    Min,
    Range,
    Size,
    Symbol,
    as_atom,
    as_size,
    at_least,
    atoms,
    bounds,
    floor_div,
    lower,
    order,
    substitute,
    symbols,
    upper,
)

MAX_STEPS = 200  # of learning from one condition: what is still queued then stays an obligation
MAX_OBLIGATIONS = 48  # more are not kept: to know less is always right


class Quotient(NamedTuple):
    """The key of a fresh symbol that stands for `of`, the quotient of a division that came out even on some path."""

    of: Size

    def __repr__(self) -> str:
        return f"Quotient({self.of}, {[order(atom) for atom in sorted(symbols(self.of), key=order)]})"


def meaning(size: Size) -> Size:
    """`size` without fresh quotient symbols, in terms of what they stand for."""
    return substitute(size, {s: meaning(s.key.of) for s in symbols(size) if isinstance(s.key, Quotient)})


def normal_form(size: Size, rewrites: Mapping[Atom, Size], ranges: Mapping[Atom, Range]) -> Size:
    for _ in range(8):  # a rewritten floor may be, or contain, another one's left side
        new = substitute(size, rewrites, ranges)
        if new is UNKNOWN or new == size:  # too large a form is no better than the old one
            break
        size = new
    return size


def decide_normal(
    kind: str, a: Size, b: Size, ranges: Mapping[Atom, Range], obligations: Iterable[Cond]
) -> bool | None:
    """The verdict on normal forms, by ranges and then by what follows from one obligation."""
    verdict = decide(kind, a, b, ranges)
    if verdict is not None or not obligations or a is UNKNOWN or b is UNKNOWN:
        return verdict
    if kind in ("!=", "not divides"):
        verdict = decide_normal(NEGATED[kind], a, b, ranges, obligations)
        return None if verdict is None else not verdict
    if kind == "broadcast":
        answers = [decide_normal("==", x, y, ranges, obligations) for x, y in ((a, b), (a, 1), (b, 1))]
        return True if True in answers else None if None in answers else False
    asked = Cond(kind, a, b)
    for known in obligations:
        if known == asked or known == asked.negate():
            return known == asked
    if kind == "divides":
        # d divides n iff it divides n - m, where it is known to divide m
        alike = (decide(kind, a, b - known.b, ranges) for known in obligations if known.kind == kind and known.a == a)
        return next((verdict for verdict in alike if verdict is not None), None)
    difference = a - b
    low, high = None, None
    for known in obligations:
        above = known.not_negative()
        if above is not None:  # difference = (difference - above) + above >= difference - above
            low, high = tightest((low, high), (lower(difference - above, ranges), upper(difference + above, ranges)))
        if known.kind == "==":
            zero = known.a - known.b
            low, high = tightest((low, high), (lower(difference + zero, ranges), upper(difference - zero, ranges)))
        if known.kind == "!=" and kind == "==" and difference in (known.a - known.b, known.b - known.a):
            return False
    return by_range(kind, (low, high))


def divisors(cond: Cond) -> list[Expr]:
    """What the condition divides by, numbers left out."""
    found = {atom for atom in atoms(cond.a) | atoms(cond.b) if type(atom) is FloorDiv and type(atom.b) is Expr}
    return [atom.b for atom in sorted(found, key=order)]


class _Contradiction(Exception):
    pass


class Learning:
    """A mutable draft of the next Knowledge, and a queue of conditions it still has to take in."""

    def __init__(self, rewrites: Mapping[Atom, Size], ranges: Mapping[Atom, Range], obligations: Iterable[Cond]):
        self.rewrites, self.ranges, self.obligations = dict(rewrites), dict(ranges), list(obligations)
        self.queue: deque[Cond] = deque()

    def learn(self, conds: Iterable[Cond]) -> bool:
        """Whether the path is possible with them."""
        self.queue.extend(conds)
        try:
            for _ in range(MAX_STEPS):
                if not self.queue:
                    break
                self._take(self.queue.popleft())
        except (_Contradiction, ZeroDivisionError):  # a fact about x//0 says that this path is never taken
            return False
        for cond in self.queue:
            self._keep(cond)
        return True

    def _take(self, cond: Cond) -> None:
        kind, a, b = cond.kind, self._normal(cond.a), self._normal(cond.b)
        verdict = decide_normal(kind, a, b, self.ranges, self.obligations)
        if verdict is False:
            raise _Contradiction
        if verdict or a is UNKNOWN or b is UNKNOWN:
            return
        cond = Cond(kind, a, b)
        if kind == "divides":
            return self._divides(a, b, cond)
        above = a - b if kind in ("==", "!=") else cond.not_negative()  # None for "not divides"
        if type(above) is not Expr:
            return self._keep(cond)
        if kind == "==":
            return self._equals_zero(above, cond)
        if kind == "!=":
            low, high = bounds(above, self.ranges)
            if low == 0 or high == 0:
                return self._ask(">=" if low == 0 else "<=", above, 1 if low == 0 else -1)
            return self._keep(cond)
        self._not_negative(above, cond)

    def _equals_zero(self, size: Expr, cond: Cond) -> None:
        """`size == 0`, which is what `cond` says."""
        size = self._primitive(size)
        for q in dict.fromkeys(atom for monomial, _ in size.terms for atom in monomial):
            if type(q) is FloorDiv and at_least(q.b, 0, self.ranges):  # x - d*(x//d) == r: then d divides x - r
                for sign in (1, -1):
                    rest = q.a + sign * size - q.b * as_size(q)
                    if type(rest) is int and rest >= 0:
                        self._ask("<", rest, q.b)
                        return self._ask("divides", q.b, q.a - rest)
        solvable = [
            (type(m[0]) is not Symbol, getattr(m[0], "rank", FRESH), m[0], -c * (size - c * as_size(m[0])))
            for m, c in size.terms
            if len(m) == 1 and c in (1, -1)
        ]
        solvable = [s for s in solvable if s[2] not in atoms(s[3]) and s[3] is not UNKNOWN]
        if solvable:
            # the least worth keeping goes: a fresh name, a letter, a user's name (the later of two); a floor last of
            # all, because after x//2 -> W nothing would say that x//4 is W//2
            best = min(s[:2] for s in solvable)
            _, _, atom, value = max((s for s in solvable if s[:2] == best), key=lambda s: order(s[2]))
            return self._rewrite(atom, value)
        self._keep(cond)
        (monomial, c), *more = size.terms
        if len(more) == 1 and size.constant * c < 0:
            self._factors_positive(monomial)

    def _primitive(self, size: Expr) -> Expr:
        """Without factors that cannot be 0."""
        divisor = gcd(*(c for _, c in size.terms))
        common = [atom for atom in dict.fromkeys(size.terms[0][0]) if at_least(as_size(atom), 1, self.ranges)]
        while True:
            shared = tuple(atom for atom in common if all(atom in monomial for monomial, _ in size.terms))
            if not shared and divisor == 1:
                return size
            size = from_terms((without(m, shared), c // divisor) for m, c in size.terms)
            divisor = 1

    def _not_negative(self, size: Expr, cond: Cond) -> None:
        """`size >= 0`, which is what `cond` says."""
        terms = [term for term in size.terms if term[0]]
        if len(terms) == 1:
            (monomial, c), constant = terms[0], size.constant
            if len(monomial) == 1:
                if c > 0:
                    return self._at_least(monomial[0], -(constant // c))
                return self._at_most(monomial[0], constant // -c)
            if c > 0 and constant < 0:
                self._factors_positive(monomial)
            return self._keep(cond)
        self._keep(cond)
        for monomial, c in terms:
            if len(monomial) == 1 and type(monomial[0]) is Symbol:
                _, most = bounds(size - c * as_size(monomial[0]), self.ranges)
                if most is not None:
                    self._ask(">=", as_size(monomial[0]) * c, -most)

    def _at_least(self, atom: Atom, low: int) -> None:
        if type(atom) is FloorDiv and at_least(atom.b, 0, self.ranges):
            return self._ask(">=", atom.a, atom.b * low)
        if type(atom) is Min:
            for part in atom.parts:
                self._ask(">=", part, low)
            return
        self._bound(atom, (low, None))

    def _at_most(self, atom: Atom, high: int) -> None:
        if type(atom) is FloorDiv and at_least(atom.b, 0, self.ranges):
            return self._ask("<", atom.a, atom.b * (high + 1))
        if type(atom) is Max:
            for part in atom.parts:
                self._ask("<=", part, high)
            return
        self._bound(atom, (None, high))

    def _factors_positive(self, monomial: Iterable[Atom]) -> None:
        """A product of sizes that is not 0."""
        if all(at_least(as_size(atom), 0, self.ranges) for atom in monomial):
            for atom in dict.fromkeys(monomial):
                self._ask(">=", as_size(atom), 1)

    def _divides(self, d: Size, n: Size, cond: Cond) -> None:
        if type(n) is not Expr or type(d) is Expr and not at_least(d, 1, self.ranges):
            self._keep(cond)
            if type(d) is Expr and at_least(d, 0, self.ranges):  # n % d was computed, so d is not 0
                self._ask(">=", d, 1)
            return
        ((monomial, c), *more) = n.terms
        if type(d) is int:
            d = abs(d) // gcd(d, c)
        if more or len(monomial) != 1 or (type(d) is Expr and (c != 1 or type(as_atom(d)) is not Symbol)):
            return self._keep(cond)
        atom = monomial[0]
        if type(atom) is Symbol:
            of = meaning(as_size(atom)) // meaning(d)
            if type(of) is not Expr:
                return self._keep(cond)
            low = 0 if atom.low is not None and atom.low >= 0 else None
            quotient = as_size(Symbol(str(of), Quotient(of), low, FRESH))
        else:
            quotient = floor_div(as_size(atom), d, self.ranges)
        value = d * quotient
        if atom in atoms(value) or value is UNKNOWN:
            return self._keep(cond)
        self._rewrite(atom, value)

    def _rewrite(self, atom: Atom, value: Size) -> None:
        low, high = bounds(as_size(atom), self.ranges)
        self.ranges.pop(atom, None)
        self.rewrites[atom] = value
        self._ask_range(value, low, high)
        if type(atom) is FloorDiv and type(value) is int and at_least(atom.b, 0, self.ranges):
            self._ask(">=", atom.a, atom.b * value)
            self._ask("<", atom.a, atom.b * (value + 1))
        self._changed(atom)

    def _bound(self, atom: Atom, new: Range) -> None:
        self.ranges[atom] = tightest(self.ranges.get(atom, (None, None)), new)
        low, high = bounds(as_size(atom), self.ranges)
        if low is not None and low == high:
            self._ask("==", as_size(atom), low)
        self._changed(atom)

    def _changed(self, atom: Atom) -> None:
        """Brings all facts into their form now that `atom` has a rewrite or range; tests what it touches."""
        for left, right in list(self.rewrites.items()):
            if left is not atom and atom in atoms(as_size(left)):
                del self.rewrites[left]
                self._ask("==", as_size(left), right)
            else:
                self.rewrites[left] = self._normal(right)
        for bounded, (low, high) in list(self.ranges.items()):
            if bounded is not atom and atom in atoms(as_size(bounded)):
                del self.ranges[bounded]
                self._ask_range(as_size(bounded), low, high)
        touched = [cond for cond in self.obligations if atom in atoms(cond.a) or atom in atoms(cond.b)]
        self.obligations = [cond for cond in self.obligations if cond not in touched]
        self.queue.extend(touched)

    def _ask_range(self, size: Size, low: int | None, high: int | None) -> None:
        if low is not None:
            self._ask(">=", size, low)
        if high is not None:
            self._ask("<=", size, high)

    def _normal(self, size: Size) -> Size:
        return normal_form(size, self.rewrites, self.ranges)

    def _ask(self, kind: str, a: Size, b: Size) -> None:
        self.queue.append(Cond(kind, a, b))

    def _keep(self, cond: Cond) -> None:
        if cond not in self.obligations and len(self.obligations) < MAX_OBLIGATIONS:
            self.obligations.append(cond)
