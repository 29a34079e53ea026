"""Sizes: an int, a symbolic expression, or unknown.

    T, n = symbol("T"), symbol("n", low=1)
    (T + 2*3 - 7)//2 + 1        # (T + 1)//2
    3*T*n//n - 2*T              # T

An `Expr` is a polynomial in normal form, with integer coefficients over *atoms*: symbols and the three operations that
are not polynomial, `a//b`, `min`, `max`, each over normal forms.  Equal normal forms compare equal, arithmetic whose
result is a constant gives an `int`, and ints never leave the fast path.

Every simplification holds for all integers a symbol admits (`low` and more), and wherever the original is defined: a
factor that may be 0 is never cancelled.  Sizes may be 0, because torch accepts empty tensors.  What only one path of a
program knows is kept in `knowledge.Knowledge`; functions that can profit take it as `known`, bounds by atom.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from math import gcd
from threading import RLock
from types import MappingProxyType
from typing import ClassVar
from weakref import WeakValueDictionary

MAX_TERMS = 24
MAX_ATOMS = 64  # beyond either limit a size is UNKNOWN: nobody reads it, and products would explode

FRESH, LETTER, USER = 0, 1, 2  # who named a symbol: nobody, a convention (N, C, H, W), the user's code

Range = tuple[int | None, int | None]  # least and greatest value, None where there is no bound
NOTHING: Mapping[Atom, Range] = MappingProxyType({})


class Unknown:
    """The class of UNKNOWN: a size nothing is known about, not even that it equals itself elsewhere."""

    __slots__ = ()

    def _absorb(self, other: object) -> Unknown:
        return self if isinstance(other, int | Expr | Unknown) else NotImplemented

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _absorb
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = _absorb

    def __neg__(self) -> Unknown:
        return self

    def __bool__(self) -> bool:
        raise TypeError("an unknown size is neither true nor false; use the functions of tensight_runtime.spec.cond")

    def __str__(self) -> str:
        return "?"

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __reduce__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown()


class Atom:
    """A symbol, or a term that is not polynomial.  Equal atoms are one object, so they hash and compare by identity."""

    __slots__ = ("_identity", "_order", "_range", "_weight", "__weakref__")

    _alive: ClassVar[WeakValueDictionary[tuple, Atom]] = WeakValueDictionary()  # forgets what nobody uses
    _lock: ClassVar[RLock] = RLock()  # two threads must not make two objects of one atom

    def __new__(cls, *identity) -> Atom:
        identity = (cls, *identity)
        atom = Atom._alive.get(identity)
        if atom is None:
            with Atom._lock:
                atom = Atom._alive.get(identity)
                if atom is None:
                    atom = object.__new__(cls)
                    atom._identity, atom._order, atom._range = identity, None, None
                    atom._weight = 1 if cls is Symbol else sum(map(_weigh, atom.parts))
                    Atom._alive[identity] = atom
        return atom

    @property
    def parts(self) -> tuple[Size, ...]:
        """The sizes this atom is made of; none for a symbol."""
        return self._identity[1:]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self._identity[1:]))})"

    def __reduce__(self) -> tuple:
        return type(self), self._identity[1:]


class Symbol(Atom):
    """A number with a name.  Two symbols are the same iff name, key, low and rank are.

    `low` is a lower bound that always holds: 0 for a size, 1 for (say) a kernel size, None for any integer.  `key` tells
    symbols of one name apart and needs a repr that differs where keys do: order and printing follow from (name, repr(key)).
    """

    __slots__ = ()

    def __new__(cls, name: str, key: Hashable = None, low: int | None = 0, rank: int = USER) -> Symbol:
        return super().__new__(cls, name, key, low, rank)

    name = property(lambda self: self._identity[1])
    key = property(lambda self: self._identity[2])
    low = property(lambda self: self._identity[3])
    rank = property(lambda self: self._identity[4])
    parts = ()

    def __str__(self) -> str:
        return self.name


class FloorDiv(Atom):
    """`a//b` that cannot be simplified; made by `//` only."""

    __slots__ = ()
    a = property(lambda self: self._identity[1])
    b = property(lambda self: self._identity[2])

    def __str__(self) -> str:
        return f"{operand(self.a, product_too=True)}//{operand(self.b)}"


class Min(Atom):
    """The least of its parts; made by `smin` only."""

    __slots__ = ()

    def __str__(self) -> str:
        return f"{type(self).__name__.lower()}({', '.join(map(str, self.parts))})"


class Max(Min):
    """The greatest of its parts; made by `smax` only."""

    __slots__ = ()


Monomial = tuple[Atom, ...]  # sorted, a power repeated; () is the constant


class Expr:
    """A polynomial over atoms that is not a constant.  Immutable; made by `symbol` and arithmetic only."""

    __slots__ = ("_terms", "_weight", "_hash", "_atoms")

    def __init__(self, terms: dict[Monomial, int], weight: int):
        self._terms = terms  # no zero coefficients, in any order
        self._weight = weight  # at least the number of atoms, nested ones counted
        self._hash = self._atoms = None

    @property
    def terms(self) -> tuple[tuple[Monomial, int], ...]:
        """Monomials with their coefficients, in the order of printing: by degree, then by name."""
        return tuple(sorted(self._terms.items(), key=_term_order))

    def __add__(self, other: Size) -> Size:
        terms = self._terms.copy()
        if type(other) is Expr:
            for monomial, coefficient in other._terms.items():
                coefficient += terms.get(monomial, 0)
                if coefficient:
                    terms[monomial] = coefficient
                else:
                    del terms[monomial]
            return _size(terms, self._weight + other._weight)
        if not isinstance(other, int):
            return NotImplemented
        constant = terms.get((), 0) + other
        if constant:
            terms[()] = constant + 0
        else:
            terms.pop((), None)
        return _size(terms, self._weight)

    def __sub__(self, other: Size) -> Size:
        return self + -other if isinstance(other, int | Expr) else NotImplemented

    def __rsub__(self, other: Size) -> Size:
        return -self + other

    def __neg__(self) -> Expr:
        return self * -1

    def __mul__(self, other: Size) -> Size:
        if type(other) is Expr:
            terms: dict[Monomial, int] = {}
            for left, c in self._terms.items():
                for right, d in other._terms.items():
                    monomial = _merged(left, right)
                    terms[monomial] = terms.get(monomial, 0) + c * d
            weight = self._weight * len(other._terms) + other._weight * len(self._terms)
            return _size({m: c for m, c in terms.items() if c}, weight)
        if not isinstance(other, int):
            return NotImplemented
        if other == 1:
            return self
        return Expr({m: c * other for m, c in self._terms.items()}, self._weight) if other else 0

    def __floordiv__(self, other: Size) -> Size:
        return _divided(self, other) if isinstance(other, int | Expr) else NotImplemented

    def __rfloordiv__(self, other: int) -> Size:
        return _divided(other, self) if isinstance(other, int) else NotImplemented

    def __mod__(self, other: Size) -> Size:
        return self - other * (self // other) if isinstance(other, int | Expr) else NotImplemented

    def __rmod__(self, other: int) -> Size:
        return other - self * (other // self) if isinstance(other, int) else NotImplemented

    def __pow__(self, exponent: int) -> Size:
        if not isinstance(exponent, int) or exponent < 0:
            return NotImplemented
        result: Size = 1
        for _ in range(min(exponent, MAX_ATOMS + 1)):  # one more is UNKNOWN already
            result = self * result
        return result

    __radd__, __rmul__ = __add__, __mul__

    def __eq__(self, other: object) -> bool:
        """The same form.  Whether two sizes are equal numbers, or may be, is the question of `cond.eq`."""
        return self is other or (type(other) is Expr and self._terms == other._terms)

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self._terms.items()))
        return self._hash

    def __bool__(self) -> bool:
        raise TypeError(f"the size {self} is neither true nor false; use the functions of tensight_runtime.spec.cond")

    def __str__(self) -> str:
        terms = self.terms
        first = next((i for i, (_, c) in enumerate(terms) if c > 0), 0)  # `5 - H`, not `-H + 5`
        parts = []
        for monomial, c in (terms[first], *terms[:first], *terms[first + 1 :]):
            sign = (" - " if c < 0 else " + ") if parts else ("-" if c < 0 else "")
            parts.append(sign + _term(monomial, abs(c), whole=sign != "-"))
        return "".join(parts)

    def __repr__(self) -> str:
        return f"Expr({str(self)!r})"

    def __reduce__(self) -> tuple:
        return Expr, (self._terms, self._weight)  # hashes are of this process


Size = int | Expr | Unknown


def symbol(name: str, key: Hashable = None, low: int | None = 0, rank: int = USER) -> Expr:
    """The symbol as a size."""
    return as_size(Symbol(name, key, low, rank))


def as_size(atom: Atom) -> Expr:
    return Expr({(atom,): 1}, atom._weight)


def from_terms(terms: Iterable[tuple[Monomial, int]]) -> Size:
    """The sum of coefficient times monomial."""
    result: dict[Monomial, int] = {}
    for monomial, c in terms:
        result[monomial] = result.get(monomial, 0) + c
    return _size({m: c for m, c in result.items() if c}, MAX_ATOMS + 1)


def as_atom(size: Size) -> Atom | None:
    """The atom a size consists of, if it is just one."""
    if type(size) is Expr and len(size._terms) == 1:
        ((monomial, coefficient),) = size._terms.items()
        if coefficient == 1 and len(monomial) == 1:
            return monomial[0]
    return None


def smin(*sizes: Size, known: Mapping[Atom, Range] = NOTHING) -> Size:
    return min(sizes) if all(type(size) is int for size in sizes) else _extreme(Min, sizes, known)


def smax(*sizes: Size, known: Mapping[Atom, Range] = NOTHING) -> Size:
    return max(sizes) if all(type(size) is int for size in sizes) else _extreme(Max, sizes, known)


def ceil_div(a: Size, b: Size) -> Size:
    """`a/b` rounded up."""
    return -(-a // b)


def product(sizes: Iterable[Size]) -> Size:
    result: Size = 1
    for size in sizes:
        result = result * size
    return result


def total(sizes: Iterable[Size]) -> Size:
    return sum(sizes)


def floor_div(a: Size, b: Size, known: Mapping[Atom, Range] = NOTHING) -> Size:
    """`a//b`.  Rules (a) to (e) of the interpreter's fact sheet; each says why it is exact."""
    if isinstance(a, int) and isinstance(b, int):
        return a // b
    if a is UNKNOWN or b is UNKNOWN:
        return UNKNOWN
    if isinstance(b, int):
        return _by_int(-a, -b, known) if b < 0 else _by_int(a, b, known)
    return _by_expr(a, b, known)


def bounds(size: Size, known: Mapping[Atom, Range] = NOTHING) -> Range:
    """Bounds that hold wherever `size` is defined (so a divisor that is >= 0 counts as >= 1)."""
    if type(size) is not Expr:
        return (None, None) if size is UNKNOWN else (size, size)
    low: int | None = 0
    high: int | None = 0
    for monomial, c in size._terms.items():
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


def evaluate(size: Size, env: Mapping[Symbol, int]) -> int:
    """The number `size` is.  KeyError for a symbol without one, ZeroDivisionError as in Python, ValueError if unknown."""
    if type(size) is not Expr:
        if size is UNKNOWN:
            raise ValueError("an unknown size has no value")
        return size
    result = 0
    for monomial, value in size._terms.items():
        for atom in monomial:
            value *= env[atom] if type(atom) is Symbol else evaluate_atom(atom, env)
        result += value
    return result


def evaluate_atom(atom: Atom, env: Mapping[Symbol, int]) -> int:
    if type(atom) is Symbol:
        return env[atom]
    values = [evaluate(part, env) for part in atom.parts]
    if type(atom) is FloorDiv:
        return values[0] // values[1]
    return max(values) if type(atom) is Max else min(values)


def atoms(size: Size) -> frozenset[Atom]:
    """All atoms of a size, nested ones too."""
    if type(size) is not Expr:
        return frozenset()
    if size._atoms is None:
        top = {atom for monomial in size._terms for atom in monomial}
        size._atoms = frozenset(top.union(*(atoms(part) for atom in top for part in atom.parts)))
    return size._atoms


def symbols(size: Size) -> frozenset[Symbol]:
    return frozenset(atom for atom in atoms(size) if type(atom) is Symbol)


def substitute(size: Size, mapping: Mapping[Atom, Size], known: Mapping[Atom, Range] = NOTHING) -> Size:
    """`size` with the atoms of `mapping` replaced, all at once, an outer atom before the ones inside it."""
    if type(size) is not Expr or (not known and mapping.keys().isdisjoint(atoms(size))):
        return size
    return total(c * product(_replaced(atom, mapping, known) for atom in m) for m, c in size._terms.items())


def without(monomial: Monomial, factor: Monomial) -> Monomial | None:
    """`monomial` divided by `factor`, None if it cannot be."""
    left = list(monomial)
    for atom in factor:
        if atom not in left:
            return None
        left.remove(atom)
    return tuple(left)


def rebuilt(atom: Atom, parts: Sequence[Size], known: Mapping[Atom, Range] = NOTHING) -> Size:
    """What the atom's operation gives for other parts."""
    if type(atom) is FloorDiv:
        return floor_div(*parts, known)
    return _extreme(type(atom), parts, known) if parts else as_size(atom)


def order(atom: Atom) -> tuple:
    """The sort key of atoms, independent of when and in which process they were made; symbols come first."""
    if atom._order is None:
        if type(atom) is Symbol:
            atom._order = (0, atom.name, repr(atom.key), str(atom.low), atom.rank)
        else:
            atom._order = (1, str(atom), tuple(map(order, _leaves(atom))))
    return atom._order


def parse_size(text: str, resolve: Callable[[str], Size] = symbol) -> Size:
    """Reads what `str` prints.  Names (`T`, `self.d`, `x.shape[0]`) go through `resolve`.  ValueError for anything else."""
    if text.strip() == "?":
        return UNKNOWN
    try:
        return _read(ast.parse(text.strip(), mode="eval").body, resolve)
    except (SyntaxError, RecursionError, MemoryError, ZeroDivisionError) as error:
        raise ValueError(f"not a size: {text!r}") from error


# --- normal form -------------------------------------------------------------------------------------------------------


def _size(terms: dict[Monomial, int], weight: int) -> Size:
    if len(terms) <= 1:
        if not terms:
            return 0
        if () in terms:
            return terms[()]
    if len(terms) > MAX_TERMS:
        return UNKNOWN
    if weight > MAX_ATOMS:  # so far only estimated
        weight = _count(terms)
        if weight > MAX_ATOMS:
            return UNKNOWN
    return Expr(terms, weight)


def _weigh(size: Size) -> int:
    return _count(size._terms) if type(size) is Expr else 0


def _count(terms: Mapping[Monomial, int]) -> int:
    return sum(atom._weight for monomial in terms for atom in monomial)


def _merged(left: Monomial, right: Monomial) -> Monomial:
    if not left or not right:
        return left or right
    return tuple(sorted(left + right, key=order))


def _term_order(term: tuple[Monomial, int]) -> tuple:
    return -len(term[0]), [order(atom) for atom in term[0]]


def _leaves(atom: Atom) -> Iterator[Symbol]:
    if type(atom) is Symbol:
        yield atom
    for part in atom.parts:
        if type(part) is Expr:
            for monomial, _ in part.terms:
                for inner in monomial:
                    yield from _leaves(inner)


def _new_atom(kind: type[Atom], *parts: Size) -> Size:
    atom = kind(*parts)
    return UNKNOWN if atom._weight > MAX_ATOMS else as_size(atom)


def _replaced(atom: Atom, mapping: Mapping[Atom, Size], known: Mapping[Atom, Range]) -> Size:
    if atom in mapping:
        return mapping[atom]
    if type(atom) is Symbol:
        return as_size(atom)
    return rebuilt(atom, [substitute(part, mapping, known) for part in atom.parts], known)


# --- floor division ----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _divided(a: Size, b: Size) -> Size:
    return floor_div(a, b)


def _by_int(a: Expr, n: int, known: Mapping[Atom, Range]) -> Size:
    if n == 0:
        raise ZeroDivisionError(f"{a} divided by zero")
    if n == 1:
        return a
    # (a) multiples of n leave the floor; each rest keeps its sign and is smaller than n
    whole: dict[Monomial, int] = {}
    rest: dict[Monomial, int] = {}
    for monomial, c in a._terms.items():
        remainder = c % n if c > 0 else -(-c % n)
        if not monomial:
            continue
        if c != remainder:
            whole[monomial] = (c - remainder) // n
        if remainder:
            rest[monomial] = remainder
    constant = a._terms.get((), 0)
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
        result += _irreducible(_size(rest, a._weight) + constant, n, known)
    return _size(whole, a._weight) + (-result if flip else result)


def _by_expr(a: Size, b: Expr, known: Mapping[Atom, Range]) -> Size:
    lead, leading = b.terms[0]
    if leading < 0:
        a, b, leading = -a, -b, -leading
    above_zero = at_least(b, 1, known)
    usable = above_zero or at_least(b, 0, known)  # an atom that keeps b as divisor has no value at b = 0, as a//b has none
    reduced = _cancelled(a, b, usable, known)
    if reduced is not None:
        return floor_div(*reduced, known)
    # (c), (d) floor((q*b + r)/b) = q + floor(r/b)
    whole, rest = _split(a, b, lead, leading) if len(b._terms) == 1 else _exact(a, b, lead, leading)
    if type(rest) is int and rest == 0:
        return whole if above_zero else _new_atom(FloorDiv, a, b)
    if above_zero:
        for near in (0, -1):  # near*b <= rest < near*b + b
            over = rest - near * b
            if at_least(over, 0, known) and at_least(b - over, 1, known):
                return whole + near
    terms = rest._terms if type(rest) is Expr else {(): rest}
    if usable and len(b._terms) == 1 and max(c for m, c in terms.items() if m or len(terms) == 1) < 0:
        return whole - floor_div(b - 1 - rest, b, known)  # as in _by_int
    return whole + (_irreducible(rest, b, known) if usable else _new_atom(FloorDiv, rest, b))


def _irreducible(a: Size, b: Size, known: Mapping[Atom, Range]) -> Size:
    """a//b for b > 0 when rules (a) and (c) to (e) have nothing left to do."""
    low, high = bounds(a, known)
    if type(b) is int and low is not None and high is not None and low // b == high // b:
        return low // b
    # (b) floor((floor(x/m) + c)/b) = floor((x/m + c)/b), because b is a positive integer
    constant = a._terms.get((), 0) if type(a) is Expr else 0
    inner = as_atom(a - constant)
    if type(inner) is FloorDiv:
        return floor_div(inner.a + constant * inner.b, inner.b * b, known)
    return _new_atom(FloorDiv, a, b)


def _cancelled(a: Size, b: Expr, usable: bool, known: Mapping[Atom, Range]) -> tuple[Size, Size] | None:
    """(e) Both without their common factor: any integer, and atoms that are >= 1."""
    above = a._terms if type(a) is Expr else {(): a}
    monomials = [*above, *b._terms]
    # floor((g*x + c)/(g*y)) = floor((x + floor(c/g))/y) for y > 0, so then the constant need not be a multiple
    factor = gcd(*b._terms.values(), *(c for m, c in above.items() if m or not usable))
    common: list[Atom] = []
    for atom in dict.fromkeys(monomials[0]):
        power = min(monomial.count(atom) for monomial in monomials)
        if power and (_atom_range(atom, known)[0] or 0) >= 1:
            common += [atom] * power
    if factor == 1 and not common:
        return None
    shared = tuple(common)

    def rest(terms: Mapping[Monomial, int]) -> Size:
        return _size({without(m, shared): c // factor for m, c in terms.items() if c // factor}, MAX_ATOMS + 1)

    return rest(above), rest(b._terms)


def _split(a: Size, b: Expr, lead: Monomial, leading: int) -> tuple[Size, Size]:
    """(c) a = whole*b + rest for a divisor of one term: what it divides, and the rest."""
    whole: dict[Monomial, int] = {}
    rest: dict[Monomial, int] = {}
    for monomial, c in (a._terms if type(a) is Expr else {(): a}).items():
        quotient = without(monomial, lead)
        remainder = c if quotient is None else c % leading if c > 0 else -(-c % leading)
        if remainder:
            rest[monomial] = remainder
        if c != remainder:
            whole[quotient] = (c - remainder) // leading
    return _size(whole, MAX_ATOMS + 1), _size(rest, MAX_ATOMS + 1)


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
        step = _size({quotient: c // leading}, MAX_ATOMS + 1)
        whole += step
        rest -= step * b
    return (whole, 0) if type(rest) is int and rest == 0 else (0, a)


# --- min and max -------------------------------------------------------------------------------------------------------


def _extreme(kind: type[Min], sizes: Iterable[Size], known: Mapping[Atom, Range]) -> Size:
    parts: dict[Size, None] = {}
    for size in sizes:
        if size is UNKNOWN:
            return UNKNOWN
        atom = as_atom(size)
        parts.update(dict.fromkeys(atom.parts if type(atom) is kind else (size,)))
    sign = 1 if kind is Min else -1
    kept = sorted(parts, key=_part_order)
    for part in tuple(kept):
        if any(other is not part and at_least(sign * (part - other), 0, known) for other in kept):
            kept.remove(part)
    return kept[0] if len(kept) == 1 else _new_atom(kind, *kept)


def _part_order(size: Size) -> tuple:
    return (1, size) if type(size) is int else (0, str(size), [order(atom) for m, _ in size.terms for atom in m])


# --- bounds ------------------------------------------------------------------------------------------------------------


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
    if exponent % 2 and low is not None or low is not None and low >= 0:
        return low**exponent, None if high is None else high**exponent
    if exponent % 2:
        return None, None if high is None else high**exponent
    return 0, None if low is None or high is None else max(low**exponent, high**exponent)


# --- text --------------------------------------------------------------------------------------------------------------


def _term(monomial: Monomial, c: int, whole: bool) -> str:
    """A term without its sign; `whole` says that nothing before it binds to the left side of a lone `a//b`."""
    if c == 1 and len(monomial) == 1 and (_binding(monomial[0]) >= 1 and whole):
        return str(monomial[0])
    factors = [str(c)] if c != 1 or not monomial else []
    for atom in dict.fromkeys(monomial):
        power = monomial.count(atom)
        text = str(atom) if _binding(atom) == 2 else f"({atom})"
        factors.append(text if power == 1 else f"{text}**{power}")
    return "*".join(factors)


def operand(size: Size, product_too: bool = False) -> str:
    """A size as it is written beside `//` or `%`; a product is fine on the left."""
    if type(size) is not Expr:
        return f"({size})" if type(size) is int and size < 0 else str(size)
    (monomial, c), *more = size.terms
    if not more and c > 0 and (product_too or c == 1 and len(monomial) == 1):
        return _term(monomial, c, whole=False)
    return f"({size})"


def _binding(atom: Atom) -> int:
    """2 if the text of an atom can be a factor as it is, 1 if only a term, 0 if it needs parentheses in a sum too."""
    if type(atom) is not Symbol:
        return 1 if type(atom) is FloorDiv else 2
    if re.sub(r"\[[^]]*\]", "", atom.name).replace(".", "_").isidentifier():
        return 2
    return 0 if " " in atom.name else 1


def _read(node: ast.expr, resolve: Callable[[str], Size]) -> Size:
    match node:
        case ast.Constant(value=int(value)) if type(value) is int:
            return value
        case ast.Name() | ast.Attribute() | ast.Subscript():
            return resolve(ast.unparse(node))
        case ast.UnaryOp(op=ast.USub()):
            return -_read(node.operand, resolve)
        case ast.BinOp(op=ast.Pow(), right=ast.Constant(value=int(exponent))) if 0 <= exponent <= MAX_ATOMS:
            return _read(node.left, resolve) ** exponent
        case ast.BinOp() if type(node.op) in _READ:
            return _READ[type(node.op)](_read(node.left, resolve), _read(node.right, resolve))
        case ast.Call(func=ast.Name(id="min" | "max" as name), args=[_, *_], keywords=[]):
            return (smin if name == "min" else smax)(*(_read(arg, resolve) for arg in node.args))
    raise ValueError(f"not a size: {ast.unparse(node)!r}")


_READ: dict[type[ast.operator], Callable[[Size, Size], Size]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
