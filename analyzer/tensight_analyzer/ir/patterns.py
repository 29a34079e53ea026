"""libcst `match` patterns -> IR."""

from __future__ import annotations

from typing import Any

from tensight_analyzer.ir import nodes
from tensight_analyzer.ir.cursor import Dispatch, identifier
from tensight_analyzer.ir.expressions import EXPRESSIONS, ExpressionLowering


class PatternLowering(ExpressionLowering):
    def pattern(self, n: Any) -> nodes.Pattern:
        handler = PATTERNS[n.__class__]
        count = len(getattr(n, "lpar", ()))
        self.i += count
        node = handler(self, n)
        self.i += count
        return node

    def _value_pattern(self, n: Any) -> nodes.Pattern:
        start = self.i
        value = EXPRESSIONS[n.value.__class__](self, n.value)  # without its parentheses: they are the pattern's
        kind = "singleton" if n.__class__.__name__ == "MatchSingleton" else "value"
        return nodes.Pattern(self.span(start), kind, None, (value,), (), (), None)

    def _sequence_pattern(self, n: Any) -> nodes.Pattern:
        """`[a, b]`, `(a, b)` and `a, b`: brackets are part of the pattern, as in `ast`."""
        own = 1 if n.__class__.__name__ == "MatchTuple" and n.lpar else 0
        start = self.i - own
        bracket = getattr(n, "lbracket", None) is not None
        self.i += bracket
        parts = []
        for element in n.patterns:
            if element.__class__.__name__ == "MatchStar":
                first = self.i
                self.expect("*")
                name = self._capture(element.name)
                parts.append(nodes.Pattern(self.span(first), "star", name, (), (), (), None))
            else:
                parts.append(self.pattern(element.value))
            self.comma()
        self.i += bracket
        span = self.starts[start] + self.ends[self.i - 1 + own]
        return nodes.Pattern(span, "sequence", None, (), tuple(parts), (), None)

    def _mapping_pattern(self, n: Any) -> nodes.Pattern:
        start = self.i
        self.expect("{")
        keys = []
        parts = []
        for element in n.elements:
            keys.append(self.expr(element.key))
            self.expect(":")
            parts.append(self.pattern(element.pattern))
            self.comma()
        rest = None
        if n.rest is not None:
            self.expect("**")
            rest = self._capture(n.rest)
            self.comma()
        self.expect("}")
        return nodes.Pattern(self.span(start), "mapping", None, tuple(keys), tuple(parts), (), rest)

    def _class_pattern(self, n: Any) -> nodes.Pattern:
        start = self.i
        cls = self.expr(n.cls)
        self.expect("(")
        parts = []
        names = []
        for element in n.patterns:
            parts.append(self.pattern(element.value))
            self.comma()
        for element in n.kwds:
            names.append(identifier(element.key.value))
            self.expect(element.key.value)
            self.expect("=")
            parts.append(self.pattern(element.pattern))
            self.comma()
        self.expect(")")
        return nodes.Pattern(self.span(start), "class", None, (cls,), tuple(parts), tuple(names), None)

    def _as_pattern(self, n: Any) -> nodes.Pattern:
        """`x`, `_` and `pattern as x`: a capture, in the last case with one part."""
        start = self.i
        parts: tuple[nodes.Pattern, ...] = ()
        if n.pattern is not None:
            parts = (self.pattern(n.pattern),)
            self.expect("as")
        name = self._capture(n.name)
        return nodes.Pattern(self.span(start), "capture", name, (), parts, (), None)

    def _or_pattern(self, n: Any) -> nodes.Pattern:
        start = self.i
        parts = []
        for element in n.patterns:
            if parts:
                self.expect("|")
            parts.append(self.pattern(element.pattern))
        return nodes.Pattern(self.span(start), "or", None, (), tuple(parts), (), None)

    def _capture(self, n: Any) -> str | None:
        """The name of a capture, bound; None for the wildcard, which libcst has as None or as a name."""
        text = self.texts[self.i]
        if n is not None and n.value != text:
            self.expect(n.value)
        self.i += 1
        if text == "_":
            return None
        name = identifier(text)
        self.scope.bound.add(name)
        return name


PATTERNS = Dispatch(
    {
        "MatchValue": PatternLowering._value_pattern,
        "MatchSingleton": PatternLowering._value_pattern,
        "MatchList": PatternLowering._sequence_pattern,
        "MatchTuple": PatternLowering._sequence_pattern,
        "MatchMapping": PatternLowering._mapping_pattern,
        "MatchClass": PatternLowering._class_pattern,
        "MatchAs": PatternLowering._as_pattern,
        "MatchOr": PatternLowering._or_pattern,
    }
)
