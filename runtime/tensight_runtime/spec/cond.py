"""Comparisons of sizes: True or False where that holds for all admissible values, otherwise a `Cond`.

    eq(T + 1, T)        # False
    le(H//2, H)         # True
    divides(8, C)       # Cond("divides", 8, C), prints as `C % 8 == 0`

A `Cond` is a question that is still open.  It has no truth value; whoever knows more (a path's `Knowledge`, or numbers)
decides it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import gcd

from tensight_runtime.spec.division import tightest
from tensight_runtime.spec.expr import from_terms, operand, without
from tensight_runtime.spec.size import (
    NOTHING,
    UNKNOWN,
    Atom,
    Expr,
    FloorDiv,
    Max,
    Min,
    Range,
    Size,
    Symbol,
    as_size,
    at_least,
    bounds,
    evaluate,
    floor_div,
    lower,
    substitute,
)

NEGATED = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", "<=": ">", ">": "<=",
           "divides": "not divides", "not divides": "divides"}  # fmt: skip


class Cond:
    """An undecided comparison `a kind b`; for "divides", a divides b.  Immutable."""

    __slots__ = ("kind", "a", "b")

    def __init__(self, kind: str, a: Size, b: Size):
        self.kind, self.a, self.b = kind, a, b

    def negate(self) -> Cond:
        return Cond(NEGATED[self.kind], self.a, self.b)

    def not_negative(self) -> Size | None:
        """The size an inequality says is >= 0, or None."""
        match self.kind:
            case "<=":
                return self.b - self.a
            case "<":
                return self.b - self.a - 1
            case ">=":
                return self.a - self.b
            case ">":
                return self.a - self.b - 1
        return None

    def holds(self, env: Mapping[Symbol, int]) -> bool:
        """Whether numbers meet it; a size without a value under them meets nothing."""
        try:
            a, b = evaluate(self.a, env), evaluate(self.b, env)
        except ZeroDivisionError:
            return False
        return _verdict(self.kind, a, b)

    def __bool__(self) -> bool:
        raise TypeError(f"`{self}` is neither true nor false for all sizes; use `decided(cond)` or Knowledge")

    def __eq__(self, other: object) -> bool:
        return type(other) is Cond and (self.kind, self.a, self.b) == (other.kind, other.a, other.b)

    def __hash__(self) -> int:
        return hash((self.kind, self.a, self.b))

    def __str__(self) -> str:
        if "divides" in self.kind:
            n, d = operand(self.b, product_too=True), operand(self.a)
            return f"{n} % {d} {'==' if self.kind == 'divides' else '!='} 0"
        if self.kind == "broadcast":
            return f"{self.a} broadcasts with {self.b}"
        return f"{self.a} {self.kind} {self.b}"

    def __repr__(self) -> str:
        return f"Cond({self.kind!r}, {self.a!r}, {self.b!r})"


def eq(a: Size, b: Size) -> bool | Cond:
    return a == b if type(a) is int and type(b) is int else compare("==", a, b)


def ne(a: Size, b: Size) -> bool | Cond:
    return a != b if type(a) is int and type(b) is int else compare("!=", a, b)


def le(a: Size, b: Size) -> bool | Cond:
    return a <= b if type(a) is int and type(b) is int else compare("<=", a, b)


def lt(a: Size, b: Size) -> bool | Cond:
    return a < b if type(a) is int and type(b) is int else compare("<", a, b)


def ge(a: Size, b: Size) -> bool | Cond:
    return a >= b if type(a) is int and type(b) is int else compare(">=", a, b)


def gt(a: Size, b: Size) -> bool | Cond:
    return a > b if type(a) is int and type(b) is int else compare(">", a, b)


def divides(d: Size, n: Size) -> bool | Cond:
    """`n % d == 0`, which 0 meets for no n: there Python raises."""
    return compare("divides", d, n)


def compare(kind: str, a: Size, b: Size) -> bool | Cond:
    verdict = decide(kind, a, b)
    return Cond(kind, a, b) if verdict is None else verdict


def decided(cond: bool | Cond) -> bool | None:
    return cond if isinstance(cond, bool) else None


def decide(kind: str, a: Size, b: Size, known: Mapping[Atom, Range] = NOTHING) -> bool | None:
    """The verdict that holds for all admissible values for which both sides are defined; None if there is none."""
    if a is UNKNOWN or b is UNKNOWN:
        return None
    if kind in ("!=", "not divides"):
        verdict = decide(NEGATED[kind], a, b, known)
        return None if verdict is None else not verdict
    if isinstance(a, int) and isinstance(b, int):
        return _verdict(kind, a, b)
    if kind == "broadcast":
        answers = [decide("==", x, y, known) for x, y in ((a, b), (a, 1), (b, 1))]
        return True if True in answers else None if None in answers else False
    if kind == "divides":
        return _divides(a, b, known)
    difference = a - b
    verdict = _against_zero(kind, difference, known)
    if verdict is not None or type(difference) is not Expr or _plain(difference):
        return verdict
    unified, tight = _study(difference, known) if known else _studied(difference)
    verdict = _against_zero(kind, unified, known)
    return by_range(kind, tight) if verdict is None else verdict


# --- deciding -------------------------------------------------------------------------------------------------------


def _verdict(kind: str, a: int, b: int) -> bool:
    match kind:
        case "==":
            return a == b
        case "!=":
            return a != b
        case "<=":
            return a <= b
        case "<":
            return a < b
        case ">=":
            return a >= b
        case ">":
            return a > b
        case "broadcast":
            return a == b or a == 1 or b == 1
        case "divides":
            return a != 0 and b % a == 0
        case "not divides":
            return a == 0 or b % a != 0
    raise ValueError(kind)


def _against_zero(kind: str, difference: Size, known: Mapping[Atom, Range]) -> bool | None:
    if type(difference) is int:
        return _verdict(kind, difference, 0)
    if difference is UNKNOWN:
        return None
    if kind == "==" and difference.constant % gcd(*(c for m, c in difference.coefficients.items() if m)):
        return False
    return by_range(kind, bounds(difference, known))


def by_range(kind: str, difference: Range) -> bool | None:
    """The verdict on `a kind b` from bounds of a - b."""
    low, high = difference
    if kind == "==":
        if (low is not None and low > 0) or (high is not None and high < 0):
            return False
        return True if low == high == 0 else None
    if kind in (">=", ">"):  # d >= 0 iff -d <= 0
        low, high = _minus(high), _minus(low)
    limit = 0 if kind in ("<=", ">=") else -1
    if high is not None and high <= limit:
        return True
    return False if low is not None and low > limit else None


def _study(difference: Expr, known: Mapping[Atom, Range]) -> tuple[Size, Range]:
    return _unified(difference), _tight_bounds(difference, known)


@lru_cache(maxsize=1024)
def _studied(difference: Expr) -> tuple[Size, Range]:
    return _study(difference, NOTHING)


def _plain(size: Expr) -> bool:
    return all(type(atom) is Symbol for monomial in size.coefficients for atom in monomial)


def _minus(bound: int | None) -> int | None:
    return None if bound is None else -bound


def _divides(d: Size, n: Size, known: Mapping[Atom, Range]) -> bool | None:
    if type(d) is int:
        if d == 0:
            return False
        if n.constant % gcd(d, *(c for m, c in n.coefficients.items() if m)):
            return False
    rest = n - d * (floor_div(n, d, known) if known else n // d)
    if type(rest) is int:
        return rest == 0
    if at_least(n, 1, known) and at_least(d - n, 1, known):
        return False
    return None


def _unified(size: Expr) -> Size:
    """Writes each `x//n` so that ones that differ by a sum of sizes become the same, as in (H + 1)//2 = H - H//2.

    The normal form keeps both, because both are what users write; here only equality matters.
    """
    mapping = {}
    for atom in dict.fromkeys(atom for monomial, _ in size.terms for atom in monomial):
        if type(atom) is FloorDiv and type(atom.b) is int and type(atom.a) is Expr:
            n = atom.b
            constant = atom.a.constant
            rests = {m: c % n for m, c in atom.a.terms if m}
            whole = (atom.a - constant - from_terms(rests.items())) // n
            # floor((R + c)/n) = M - floor((R' + n - 1 - c)/n), where R + R' = n*M: take the smaller of R and R'
            others = {m: n - c for m, c in rests.items()}
            kept = (sum(rests.values()), list(rests.values()), constant)
            other = (sum(others.values()), list(others.values()), n - 1 - constant)
            if other < kept:
                both = from_terms((m, 1) for m in rests)
                mapping[atom] = whole + both - (from_terms(others.items()) + n - 1 - constant) // n
            else:
                mapping[atom] = whole + (from_terms(rests.items()) + constant) // n
    return substitute(size, mapping)


def _tight_bounds(size: Size, known: Mapping[Atom, Range], depth: int = 3) -> Range:
    """Bounds that see what `min`, `max` and `//` have to do with the other terms."""
    for (atom, *more), c in ((m, c) for m, c in size.terms if m) if type(size) is Expr and depth else ():
        if isinstance(atom, Min) and not more:
            # c*min(x, y) + r = min(c*x + r, c*y + r), with max for c < 0
            gone = size - c * as_size(atom)
            lows, highs = zip(*(_tight_bounds(c * part + gone, known, depth - 1) for part in atom.parts), strict=True)
            if (type(atom) is Max) == (c > 0):
                return max((x for x in lows if x is not None), default=None), None if None in highs else max(highs)
            return None if None in lows else min(lows), min((x for x in highs if x is not None), default=None)
    return _relaxed_low(size, known), _minus(_relaxed_low(-size, known))


def _relaxed_low(size: Size, known: Mapping[Atom, Range]) -> int | None:
    """A lower bound that sees how x//n depends on x: x - n + 1 <= n*(x//n) <= x.  Proves H//2 <= H and H % n < n."""
    best, _ = bounds(size, known)
    scale = 1
    for _ in range(6):
        step = _relaxed(size, known)
        if step is None:
            break
        size, factor = step
        scale *= factor
        low = lower(size, known)
        if low is not None:
            best, _ = tightest((best, None), (-(-low // scale), None))
    return best


def _relaxed(size: Size, known: Mapping[Atom, Range]) -> tuple[Size, int] | None:
    """(something, n) with something <= n*size and one floor less; floors with a minus sign go first: that is tight."""
    if type(size) is not Expr:
        return None
    for monomial, c in sorted(size.terms, key=lambda term: term[1] > 0):
        for atom in monomial:
            if type(atom) is not FloorDiv:
                continue
            rest = without(monomial, (atom,))
            n, factor = atom.b, atom.b
            if type(n) is Expr:
                ((divisor, leading), *more) = n.terms
                rest, factor = without(rest, divisor), 1
                if more or leading != 1 or rest is None or not at_least(n, 0, known):
                    continue
            beside = from_terms([(rest, 1)])
            if not at_least(beside, 0, known):
                continue
            gone = size - from_terms([(monomial, c)])
            return factor * gone + c * beside * (atom.a - n + 1 if c > 0 else atom.a), factor
    return None
