"""From the text of a file to its IR, chunk by chunk, through two caches."""

from __future__ import annotations

import pickle
import re
import threading
from collections import OrderedDict
from hashlib import blake2b
from typing import NamedTuple, Protocol

from tensight_analyzer.ir import nodes
from tensight_analyzer.source.guard import Piece, split
from tensight_analyzer.source.parse import in_parser_thread, parse_chunk
from tensight_analyzer.source.repair import Complaint

GRAMMAR_VERSION = b"1"  # change it with anything that makes the IR of a text a different one
MEMORY_CHUNKS = 20_000


class Unit(NamedTuple):
    """A chunk in its place: its first line is line `line` of the file, so a node is at `line + node.span[0] - 1`."""

    line: int
    chunk: nodes.Chunk


class Program(NamedTuple):
    units: tuple[Unit, ...]
    complaints: tuple[Complaint, ...]
    notes: tuple[str, ...]


class Cache(Protocol):
    def get(self, key: str) -> bytes | None: ...

    def put(self, key: str, value: bytes) -> None: ...


def read_program(text: str, cache: Cache | None = None) -> Program:
    """The IR of a file and what is wrong with it.  Never raises for any text."""
    text = _normalised(text)
    key = "file-" + _digest(text)
    if cache is not None:
        program = _load(cache.get(key), Program)
        if program is not None:
            return program
    pieces = split(text)
    lowered = _lowered(pieces, cache)
    units = []
    complaints = []
    for piece, (chunk, found) in zip(pieces, lowered, strict=True):
        if chunk.body or chunk.comments:
            units.append(Unit(piece.line, chunk))
        complaints += [c.shifted(piece.line - 1) for c in found]
    program = Program(tuple(units), tuple(complaints), ())
    if cache is not None:
        cache.put(key, pickle.dumps(program, protocol=5))
    return program


# -- chunks ------------------------------------------------------------------------------------------------------------


class Lowered(NamedTuple):
    chunk: nodes.Chunk
    complaints: tuple[Complaint, ...]


_memory: OrderedDict[str, Lowered] = OrderedDict()
_memory_lock = threading.Lock()


def _lowered(pieces: list[Piece], cache: Cache | None) -> list[Lowered]:
    keys = [_digest(piece.text) for piece in pieces]
    found: dict[str, Lowered] = {}
    missing: dict[str, str] = {}
    with _memory_lock:
        for key, piece in zip(keys, pieces, strict=True):
            known = _memory.get(key)
            if known is None:
                missing[key] = piece.text
            else:
                _memory.move_to_end(key)
                found[key] = known
    if cache is not None:
        for key in list(missing):
            known = _load(cache.get(key), Lowered)
            if known is not None:
                found[key] = known
                del missing[key]
    if missing:
        made = in_parser_thread(_lower_all, list(missing.values()))
        for key, lowered in zip(missing, made, strict=True):
            found[key] = lowered
            if cache is not None:
                cache.put(key, pickle.dumps(lowered, protocol=5))
    with _memory_lock:
        for key in keys:
            _memory[key] = found[key]
        while len(_memory) > MEMORY_CHUNKS:
            _memory.popitem(last=False)
    return [found[key] for key in keys]


def _lower_all(texts: list[str]) -> list[Lowered]:
    return [_lower(text) for text in texts]


def _lower(text: str) -> Lowered:
    from tensight_analyzer.ir.lower import LoweringError, lower_chunk

    parsed = parse_chunk(text)
    if parsed.module is None:
        return Lowered(_opaque(text, "does not parse"), parsed.complaints)
    try:
        return Lowered(lower_chunk(parsed.module, parsed.tokens, parsed.holes), parsed.complaints)
    except (LoweringError, RecursionError) as error:
        chunk = _opaque(text, f"not understood: {error}")
        span = chunk.body[0].span
        return Lowered(chunk, (*parsed.complaints, Complaint(*span, f"not analysed: {error}", "limit")))


def _opaque(text: str, why: str) -> nodes.Chunk:
    """A chunk of one statement about which only the names it binds are known."""
    from tensight_analyzer.source.guard import bound_names
    from tensight_analyzer.source.tokens import scan

    tokens = scan(text)
    start = tokens.starts[0] if tokens.lines else (1, 0)
    end = tokens.ends[-2] if tokens.lines else (1, 0)
    names = bound_names(tokens, 0, len(tokens.lines))
    body = (nodes.OpaqueStmt(start + end, names, why),)
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


def _load(data: bytes | None, kind: type) -> object | None:
    """What `put` stored, or None if there is nothing or it cannot be read."""
    if data is None:
        return None
    try:
        value = pickle.loads(data)
    except Exception:  # an older or damaged entry: as good as none
        return None
    return value if isinstance(value, kind) else None
