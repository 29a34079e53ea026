"""libcst functions and classes -> IR: definitions, parameters, and the names of a scope."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any

from tensight_analyzer.ir import nodes
from tensight_analyzer.ir.cursor import Cursor, Scope, identifier


class FunctionLowering(Cursor):
    @abstractmethod
    def expr(self, n: Any) -> nodes.Expr:
        """Any expression."""

    @abstractmethod
    def suite(self, n: Any) -> tuple[nodes.Stmt, ...]:
        """The body of a compound statement, with its colon."""

    @abstractmethod
    def arguments(self, args: Iterable[Any]) -> tuple[tuple[nodes.Expr, ...], tuple[nodes.Keyword, ...]]:
        """The arguments of a call, or the bases of a class."""

    def _decorators(self, decorators: Iterable[Any]) -> tuple[nodes.Expr, ...]:
        out = []
        for d in decorators:
            self.expect("@")
            out.append(self.expr(d.decorator))
        return tuple(out)

    def function(self, n: Any) -> nodes.Stmt:
        decorators = self._decorators(n.decorators)
        start = self.i
        is_async = self.is_async(n)
        self.expect("def")
        at = self.i
        self.expect(n.name.value)
        name = identifier(n.name.value)
        self.type_parameters(n)
        self.expect("(")
        params = self.parameters(n.params)
        self.expect(")")
        returns = None if n.returns is None else self.optional("->", n.returns.annotation)
        self.scope.bound.add(name)
        outer, self.scope = self.scope, Scope()
        body = self.suite(n.body)
        scope, self.scope = self.scope, outer
        code = self.code(self.span(start), name, params, body, scope, is_async)
        return nodes.FunctionDef(self.starts[at] + self.ends[at], name, code, decorators, returns)

    def class_(self, n: Any) -> nodes.Stmt:
        decorators = self._decorators(n.decorators)
        start = self.i
        self.expect("class")
        at = self.i
        self.expect(n.name.value)
        name = identifier(n.name.value)
        self.type_parameters(n)
        bracketed = self.texts[self.i] == "("
        self.i += bracketed
        bases, _ = self.arguments(n.bases)
        _, keywords = self.arguments(n.keywords)
        self.i += bracketed
        self.scope.bound.add(name)
        outer, self.scope = self.scope, Scope()
        body = self.suite(n.body)
        scope, self.scope = self.scope, outer
        code = self.code(self.span(start), name, (), body, scope)
        return nodes.ClassDef(self.starts[at] + self.ends[at], name, bases, keywords, code, decorators)

    def code(
        self,
        span: nodes.Span,
        name: str,
        params: tuple[nodes.Param, ...],
        body: tuple[nodes.Stmt, ...],
        scope: Scope,
        is_async: bool = False,
    ) -> nodes.Code:
        scope.bound.update(p.name for p in params)
        elsewhere = scope.global_names | scope.nonlocal_names
        return nodes.Code(
            span,
            name,
            params,
            body,
            frozenset(scope.bound - elsewhere),
            frozenset(scope.global_names),
            frozenset(scope.nonlocal_names),
            scope.is_generator,
            is_async,
            _docstring(body),
        )

    def parameters(self, n: Any) -> tuple[nodes.Param, ...]:
        """Defaults and annotations belong to the scope around the function: lower them before entering its own."""
        out: list[nodes.Param] = []
        for p in n.posonly_params:
            out.append(self._param(p, "positional"))
        if n.posonly_params:
            self.expect("/")
            self.comma()
        for p in n.params:
            out.append(self._param(p, "normal"))
        star = n.star_arg.__class__.__name__
        if star == "Param":
            out.append(self._param(n.star_arg, "args"))
        elif star == "ParamStar":
            self.expect("*")
            self.comma()
        for p in n.kwonly_params:
            out.append(self._param(p, "keyword"))
        if n.star_kwarg is not None:
            out.append(self._param(n.star_kwarg, "kwargs"))
        return tuple(out)

    def _param(self, n: Any, kind: str) -> nodes.Param:
        if kind == "args" or kind == "kwargs":
            self.expect(n.star)
        start = self.i
        self.expect(n.name.value)
        span = self.span(start)
        annotation = default = None
        if n.annotation is not None:
            self.expect(":")
            annotation = self.expr(n.annotation.annotation)
        if n.default is not None:
            self.expect("=")
            default = self.expr(n.default)
        if self.texts[self.i] == ",":
            self.i += 1
        return nodes.Param(span, identifier(n.name.value), kind, default, annotation)

    def type_parameters(self, n: Any) -> None:
        """Steps over `[T: int, *Ts]`: types are not analysed."""
        if n.type_parameters is None:
            return
        self.expect("[")
        depth = 1
        while depth:
            word = self.texts[self.i]
            depth += (word == "[") - (word == "]")
            self.i += 1

    def is_async(self, n: Any) -> bool:
        if n.asynchronous is None:
            return False
        self.expect("async")
        return True

    def optional(self, keyword: str, n: Any) -> nodes.Expr | None:
        if n is None:
            return None
        self.expect(keyword)
        return self.expr(n)


def _docstring(body: tuple[nodes.Stmt, ...]) -> str | None:
    if body and body[0].__class__ is nodes.ExprStmt:
        value = body[0].value
        if value.__class__ is nodes.Const and value.value.__class__ is str:
            return value.value
    return None
