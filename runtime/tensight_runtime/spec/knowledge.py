"""What one path of a program knows about its sizes.

    path = Knowledge.EMPTY.assume(divides(n_head, C))     # C -> n_head*q, where q prints as C//n_head
    path.normalize(C // n_head * n_head)                  # n_head*q, the same form that C has
    path.display(C // n_head * n_head)                    # "C"

A `Knowledge` is immutable; it forks with the state for free, and `Knowledge.join` keeps what both sides hold.  It has

* rewrites, atom -> size, in solved form: no left side occurs in any right side.  Equal sizes have equal normal forms as
  far as the rewrites tell;
* ranges, atom -> (low, high), where the path knows more than the atom itself;
* obligations: conditions that could be neither decided nor solved, tested again whenever something is learned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import ClassVar

from tensight_runtime.spec import witness
from tensight_runtime.spec.cond import Cond, compare
from tensight_runtime.spec.division import rebuilt
from tensight_runtime.spec.expr import from_terms, without
from tensight_runtime.spec.learning import Learning, Quotient, decide_normal, divisors, meaning, normal_form
from tensight_runtime.spec.size import (
    UNKNOWN,
    Atom,
    Expr,
    Range,
    Size,
    Symbol,
    as_atom,
    as_size,
    atoms,
    bounds,
    order,
    substitute,
    symbols,
)


class Knowledge:
    __slots__ = ("rewrites", "ranges", "obligations", "_normal", "_mentioned")

    EMPTY: ClassVar[Knowledge]

    def __init__(self, rewrites: Mapping[Atom, Size], ranges: Mapping[Atom, Range], obligations: tuple[Cond, ...]):
        self.rewrites, self.ranges, self.obligations = rewrites, ranges, obligations
        self._normal: dict[Expr, Size] = {}
        self._mentioned: frozenset[Symbol] | None = None

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
                normal = normal_form(size, self.rewrites, self.ranges)
            except ZeroDivisionError:  # it has no value on this path, so any form will do
                normal = size
            self._normal[size] = normal
        return size if normal == size else normal

    def decide(self, cond: bool | Cond) -> bool | None:
        """The verdict that holds for all values this path admits."""
        if isinstance(cond, bool):
            return cond
        return decide_normal(cond.kind, self.normalize(cond.a), self.normalize(cond.b), self.ranges, self.obligations)

    def implies(self, cond: bool | Cond) -> bool:
        return self.decide(cond) is True

    def bounds(self, size: Size) -> Range:
        return bounds(self.normalize(size), self.ranges)

    def assume(self, cond: bool | Cond) -> Knowledge | None:
        """The path on which `cond` holds too: self if that is nothing new, None if it cannot hold."""
        verdict = self.decide(cond)
        if verdict is False:
            return None
        if isinstance(cond, bool) or cond.a is UNKNOWN or cond.b is UNKNOWN:
            return self
        if cond.kind == "broadcast":
            # one of the two may be 1, so sizes that broadcast teach nothing, unless neither can be
            if any(self.decide(compare("==", size, 1)) is not False for size in (cond.a, cond.b)):
                return self
            cond = Cond("==", cond.a, cond.b)
        if verdict is None and (simple := self._about_new_symbol(cond)) is not None:
            return simple
        new = [Cond("!=", divisor, 0) for divisor in divisors(cond)]  # whoever asked has divided by them
        new = [one for one in new if not self.implies(one)]
        if verdict is None:
            new.append(cond)
        if not new:
            return self
        draft = Learning(self.rewrites, self.ranges, self.obligations)
        if not draft.learn(new):
            return None
        return Knowledge(draft.rewrites, draft.ranges, tuple(draft.obligations))

    def _about_new_symbol(self, cond: Cond) -> Knowledge | None:
        """A bound or a number for a symbol that no fact mentions: nothing else changes.  Most conditions are of this kind."""
        atom = as_atom(cond.a) if type(cond.a) is Expr else None
        if type(atom) is not Symbol or atom in self.mentioned:
            return None
        other = as_atom(cond.b) if cond.kind == "==" and type(cond.b) is Expr else None
        if type(other) is Symbol and atom.rank < other.rank and atom.low == other.low and other not in self.mentioned:
            made = self._with(atom, {**self.rewrites, atom: cond.b}, self.ranges)  # it gets a better name
            made._mentioned |= {other}
            return made
        if type(cond.b) is not int:
            return None
        low, high, n = atom.low, None, cond.b
        if cond.kind == "==":
            return self._with(atom, {**self.rewrites, atom: n}, self.ranges)
        if cond.kind == "!=" and low == n or cond.kind == ">":
            low = n + 1
        elif cond.kind == ">=":
            low = n
        elif cond.kind in ("<", "<="):
            high = n if cond.kind == "<=" else n - 1
        else:
            return None
        return self._with(atom, self.rewrites, {**self.ranges, atom: (low, high)})

    def _with(self, atom: Symbol, rewrites: dict, ranges: dict) -> Knowledge:
        made = Knowledge(rewrites, ranges, self.obligations)
        made._mentioned = self.mentioned | {atom}
        return made

    @property
    def mentioned(self) -> frozenset[Symbol]:
        """The symbols that some fact speaks of."""
        if self._mentioned is None:
            found: set[Symbol] = set()
            for atom, size in self.rewrites.items():
                found |= symbols(as_size(atom)) | symbols(size)
            for atom in self.ranges:
                found |= symbols(as_size(atom))
            for cond in self.obligations:
                found |= symbols(cond.a) | symbols(cond.b)
            self._mentioned = frozenset(found)
        return self._mentioned

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

    def after(self, paths: Sequence[Knowledge]) -> Knowledge:
        """What holds where `paths`, which all came from this one, meet again.

        Sizes do not change, so all that was known before still holds; of what was learned since, what every path knows.
        """
        if any(path is self for path in paths):
            return self
        result = self
        for path in paths:
            for cond in path.learned_since(self):
                if all(other is path or other.implies(cond) for other in paths):
                    result = result.assume(cond) or result
        return result

    def learned_since(self, base: Knowledge) -> Iterator[Cond]:
        """The facts that `base` does not have in this form."""
        for atom, size in self.rewrites.items():
            if base.rewrites.get(atom) != size:
                divisor = _divisor(atom, size)
                yield Cond("==", as_size(atom), size) if divisor is None else Cond("divides", divisor, as_size(atom))
        for atom, (low, high) in self.ranges.items():
            if base.ranges.get(atom) != (low, high):
                if low is not None:
                    yield Cond(">=", as_size(atom), low)
                if high is not None:
                    yield Cond("<=", as_size(atom), high)
        known = set(base.obligations)
        yield from (cond for cond in self.obligations if cond not in known)

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
        """An equal size as a user wants to read it: the shortest one found, preferably in the user's names."""
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
        return witness.find(self, extra_symbols)


Knowledge.EMPTY = Knowledge({}, {}, ())


# --- helpers --------------------------------------------------------------------------------------------------------


def _common(a: Knowledge, b: Knowledge) -> Iterator[Cond]:
    """Conditions that hold on both paths."""
    a_only, b_only = _beyond(a, b), _beyond(b, a)
    for one, other in ((a_only, b), (b_only, a)):
        yield from (cond for cond in one.facts() if other.implies(cond) and _defined(cond, other))
    rewritten, ranged = (a_only.rewrites.keys() | b_only.rewrites.keys()), (a_only.ranges.keys() | b_only.ranges.keys())
    eliminated = sorted((atom for atom in rewritten if type(atom) is Symbol), key=order)
    first: dict[tuple[Size, Size], Atom] = {}
    for atom in eliminated:  # equal on both sides, though for other reasons
        twin = first.setdefault((a.normalize(as_size(atom)), b.normalize(as_size(atom))), atom)
        if twin is not atom:
            yield Cond("==", as_size(twin), as_size(atom))
    bounded = sorted((atom for atom in ranged if type(atom) is Symbol), key=order)
    for atom in (*eliminated, *bounded):
        lows, highs = zip(a.bounds(as_size(atom)), b.bounds(as_size(atom)), strict=True)
        if None not in lows:
            yield Cond(">=", as_size(atom), min(lows))
        if None not in highs:
            yield Cond("<=", as_size(atom), max(highs))


def _beyond(a: Knowledge, b: Knowledge) -> Knowledge:
    """What `a` says and `b` does not say in the same words: what paths of one origin share needs no second look."""
    return Knowledge(
        {atom: size for atom, size in a.rewrites.items() if b.rewrites.get(atom) != size},
        {atom: known for atom, known in a.ranges.items() if b.ranges.get(atom) != known},
        tuple(cond for cond in a.obligations if cond not in b.obligations),
    )


def _defined(cond: Cond, known: Knowledge) -> bool:
    """Whether no division in it is by 0: what holds wherever it is defined may be undefined on the other path."""
    return all(known.implies(Cond("!=", divisor, 0)) for divisor in divisors(cond))


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
