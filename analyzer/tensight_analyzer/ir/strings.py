"""libcst strings -> IR: escape sequences, adjacent strings, f-strings."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any

from tensight_analyzer.ir import literals, nodes
from tensight_analyzer.ir.cursor import Cursor


class StringLowering(Cursor):
    @abstractmethod
    def expr(self, n: Any) -> nodes.Expr:
        """The expression of a replacement field."""

    def _string(self, n: Any) -> nodes.Expr:
        self.expect('"')
        span = self.span(self.i - 1)
        try:
            return nodes.Const(span, literals.string(n.value))
        except (KeyError, ValueError):
            return nodes.Opaque(span, "a string with an escape sequence that stands for nothing")

    def _concatenated(self, n: Any) -> nodes.Expr:
        """Adjacent strings: one constant, or one f-string with the constants among its parts merged."""
        start = self.i
        pieces = []
        while n.__class__.__name__ == "ConcatenatedString":
            pieces.append(self.expr(n.left))
            n = n.right
        pieces.append(self.expr(n))
        span = self.span(start)
        if all(p.__class__ is nodes.Const for p in pieces):
            if len({p.value.__class__ for p in pieces}) == 1:
                return nodes.Const(span, pieces[0].value[:0].join(p.value for p in pieces))
            return nodes.Opaque(span, "cannot mix bytes and nonbytes literals")
        if any(p.__class__ is nodes.Opaque for p in pieces):
            return nodes.Opaque(span, "a string that has no value known here")
        parts: list[nodes.Expr] = []
        for piece in pieces:
            parts += piece.parts if piece.__class__ is nodes.FString else (piece,)
        return nodes.FString(span, _merged(parts))

    def _fstring(self, n: Any) -> nodes.Expr:
        start = self.i
        self.expect('"')
        parts = self._parts(n.parts, raw="r" in n.start.lower())
        self.expect('"')
        return nodes.FString(self.span(start), parts)

    def _template(self, n: Any) -> nodes.Expr:
        start = self.i
        self._fstring(n)
        return nodes.Opaque(self.span(start), "a template string")

    def _parts(self, parts: Iterable[Any], raw: bool, in_spec: bool = False) -> tuple[nodes.Expr, ...]:
        out: list[nodes.Expr] = []
        for part in parts:
            if part.__class__.__name__.endswith("Text"):
                if part.value:
                    self.expect("")
                    out.append(self._literal_part(part.value, raw, in_spec))
            else:
                out += self._field(part, raw)
        return tuple(out)

    def _literal_part(self, text: str, raw: bool, in_spec: bool) -> nodes.Expr:
        span = self.span(self.i - 1)
        if not in_spec:
            text = text.replace("{{", "{").replace("}}", "}")
        try:
            return nodes.Const(span, text if raw else literals.unescape(text))
        except (KeyError, ValueError):
            return nodes.Opaque(span, "a string with an escape sequence that stands for nothing")

    def _field(self, n: Any, raw: bool) -> list[nodes.Expr]:
        start = self.i
        self.expect("{")
        value = self.expr(n.expression)
        out: list[nodes.Expr] = []
        conversion = n.conversion or ""
        if self.texts[self.i] == "=":
            self.i += 1
            out.append(self._self_documenting(start + 1))
            if not n.conversion and n.format_spec is None:
                conversion = "r"
        if n.conversion:
            self.expect("!")
            self.expect(n.conversion)
        spec = None
        if n.format_spec is not None:
            self.expect(":")
            first = self.i
            parts = self._parts(n.format_spec, raw, in_spec=True)
            # an empty specification has no token: it stands right after its colon
            spec = nodes.FString(self.span(first) if parts else self.ends[first - 1] * 2, parts)
        self.expect("}")
        out.append(nodes.Format(self.span(start), value, conversion, spec))
        return out

    def _self_documenting(self, start: int) -> nodes.Expr:
        """The text `x = ` of `f"{x = }"`."""
        line, col = self.ends[start - 1]
        end_line, end_col = self.starts[self.i]
        lines = self.tokens.text.split("\n")[line - 1 : end_line]
        lines[-1] = lines[-1][:end_col]
        lines[0] = lines[0][col:]
        return nodes.Const((line, col, end_line, end_col), "\n".join(lines))


def _merged(parts: list[nodes.Expr]) -> tuple[nodes.Expr, ...]:
    """Parts of an f-string, with adjacent constants made one."""
    out: list[nodes.Expr] = []
    for part in parts:
        if out and part.__class__ is nodes.Const and out[-1].__class__ is nodes.Const:
            last = out.pop()
            part = nodes.Const(last.span[:2] + part.span[2:], last.value + part.value)
        out.append(part)
    return tuple(out)
