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
from collections.abc import Callable, Hashable, Iterable, Mapping

from tensight_runtime.spec.division import (
    NOTHING,
    at_least,
    bounds,
    floor_div,
    lower,
    rebuilt,
    smax,
    smin,
    upper,
)
from tensight_runtime.spec.expr import (
    FRESH,
    LETTER,
    MAX_ATOMS,
    MAX_TERMS,
    UNKNOWN,
    USER,
    Atom,
    Expr,
    FloorDiv,
    Max,
    Min,
    Range,
    Size,
    Symbol,
    Unknown,
    as_atom,
    as_size,
    atoms,
    order,
)

__all__ = [
    "FRESH", "LETTER", "MAX_ATOMS", "MAX_TERMS", "NOTHING", "UNKNOWN", "USER",
    "Atom", "Expr", "FloorDiv", "Max", "Min", "Range", "Size", "Symbol", "Unknown",
    "as_atom", "as_size", "at_least", "atoms", "bounds", "ceil_div", "evaluate", "floor_div", "lower", "order",
    "parse_size", "product", "smax", "smin", "substitute", "symbol", "symbols", "total", "upper",
]  # fmt: skip


def symbol(name: str, key: Hashable = None, low: int | None = 0, rank: int = USER) -> Expr:
    """The symbol as a size."""
    return as_size(Symbol(name, key, low, rank))


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


def evaluate(size: Size, env: Mapping[Symbol, int]) -> int:
    """The number `size` is.  KeyError for a symbol not in `env`, ZeroDivisionError as in Python, ValueError if `?`."""
    if type(size) is not Expr:
        if size is UNKNOWN:
            raise ValueError("an unknown size has no value")
        return size
    result = 0
    for monomial, value in size.coefficients.items():
        for atom in monomial:
            value *= env[atom] if type(atom) is Symbol else _evaluate_atom(atom, env)
        result += value
    return result


def _evaluate_atom(atom: Atom, env: Mapping[Symbol, int]) -> int:
    values = [evaluate(part, env) for part in atom.parts]
    if type(atom) is FloorDiv:
        return values[0] // values[1]
    return max(values) if type(atom) is Max else min(values)


def symbols(size: Size) -> frozenset[Symbol]:
    return frozenset(atom for atom in atoms(size) if type(atom) is Symbol)


def substitute(size: Size, mapping: Mapping[Atom, Size], known: Mapping[Atom, Range] = NOTHING) -> Size:
    """`size` with the atoms of `mapping` replaced, all at once, an outer atom before the ones inside it."""
    if type(size) is not Expr or (not known and mapping.keys().isdisjoint(atoms(size))):
        return size
    return total(c * product(_replaced(atom, mapping, known) for atom in m) for m, c in size.coefficients.items())


def parse_size(text: str, resolve: Callable[[str], Size] = symbol) -> Size:
    """Reads what `str` prints; names (`T`, `self.d`, `x.shape[0]`) go through `resolve`.  Otherwise a ValueError."""
    if text.strip() == "?":
        return UNKNOWN
    try:
        return _read(ast.parse(text.strip(), mode="eval").body, resolve)
    except (SyntaxError, RecursionError, MemoryError, ZeroDivisionError) as error:
        raise ValueError(f"not a size: {text!r}") from error


def _replaced(atom: Atom, mapping: Mapping[Atom, Size], known: Mapping[Atom, Range]) -> Size:
    if atom in mapping:
        return mapping[atom]
    if type(atom) is Symbol:
        return as_size(atom)
    return rebuilt(atom, [substitute(part, mapping, known) for part in atom.parts], known)


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
