"""Parsing one chunk with libcst, in a thread with a stack that is large enough for its recursion.

libcst is imported when the first chunk needs it: a file whose IR is cached costs no import.  What does not parse, or is
over the guard's limits, is taken out by `repair.py`; the lowering turns the `pass` left in its place into an
`OpaqueStmt`.
"""

from __future__ import annotations

import queue
import re
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from tensight_analyzer.source.repair import Complaint, Hole, Repair
from tensight_analyzer.source.tokens import Position, Tokens

if TYPE_CHECKING:
    import libcst

T = TypeVar("T")

STACK_SIZE = 64 << 20
RECURSION_LIMIT = 10_000  # the walk over a tree at the guard's limits uses a fifth of it
REPAIR_SECONDS = 1.0
MAX_REPAIRS = 40


class Parsed(NamedTuple):
    """`module` is None if nothing could be saved; `tokens` are those of the text that `module` is the tree of."""

    module: libcst.Module | None
    tokens: Tokens
    holes: dict[Position, Hole]
    complaints: tuple[Complaint, ...]


def parse_chunk(text: str) -> Parsed:
    """The tree of a chunk, as much of it as there is.  Call it in the parser's thread."""
    repair = Repair(text)
    repair.before_parsing()
    module = _parse_repaired(repair)
    if module is None and not repair.complaints:
        repair.complaints.append(Complaint(1, 0, 1, 0, "invalid syntax", "syntax"))
    return Parsed(module, repair.tokens, repair.holes, tuple(sorted(set(repair.complaints))))


def in_parser_thread(function: Callable[..., T], *args: Any) -> T:
    """Calls `function` where the stack is large enough for libcst, and hands its result or exception on."""
    return _worker().call(function, args)


_ERROR_AT = re.compile(r"error at (\d+):(\d+)")


def _parse_repaired(repair: Repair) -> libcst.Module | None:
    from libcst import ParserSyntaxError, parse_module

    deadline = time.monotonic() + REPAIR_SECONDS
    checked = False
    for _ in range(MAX_REPAIRS):
        try:
            return parse_module(repair.for_libcst())
        except ParserSyntaxError as error:
            mended = not checked and repair.structure()
            checked = True
            if not mended:
                m = _ERROR_AT.search(error.message)
                if m:
                    mended = repair.after_error((int(m[1]), int(m[2])), error.message)
                else:
                    mended = repair.bad_lines(_fault)
        except BaseException as error:  # a panic of libcst's Rust part is no `Exception`
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            mended = repair.bad_lines(_fault)
            if not mended:
                repair.complaints.append(Complaint(1, 0, 1, 0, f"not analysed: libcst failed ({error})", "limit"))
        if not mended or time.monotonic() > deadline:
            break
    return None


def _fault(text: str) -> str | None:
    """What is wrong with a logical line, for the mistakes whose place in a longer text libcst does not tell."""
    from libcst import CSTValidationError, ParserSyntaxError, parse_module

    try:
        parse_module(text + " pass" if text.endswith(":") else text)
    except ParserSyntaxError as error:
        kind, _, message = error.message.partition(": ")
        return message if kind == "tokenizer error" else None
    except CSTValidationError as error:
        return str(error)
    return None


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
