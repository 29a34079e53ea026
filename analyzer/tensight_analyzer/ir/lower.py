"""libcst -> IR in one walk, positions included.

libcst's tree does not say where its nodes are, and its metadata pass costs more than the parse.  But the tree holds
each token of the text exactly once and in order; so does `source.tokens`, which knows where they are.  The walk keeps a
cursor into the tokens and steps over them as it meets their nodes: a node spans from the token under the cursor at its
start to the last one stepped over.  Whitespace and comments are never looked at.  That both go together is checked on
the way (`expect`) and at the end of a chunk.

Expressions are in `expressions.py`, the patterns of `match` in `patterns.py`; here are statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tensight_analyzer.ir import nodes
from tensight_analyzer.ir.cursor import Dispatch, LoweringError, identifier
from tensight_analyzer.ir.patterns import PatternLowering
from tensight_analyzer.source.repair import Hole
from tensight_analyzer.source.tokens import Position, Tokens, scan

if TYPE_CHECKING:
    import libcst

__all__ = ["LoweringError", "lower_chunk"]


def lower_chunk(
    module: libcst.Module, tokens: Tokens | None = None, holes: Mapping[Position, Hole] | None = None
) -> nodes.Chunk:
    """The IR of a parsed chunk.

    `tokens` are those of the parsed text, `holes` says which `pass` statements stand for a text that was cut out.
    Raises `LoweringError` for a tree that it does not understand.
    """
    tokens = tokens or scan(module.code)
    lowering = _Lowering(tokens, holes or {})
    body = lowering.body(module.body)
    if lowering.i != len(tokens.texts) - 1:
        raise LoweringError(f"{len(tokens.texts) - 1 - lowering.i} tokens are left over")
    return nodes.Chunk((1, 0, *tokens.ends[-1]), body, tuple(tokens.comments))


class _Lowering(PatternLowering):
    def __init__(self, tokens: Tokens, holes: Mapping[Position, Hole]) -> None:
        super().__init__(tokens)
        self.holes = holes

    def body(self, statements: Iterable[Any]) -> tuple[nodes.Stmt, ...]:
        """Statement lines and compound statements."""
        out: list[nodes.Stmt] = []
        for n in statements:
            if n.__class__.__name__ == "SimpleStatementLine":
                self._line(n.body, out)
            else:
                out.append(STATEMENTS[n.__class__](self, n))
        return tuple(out)

    def suite(self, n: Any) -> tuple[nodes.Stmt, ...]:
        """The colon and what stands after it."""
        self.expect(":")
        if n.__class__.__name__ == "IndentedBlock":
            return self.body(n.body)
        out: list[nodes.Stmt] = []
        self._line(n.body, out)
        return tuple(out)

    def _line(self, statements: Iterable[Any], out: list[nodes.Stmt]) -> None:
        for n in statements:
            out.append(STATEMENTS[n.__class__](self, n))
            if self.texts[self.i] == ";":
                self.i += 1

    # -- simple statements ---------------------------------------------------------------------------------------------

    def _expression(self, n: Any) -> nodes.Stmt:
        start = self.i
        value = self.expr(n.value)
        return nodes.ExprStmt(self.span(start), value)

    def _assign(self, n: Any) -> nodes.Stmt:
        start = self.i
        targets = []
        for t in n.targets:
            target = self.expr(t.target)
            self.expect("=")
            self.bind(target)
            targets.append(target)
        value = self.expr(n.value)
        return nodes.Assign(self.span(start), tuple(targets), value)

    def _augmented(self, n: Any) -> nodes.Stmt:
        start = self.i
        target = self.expr(n.target)
        op = self.texts[self.i][:-1]
        self.i += 1
        value = self.expr(n.value)
        self.bind(target)
        return nodes.AugAssign(self.span(start), target, op, value)

    def _annotated(self, n: Any) -> nodes.Stmt:
        start = self.i
        target = self.expr(n.target)
        self.expect(":")
        annotation = self.expr(n.annotation.annotation)
        value = self.optional("=", n.value)
        self.bind(target)
        return nodes.AnnAssign(self.span(start), target, annotation, value)

    def _delete(self, n: Any) -> nodes.Stmt:
        start = self.i
        self.expect("del")
        target = self.expr(n.target)
        self.bind(target)
        targets = (target,)
        if target.__class__ is nodes.Tuple and not n.target.lpar:
            targets = target.items
        return nodes.Delete(self.span(start), targets)

    def _return(self, n: Any) -> nodes.Stmt:
        start = self.i
        value = self.optional("return", n.value)
        if n.value is None:
            self.expect("return")
        return nodes.Return(self.span(start), value)

    def _raise(self, n: Any) -> nodes.Stmt:
        start = self.i
        self.expect("raise")
        exc = None if n.exc is None else self.expr(n.exc)
        cause = None if n.cause is None else self.optional("from", n.cause.item)
        return nodes.Raise(self.span(start), exc, cause)

    def _assert(self, n: Any) -> nodes.Stmt:
        start = self.i
        self.expect("assert")
        test = self.expr(n.test)
        message = self.optional(",", n.msg)
        return nodes.Assert(self.span(start), test, message)

    def _pass(self, n: Any) -> nodes.Stmt:
        start = self.i
        self.expect("pass")
        hole = self.holes.get(self.starts[start])
        if hole is None:
            return nodes.Pass(self.span(start))
        self.scope.bound.update(hole.names)
        return nodes.OpaqueStmt(hole.span, hole.names, hole.why)

    def _break(self, n: Any) -> nodes.Stmt:
        self.expect("break")
        return nodes.Break(self.span(self.i - 1))

    def _continue(self, n: Any) -> nodes.Stmt:
        self.expect("continue")
        return nodes.Continue(self.span(self.i - 1))

    def _global(self, n: Any) -> nodes.Stmt:
        return self._scope(n, "global", self.scope.global_names)

    def _nonlocal(self, n: Any) -> nodes.Stmt:
        return self._scope(n, "nonlocal", self.scope.nonlocal_names)

    def _scope(self, n: Any, kind: str, names: set[str]) -> nodes.Stmt:
        start = self.i
        self.expect(kind)
        declared = []
        for item in n.names:
            self.expect(item.name.value)
            self.comma()
            declared.append(identifier(item.name.value))
        names.update(declared)
        return nodes.Scope(self.span(start), kind, tuple(declared))

    def _type_alias(self, n: Any) -> nodes.Stmt:
        start = self.i
        self.expect("type")
        name = identifier(n.name.value)
        self.expect(n.name.value)
        self.type_parameters(n)
        self.expect("=")
        self.expr(n.value)
        self.scope.bound.add(name)
        return nodes.OpaqueStmt(self.span(start), (name,), "a type alias")

    # -- imports -------------------------------------------------------------------------------------------------------

    def _import(self, n: Any) -> nodes.Stmt:
        start = self.i
        if n.__class__.__name__ == "LazyImport":
            self.expect("lazy")
        self.expect("import")
        names = tuple(self._alias(a) for a in n.names)
        return nodes.Import(self.span(start), names)

    def _import_from(self, n: Any) -> nodes.Stmt:
        start = self.i
        if n.__class__.__name__ == "LazyImportFrom":
            self.expect("lazy")
        self.expect("from")
        level = len(n.relative)
        dots = level
        while dots:
            dots -= len(self.texts[self.i])  # "..." is one token
            self.i += 1
        module = "" if n.module is None else self._dotted()
        self.expect("import")
        if n.names.__class__.__name__ == "ImportStar":
            self.expect("*")
            names: tuple[nodes.Alias, ...] = (nodes.Alias(self.span(self.i - 1), "*", None),)
        else:
            bracketed = self.texts[self.i] == "("
            self.i += bracketed
            names = tuple(self._alias(a) for a in n.names)
            self.i += bracketed
        return nodes.ImportFrom(self.span(start), module, names, level)

    def _dotted(self) -> str:
        """`a.b.c`, read from the tokens: libcst nests it as deep as it is long."""
        texts = self.texts
        words = [identifier(texts[self.i])]
        self.i += 1
        while texts[self.i] == ".":
            words.append(identifier(texts[self.i + 1]))
            self.i += 2
        return ".".join(words)

    def _alias(self, n: Any) -> nodes.Alias:
        bound = self.i
        name = self._dotted()
        asname = None
        if n.asname is not None:
            self.expect("as")
            bound = self.i
            asname = identifier(self.texts[self.i])
            self.i += 1
        self.comma()
        self.scope.bound.add(asname or name.partition(".")[0])
        return nodes.Alias(self.starts[bound] + self.ends[bound], name, asname)

    # -- compound statements -------------------------------------------------------------------------------------------

    def _if(self, n: Any) -> nodes.Stmt:
        """`elif` chains are as deep as they are long in libcst and in the IR: built from the last one backwards."""
        branches = []
        orelse: tuple[nodes.Stmt, ...] = ()
        while True:
            start = self.i
            self.i += 1  # if, elif
            test = self.expr(n.test)
            branches.append((start, test, self.suite(n.body)))
            n = n.orelse
            if n is None:
                break
            if n.__class__.__name__ == "Else":
                orelse = self._else(n)
                break
        for start, test, body in reversed(branches):
            node = nodes.If(self.span(start), test, body, orelse)
            orelse = (node,)
        return node

    def _else(self, n: Any) -> tuple[nodes.Stmt, ...]:
        if n is None:
            return ()
        self.expect("else")
        return self.suite(n.body)

    def _while(self, n: Any) -> nodes.Stmt:
        start = self.i
        self.expect("while")
        test = self.expr(n.test)
        body = self.suite(n.body)
        orelse = self._else(n.orelse)
        return nodes.While(self.span(start), test, body, orelse)

    def _for(self, n: Any) -> nodes.Stmt:
        start = self.i
        is_async = self.is_async(n)
        self.expect("for")
        target = self.expr(n.target)
        self.bind(target)
        self.expect("in")
        iterated = self.expr(n.iter)
        body = self.suite(n.body)
        orelse = self._else(n.orelse)
        return nodes.For(self.span(start), target, iterated, body, orelse, is_async)

    def _try(self, n: Any) -> nodes.Stmt:
        start = self.i
        self.expect("try")
        body = self.suite(n.body)
        handlers = tuple(self._handler(h) for h in n.handlers)
        orelse = self._else(n.orelse)
        final: tuple[nodes.Stmt, ...] = ()
        if n.finalbody is not None:
            self.expect("finally")
            final = self.suite(n.finalbody.body)
        return nodes.Try(self.span(start), body, handlers, orelse, final)

    def _handler(self, n: Any) -> nodes.Handler:
        start = self.i
        self.expect("except")
        if n.__class__.__name__ == "ExceptStarHandler":
            self.expect("*")
        type_ = None if n.type is None else self.expr(n.type)
        name = None
        if n.name is not None:
            self.expect("as")
            name = identifier(self.texts[self.i])
            self.i += 1
            self.scope.bound.add(name)
        body = self.suite(n.body)
        return nodes.Handler(self.span(start), type_, name, body)

    def _with(self, n: Any) -> nodes.Stmt:
        start = self.i
        is_async = self.is_async(n)
        self.expect("with")
        bracketed = n.lpar.__class__.__name__ == "LeftParen"
        self.i += bracketed
        items = tuple(self._with_item(item) for item in n.items)
        self.i += bracketed
        body = self.suite(n.body)
        return nodes.With(self.span(start), items, body, is_async)

    def _with_item(self, n: Any) -> nodes.WithItem:
        start = self.i
        context = self.expr(n.item)
        target = None
        if n.asname is not None:
            target = self.optional("as", n.asname.name)
            self.bind(target)
        span = self.span(start)
        self.comma()
        return nodes.WithItem(span, context, target)

    # -- match ---------------------------------------------------------------------------------------------------------

    def _match(self, n: Any) -> nodes.Stmt:
        start = self.i
        self.expect("match")
        subject = self.expr(n.subject)
        self.expect(":")
        cases = tuple(self._case(c) for c in n.cases)
        return nodes.Match(self.span(start), subject, cases)

    def _case(self, n: Any) -> nodes.Case:
        start = self.i
        self.expect("case")
        pattern = self.pattern(n.pattern)
        guard = self.optional("if", n.guard)
        body = self.suite(n.body)
        return nodes.Case(self.span(start), pattern, guard, body)


STATEMENTS = Dispatch(
    {
        "Expr": _Lowering._expression,
        "Assign": _Lowering._assign,
        "AugAssign": _Lowering._augmented,
        "AnnAssign": _Lowering._annotated,
        "Del": _Lowering._delete,
        "Return": _Lowering._return,
        "Raise": _Lowering._raise,
        "Assert": _Lowering._assert,
        "Pass": _Lowering._pass,
        "Break": _Lowering._break,
        "Continue": _Lowering._continue,
        "Global": _Lowering._global,
        "Nonlocal": _Lowering._nonlocal,
        "TypeAlias": _Lowering._type_alias,
        "Import": _Lowering._import,
        "LazyImport": _Lowering._import,
        "ImportFrom": _Lowering._import_from,
        "LazyImportFrom": _Lowering._import_from,
        "If": _Lowering._if,
        "While": _Lowering._while,
        "For": _Lowering._for,
        "Try": _Lowering._try,
        "TryStar": _Lowering._try,
        "With": _Lowering._with,
        "FunctionDef": _Lowering.function,
        "ClassDef": _Lowering.class_,
        "Match": _Lowering._match,
    }
)
