"""Parsing one chunk with libcst: what does not parse, or is over the guard's limits, is cut out and the rest kept.

A cut replaces whole logical lines by `pass` and blank lines, so every other line keeps its number and its columns; the
lowering turns the `pass` into an `OpaqueStmt` by way of `Parsed.holes`.  libcst is imported when the first chunk needs
it, and runs in a thread with a large stack, for its parser recurses.
"""

from __future__ import annotations

import queue
import re
import sys
import threading
import time
from bisect import bisect_left
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from tensight_analyzer.source.guard import bound_names, oversized, statement_lines
from tensight_analyzer.source.tokens import LexicalError, Position, Tokens, scan

if TYPE_CHECKING:
    import libcst

T = TypeVar("T")

STACK_SIZE = 64 << 20
RECURSION_LIMIT = 10_000  # the walk over a tree at the guard's limits uses a third of it
RETRY_SECONDS = 1.0
MAX_CUTS = 40


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
    """What a `pass` put in by a cut stands for; the span is that of the text cut out."""

    span: tuple[int, int, int, int]
    names: tuple[str, ...]
    why: str


class Parsed(NamedTuple):
    """`module` is None if nothing could be saved; `tokens` are those of the text that `module` is the tree of."""

    module: libcst.Module | None
    tokens: Tokens
    holes: dict[Position, Hole]
    complaints: tuple[Complaint, ...]


def parse_chunk(text: str) -> Parsed:
    """The tree of a chunk, as much of it as there is.  Call it in the parser's thread."""
    return _Attempt(text).run()


def in_parser_thread(function: Callable[..., T], *args: Any) -> T:
    """Calls `function` where the stack is large enough for libcst, and hands its result or exception on."""
    return _worker().call(function, args)


# -- the thread --------------------------------------------------------------------------------------------------------


class _Worker:
    def __init__(self) -> None:
        self.requests: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        sys.setrecursionlimit(max(sys.getrecursionlimit(), RECURSION_LIMIT))
        previous = threading.stack_size(STACK_SIZE)
        try:
            self.thread = threading.Thread(target=self._serve, name="tensight-parser", daemon=True)
            self.thread.start()
        finally:
            threading.stack_size(previous)

    def call(self, function: Callable[..., T], args: tuple[Any, ...]) -> T:
        if threading.current_thread() is self.thread:
            return function(*args)
        answer: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()
        self.requests.put((function, args, answer))
        result, error = answer.get()
        if error is not None:
            raise error
        return result

    def _serve(self) -> None:
        while True:
            function, args, answer = self.requests.get()
            try:
                reply = function(*args), None
            except BaseException as error:  # to be raised again in the thread that asked
                reply = None, error
            answer.put(reply)
            del function, args, answer, reply  # a tree must not live on until the next request


_lock = threading.Lock()
_the_worker: _Worker | None = None


def _worker() -> _Worker:
    global _the_worker
    with _lock:
        if _the_worker is None or not _the_worker.thread.is_alive():  # dead in a forked child
            _the_worker = _Worker()
        return _the_worker


# -- one chunk ---------------------------------------------------------------------------------------------------------


class _Attempt:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = scan(text)
        self.original = self.tokens
        self.holes: dict[Position, Hole] = {}
        self.complaints: list[Complaint] = []

    def run(self) -> Parsed:
        self._cut_lexical_errors()
        self._cut_oversized()
        deadline = time.monotonic() + RETRY_SECONDS
        module = None
        for _ in range(MAX_CUTS):
            module, error = _parse(self.text)
            if module is not None or not self._cut_error(error) or time.monotonic() > deadline:
                break
        if module is None:
            self.holes.clear()
        return Parsed(module, self.tokens, self.holes, tuple(sorted(set(self.complaints))))

    # -- what to cut ---------------------------------------------------------------------------------------------------

    def _cut_lexical_errors(self) -> None:
        errors = self.tokens.errors
        for error in errors:
            self.complaints.append(Complaint(*error, "syntax"))
        bad = {self._line_at(error) for error in errors}
        self._cut({k: "does not parse" for k in bad if k is not None})

    def _cut_oversized(self) -> None:
        bad = dict(oversized(self.tokens))
        for k, why in bad.items():
            self.complaints.append(Complaint(*self._span(k, k + 1), _limit_message(why), "limit"))
        self._cut(bad)

    def _cut_error(self, error: Exception) -> bool:
        """Cuts the logical line that libcst did not accept; False if it does not help to go on."""
        tokens = self.tokens
        token = self._offender(error)
        k = tokens.line_of(token)
        fix = self._missing_block(k, token)
        if fix:
            return True
        if not tokens.lines or self._is_filler(k):
            self._complain(token, "invalid syntax")
            return False
        self._complain(token, _explain(tokens, token, k, str(error)))
        self._cut({k: "does not parse"})
        return True

    def _offender(self, error: Exception) -> int:
        """The token that libcst stopped at: it reports the position after it."""
        tokens = self.tokens
        m = _ERROR_AT.search(str(error))
        if m:
            position = (int(m[1]), int(m[2]))
        else:
            position = (getattr(error, "raw_line", 1), getattr(error, "raw_column", 0))
        return max(0, min(bisect_left(tokens.starts, position), len(tokens.starts) - 1) - 1)

    def _line_at(self, error: LexicalError) -> int | None:
        tokens = self.tokens
        token = bisect_left(tokens.starts, (error.line, error.col + 1)) - 1
        return tokens.line_of(token) if token >= 0 and tokens.lines else None

    def _missing_block(self, k: int, token: int) -> bool:
        """`def f():` with nothing under it, as in half-typed code: the block is the hole, the header stays."""
        tokens = self.tokens
        end = tokens.line_end(k) if tokens.lines else 0
        if not end or tokens.texts[end - 1] != ":" or token < end - 1:
            return False
        if k + 1 < len(tokens.lines) and tokens.widths[k + 1] > tokens.widths[k]:
            return False
        line, col = tokens.ends[end - 1]
        head = tokens.texts[tokens.lines[k]]
        self._complain(end - 1, f"expected an indented block after '{head}' on line {{line}}", line)
        lines = self.text.split("\n")
        lines[line - 1] = lines[line - 1][:col] + " pass" + lines[line - 1][col:]
        self.holes[line, col + 1] = Hole((line, col, line, col), (), "the block is missing")
        self._replace("\n".join(lines))
        return True

    def _is_filler(self, k: int) -> bool:
        return self.tokens.starts[self.tokens.lines[k]] in self.holes

    # -- cutting -------------------------------------------------------------------------------------------------------

    def _cut(self, bad: dict[int, str]) -> None:
        """Replaces the statements of these logical lines."""
        if not bad:
            return
        tokens = self.tokens
        lines = self.text.split("\n")
        done = -1
        for k, why in sorted(bad.items()):
            first, last = statement_lines(tokens, k)
            if last <= done:
                continue
            first = max(first, done)
            done = last
            span = self._span(first, last)
            indent = self._indent(lines, first)
            self.holes = {at: hole for at, hole in self.holes.items() if not span[:2] <= at < span[2:]}
            self.holes[span[0], len(indent)] = Hole(span, bound_names(tokens, first, last), why)
            end = self._last_line(last)
            lines[span[0] - 1 : end] = [indent + "pass"] + [""] * (end - span[0])
        self._replace("\n".join(lines))

    def _indent(self, lines: list[str], k: int) -> str:
        """The indentation of the block that logical line `k` belongs to; its own unless that is the mistake."""
        tokens = self.tokens
        width = tokens.widths[k]
        previous = k - 1
        allowed: str | None = None
        while previous >= 0:
            at = tokens.starts[tokens.lines[previous]]
            indent = lines[at[0] - 1][: at[1]]
            if tokens.widths[previous] == width:
                return indent
            opens = tokens.texts[tokens.line_end(previous) - 1] == ":"
            if tokens.widths[previous] < width:
                if opens and previous == k - 1:
                    break
                return indent if allowed is None or not opens else allowed
            allowed = indent
            previous -= 1
        if previous < 0:
            return allowed or ""
        at = tokens.starts[tokens.lines[k]]
        return lines[at[0] - 1][: at[1]]

    def _last_line(self, last: int) -> int:
        """The physical line that the logical lines before `last` end with."""
        tokens = self.tokens
        if last < len(tokens.lines):
            return tokens.starts[tokens.lines[last]][0] - 1
        return self.text.count("\n") or 1

    def _replace(self, text: str) -> None:
        self.text = text
        self.tokens = scan(text)

    # -- complaints ----------------------------------------------------------------------------------------------------

    def _span(self, first: int, last: int) -> tuple[int, int, int, int]:
        tokens = self.tokens
        start = tokens.starts[tokens.lines[first]]
        end = tokens.ends[max(tokens.lines[first], tokens.line_end(last - 1) - 1)]
        return start + end

    def _complain(self, token: int, message: str, line: int = 0) -> None:
        tokens = self.tokens
        self.complaints.append(Complaint(*tokens.starts[token], *tokens.ends[token], message, "syntax"))


_ERROR_AT = re.compile(r"error at (\d+):(\d+)")


def _parse(text: str) -> tuple[Any, Exception]:
    import libcst

    try:
        return libcst.parse_module(text), ValueError()
    except Exception as error:
        return None, error


def _limit_message(why: str) -> str:
    return f"this statement is not analysed: {why}"


def _explain(tokens: Tokens, token: int, k: int, error: str) -> str:
    """What is wrong, in CPython's words where they can be told from the tokens."""
    texts = tokens.texts
    head = texts[tokens.lines[k]] if tokens.lines else ""
    if "no matching outer block" in error:
        return "unindent does not match any outer indentation level"
    if "mixing of tabs" in error:
        return "inconsistent use of tabs and spaces in indentation"
    if head in ("print", "exec") and token <= tokens.lines[k] + 1:
        return f"Missing parentheses in call to '{head}'. Did you mean {head}(...)?"
    if error.startswith("tokenizer error: "):
        return error.split(": ", 1)[1]
    if token == tokens.lines[k] and k and tokens.widths[k] > tokens.widths[k - 1]:
        return "unexpected indent"
    return "invalid syntax"
