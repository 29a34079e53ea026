"""Files to programs, with the disk cache."""

from __future__ import annotations

from functools import lru_cache

from tensight_analyzer.ir.program import Program, read_program
from tensight_analyzer.source.text import SourceText


@lru_cache(maxsize=1)
def disk_cache():
    """The user's cache of lowered files, None if it is switched off or cannot be used."""
    from tensight_analyzer.ir.cache import open_cache

    return open_cache()


def read_file(path: str) -> Program:
    """The IR of a file.  Raises `SourceError` or OSError for one that cannot be read."""
    with open(path, "rb") as file:
        text = SourceText.from_bytes(file.read())
    return read_program(text.text, disk_cache())
