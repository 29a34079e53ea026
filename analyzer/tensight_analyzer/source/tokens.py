"""A token scanner for Python that survives broken text.

It gives what the standard `tokenize` gives, several times faster and without ever raising: the guard counts its tokens
before libcst sees a text, and the lowering takes its positions from them (a libcst tree visits exactly these tokens in
exactly this order, so nobody has to measure whitespace).

Lines end in `\\n` only: the caller has normalised the others.  Replacement fields of f-strings are scanned as tokens.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple

Position = tuple[int, int]


class LexicalError(NamedTuple):
    line: int
    col: int
    end_line: int
    end_col: int
    message: str


class Tokens:
    """The tokens of a text, as parallel lists, and its logical lines.

    `texts[i]` is a name, number or operator in full, `"` for a string and empty for the literal part of an f-string;
    `starts[i]` and `ends[i]` are `(line, column)`.  The three lists end with one empty token.
    `lines` holds the index of the first token of each logical line, `widths` its indentation in columns.
    """

    __slots__ = ("text", "texts", "starts", "ends", "lines", "widths", "comments", "errors")

    def __init__(self, text: str) -> None:
        self.text = text
        self.texts: list[str] = []
        self.starts: list[Position] = []
        self.ends: list[Position] = []
        self.lines: list[int] = []
        self.widths: list[int] = []
        self.comments: list[tuple[int, str]] = []
        self.errors: list[LexicalError] = []

    def line_end(self, k: int) -> int:
        """The index after the last token of logical line `k`."""
        return self.lines[k + 1] if k + 1 < len(self.lines) else len(self.texts) - 1

    def line_of(self, token: int) -> int:
        """The logical line that holds a token."""
        return max(0, bisect_right(self.lines, token) - 1)


def scan(text: str) -> Tokens:
    return _Scanner(text).run()


# A line inside brackets that starts with one of these words proves that a bracket was never closed: none of them can
# occur in an expression.
_STATEMENT = re.compile(
    r"[ \t\f]*(?:async[ \t]+def|def|class|return|import|while|with|try|raise|assert|del|pass|break|continue|global"
    r"|nonlocal|elif|except|finally)\b"
)
_BLOCK = re.compile(r"[ \t\f]*(?:@\w|(?:async[ \t]+)?def[ \t]+\w|class[ \t]+\w)")
_INDENT = re.compile(r"[ \t\f]*")

_WORD = r"[A-Za-z_\x80-\U0010ffff][\w\x80-\U0010ffff]*+"
_DIGITS = r"[0-9](?:_?[0-9])*+"
_EXPONENT = rf"(?:[eE][-+]?{_DIGITS})?"
_NUMBER = (
    r"0[xX](?:_?[0-9a-fA-F])+|0[bB](?:_?[01])+|0[oO](?:_?[0-7])+"
    rf"|{_DIGITS}(?:\.(?:{_DIGITS})?)?{_EXPONENT}[jJ]?|\.{_DIGITS}{_EXPONENT}[jJ]?"
)
_OPERATOR = r"\*\*=?|//=?|>>=?|<<=?|<>|->|:=|\.\.\.|[-+*/%@&|^=<>!]=?|[~.,:;]"


def _body(quote: str) -> str:
    """The pattern of a string's inside and its closing quote."""
    q = quote[0]
    if len(quote) == 1:
        return rf"(?!{q}{q})[^{q}\\\n]*+(?:\\.[^{q}\\\n]*+)*+{q}"
    return rf"[^{q}\\]*+(?:(?:\\.|{q}(?!{q}{q}))[^{q}\\]*+)*+{quote}"


_QUOTES = ('"""', "'''", '"', "'")
_STRING = "(?:[rRuUbB]|[bB][rR]|[rR][bB])?(?:" + "|".join(q + _body(q) for q in _QUOTES) + ")"
_TEMPLATE = r"(?:[fFtT][rR]?|[rR][fFtT])(?:\"\"\"|'''|\"|')"
_OPEN_STRING = r"[rRbBuU]{0,2}(?:\"\"\"|'''|\"|')"

NAME, NUMBER, OPERATOR, OPEN, CLOSE, NEWLINE, STRING, COMMENT, TEMPLATE, JOIN, OPEN_STRING, NAME_2, OTHER = range(1, 14)
_TOKEN = re.compile(
    rf"[ \t\f]*+(?:({_WORD}(?![\"']))|({_NUMBER})|({_OPERATOR})|([(\[{{])|([)\]}}])|(\n)|({_STRING})|(#[^\n]*)"
    rf"|({_TEMPLATE})|(\\\n)|({_OPEN_STRING})|({_WORD})|([^ \t\f]))",
    re.DOTALL,
)

_CLOSER = {"(": ")", "[": "]", "{": "}"}
_KEPT_COMMENT = re.compile(r"#\s*(?:(?:tensight|type|shape):|=>|error|todo)")
_MAX_RESTARTS = 50
_MAX_TEMPLATE_DEPTH = 30


def _literal(quote: str, in_spec: bool) -> re.Pattern[str]:
    """The longest literal part of an f-string (or of a format specification) with this quote."""
    q = quote[0]
    plain = rf"[^{q}\\{{}}\n]" if len(quote) == 1 else rf"[^{q}\\{{}}]|{q}(?!{q}{q})"
    braces = "" if in_spec else r"|\{\{|\}\}"
    return re.compile(rf"(?:{plain}|\\N\{{[^{{}}\n]*\}}|\\[^{{}}]|\\(?=[{{}}]){braces})*+", re.DOTALL)


_LITERALS = {(q, spec): _literal(q, spec) for q in _QUOTES for spec in (False, True)}


class _Scanner:
    def __init__(self, text: str) -> None:
        self.out = Tokens(text)
        self.text = text
        self.line = 1
        self.line_start = 0
        self.stack: list[tuple[str, int, int]] = []  # open brackets: text, line, column
        self.restarts = 0

    def run(self) -> Tokens:
        out = self.out
        pos: int | None = 0
        while pos is not None:
            pos = self._run_from(pos)
            if pos is None and self.stack:
                pos = self._never_closed(len(self.text))
        end = (self.line, len(self.text) - self.line_start)
        out.texts.append("")
        out.starts.append(end)
        out.ends.append(end)
        return out

    def _run_from(self, pos: int) -> int | None:
        """Scans from the start of a token to the end or to where the scanning must be taken up anew."""
        out, stack = self.out, self.stack
        add_text, add_start, add_end = out.texts.append, out.starts.append, out.ends.append
        texts = out.texts
        line, start = self.line, self.line_start
        fresh = not stack and (not texts or pos == start)  # the next token begins a logical line
        for m in _TOKEN.finditer(self.text, pos):
            kind = m.lastindex
            s, e = m.span(kind)
            if kind == NEWLINE:
                line += 1
                start = e
                if not stack:
                    fresh = True
                elif _STATEMENT.match(self.text, e):
                    self.line, self.line_start = line, start
                    return self._never_closed(e)
                continue
            if kind == COMMENT:
                if _KEPT_COMMENT.search(m[kind]):
                    out.comments.append((line, m[kind]))
                continue
            if kind == JOIN:
                line += 1
                start = e
                continue
            if fresh:
                fresh = False
                out.lines.append(len(texts))
                out.widths.append(self._width(start, s))
            if kind <= OPERATOR:
                add_text(m[kind])
                add_start((line, s - start))
                add_end((line, e - start))
            elif kind == OPEN:
                stack.append((m[kind], line, s - start))
                add_text(m[kind])
                add_start((line, s - start))
                add_end((line, e - start))
            elif kind == CLOSE:
                add_text(m[kind])
                add_start((line, s - start))
                add_end((line, e - start))
                if stack and _CLOSER[stack[-1][0]] == m[kind]:
                    stack.pop()
                else:
                    self._mismatch(m[kind], line, s - start)
            elif kind == STRING:
                add_text('"')
                add_start((line, s - start))
                newlines = m[kind].count("\n") if e - s > 2 else 0
                if newlines:
                    line += newlines
                    start = self.text.rindex("\n", s, e) + 1
                add_end((line, e - start))
            else:
                self.line, self.line_start = line, start
                return self._rare(kind, s, e)
        self.line, self.line_start = line, start
        return None

    def _rare(self, kind: int, s: int, e: int) -> int:
        """f-strings and what is wrong; gives the offset to go on from."""
        if kind == TEMPLATE:
            return self._template(s, e, 0)
        if kind == OPEN_STRING:
            return self._unterminated(s, e)
        self._emit(self.text[s:e], s, e)
        if kind == OTHER:
            self._error(s, e, _invalid_character(self.text[s]))
        return e

    # -- f-strings -----------------------------------------------------------------------------------------------------

    def _template(self, s: int, e: int, depth: int) -> int:
        quote = self.text[s:e].lstrip("fFtTrR")
        self._emit('"', s, e)
        if depth > _MAX_TEMPLATE_DEPTH:
            self._error(s, e, "f-string: expressions nested too deeply")
            return self._skip_string(e, quote)
        pos = self._parts(e, quote, depth, in_spec=False)
        if pos is None:
            if not depth:
                self._error(s, e, f"unterminated {'triple-quoted ' if len(quote) == 3 else ''}f-string literal")
            return self._skip_string(e, quote)
        return pos

    def _parts(self, pos: int, quote: str, depth: int, in_spec: bool) -> int | None:
        """Literal parts and fields up to the closing quote (of a format specification: the closing brace)."""
        text, literal = self.text, _LITERALS[quote, in_spec]
        while True:
            e = literal.match(text, pos).end()
            if e > pos:
                self._emit("", pos, e)
            if in_spec and text.startswith("}", e):
                return e
            if text.startswith(quote, e) and not in_spec:
                self._emit('"', e, e + len(quote))
                return e + len(quote)
            if not text.startswith("{", e):
                return None
            pos = self._field(e, quote, depth)
            if pos is None:
                return None

    def _field(self, pos: int, quote: str, depth: int) -> int | None:
        """One replacement field with its braces."""
        text = self.text
        self._emit("{", pos, pos + 1)
        pos += 1
        brackets = 0
        while m := _TOKEN.match(text, pos):
            kind = m.lastindex
            s, e = m.span(kind)
            word = m[kind]
            if kind == NEWLINE or kind == COMMENT:
                if len(quote) == 1:
                    return None
                if kind == NEWLINE:
                    self.line += 1
                    self.line_start = e
                pos = e
                continue
            if kind == TEMPLATE:
                pos = self._template(s, e, depth + 1)
                continue
            if kind in (OPEN_STRING, OTHER, JOIN):
                return None
            if kind == OPERATOR and not brackets and word[0] == ":":
                self._emit(":", s, s + 1)
                end = self._parts(s + 1, quote, depth, in_spec=True)
                if end is None:
                    return None
                pos = end
                continue
            self._emit('"' if kind == STRING else word, s, e)
            pos = e
            if kind == OPEN:
                brackets += 1
            elif kind == CLOSE:
                if not brackets:
                    return e if word == "}" else None
                brackets -= 1
        return None

    def _skip_string(self, e: int, quote: str) -> int:
        """The end of a string that cannot be read: its line, or the block for one in triple quotes."""
        if len(quote) == 1:
            end = self.text.find("\n", e)
            return len(self.text) if end < 0 else end
        return self._next_block(e)

    # -- errors and recovery -------------------------------------------------------------------------------------------

    def _unterminated(self, s: int, e: int) -> int:
        quote = self.text[s:e].lstrip("rRbBuU")
        self._emit('"', s, e)
        self._error(s, e, f"unterminated {'triple-quoted ' if len(quote) == 3 else ''}string literal")
        return self._skip_string(e, quote)

    def _never_closed(self, reached: int) -> int | None:
        """Goes back to the first line after the open bracket that is not indented under its statement."""
        out, text = self.out, self.text
        bracket, line, col = self.stack[-1]
        out.errors.append(LexicalError(line, col, line, col + 1, f"'{bracket}' was never closed"))
        self.stack.clear()
        self.restarts += 1
        if self.restarts > _MAX_RESTARTS:
            return reached if reached < len(text) else None
        width = out.widths[-1] if out.widths else 0
        pos = self._offset(line)
        while True:
            pos = text.find("\n", pos) + 1
            line += 1
            if not pos or pos >= len(text):
                return None
            if pos >= reached:
                break
            body = _INDENT.match(text, pos).end()
            if text[body : body + 1] not in ("\n", "#", ")", "]", "}", "") and self._width(pos, body) <= width:
                break
        self._rewind(pos, line)
        return pos

    def _next_block(self, pos: int) -> int:
        """Where a `def` or `class` starts that is not indented under the present statement; else the end."""
        width = self.out.widths[-1] if self.out.widths else 0
        while (pos := self.text.find("\n", pos) + 1) and pos < len(self.text):
            if _BLOCK.match(self.text, pos) and self._width(pos, _INDENT.match(self.text, pos).end()) <= width:
                self._rewind(pos, self.text.count("\n", 0, pos) + 1)
                self.stack.clear()
                return pos
        self._rewind(len(self.text), self.text.count("\n") + 1)
        self.stack.clear()
        return len(self.text)

    def _rewind(self, pos: int, line: int) -> None:
        """Makes the start of `line` the place to go on from: forgets the tokens behind it."""
        out = self.out
        while out.starts and out.starts[-1][0] >= line:
            out.texts.pop(), out.starts.pop(), out.ends.pop()
        while out.comments and out.comments[-1][0] >= line:
            out.comments.pop()
        self.line, self.line_start = line, pos

    def _mismatch(self, word: str, line: int, col: int) -> None:
        stack = self.stack
        if not stack:
            message = f"unmatched '{word}'"
        else:
            message = f"closing parenthesis '{word}' does not match opening parenthesis '{stack[-1][0]}'"
            if any(_CLOSER[b] == word for b, _, _ in stack):
                while _CLOSER[stack[-1][0]] != word:
                    stack.pop()
            stack.pop()
        self.out.errors.append(LexicalError(line, col, line, col + 1, message))

    def _error(self, s: int, e: int, message: str) -> None:
        """An error at a token on the present line or, after an f-string over several lines, an earlier one."""
        line = self.text.count("\n", 0, s) + 1
        start = self.text.rfind("\n", 0, s) + 1
        self.out.errors.append(LexicalError(line, s - start, line, e - start, message))

    # -- positions -----------------------------------------------------------------------------------------------------

    def _emit(self, word: str, s: int, e: int) -> None:
        out, text = self.out, self.text
        out.texts.append(word)
        out.starts.append((self.line, s - self.line_start))
        newlines = text.count("\n", s, e)
        if newlines:
            self.line += newlines
            self.line_start = text.rindex("\n", s, e) + 1
        out.ends.append((self.line, e - self.line_start))

    def _offset(self, line: int) -> int:
        pos = 0
        for _ in range(line - 1):
            pos = self.text.find("\n", pos) + 1
        return pos

    def _width(self, start: int, end: int) -> int:
        """The indentation in columns, as Python counts: tabs to multiples of 8, a form feed starts anew."""
        indent = self.text[start:end]
        if "\t" not in indent and "\f" not in indent:
            return end - start
        return len(indent[indent.rfind("\f") + 1 :].expandtabs(8))


def _invalid_character(c: str) -> str:
    return f"invalid character '{c}'" if c.isprintable() else f"invalid non-printable character U+{ord(c):04X}"
