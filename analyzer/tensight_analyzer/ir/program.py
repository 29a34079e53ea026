"""From the text of a file to its IR, chunk by chunk, through two caches."""

from __future__ import annotations

import io
import pickle
import re
import threading
from collections import OrderedDict
from hashlib import blake2b
from typing import Any, NamedTuple, Protocol, TypeVar

from tensight_analyzer.ir import nodes
from tensight_analyzer.source.guard import Piece, bound_names, split
from tensight_analyzer.source.parse import in_parser_thread, parse_chunk
from tensight_analyzer.source.repair import Complaint
from tensight_analyzer.source.tokens import scan

GRAMMAR_VERSION = b"1"  # change it with anything that makes the IR of a text a different one
MEMORY_CHUNKS = 20_000


class Unit(NamedTuple):
    """A chunk in its place: its first line is line `line` of the file, so a node is at `line + node.span[0] - 1`."""

    line: int
    chunk: nodes.Chunk


class Program(NamedTuple):
    """`complaints` and the lines of `units` count from the start of the file."""

    units: tuple[Unit, ...]
    complaints: tuple[Complaint, ...]
    notes: tuple[str, ...]


class Cache(Protocol):
    def get(self, key: str) -> bytes | None: ...

    def put(self, key: str, value: bytes) -> None: ...


def read_program(text: str, cache: Cache | None = None) -> Program:
    """The IR of a file and what is wrong with it.  Does not raise, whatever the text.

    The same chunk of text gives the same `Chunk` object as long as it is in memory.  `cache` keeps whole files and
    chunks beyond the process.
    """
    text = _normalised(text)
    key = "file-" + _digest(text)
    program = _load(cache, key, Program)
    if program is None:
        program = _assemble(split(text), cache)
        _store(cache, key, program)
    return program


def _assemble(pieces: list[Piece], cache: Cache | None) -> Program:
    units = []
    complaints = []
    for piece, (chunk, found) in zip(pieces, _lowered(pieces, cache), strict=True):
        if chunk.body or chunk.comments:
            units.append(Unit(piece.line, chunk))
        complaints += [c.shifted(piece.line - 1) for c in found]
    limits = sum(c.kind == "limit" for c in complaints)
    notes = (f"{limits} statements are over the limits of the front end and were left out",) if limits else ()
    return Program(tuple(units), tuple(complaints), notes)


# -- chunks ------------------------------------------------------------------------------------------------------------


class _Lowered(NamedTuple):
    """A chunk, and the complaints about it with lines from its first."""

    chunk: nodes.Chunk
    complaints: tuple[Complaint, ...]


_memory: OrderedDict[str, _Lowered] = OrderedDict()
_memory_lock = threading.Lock()


def _lowered(pieces: list[Piece], cache: Cache | None) -> list[_Lowered]:
    """The pieces' IR: from memory, from the cache, and what is left from libcst."""
    keys = [_digest(piece.text) for piece in pieces]
    with _memory_lock:
        found = {key: _memory[key] for key in keys if key in _memory}
    missing: dict[str, str] = {}
    for key, piece in zip(keys, pieces, strict=True):
        if key in found or key in missing:
            continue
        known = _load(cache, key, _Lowered)
        if known is None:
            missing[key] = piece.text
        else:
            found[key] = known
    if missing:
        made = in_parser_thread(_lower_all, list(missing.values()))
        for key, lowered in zip(missing, made, strict=True):
            found[key] = lowered
            _store(cache, key, lowered)
    with _memory_lock:
        for key in keys:
            found[key] = _memory.setdefault(key, found[key])
            _memory.move_to_end(key)
        while len(_memory) > MEMORY_CHUNKS:
            _memory.popitem(last=False)
    return [found[key] for key in keys]


def _lower_all(texts: list[str]) -> list[_Lowered]:
    return [_lower(text) for text in texts]


def _lower(text: str) -> _Lowered:
    from tensight_analyzer.ir.lower import LoweringError, lower_chunk

    parsed = parse_chunk(text)
    if parsed.module is None:
        return _Lowered(_opaque(text, "does not parse"), parsed.complaints)
    try:
        return _Lowered(lower_chunk(parsed.module, parsed.tokens, parsed.holes), parsed.complaints)
    except (LoweringError, RecursionError) as error:
        chunk = _opaque(text, "not understood")
        complaint = Complaint(*chunk.body[0].span, f"this statement is not analysed: {error}", "limit")
        return _Lowered(chunk, (*parsed.complaints, complaint))


def _opaque(text: str, why: str) -> nodes.Chunk:
    """A chunk of one statement about which only the names it binds are known."""
    tokens = scan(text)
    span = tokens.starts[0] + tokens.ends[-2] if tokens.lines else (1, 0, 1, 0)
    body = (nodes.OpaqueStmt(span, bound_names(tokens, 0, len(tokens.lines)), why),)
    return nodes.Chunk((1, 0, *tokens.ends[-1]), body, tuple(tokens.comments))


# -- texts and keys ----------------------------------------------------------------------------------------------------

_SURROGATE = re.compile("[\ud800-\udfff]")


def _normalised(text: str) -> str:
    """One kind of line end, no byte order mark, and no lone surrogates; columns stay what they are."""
    if text.startswith("\ufeff"):
        text = text[1:]
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=16, key=GRAMMAR_VERSION).hexdigest()


# -- storing -----------------------------------------------------------------------------------------------------------

T = TypeVar("T")

_BUILTINS = frozenset(("complex", "Ellipsis"))  # constants of the program that pickle has by name


class _Unpickler(pickle.Unpickler):
    """Makes nothing but nodes: an entry that somebody else wrote cannot run anything."""

    def find_class(self, module: str, name: str) -> Any:
        if module == nodes.__name__ or (module, name) in _RECORDS or (module == "builtins" and name in _BUILTINS):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} has no business in a cache of programs")


_RECORDS = frozenset((cls.__module__, cls.__name__) for cls in (Program, Unit, Complaint, _Lowered))


def _load(cache: Cache | None, key: str, kind: type[T]) -> T | None:
    """What `_store` stored, or None if there is nothing that can be read."""
    data = None if cache is None else cache.get(key)
    if data is None:
        return None
    try:
        value = _Unpickler(io.BytesIO(data)).load()
    except Exception:  # an older or damaged entry is as good as none
        return None
    return value if isinstance(value, kind) else None


def _store(cache: Cache | None, key: str, value: Any) -> None:
    if cache is None:
        return
    try:
        data = in_parser_thread(pickle.dumps, value, 5)  # as deep as the program is nested
    except RecursionError:
        return
    cache.put(key, data)
