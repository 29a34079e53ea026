"""The open files: their texts, versions, and what is known of them.

Lines end with \\n, \\r\\n and \\r only, as in Python and in the protocol; form feeds and their kin end none.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from tensight_analyzer.source.text import SourceError, SourceText

from tensight_server.view import View


@dataclass(frozen=True)
class Change:
    """One edit: what stands between two positions is replaced; a whole new text if `start` is None.

    Positions are (line from 0, column from 0 in units of the client's encoding), as the client counts.
    """

    text: str
    start: tuple[int, int] | None = None
    end: tuple[int, int] | None = None


@dataclass
class Document:
    uri: str
    path: str
    version: int
    source: SourceText
    view: View | None = field(default=None)  # what the last analysis said, perhaps of an older text
    _lines: tuple = field(default=(), repr=False)

    def change(self, changes: list[Change], encoding: str, version: int) -> None:
        """Apply edits one after the other; each counts in the text that the one before it left."""
        for change in changes:
            if change.start is None or change.end is None:
                self.source = SourceText(change.text)
                continue
            start, end = (offset(self.source, *position, encoding) for position in (change.start, change.end))
            start, end = min(start, end), max(start, end)
            text = self.source.text
            self.source = SourceText(text[:start] + change.text + text[end:])
        self.version = version

    @property
    def fresh(self) -> bool:
        """Is the view one of this very text?"""
        return self.view is not None and self.view.version == self.version

    def seen(self) -> View | None:
        """The view, its lines moved to where they are now; what stood on edited lines is gone."""
        if self.view is None or self.fresh:
            return self.view
        key = (self.view.version, self.version)
        if not self._lines or self._lines[0] != key:
            self._lines = (key, self.view.moved(self.source))
        return self._lines[1]


def offset(source: SourceText, line: int, units: int, encoding: str) -> int:
    """Where a client's position is in the text; one outside is moved to the nearest inside."""
    if line < 0:
        return 0
    if line >= source.line_count:
        return len(source.text)
    return source.offset(line + 1, source.from_units(line + 1, units, encoding))


class Documents:
    """All open files."""

    def __init__(self):
        self.by_uri: dict[str, Document] = {}

    def open(self, uri: str, path: str, version: int, text: str) -> Document:
        self.by_uri[uri] = document = Document(uri, path, version, SourceText(text))
        return document

    def get(self, uri: str) -> Document | None:
        return self.by_uri.get(uri)

    def close(self, uri: str) -> Document | None:
        return self.by_uri.pop(uri, None)

    def at_path(self, path: str) -> Document | None:
        return next((d for d in self.by_uri.values() if d.path == path), None)

    def source(self, path: str) -> SourceText | None:
        """A file's text, open or not; None if it cannot be had."""
        document = self.at_path(path)
        if document is not None:
            return document.source
        try:
            if os.path.getsize(path) > 1_000_000:
                return None
            with open(path, "rb") as file:
                return SourceText.from_bytes(file.read())
        except (OSError, SourceError):
            return None
