"""Atoms and expressions: the normal form of a symbolic size.  Use `size`, which exports what is public here."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from functools import lru_cache
from threading import RLock
from typing import ClassVar
from weakref import WeakValueDictionary

MAX_TERMS = 24
MAX_ATOMS = 64  # beyond either limit a size is UNKNOWN: nobody reads it, and products would explode

FRESH, LETTER, USER = 0, 1, 2  # who named a symbol: nobody, a convention (N, C, H, W), the user's code

Range = tuple[int | None, int | None]  # least and greatest value, None where there is no bound


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

    `low` is a lower bound that always holds: 0 for a size, 1 for (say) a kernel size, None for any integer.  `key`
    tells symbols of one name apart; its repr must differ where keys do, since order follows from (name, repr(key)).
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

    __slots__ = ("coefficients", "_weight", "_hash", "_atoms", "_sorted")

    def __init__(self, terms: dict[Monomial, int], weight: int):
        self.coefficients = terms  # never 0, in any order; not to be changed
        self._weight = weight  # at least the number of atoms, nested ones counted
        self._hash = self._atoms = self._sorted = None

    @property
    def terms(self) -> tuple[tuple[Monomial, int], ...]:
        """Monomials with their coefficients, in the order of printing: by degree, then by name."""
        if self._sorted is None:
            self._sorted = tuple(sorted(self.coefficients.items(), key=_term_order))
        return self._sorted

    @property
    def constant(self) -> int:
        return self.coefficients.get((), 0)

    def __add__(self, other: Size) -> Size:
        terms = self.coefficients.copy()
        if type(other) is Expr:
            for monomial, coefficient in other.coefficients.items():
                coefficient += terms.get(monomial, 0)
                if coefficient:
                    terms[monomial] = coefficient
                else:
                    del terms[monomial]
            return normal(terms, self._weight + other._weight)
        if not isinstance(other, int):
            return NotImplemented
        constant = terms.get((), 0) + other
        if constant:
            terms[()] = constant
        else:
            terms.pop((), None)
        return normal(terms, self._weight)

    def __sub__(self, other: Size) -> Size:
        return self + -other if isinstance(other, int | Expr) else NotImplemented

    def __rsub__(self, other: Size) -> Size:
        return -self + other

    def __neg__(self) -> Expr:
        return self * -1

    def __mul__(self, other: Size) -> Size:
        if type(other) is Expr:
            terms: dict[Monomial, int] = {}
            for left, c in self.coefficients.items():
                for right, d in other.coefficients.items():
                    monomial = _merged(left, right)
                    terms[monomial] = terms.get(monomial, 0) + c * d
            weight = self._weight * len(other.coefficients) + other._weight * len(self.coefficients)
            return normal({m: c for m, c in terms.items() if c}, weight)
        if not isinstance(other, int):
            return NotImplemented
        if other == 1:
            return self
        return Expr({m: c * other for m, c in self.coefficients.items()}, self._weight) if other else 0

    def __floordiv__(self, other: Size) -> Size:
        return division.divided(self, other) if isinstance(other, int | Expr) else NotImplemented

    def __rfloordiv__(self, other: int) -> Size:
        return division.divided(other, self) if isinstance(other, int) else NotImplemented

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
        return self is other or (type(other) is Expr and self.coefficients == other.coefficients)

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self.coefficients.items()))
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
        return Expr, (self.coefficients, self._weight)  # hashes are of this process


Size = int | Expr | Unknown


def as_size(atom: Atom) -> Expr:
    return Expr({(atom,): 1}, atom._weight)


def from_terms(terms: Iterable[tuple[Monomial, int]]) -> Size:
    """The sum of coefficient times monomial."""
    result: dict[Monomial, int] = {}
    for monomial, c in terms:
        result[monomial] = result.get(monomial, 0) + c
    return normal({m: c for m, c in result.items() if c}, MAX_ATOMS + 1)


def as_atom(size: Size) -> Atom | None:
    """The atom a size consists of, if it is just one."""
    if type(size) is Expr and len(size.coefficients) == 1:
        ((monomial, coefficient),) = size.coefficients.items()
        if coefficient == 1 and len(monomial) == 1:
            return monomial[0]
    return None


def atoms(size: Size) -> frozenset[Atom]:
    """All atoms of a size, nested ones too."""
    if type(size) is not Expr:
        return frozenset()
    if size._atoms is None:
        top = {atom for monomial in size.coefficients for atom in monomial}
        size._atoms = frozenset(top.union(*(atoms(part) for atom in top for part in atom.parts)))
    return size._atoms


def without(monomial: Monomial, factor: Monomial) -> Monomial | None:
    """`monomial` divided by `factor`, None if it cannot be."""
    left = list(monomial)
    for atom in factor:
        if atom not in left:
            return None
        left.remove(atom)
    return tuple(left)


def order(atom: Atom) -> tuple:
    """The sort key of atoms, independent of when and in which process they were made; symbols come first."""
    if atom._order is None:
        if type(atom) is Symbol:
            atom._order = (0, atom.name, repr(atom.key), str(atom.low), atom.rank)
        else:
            atom._order = (1, type(atom).__name__, *map(size_order, atom.parts))
    return atom._order


def size_order(size: Size) -> tuple:
    """The sort key of sizes, like `order`; numbers come last."""
    if type(size) is not Expr:
        return ((1, (), size),)
    return tuple((-len(monomial), tuple(map(order, monomial)), c) for monomial, c in size.terms)


# --- normal form ----------------------------------------------------------------------------------------------------


def normal(terms: dict[Monomial, int], weight: int) -> Size:
    """The size of these terms, none of them 0; `weight` is at least the number of their atoms."""
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
    return _count(size.coefficients) if type(size) is Expr else 0


def _count(terms: Mapping[Monomial, int]) -> int:
    return sum(atom._weight for monomial in terms for atom in monomial)


def _merged(left: Monomial, right: Monomial) -> Monomial:
    if not left or not right:
        return left or right
    if order(left[-1]) <= order(right[0]):
        return left + right
    return tuple(sorted(left + right, key=order))


def _term_order(term: tuple[Monomial, int]) -> tuple:
    return -len(term[0]), [order(atom) for atom in term[0]]


# --- text -----------------------------------------------------------------------------------------------------------


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
    return _binding_of_name(atom.name)


@lru_cache(maxsize=1024)
def _binding_of_name(name: str) -> int:
    if re.sub(r"\[[^]]*\]", "", name).replace(".", "_").isidentifier():
        return 2
    return 0 if " " in name else 1


# `//` makes expressions and is made of them: the two modules need each other, at run time only
from tensight_runtime.spec import division  # noqa: E402
