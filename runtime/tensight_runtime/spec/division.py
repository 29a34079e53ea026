"""The operations on sizes that are not polynomial: `//`, `min`, `max`, and the bounds they are simplified by.

Use `size`, which exports what is public here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from math import gcd
from types import MappingProxyType

from tensight_runtime.spec.expr import (
    MAX_ATOMS,
    UNKNOWN,
    Atom,
    Expr,
    FloorDiv,
    Max,
    Min,
    Monomial,
    Range,
    Size,
    Symbol,
    as_atom,
    as_size,
    from_terms,
    normal,
    size_order,
    without,
)

NOTHING: Mapping[Atom, Range] = MappingProxyType({})


def smin(*sizes: Size, known: Mapping[Atom, Range] = NOTHING) -> Size:
    return min(sizes) if all(type(size) is int for size in sizes) else _extreme(Min, sizes, known)


def smax(*sizes: Size, known: Mapping[Atom, Range] = NOTHING) -> Size:
    return max(sizes) if all(type(size) is int for size in sizes) else _extreme(Max, sizes, known)


def floor_div(a: Size, b: Size, known: Mapping[Atom, Range] = NOTHING) -> Size:
    """`a//b`.  Rules (a) to (e) of the interpreter's fact sheet; each says why it is exact."""
    if isinstance(a, int) and isinstance(b, int):
        return a // b
    if a is UNKNOWN or b is UNKNOWN:
        return UNKNOWN
    if isinstance(b, int):
        return _by_int(-a, -b, known) if b < 0 else _by_int(a, b, known)
    return _by_expr(a, b, known)


@lru_cache(maxsize=4096)
def divided(a: Size, b: Size) -> Size:
    """`floor_div` without knowledge, remembered for a while."""
    return floor_div(a, b)


def rebuilt(atom: Atom, parts: Sequence[Size], known: Mapping[Atom, Range] = NOTHING) -> Size:
    """What the atom's operation gives for other parts."""
    if type(atom) is FloorDiv:
        return floor_div(*parts, known)
    return _extreme(type(atom), parts, known) if parts else as_size(atom)


def bounds(size: Size, known: Mapping[Atom, Range] = NOTHING) -> Range:
    """Bounds that hold wherever `size` is defined (so a divisor that is >= 0 counts as >= 1)."""
    if type(size) is not Expr:
        return (None, None) if size is UNKNOWN else (size, size)
    low: int | None = 0
    high: int | None = 0
    for monomial, c in size.coefficients.items():
        if len(monomial) == 1:
            least, most = _atom_range(monomial[0], known)
        else:
            least, most = _monomial_range(monomial, known)
        if c < 0:
            least, most = most, least
        low = None if low is None or least is None else low + c * least
        high = None if high is None or most is None else high + c * most
    return low, high


def lower(size: Size, known: Mapping[Atom, Range] = NOTHING) -> int | None:
    return bounds(size, known)[0]


def upper(size: Size, known: Mapping[Atom, Range] = NOTHING) -> int | None:
    return bounds(size, known)[1]


def at_least(size: Size, limit: int, known: Mapping[Atom, Range] = NOTHING) -> bool:
    """Whether `size >= limit` is certain; a False says nothing."""
    low = bounds(size, known)[0]
    return low is not None and low >= limit


# --- floor division -------------------------------------------------------------------------------------------------


def _by_int(a: Expr, n: int, known: Mapping[Atom, Range]) -> Size:
    if n == 0:
        raise ZeroDivisionError(f"{a} divided by zero")
    if n == 1:
        return a
    # (a) multiples of n leave the floor; each rest keeps its sign and is smaller than n
    whole: dict[Monomial, int] = {}
    rest: dict[Monomial, int] = {}
    for monomial, c in a.coefficients.items():
        if monomial:
            remainder = c % n if c > 0 else -(-c % n)
            if c != remainder:
                whole[monomial] = (c - remainder) // n
            if remainder:
                rest[monomial] = remainder
    constant = a.constant
    flip = bool(rest) and max(rest.values()) < 0
    if flip:  # -(-H//8) is (H + 7)//8: floor(-x/n) = -ceil(x/n) = -floor((x + n - 1)/n)
        rest = {monomial: -c for monomial, c in rest.items()}
        constant = n - 1 - constant
    # (e) floor((g*x + c)/(g*n)) = floor((x + floor(c/g))/n); without a rest, all of the constant leaves
    common = gcd(n, *rest.values())
    n //= common
    carry, constant = divmod(constant // common, n)
    result: Size = carry
    if rest:
        rest = {monomial: c // common for monomial, c in rest.items()}
        result += _irreducible(normal(rest, a._weight) + constant, n, known)
    return normal(whole, a._weight) + (-result if flip else result)


def _by_expr(a: Size, b: Expr, known: Mapping[Atom, Range]) -> Size:
    lead, leading = b.terms[0]
    if leading < 0:
        a, b, leading = -a, -b, -leading
    above_zero = at_least(b, 1, known)
    usable = above_zero or at_least(b, 0, known)  # an atom that keeps b as divisor has no value at b = 0, as a//b
    reduced = _cancelled(a, b, usable, known)
    if reduced is not None:
        return floor_div(*reduced, known)
    # (c), (d) floor((q*b + r)/b) = q + floor(r/b)
    whole, rest = _split(a, b, lead, leading) if len(b.coefficients) == 1 else _exact(a, b, lead, leading)
    if type(rest) is int and rest == 0:
        return whole if above_zero else _new_atom(FloorDiv, a, b)
    if above_zero:
        for near in (0, -1):  # near*b <= rest < near*b + b
            over = rest - near * b
            if at_least(over, 0, known) and at_least(b - over, 1, known):
                return whole + near
    terms = rest.coefficients if type(rest) is Expr else {(): rest}
    if usable and len(b.coefficients) == 1 and max(c for m, c in terms.items() if m or len(terms) == 1) < 0:
        return whole - floor_div(b - 1 - rest, b, known)  # as in _by_int
    return whole + (_irreducible(rest, b, known) if usable else _new_atom(FloorDiv, rest, b))


def _irreducible(a: Size, b: Size, known: Mapping[Atom, Range]) -> Size:
    """a//b for b > 0 when rules (a) and (c) to (e) have nothing left to do."""
    if type(b) is int:
        low, high = bounds(a, known)
        if low is not None and high is not None and low // b == high // b:
            return low // b
    if type(a) is Expr and len(a.coefficients) - (() in a.coefficients) == 1:
        (monomial, c) = next((m, c) for m, c in a.coefficients.items() if m)
        if c == 1 and len(monomial) == 1 and type(monomial[0]) is FloorDiv:
            # (b) floor((floor(x/m) + c)/b) = floor((x/m + c)/b), because b is a positive integer
            inner = monomial[0]
            return floor_div(inner.a + a.constant * inner.b, inner.b * b, known)
    return _new_atom(FloorDiv, a, b)


def _cancelled(a: Size, b: Expr, usable: bool, known: Mapping[Atom, Range]) -> tuple[Size, Size] | None:
    """(e) Both without their common factor: any integer, and atoms that are >= 1."""
    above = a.coefficients if type(a) is Expr else {(): a}
    monomials = [*above, *b.coefficients]
    # floor((g*x + c)/(g*y)) = floor((x + floor(c/g))/y) for y > 0, so then the constant need not be a multiple
    factor = gcd(*b.coefficients.values(), *(c for m, c in above.items() if m or not usable))
    common: list[Atom] = []
    for atom in dict.fromkeys(monomials[0]):
        power = min(monomial.count(atom) for monomial in monomials)
        if power and (_atom_range(atom, known)[0] or 0) >= 1:
            common += [atom] * power
    if factor == 1 and not common:
        return None
    shared = tuple(common)

    def rest(terms: Mapping[Monomial, int]) -> Size:
        return from_terms((without(m, shared), c // factor) for m, c in terms.items())

    return rest(above), rest(b.coefficients)


def _split(a: Size, b: Expr, lead: Monomial, leading: int) -> tuple[Size, Size]:
    """(c) a = whole*b + rest for a divisor of one term: what it divides, and the rest."""
    whole: dict[Monomial, int] = {}
    rest: dict[Monomial, int] = {}
    for monomial, c in (a.coefficients if type(a) is Expr else {(): a}).items():
        quotient = without(monomial, lead)
        remainder = c if quotient is None else c % leading if c > 0 else -(-c % leading)
        if remainder:
            rest[monomial] = remainder
        if c != remainder:
            whole[quotient] = (c - remainder) // leading
    return from_terms(whole.items()), from_terms(rest.items())


def _exact(a: Size, b: Expr, lead: Monomial, leading: int) -> tuple[Size, Size]:
    """(d) Long division by a polynomial: (a/b, 0) if it comes out even within 12 steps, else (0, a)."""
    whole: Size = 0
    rest = a
    for _ in range(12):
        if type(rest) is not Expr:
            break
        monomial, c = rest.terms[0]
        quotient = without(monomial, lead)
        if quotient is None or c % leading:
            break
        step = from_terms([(quotient, c // leading)])
        whole += step
        rest -= step * b
    return (whole, 0) if type(rest) is int and rest == 0 else (0, a)


def _new_atom(kind: type[Atom], *parts: Size) -> Size:
    atom = kind(*parts)
    return UNKNOWN if atom._weight > MAX_ATOMS else as_size(atom)


# --- min and max ----------------------------------------------------------------------------------------------------


def _extreme(kind: type[Min], sizes: Iterable[Size], known: Mapping[Atom, Range]) -> Size:
    parts: dict[Size, None] = {}
    for size in sizes:
        if size is UNKNOWN:
            return UNKNOWN
        atom = as_atom(size)
        parts.update(dict.fromkeys(atom.parts if type(atom) is kind else (size,)))
    sign = 1 if kind is Min else -1
    kept = sorted(parts, key=size_order)
    for part in tuple(kept):
        if any(other is not part and at_least(sign * (part - other), 0, known) for other in kept):
            kept.remove(part)
    return kept[0] if len(kept) == 1 else _new_atom(kind, *kept)


# --- bounds ---------------------------------------------------------------------------------------------------------


def _atom_range(atom: Atom, known: Mapping[Atom, Range]) -> Range:
    if not known and atom._range is not None:
        return atom._range
    if type(atom) is Symbol:
        low, high = atom.low, None
    elif type(atom) is FloorDiv:
        low, high = _quotient_range(bounds(atom.a, known), bounds(atom.b, known))
    else:
        lows, highs = zip(*(bounds(part, known) for part in atom.parts), strict=True)
        if type(atom) is Min:
            low = None if None in lows else min(lows)
            high = min((h for h in highs if h is not None), default=None)
        else:
            low = max((l for l in lows if l is not None), default=None)
            high = None if None in highs else max(highs)
    if not known:
        atom._range = low, high
    elif atom in known:
        return tightest((low, high), known[atom])
    return low, high


def tightest(one: Range, two: Range) -> Range:
    low = one[0] if two[0] is None else two[0] if one[0] is None else max(one[0], two[0])
    high = one[1] if two[1] is None else two[1] if one[1] is None else min(one[1], two[1])
    return low, high


def _quotient_range(a: Range, b: Range) -> Range:
    (low, high), (least, most) = a, b
    if least is None or least < 0 or most == 0:
        return None, None
    least = max(least, 1)
    if low is not None:
        low = low // least if low < 0 else 0 if most is None else low // most
    if high is not None:
        high = high // least if high >= 0 else -1 if most is None else high // most
    return low, high


def _monomial_range(monomial: Monomial, known: Mapping[Atom, Range]) -> Range:
    low: int | None = 1
    high: int | None = 1
    for atom in dict.fromkeys(monomial):
        least, most = _power_range(_atom_range(atom, known), monomial.count(atom))
        if low is not None and least is not None and low >= 0 and least >= 0:
            low *= least
            high = 0 if high == 0 or most == 0 else None if high is None or most is None else high * most
        elif None in (low, high, least, most):
            low = high = None
        else:
            ends = (low * least, low * most, high * least, high * most)
            low, high = min(ends), max(ends)
    return low, high


def _power_range(base: Range, exponent: int) -> Range:
    low, high = base
    if exponent == 1:
        return base
    if low is not None and (exponent % 2 or low >= 0):
        return low**exponent, None if high is None else high**exponent
    if exponent % 2:
        return None, None if high is None else high**exponent
    return 0, None if low is None or high is None else max(low**exponent, high**exponent)
