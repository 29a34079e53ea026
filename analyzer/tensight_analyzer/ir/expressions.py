"""libcst expressions -> IR.  See `lower.py` for how positions come about.

Every handler is called with the cursor at the node's first token, parentheses around the node left out, and leaves it
after the node's last one.  Handlers are found by class name, so nothing here imports libcst.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tensight_analyzer.ir import literals, nodes
from tensight_analyzer.ir.cursor import Dispatch, Scope, identifier, target_names
from tensight_analyzer.ir.functions import FunctionLowering
from tensight_analyzer.ir.strings import StringLowering

_CONSTANTS = {"None": None, "True": True, "False": False}
_SPINE = frozenset(("Attribute", "Call", "Subscript"))


class ExpressionLowering(StringLowering, FunctionLowering):
    def expr(self, n: Any) -> Any:
        """An expression with the parentheses around it."""
        handler = EXPRESSIONS[n.__class__]
        if n.lpar:
            count = len(n.lpar)
            self.i += count
            node = handler(self, n)
            self.i += count
            return node
        return handler(self, n)

    # -- names and literals --------------------------------------------------------------------------------------------

    def _name(self, n: Any) -> nodes.Expr:
        i = self.i
        value = n.value
        if self.texts[i] != value:
            self.expect(value)
        self.i = i + 1
        span = self.starts[i] + self.ends[i]
        if value in _CONSTANTS:
            return nodes.Const(span, _CONSTANTS[value])
        return nodes.Name(span, identifier(value))

    def _number(self, n: Any) -> nodes.Expr:
        i = self.i
        self.expect(n.value)
        span = self.starts[i] + self.ends[i]
        try:
            return nodes.Const(span, literals.number(n.value))
        except ValueError:
            return nodes.Opaque(span, "a number too long to convert")

    def _ellipsis(self, n: Any) -> nodes.Expr:
        self.expect("...")
        return nodes.Const(self.span(self.i - 1), ...)

    # -- operators -----------------------------------------------------------------------------------------------------

    def _binary(self, n: Any) -> nodes.Expr:
        """`a + b + c`, along the left spine: the tree is as deep as the chain is long."""
        spine = [(n, self.i)]
        inner = n.left
        cls = n.__class__
        while inner.__class__ is cls:
            self.i += len(inner.lpar)
            spine.append((inner, self.i))
            inner = inner.left
        node = self.expr(inner)
        texts = self.texts
        for inner, start in reversed(spine):
            op = texts[self.i]
            self.i += 1
            right = self.expr(inner.right)
            node = nodes.BinOp(self.span(start), op, node, right)
            if inner is not n:
                self.i += len(inner.rpar)
        return node

    def _unary(self, n: Any) -> nodes.Expr:
        start = self.i
        self.i += 1
        operand = self.expr(n.expression)
        return nodes.UnaryOp(self.span(start), self.texts[start], operand)

    def _boolean(self, n: Any) -> nodes.Expr:
        start = self.i
        operator = n.operator.__class__
        rights = [n.right]
        inner = n.left
        while inner.__class__ is n.__class__ and inner.operator.__class__ is operator and not inner.lpar:
            rights.append(inner.right)
            inner = inner.left
        values = [self.expr(inner)]
        op = self.texts[self.i]
        for right in reversed(rights):
            self.expect(op)
            values.append(self.expr(right))
        return nodes.BoolOp(self.span(start), op, tuple(values))

    def _comparison(self, n: Any) -> nodes.Expr:
        start = self.i
        left = self.expr(n.left)
        ops = []
        rights = []
        texts = self.texts
        for target in n.comparisons:
            op = texts[self.i]
            self.i += 1
            if target.operator.__class__.__name__ in ("NotIn", "IsNot"):
                op = f"{op} {texts[self.i]}"
                self.i += 1
            ops.append(op)
            rights.append(self.expr(target.comparator))
        return nodes.Compare(self.span(start), left, tuple(ops), tuple(rights))

    def _conditional(self, n: Any) -> nodes.Expr:
        start = self.i
        body = self.expr(n.body)
        self.expect("if")
        test = self.expr(n.test)
        self.expect("else")
        orelse = self.expr(n.orelse)
        return nodes.IfExp(self.span(start), test, body, orelse)

    def _walrus(self, n: Any) -> nodes.Expr:
        start = self.i
        target = self.expr(n.target)
        self.expect(":=")
        value = self.expr(n.value)
        self.bind(target)
        return nodes.NamedExpr(self.span(start), target, value)

    def _await(self, n: Any) -> nodes.Expr:
        start = self.i
        self.expect("await")
        value = self.expr(n.expression)
        return nodes.Await(self.span(start), value)

    def _yield(self, n: Any) -> nodes.Expr:
        start = self.i
        self.expect("yield")
        self.scope.is_generator = True
        if n.value is None:
            return nodes.Yield(self.span(start), None)
        if n.value.__class__.__name__ == "From":
            self.expect("from")
            value = self.expr(n.value.item)
            return nodes.YieldFrom(self.span(start), value)
        value = self.expr(n.value)
        return nodes.Yield(self.span(start), value)

    # -- attributes, calls, subscripts ---------------------------------------------------------------------------------

    def _trailers(self, n: Any) -> nodes.Expr:
        """`a.b(c)[d]`, along the left spine."""
        spine = [(n, self.i)]
        inner = n.func if n.__class__.__name__ == "Call" else n.value
        while (name := inner.__class__.__name__) in _SPINE:
            self.i += len(inner.lpar)
            spine.append((inner, self.i))
            inner = inner.func if name == "Call" else inner.value
        node = self.expr(inner)
        for inner, start in reversed(spine):
            name = inner.__class__.__name__
            if name == "Attribute":
                attribute = inner.attr.value
                self.i += 1
                self.expect(attribute)
                node = nodes.Attribute(self.span(start), node, identifier(attribute))
            elif name == "Call":
                self.expect("(")
                args, keywords = self.arguments(inner.args)
                self.expect(")")
                node = nodes.Call(self.span(start), node, args, keywords)
            else:
                self.expect("[")
                index = self._index(inner.slice)
                self.expect("]")
                node = nodes.Subscript(self.span(start), node, index)
            if inner is not n:
                self.i += len(inner.rpar)
        return node

    def arguments(self, args: Iterable[Any]) -> tuple[tuple[nodes.Expr, ...], tuple[nodes.Keyword, ...]]:
        positional: list[nodes.Expr] = []
        keywords: list[nodes.Keyword] = []
        for arg in args:
            start = self.i
            if arg.keyword is not None:
                self.expect(arg.keyword.value)
                self.expect("=")
                value = self.expr(arg.value)
                keywords.append(nodes.Keyword(self.span(start), identifier(arg.keyword.value), value))
            elif not arg.star:
                positional.append(self.expr(arg.value))
            else:
                self.expect(arg.star)
                value = self.expr(arg.value)
                if arg.star == "*":
                    positional.append(nodes.Starred(self.span(start), value))
                else:
                    keywords.append(nodes.Keyword(self.span(start), None, value))
            if self.texts[self.i] == ",":
                self.i += 1
        return tuple(positional), tuple(keywords)

    def _index(self, elements: Any) -> nodes.Expr:
        start = self.i
        items = []
        several = len(elements) > 1
        for element in elements:
            items.append(self._slice(element.slice))
            if self.texts[self.i] == ",":
                self.i += 1
                several = True
        if several or items[0].__class__ is nodes.Starred:
            return nodes.Tuple(self.span(start), tuple(items))
        return items[0]

    def _slice(self, n: Any) -> nodes.Expr:
        start = self.i
        if n.__class__.__name__ == "Index":
            if not n.star:
                return self.expr(n.value)
            self.expect("*")
            value = self.expr(n.value)
            return nodes.Starred(self.span(start), value)
        lower = n.lower and self.expr(n.lower)
        self.expect(":")
        upper = n.upper and self.expr(n.upper)
        if self.texts[self.i] == ":":
            self.i += 1
        step = n.step and self.expr(n.step)
        return nodes.Slice(self.span(start), lower, upper, step)

    # -- displays and comprehensions -----------------------------------------------------------------------------------

    def _elements(self, elements: Iterable[Any]) -> tuple[nodes.Expr, ...]:
        out = []
        for element in elements:
            out.append(self._element(element))
            if self.texts[self.i] == ",":
                self.i += 1
        return tuple(out)

    def _element(self, n: Any) -> nodes.Expr:
        if n.__class__.__name__ == "Element":
            return self.expr(n.value)
        return self.expr(n)

    def _starred(self, n: Any) -> nodes.Expr:
        start = self.i
        self.expect("*")
        value = self.expr(n.value)
        return nodes.Starred(self.span(start), value)

    def _tuple(self, n: Any) -> nodes.Expr:
        """The innermost parentheses are the tuple's own, as in `ast`."""
        own = 1 if n.lpar else 0
        start = self.i - own
        items = self._elements(n.elements)
        return nodes.Tuple(self.starts[start] + self.ends[self.i - 1 + own], items)

    def _list(self, n: Any) -> nodes.Expr:
        start = self.i
        self.expect("[")
        items = self._elements(n.elements)
        self.expect("]")
        return nodes.List(self.span(start), items)

    def _set(self, n: Any) -> nodes.Expr:
        start = self.i
        self.expect("{")
        items = self._elements(n.elements)
        self.expect("}")
        return nodes.Set(self.span(start), items)

    def _dict(self, n: Any) -> nodes.Expr:
        start = self.i
        self.expect("{")
        keys: list[nodes.Expr | None] = []
        values = []
        for element in n.elements:
            if element.__class__.__name__ == "DictElement":
                keys.append(self.expr(element.key))
                self.expect(":")
            else:
                keys.append(None)
                self.expect("**")
            values.append(self.expr(element.value))
            if self.texts[self.i] == ",":
                self.i += 1
        self.expect("}")
        return nodes.Dict(self.span(start), tuple(keys), tuple(values))

    def _list_comprehension(self, n: Any) -> nodes.Expr:
        return self._comprehension(n, "list", "[", "]")

    def _set_comprehension(self, n: Any) -> nodes.Expr:
        return self._comprehension(n, "set", "{", "}")

    def _dict_comprehension(self, n: Any) -> nodes.Expr:
        return self._comprehension(n, "dict", "{", "}")

    def _generator(self, n: Any) -> nodes.Expr:
        """The parentheses are the node's own, also those of a call that has nothing else, as in `ast`."""
        self.i -= 1
        node = self._comprehension(n, "generator", "(", ")")
        self.i -= 1
        return node

    def _comprehension(self, n: Any, kind: str, opening: str, closing: str) -> nodes.Expr:
        start = self.i
        self.expect(opening)
        value = None
        name = n.__class__.__name__
        if name == "DictComp":
            element = self.expr(n.key)
            self.expect(":")
            value = self.expr(n.value)
        elif name == "StarredDictComp":
            first = self.i
            self.expect("**")
            mapping = self.expr(n.value)
            element = nodes.Starred(self.span(first), mapping)
        else:
            element = self._element(n.elt)
        clauses, names = self._clauses(n.for_in)
        self.expect(closing)
        return nodes.Comprehension(self.span(start), kind, element, value, clauses, names)

    def _clauses(self, n: Any) -> tuple[tuple[nodes.Clause, ...], frozenset[str]]:
        clauses = []
        names: set[str] = set()
        while n is not None:
            start = self.i
            if n.asynchronous is not None:
                self.expect("async")
            self.expect("for")
            target = self.expr(n.target)
            names.update(target_names(target))
            self.expect("in")
            iterated = self.expr(n.iter)
            ifs = []
            for condition in n.ifs:
                self.expect("if")
                ifs.append(self.expr(condition.test))
            clauses.append(nodes.Clause(self.span(start), target, iterated, tuple(ifs)))
            n = n.inner_for_in
        return tuple(clauses), frozenset(names)

    # -- lambdas and parameters ----------------------------------------------------------------------------------------

    def _lambda(self, n: Any) -> nodes.Expr:
        start = self.i
        self.expect("lambda")
        params = self.parameters(n.params)
        self.expect(":")
        outer, self.scope = self.scope, Scope()
        first = self.i
        value = self.expr(n.body)
        body = (nodes.Return(self.span(first), value),)
        scope, self.scope = self.scope, outer
        span = self.span(start)
        return nodes.Lambda(span, self.code(span, "<lambda>", params, body, scope))


EXPRESSIONS = Dispatch(
    {
        "Name": ExpressionLowering._name,
        "Integer": ExpressionLowering._number,
        "Float": ExpressionLowering._number,
        "Imaginary": ExpressionLowering._number,
        "Ellipsis": ExpressionLowering._ellipsis,
        "SimpleString": ExpressionLowering._string,
        "ConcatenatedString": ExpressionLowering._concatenated,
        "FormattedString": ExpressionLowering._fstring,
        "TemplatedString": ExpressionLowering._template,
        "BinaryOperation": ExpressionLowering._binary,
        "UnaryOperation": ExpressionLowering._unary,
        "BooleanOperation": ExpressionLowering._boolean,
        "Comparison": ExpressionLowering._comparison,
        "IfExp": ExpressionLowering._conditional,
        "NamedExpr": ExpressionLowering._walrus,
        "Await": ExpressionLowering._await,
        "Yield": ExpressionLowering._yield,
        "Attribute": ExpressionLowering._trailers,
        "Call": ExpressionLowering._trailers,
        "Subscript": ExpressionLowering._trailers,
        "StarredElement": ExpressionLowering._starred,
        "Tuple": ExpressionLowering._tuple,
        "List": ExpressionLowering._list,
        "Set": ExpressionLowering._set,
        "Dict": ExpressionLowering._dict,
        "ListComp": ExpressionLowering._list_comprehension,
        "SetComp": ExpressionLowering._set_comprehension,
        "DictComp": ExpressionLowering._dict_comprehension,
        "StarredDictComp": ExpressionLowering._dict_comprehension,
        "GeneratorExp": ExpressionLowering._generator,
        "Lambda": ExpressionLowering._lambda,
    }
)
