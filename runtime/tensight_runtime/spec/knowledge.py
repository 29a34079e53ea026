"""What one path of a program knows about its sizes.

    path = Knowledge.EMPTY.assume(divides(n_head, C))     # C -> n_head*q, where q prints as C//n_head
    path.normalize(C // n_head * n_head)                  # n_head*q, the same form that C has
    path.display(C // n_head * n_head)                    # "C"

A `Knowledge` is immutable; it forks with the state for free, and `Knowledge.join` keeps what both sides hold.  It has

* rewrites, atom -> size, in solved form: no left side occurs in any right side.  Equal sizes have equal normal forms as
  far as the rewrites tell;
* ranges, atom -> (low, high), where the path knows more than the atom itself;
* obligations: conditions that could be neither decided nor solved.  They are tested again whenever something is learned.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from math import gcd
from typing import ClassVar, NamedTuple

from tensight_runtime.spec.cond import NEGATED, Cond, by_range, decide
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
    from_terms,
    lower,
    order,
    rebuilt,
    substitute,
    symbols,
    tightest,
    upper,
    without,
)

MAX_STEPS = 200  # of learning from one condition: what is still queued then stays an obligation
MAX_OBLIGATIONS = 48  # more are not kept: to know less is always right


class Quotient(NamedTuple):
    """The key of a fresh symbol that stands for `of`, the quotient of a division that came out even on some path."""

    of: Size

    def __repr__(self) -> str:
        return f"Quotient({self.of}, {[order(atom) for atom in sorted(symbols(self.of), key=order)]})"


class Knowledge:
    __slots__ = ("rewrites", "ranges", "obligations", "_normal")

    EMPTY: ClassVar[Knowledge]

    def __init__(self, rewrites: Mapping[Atom, Size], ranges: Mapping[Atom, Range], obligations: tuple[Cond, ...]):
        self.rewrites, self.ranges, self.obligations = rewrites, ranges, obligations
        self._normal: dict[Expr, Size] = {}

    def normalize(self, size: Size) -> Size:
        """The form all sizes have that this path knows to be equal; the same object if there is nothing to do."""
        if type(size) is not Expr:
            return size
        own = atoms(size)
        if self.rewrites.keys().isdisjoint(own) and (
            self.ranges.keys().isdisjoint(own) or all(type(atom) is Symbol for atom in own)
        ):
            return size
        normal = self._normal.get(size)
        if normal is None:
            try:
                normal = _normal(size, self.rewrites, self.ranges)
            except ZeroDivisionError:  # it has no value on this path, so any form will do
                normal = size
            self._normal[size] = normal
        return size if normal == size else normal

    def decide(self, cond: bool | Cond) -> bool | None:
        """The verdict that holds for all values this path admits."""
        if isinstance(cond, bool):
            return cond
        return _decide(cond.kind, self.normalize(cond.a), self.normalize(cond.b), self.ranges, self.obligations)

    def implies(self, cond: bool | Cond) -> bool:
        return self.decide(cond) is True

    def bounds(self, size: Size) -> Range:
        return bounds(self.normalize(size), self.ranges)

    def assume(self, cond: bool | Cond) -> Knowledge | None:
        """The path on which `cond` holds too: self if that is nothing new, None if it cannot hold."""
        verdict = self.decide(cond)
        if verdict is not None:
            return self if verdict else None
        if cond.a is UNKNOWN or cond.b is UNKNOWN:
            return self
        return _Learning(self).learn(cond)

    @staticmethod
    def join(a: Knowledge, b: Knowledge) -> Knowledge:
        """What both paths hold: facts that are the same, or that follow on the other side."""
        if a is b:
            return a
        if a is Knowledge.EMPTY or b is Knowledge.EMPTY:
            return Knowledge.EMPTY
        both = Knowledge(
            {atom: size for atom, size in a.rewrites.items() if b.rewrites.get(atom) == size},
            {atom: known for atom, known in a.ranges.items() if b.ranges.get(atom) == known},
            tuple(cond for cond in a.obligations if cond in b.obligations),
        )
        for cond in _common(a, b):
            both = both.assume(cond) or both  # it never fails: the condition holds on both sides
        return both if both.rewrites or both.ranges or both.obligations else Knowledge.EMPTY

    def facts(self) -> Iterator[Cond]:
        """All that is known beyond what sizes are anyway, as conditions."""
        for atom, size in self.rewrites.items():
            divisor = _divisor(atom, size)
            yield Cond("==", as_size(atom), size) if divisor is None else Cond("divides", divisor, as_size(atom))
        for atom, (low, high) in self.ranges.items():
            if low is not None:
                yield Cond(">=", as_size(atom), low)
            if high is not None:
                yield Cond("<=", as_size(atom), high)
        yield from self.obligations

    def display(self, size: Size) -> str:
        return str(self.readable(size))

    def readable(self, size: Size) -> Size:
        """An equal size as a user wants to read it: the shortest found, of equally short ones the one in the user's names."""
        best = self.normalize(size)
        inverse = [(atom, rhs) for atom, rhs in self.rewrites.items() if type(rhs) is Expr]
        try:
            for _ in range(8):
                shorter = min((_folded(best, atom, rhs) for atom, rhs in inverse), key=_legibility, default=best)
                if shorter == best:
                    break
                best = shorter
            return min((best, meaning(best)), key=_legibility)
        except ZeroDivisionError:  # it has no value on this path
            return best

    def witness(self, extra_symbols: Iterable[Symbol] = ()) -> dict[Symbol, int] | None:
        """Small numbers for all symbols mentioned that meet every fact, or None if none were found.

        They are distinct and neither 0 nor 1 as far as the facts allow.
        """
        from tensight_runtime.spec import witness  # it builds on this module

        return witness.find(self, extra_symbols)


Knowledge.EMPTY = Knowledge({}, {}, ())


def meaning(size: Size) -> Size:
    """`size` without fresh quotient symbols, in terms of what they stand for."""
    return substitute(size, {s: meaning(s.key.of) for s in symbols(size) if isinstance(s.key, Quotient)})


# --- learning ----------------------------------------------------------------------------------------------------------


class _Contradiction(Exception):
    pass


class _Learning:
    """A mutable draft of the next Knowledge, and a queue of conditions it still has to take in."""

    def __init__(self, known: Knowledge):
        self.rewrites = dict(known.rewrites)
        self.ranges = dict(known.ranges)
        self.obligations = list(known.obligations)
        self.queue: deque[Cond] = deque()

    def learn(self, cond: Cond) -> Knowledge | None:
        self.queue.append(cond)
        try:
            for _ in range(MAX_STEPS):
                if not self.queue:
                    break
                self._take(self.queue.popleft())
        except (_Contradiction, ZeroDivisionError):  # a fact about x//0 says that this path is never taken
            return None
        for cond in self.queue:
            self._keep(cond)
        return Knowledge(self.rewrites, self.ranges, tuple(self.obligations))

    def _take(self, cond: Cond) -> None:
        kind, a, b = cond.kind, self._normal(cond.a), self._normal(cond.b)
        verdict = _decide(kind, a, b, self.ranges, self.obligations)
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
            # the least worth keeping goes: a fresh name, a letter, a user's name (the later of two); last of all a floor,
            # because x//4 no longer knows of W after x//2 -> W
            best = min(s[:2] for s in solvable)
            _, _, atom, value = max((s for s in solvable if s[:2] == best), key=lambda s: order(s[2]))
            return self._rewrite(atom, value)
        self._keep(cond)
        ((monomial, c), *more) = size.terms
        constant = size.terms[-1][1] if more and not more[-1][0] else 0
        if len(more) == 1 and constant * c < 0:
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
        terms = [term for term in size.terms if term[0]]
        if len(terms) == 1:
            (monomial, c), constant = terms[0], size._terms.get((), 0)
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
            d = abs(d) // gcd(d, c) if not more else abs(d)
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
        """Brings all facts into the form they have now that `atom` has a rewrite or range; where that may decide, asks."""
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
        return _normal(size, self.rewrites, self.ranges)

    def _ask(self, kind: str, a: Size, b: Size) -> None:
        self.queue.append(Cond(kind, a, b))

    def _keep(self, cond: Cond) -> None:
        if cond not in self.obligations and len(self.obligations) < MAX_OBLIGATIONS:
            self.obligations.append(cond)


# --- helpers -----------------------------------------------------------------------------------------------------------


def _normal(size: Size, rewrites: Mapping[Atom, Size], ranges: Mapping[Atom, Range]) -> Size:
    for _ in range(8):  # a rewritten floor may be, or contain, another one's left side
        new = substitute(size, rewrites, ranges)
        if new is UNKNOWN or new == size:  # too large a form is no better than the old one
            break
        size = new
    return size


def _decide(kind: str, a: Size, b: Size, ranges: Mapping[Atom, Range], obligations: Iterable[Cond]) -> bool | None:
    """The verdict on normal forms, by ranges and then by what follows from one obligation."""
    verdict = decide(kind, a, b, ranges)
    if verdict is not None or not obligations or a is UNKNOWN or b is UNKNOWN:
        return verdict
    if kind in ("!=", "not divides"):
        verdict = _decide(NEGATED[kind], a, b, ranges, obligations)
        return None if verdict is None else not verdict
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
            low, high = tightest(
                (low, high), (lower(difference - above, ranges), upper(difference + above, ranges))
            )
        if known.kind == "==":
            zero = known.a - known.b
            low, high = tightest((low, high), (lower(difference + zero, ranges), upper(difference - zero, ranges)))
        if known.kind == "!=" and kind == "==" and difference in (known.a - known.b, known.b - known.a):
            return False
    return by_range(kind, (low, high))


def _common(a: Knowledge, b: Knowledge) -> Iterator[Cond]:
    """Conditions that hold on both paths."""
    for one, other in ((a, b), (b, a)):
        yield from (cond for cond in one.facts() if other.implies(cond) and _defined(cond, other))
    eliminated = sorted((atom for atom in a.rewrites.keys() | b.rewrites.keys() if type(atom) is Symbol), key=order)
    first: dict[tuple[Size, Size], Atom] = {}
    for atom in eliminated:  # equal on both sides, though for other reasons
        twin = first.setdefault((a.normalize(as_size(atom)), b.normalize(as_size(atom))), atom)
        if twin is not atom:
            yield Cond("==", as_size(twin), as_size(atom))
    bounded = sorted((atom for atom in a.ranges.keys() | b.ranges.keys() if type(atom) is Symbol), key=order)
    for atom in (*eliminated, *bounded):
        lows, highs = zip(a.bounds(as_size(atom)), b.bounds(as_size(atom)), strict=True)
        if None not in lows:
            yield Cond(">=", as_size(atom), min(lows))
        if None not in highs:
            yield Cond("<=", as_size(atom), max(highs))


def _defined(cond: Cond, known: Knowledge) -> bool:
    """Whether no division in it is by 0: what holds wherever it is defined may be undefined on the other path."""
    divisors = (atom.b for atom in atoms(cond.a) | atoms(cond.b) if type(atom) is FloorDiv)
    return all(known.implies(Cond(">=", divisor, 1)) for divisor in divisors)


def _divisor(atom: Atom, value: Size) -> Size | None:
    """d if the rewrite says just that d divides the atom."""
    if type(value) is Expr and len(value.terms) == 1:
        ((monomial, c),) = value.terms
        for quotient in monomial:
            if isinstance(getattr(quotient, "key", None), Quotient):
                d = from_terms([(without(monomial, (quotient,)), c)])
                if meaning(as_size(atom)) // meaning(d) == quotient.key.of:
                    return d
    return None


def _folded(size: Size, atom: Atom, value: Expr) -> Size:
    """`size` with `value` written as `atom`, wherever that is easier to read."""
    if type(size) is not Expr:
        return size
    inside = {}
    for outer in dict.fromkeys(outer for monomial, _ in size.terms for outer in monomial):
        parts = [_folded(part, atom, value) for part in outer.parts]
        if parts != list(outer.parts):
            inside[outer] = rebuilt(outer, parts)
    best = min((size, substitute(size, inside)), key=_legibility)
    (lead, leading), *_ = value.terms
    for monomial, c in size.terms:
        rest = without(monomial, lead)
        if rest is not None and c % leading == 0:
            folded = best + from_terms([(rest, c // leading)]) * (as_size(atom) - value)
            best = min((best, folded), key=_legibility)
    return best


def _legibility(size: Size) -> tuple:
    if type(size) is not Expr:
        return (10**9,) if size is UNKNOWN else (0,)
    return (len(str(size)), -sum(s.rank for s in symbols(size)), str(size))
