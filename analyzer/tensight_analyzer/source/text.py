"""Source text: bytes to characters, lines, and the three ways in which editors count columns."""

from __future__ import annotations

import codecs
import re
from bisect import bisect_right

MAX_BYTES = 10_000_000
MAX_LINES = 200_000

_LINE_END = re.compile(r"\r\n?|\n")
_BYTES_LINE_END = re.compile(rb"\r\n?|\n")
_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_BLANK = re.compile(rb"^[ \t\f]*(?:#[^\r\n]*)?$")


class SourceError(Exception):
    """A text that cannot be read; the message says what is wrong and what to do about it."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class SourceText:
    """A text and its lines; lines count from 1, columns from 0 in code points unless a method says otherwise."""

    __slots__ = ("text", "_starts", "_ends")

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = [0]
        self._ends: list[int] = []
        for m in _LINE_END.finditer(text):
            self._ends.append(m.start())
            self._starts.append(m.end())
        self._ends.append(len(text))

    @classmethod
    def from_bytes(cls, data: bytes, *, max_bytes: int = MAX_BYTES, max_lines: int = MAX_LINES) -> SourceText:
        """Decodes as Python would (UTF-8, a byte order mark, a coding comment); raises `SourceError`."""
        return cls(decode(data, max_bytes=max_bytes, max_lines=max_lines))

    @property
    def line_count(self) -> int:
        """The number of lines; a line end at the end of the text begins one more, empty line."""
        return len(self._starts)

    def line(self, line: int) -> str:
        """The text of a line, without its line end."""
        return self.text[self._starts[line - 1] : self._ends[line - 1]]

    def lines(self) -> list[str]:
        return [self.text[s:e] for s, e in zip(self._starts, self._ends, strict=True)]

    # -- positions -----------------------------------------------------------------------------------------------------

    def offset(self, line: int, col: int) -> int:
        """The offset of a position; one outside the text is moved to the nearest inside."""
        if line < 1:
            return 0
        if line > len(self._starts):
            return len(self.text)
        return min(self._starts[line - 1] + max(col, 0), self._ends[line - 1])

    def position(self, offset: int) -> tuple[int, int]:
        """`(line, col)` of an offset; one inside a line end belongs to the end of its line."""
        offset = min(max(offset, 0), len(self.text))
        line = bisect_right(self._starts, offset)
        return line, min(offset, self._ends[line - 1]) - self._starts[line - 1]

    def to_units(self, line: int, col: int, encoding: str) -> int:
        """A column in code points as one in code units of `encoding`: "utf-8", "utf-16" or "utf-32"."""
        return units(self.line(line)[:col], encoding)

    def from_units(self, line: int, col: int, encoding: str) -> int:
        """A column in code units as one in code points; one inside a character is moved to its start."""
        text = self.line(line)
        if encoding == "utf-32" or text.isascii():
            return min(max(col, 0), len(text))
        count = 0
        for i, c in enumerate(text):
            count += units(c, encoding)
            if count > col:
                return i
        return len(text)


def units(text: str, encoding: str) -> int:
    """The length of a text in code units of an encoding."""
    if encoding == "utf-32" or text.isascii():
        return len(text)
    if encoding == "utf-16":
        return len(text) + sum(c > "\uffff" for c in text)
    if encoding == "utf-8":
        return len(text.encode("utf-8", "surrogatepass"))
    raise ValueError(f"unknown position encoding {encoding!r}")


def decode(data: bytes, *, max_bytes: int = MAX_BYTES, max_lines: int = MAX_LINES) -> str:
    """The characters of a source file, without a byte order mark; line ends are kept as they are."""
    if len(data) > max_bytes:
        raise SourceError(f"the file has {len(data):,} bytes, the limit is {max_bytes:,}: exclude it, or split it")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise SourceError("the file is encoded in UTF-16, which Python does not accept: save it as UTF-8")
    if 0 in data:
        raise SourceError("the file contains NUL bytes, so it is binary or UTF-16: exclude it, or save it as UTF-8")
    text = _decoded(data)
    lines = text.count("\n") + text.count("\r") - text.count("\r\n")
    if lines > max_lines:
        raise SourceError(
            f"the file has {lines:,} lines, more than the limit of {max_lines:,}: exclude it, or split it"
        )
    return text


def _decoded(data: bytes) -> str:
    marked = data.startswith(codecs.BOM_UTF8)
    if marked:
        data = data[len(codecs.BOM_UTF8) :]
    name = _cookie(data)
    try:
        codec = codecs.lookup(name)
    except LookupError:
        raise SourceError(
            f"unknown encoding {name!r} in the coding comment: correct it, or save the file as UTF-8"
        ) from None
    if marked and codec.name != "utf-8":
        raise SourceError(
            f"the file starts with a UTF-8 byte order mark but its coding comment says {name!r}: remove one of the two"
        )
    if not codec._is_text_encoding:
        raise SourceError(f"{name!r} in the coding comment is not a text encoding: save the file as UTF-8")
    try:
        return codec.decode(data, "strict")[0]
    except (UnicodeError, ValueError) as error:
        at = getattr(error, "start", None)
        where = "" if at is None else f" (line {len(_BYTES_LINE_END.findall(data[:at])) + 1})"
        raise SourceError(
            f"the file is not valid {codec.name}{where}: save it as UTF-8, or name its encoding in a coding comment"
        ) from None


def _cookie(data: bytes) -> str:
    """The encoding that a comment in the first two lines names (PEP 263)."""
    lines = _BYTES_LINE_END.split(data[:2_000], maxsplit=2)[:2]
    for line in lines:
        if m := _COOKIE.match(line):
            name = m[1].decode("ascii")
            return "utf-8" if name.lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig") else name
        if not _BLANK.match(line):
            break
    return "utf-8"
