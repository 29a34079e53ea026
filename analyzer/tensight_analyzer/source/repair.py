"""Making a chunk parse that does not: what is wrong is cut out or completed, and the rest keeps its place.

A cut replaces whole logical lines by `pass` and blank lines; a completion adds to the end of a line.  So every other
line keeps its number and its columns.  `holes` says where such a `pass` stands and what for.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import NamedTuple

from tensight_analyzer.source.guard import CLAUSES, bound_names, oversized, statement_lines
from tensight_analyzer.source.tokens import LexicalError, Position, Tokens, scan


class Complaint(NamedTuple):
    """Something wrong with the text; lines from 1, columns from 0, `kind` is "syntax" or "limit"."""

    line: int
    col: int
    end_line: int
    end_col: int
    message: str
    kind: str

    def shifted(self, lines: int) -> Complaint:
        return self._replace(line=self.line + lines, end_line=self.end_line + lines)


class Hole(NamedTuple):
    """What a `pass` put in stands for; the span is that of the text cut out."""

    span: tuple[int, int, int, int]
    names: tuple[str, ...]
    why: str


UNPARSED = "does not parse"
MAX_ROUNDS = 5


class Repair:
    """A chunk's text in the course of being repaired."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = scan(text)
        self.holes: dict[Position, Hole] = {}
        self.complaints: list[Complaint] = []

    def for_libcst(self) -> str:
        """The text without form feeds in indentation: Python starts counting anew there, libcst does not."""
        if "\f" not in self.text:
            return self.text
        lines = self.text.split("\n")
        for token in self.tokens.lines:
            line, col = self.tokens.starts[token]
            row = lines[line - 1]
            lines[line - 1] = row[row.rfind("\f", 0, col) + 1 :]
        return "\n".join(lines)

    def before_parsing(self) -> None:
        """Takes out what must not reach the parser: statements over a limit, and what the scanner found wrong."""
        for _ in range(MAX_ROUNDS):  # a cut may bring to light what was hidden behind an open bracket
            if not self._cut_known():
                break

    def _cut_known(self) -> bool:
        cuts: dict[int, _Cut] = {}
        for k, why in oversized(self.tokens):
            cuts[k] = _Cut(why)
            self.complaints.append(Complaint(*self._span(k, k + 1), f"this statement is not analysed: {why}", "limit"))
        for error in self.tokens.errors:
            self.complaints.append(Complaint(*error, "syntax"))
            k = self._line_at(error)
            if k is not None:
                cuts.setdefault(k, _Cut(UNPARSED))
        self._apply(cuts, {})
        return bool(cuts)

    def structure(self) -> bool:
        """Mends indentation, missing blocks and colons, and Python 2's `print`; False if there is no such mistake."""
        check = _Structure(self.tokens, self.text.split("\n"))
        check.run()
        if not (check.cuts or check.additions):
            return False
        self.complaints += check.complaints
        self._apply(check.cuts, check.additions)
        return True

    def after_error(self, position: Position, message: str) -> bool:
        """Cuts the line of the token before `position`, which the parser did not accept; False if that is no use."""
        tokens = self.tokens
        if not tokens.lines:
            return False
        token = max(0, min(bisect_left(tokens.starts, position), len(tokens.starts) - 1) - 1)
        k = tokens.line_of(token)
        attempt = self._bare_try(k) if "except" in message and "finally" in message else None
        if attempt is not None:
            self._complain(tokens.lines[attempt], "expected 'except' or 'finally' block")
            self._replace_try(attempt)
            return True
        if tokens.starts[tokens.lines[k]] in self.holes:
            return False
        if all(c.line != tokens.starts[token][0] for c in self.complaints):
            self._complain(token, _explain(tokens.texts, tokens.lines[k], token))
        self._apply({k: _Cut(UNPARSED)}, {})
        return True

    def bad_lines(self, judge: Callable[[str], str | None]) -> bool:
        """Cuts the lines that `judge` finds a fault with, each looked at alone; False if there is none."""
        tokens = self.tokens
        lines = self.text.split("\n")
        cuts = {}
        for k, first in enumerate(tokens.lines):
            start, end = tokens.starts[first], tokens.ends[tokens.line_end(k) - 1]
            rows = lines[start[0] - 1 : end[0]]
            rows[-1] = rows[-1][: end[1]]
            rows[0] = rows[0][start[1] :]
            fault = judge("\n".join(rows))
            if fault:
                cuts[k] = _Cut(UNPARSED)
                self._complain(first, fault)
        self._apply(cuts, {})
        return bool(cuts)

    # -- editing -------------------------------------------------------------------------------------------------------

    def _apply(self, cuts: dict[int, _Cut], additions: dict[int, str]) -> None:
        """Cuts statements (by logical line) and adds to the ends of logical lines."""
        if not (cuts or additions):
            return
        tokens = self.tokens
        lines = self.text.split("\n")
        for k, addition in additions.items():
            line, col = tokens.ends[tokens.line_end(k) - 1]
            lines[line - 1] = lines[line - 1][:col] + addition + lines[line - 1][col:]
            if addition.endswith("pass"):
                self.holes[line, col + len(addition) - 4] = Hole((line, col, line, col), (), "the block is missing")
        done = 0
        for k, cut in sorted(cuts.items()):
            first, last = statement_lines(tokens, k)
            first = max(first, done)
            if first < last:
                done = last
                self._cut(lines, first, last, cut)
        self.text = "\n".join(lines)
        self.tokens = scan(self.text)

    def _cut(self, lines: list[str], first: int, last: int, cut: _Cut) -> None:
        tokens = self.tokens
        span = self._span(first, last)
        indent = lines[span[0] - 1][: span[1]] if cut.indent is None else cut.indent
        end = tokens.starts[tokens.lines[last]][0] - 1 if last < len(tokens.lines) else len(lines)
        self.holes = {at: hole for at, hole in self.holes.items() if not span[0] <= at[0] <= end}
        self.holes[span[0], len(indent)] = Hole(span, bound_names(tokens, first, last), cut.why)
        lines[span[0] - 1 : end] = [indent + "pass"] + [""] * (end - span[0])

    def _bare_try(self, k: int) -> int | None:
        """The `try` without handlers that makes line `k` (or the end of the text) unacceptable."""
        tokens = self.tokens
        heads = [tokens.texts[i] for i in tokens.lines]
        for t in range(k, -1, -1):
            if heads[t] == "try":
                after = next((j for j in range(t + 1, len(heads)) if tokens.widths[j] <= tokens.widths[t]), len(heads))
                if after == len(heads) or tokens.widths[after] < tokens.widths[t] or heads[after] not in CLAUSES:
                    return t
        return None

    def _replace_try(self, k: int) -> None:
        """A `try` without handlers does what its body does: an `if` that is always taken."""
        line, col = self.tokens.starts[self.tokens.lines[k]]
        lines = self.text.split("\n")
        lines[line - 1] = lines[line - 1][:col] + "if 1" + lines[line - 1][col + 3 :]
        self.text = "\n".join(lines)
        self.tokens = scan(self.text)

    # -- places --------------------------------------------------------------------------------------------------------

    def _line_at(self, error: LexicalError) -> int | None:
        tokens = self.tokens
        token = bisect_left(tokens.starts, (error.line, error.col + 1)) - 1
        return tokens.line_of(token) if token >= 0 and tokens.lines else None

    def _span(self, first: int, last: int) -> tuple[int, int, int, int]:
        tokens = self.tokens
        start = tokens.lines[first]
        return tokens.starts[start] + tokens.ends[max(start, tokens.line_end(last - 1) - 1)]

    def _complain(self, token: int, message: str) -> None:
        tokens = self.tokens
        self.complaints.append(Complaint(*tokens.starts[token], *tokens.ends[token], message, "syntax"))


class _Cut(NamedTuple):
    why: str
    indent: str | None = None  # of the `pass`, where the statement's own is the mistake


_HEADERS = frozenset("if elif else for while with try except finally def class async match case".split())
_NEED_COLON = _HEADERS - {"async", "match", "case"}
_DESCRIPTIONS = {"def": "function definition", "class": "class definition"}
_AFTER_PRINT = frozenset("in is if and or not else for".split())


class _Structure:
    """One pass over the logical lines for the mistakes that can be told without a grammar."""

    def __init__(self, tokens: Tokens, lines: list[str]) -> None:
        self.tokens = tokens
        self.lines = lines
        self.cuts: dict[int, _Cut] = {}
        self.additions: dict[int, str] = {}
        self.complaints: list[Complaint] = []

    def run(self) -> None:
        tokens = self.tokens
        blocks = [(0, "")]  # width and indentation of the open blocks
        opened = False
        for k, width in enumerate(tokens.widths):
            inner = blocks[-1]
            indented = width > inner[0]
            indent = self._indent(k)
            if opened and not indented:
                self._missing_block(k - 1)
            while width < blocks[-1][0]:
                inner = blocks.pop()
            if indented and opened:
                blocks.append((width, indent))
            elif indented:
                self._misplaced(k, inner[1], "unexpected indent")
            elif width != blocks[-1][0]:
                self._misplaced(k, inner[1], "unindent does not match any outer indentation level")
            elif "\t" in indent + blocks[-1][1] and indent.expandtabs(1) != blocks[-1][1].expandtabs(1):
                self._misplaced(k, blocks[-1][1], "inconsistent use of tabs and spaces in indentation")
            opened = self._opens(k)
            self._statement(k)
        if opened:
            self._missing_block(len(tokens.widths) - 1)

    def _opens(self, k: int) -> bool:
        """Whether a block must follow; a missing colon is added."""
        tokens = self.tokens
        start, end = tokens.lines[k], tokens.line_end(k)
        head = tokens.texts[start]
        if head not in _HEADERS:
            return False
        if tokens.texts[end - 1] == ":":
            return True
        if head in _NEED_COLON and not self._has_colon(start, end):
            self._complain(end - 1, "expected ':'")
            self.additions[k] = ":"
            return True
        return False

    def _has_colon(self, start: int, end: int) -> bool:
        depth = 0
        for word in self.tokens.texts[start:end]:
            if word in ("(", "[", "{"):
                depth += 1
            elif word in (")", "]", "}"):
                depth -= 1
            elif word == ":" and not depth:
                return True
        return False

    def _missing_block(self, k: int) -> None:
        """`def f():` with nothing under it, as in half-typed code."""
        head = self.tokens.texts[self.tokens.lines[k]]
        if k not in self.additions:
            what = _DESCRIPTIONS.get(head, f"'{head}' statement")
            self._complain(self.tokens.line_end(k) - 1, f"expected an indented block after {what}")
        self.additions[k] = self.additions.get(k, "") + " pass"

    def _misplaced(self, k: int, indent: str, message: str) -> None:
        if k - 1 not in self.cuts:
            self._complain(self.tokens.lines[k], message)
        self.cuts[k] = _Cut(UNPARSED, indent)

    def _statement(self, k: int) -> None:
        """Python 2's statements that became functions."""
        texts, start, end = self.tokens.texts, self.tokens.lines[k], self.tokens.line_end(k)
        head = texts[start]
        if head in ("print", "exec") and end - start > 1 and k not in self.cuts:
            word = texts[start + 1]
            if (word[:1].isalnum() or word[:1] in ("_", '"')) and word and word not in _AFTER_PRINT:
                self._complain(start, f"Missing parentheses in call to '{head}'. Did you mean {head}(...)?")
                self.cuts[k] = _Cut(UNPARSED)

    def _indent(self, k: int) -> str:
        line, col = self.tokens.starts[self.tokens.lines[k]]
        return self.lines[line - 1][:col]

    def _complain(self, token: int, message: str) -> None:
        tokens = self.tokens
        self.complaints.append(Complaint(*tokens.starts[token], *tokens.ends[token], message, "syntax"))


def _explain(texts: list[str], start: int, token: int) -> str:
    """What is wrong with the line that begins at `start`, if the tokens say more than that it is."""
    if texts[token] == "=":
        if texts[start] in ("if", "elif", "while", "assert", "return"):
            return "invalid syntax. Maybe you meant '==' or ':=' instead of '='?"
        return "cannot assign to the expression before '='"
    return "invalid syntax"
