"""The program, as the interpreter and the rules see it: about forty small frozen node types with source spans.

A node is compared by identity (two equal calls on one line are two places), so it may key a dictionary of facts.
`span` is `(line, col, end_line, end_col)`: lines from 1 **relative to the chunk** the node was lowered from (adding a
line above a function changes none of its nodes), columns from 0 in code points, parentheses left out, as in `ast`.
Only `lower.py` creates nodes from libcst; everything downstream knows this file alone.
"""

from __future__ import annotations

from tensight_analyzer.ir.base import Expr, Node, Span, Stmt, children, node, walk

__all__ = ["Expr", "Node", "Span", "Stmt", "children", "node", "walk"]  # besides the types below

# -- expressions -------------------------------------------------------------------------------------------------------


@node
class Const(Expr):
    """A literal: int, float, complex, str, bytes, bool, None or Ellipsis; adjacent strings are one literal."""

    value: object


@node
class Name(Expr):
    id: str


@node
class FString(Expr):
    """`parts` are `Const` strings and `Format`s."""

    parts: tuple[Expr, ...]


@node
class Format(Expr):
    """One replacement field; `spec` is an `FString` or None, `conversion` is "r", "s", "a" or ""."""

    value: Expr
    conversion: str
    spec: Expr | None


@node
class Tuple(Expr):
    items: tuple[Expr, ...]


@node
class List(Expr):
    items: tuple[Expr, ...]


@node
class Set(Expr):
    items: tuple[Expr, ...]


@node
class Dict(Expr):
    """A `**mapping` among the items has the key None."""

    keys: tuple[Expr | None, ...]
    values: tuple[Expr, ...]


@node
class Starred(Expr):
    value: Expr


@node
class Attribute(Expr):
    value: Expr
    name: str


@node
class Subscript(Expr):
    """`x[index]`; several comma-separated indices are one `Tuple`."""

    value: Expr
    index: Expr


@node
class Slice(Expr):
    lower: Expr | None
    upper: Expr | None
    step: Expr | None


@node
class Keyword(Node):
    """A keyword argument; `name` is None for `**mapping`."""

    name: str | None
    value: Expr


@node
class Call(Expr):
    """`args` holds positional arguments, `Starred` ones included, in source order."""

    func: Expr
    args: tuple[Expr, ...]
    keywords: tuple[Keyword, ...]


@node
class BinOp(Expr):
    """`op` is the source text: + - * / // % ** @ << >> & | ^.  Long chains are lowered along the left spine."""

    op: str
    left: Expr
    right: Expr


@node
class UnaryOp(Expr):
    """`op` is - + ~ or not."""

    op: str
    operand: Expr


@node
class BoolOp(Expr):
    """`op` is and / or; `values` has two or more."""

    op: str
    values: tuple[Expr, ...]


@node
class Compare(Expr):
    """`ops` are == != < <= > >= is, is not, in, not in; `rights` is as long."""

    left: Expr
    ops: tuple[str, ...]
    rights: tuple[Expr, ...]


@node
class IfExp(Expr):
    test: Expr
    body: Expr
    orelse: Expr


@node
class NamedExpr(Expr):
    target: Name
    value: Expr


@node
class Lambda(Expr):
    code: Code


@node
class Clause(Node):
    """`for target in iter if ifs...` of a comprehension."""

    target: Expr
    iter: Expr
    ifs: tuple[Expr, ...]


@node
class Comprehension(Expr):
    """`kind` is list, set, dict or generator; `value` a dict's mapped value; `local_names` what its own scope binds."""

    kind: str
    element: Expr
    value: Expr | None
    clauses: tuple[Clause, ...]
    local_names: frozenset[str]


@node
class Await(Expr):
    value: Expr


@node
class Yield(Expr):
    value: Expr | None


@node
class YieldFrom(Expr):
    value: Expr


@node
class Opaque(Expr):
    """Source the front end would not parse within its limits, or does not know; `why` is for the note."""

    why: str


# -- functions ---------------------------------------------------------------------------------------------------------


@node
class Param(Node):
    """`kind` is positional (by position only), normal, args, keyword (by name only), kwargs; the span is the name's."""

    name: str
    kind: str
    default: Expr | None
    annotation: Expr | None


@node
class Code(Node):
    """What a function, lambda or class body executes.  `local_names` are bound in it, parameters included."""

    name: str
    params: tuple[Param, ...]
    body: tuple[Stmt, ...]
    local_names: frozenset[str]
    global_names: frozenset[str]
    nonlocal_names: frozenset[str]
    is_generator: bool
    is_async: bool
    doc: str | None


# -- statements --------------------------------------------------------------------------------------------------------


@node
class ExprStmt(Stmt):
    value: Expr


@node
class Assign(Stmt):
    """`a = b = value`: targets from left to right; a target is Name, Attribute, Subscript, Tuple, List or Starred."""

    targets: tuple[Expr, ...]
    value: Expr


@node
class AugAssign(Stmt):
    """`op` is the binary operator, without `=`."""

    target: Expr
    op: str
    value: Expr


@node
class AnnAssign(Stmt):
    target: Expr
    annotation: Expr
    value: Expr | None


@node
class Delete(Stmt):
    targets: tuple[Expr, ...]


@node
class Return(Stmt):
    value: Expr | None


@node
class Raise(Stmt):
    exc: Expr | None
    cause: Expr | None


@node
class Assert(Stmt):
    test: Expr
    message: Expr | None


@node
class If(Stmt):
    test: Expr
    body: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...]


@node
class While(Stmt):
    test: Expr
    body: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...]


@node
class For(Stmt):
    target: Expr
    iter: Expr
    body: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...]
    is_async: bool


@node
class Handler(Node):
    type: Expr | None
    name: str | None
    body: tuple[Stmt, ...]


@node
class Try(Stmt):
    body: tuple[Stmt, ...]
    handlers: tuple[Handler, ...]
    orelse: tuple[Stmt, ...]
    final: tuple[Stmt, ...]


@node
class WithItem(Node):
    context: Expr
    target: Expr | None


@node
class With(Stmt):
    items: tuple[WithItem, ...]
    body: tuple[Stmt, ...]
    is_async: bool


@node
class Pattern(Node):
    """`kind` is value, singleton, sequence, mapping, class, star, capture (name None: `_`) or or; `exprs` are the
    expressions it compares with (a class first; the keys of a mapping), `parts` its sub-patterns, `names` the keyword
    names of a class pattern for the last `len(names)` parts, `rest` the name after `**`.
    """

    kind: str
    name: str | None
    exprs: tuple[Expr, ...]
    parts: tuple[Pattern, ...]
    names: tuple[str, ...]
    rest: str | None


@node
class Case(Node):
    pattern: Pattern
    guard: Expr | None
    body: tuple[Stmt, ...]


@node
class Match(Stmt):
    subject: Expr
    cases: tuple[Case, ...]


@node
class FunctionDef(Stmt):
    """The span is that of the name."""

    name: str
    code: Code
    decorators: tuple[Expr, ...]
    returns: Expr | None


@node
class ClassDef(Stmt):
    """The span is that of the name; `code` has no parameters."""

    name: str
    bases: tuple[Expr, ...]
    keywords: tuple[Keyword, ...]
    code: Code
    decorators: tuple[Expr, ...]


@node
class Alias(Node):
    """`name as asname`; the span is that of the bound name."""

    name: str
    asname: str | None


@node
class Import(Stmt):
    names: tuple[Alias, ...]


@node
class ImportFrom(Stmt):
    """`level` counts the leading dots; `from m import *` has one alias named `*`."""

    module: str
    names: tuple[Alias, ...]
    level: int


@node
class Pass(Stmt):
    pass


@node
class Break(Stmt):
    pass


@node
class Continue(Stmt):
    pass


@node
class Scope(Stmt):
    """`global a, b` (kind "global") or `nonlocal a, b`: already accounted for in `Code`; at run time a no-op."""

    kind: str
    names: tuple[str, ...]


@node
class OpaqueStmt(Stmt):
    """A statement over the front end's limits, or one that does not parse: it binds `names` to unknown values."""

    names: tuple[str, ...]
    why: str


@node
class Chunk(Node):
    """One top-level statement (or a run of short ones), lowered on its own and cached by its text.

    `body` is what it executes; spans inside count lines from the chunk's first line.  `comments` are the type and
    suppression comments by relative line.
    """

    body: tuple[Stmt, ...]
    comments: tuple[tuple[int, str], ...]
