"""The Python files that paths on the command line stand for."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple


class Problem(NamedTuple):
    """A path that could not be used, and why, in words for the user."""

    path: str
    message: str


def collect(paths: Iterable[str], skipped: Iterable[str] = ()) -> tuple[list[str], list[Problem]]:
    """Files as the user would write them, in order, each once; a folder stands for the `.py` files below it.

    Folders are entered once, so one that is linked into itself comes to an end; links to folders below are not
    followed.
    """
    skip = set(skipped)
    files: dict[str, str] = {}
    problems = []
    for path in paths:
        if os.path.isdir(path):
            found = sorted(_below(path, skip, problems))
            if not found:
                problems.append(Problem(path, "there is no Python file in this folder"))
        elif os.path.exists(path) and not os.path.isfile(path):
            problems.append(Problem(path, "is not a file: leave it out"))
            continue
        elif os.path.exists(path):
            found = [path]
        else:
            what = (
                "is a link to nothing: correct it, or leave it out"
                if os.path.islink(path)
                else "there is no such file or folder"
            )
            problems.append(Problem(path, what))
            continue
        for file in found:
            files.setdefault(os.path.realpath(file), file)
    return list(files.values()), problems


def _below(folder: str, skip: set[str], problems: list[Problem]) -> Iterable[str]:
    def failed(error: OSError) -> None:
        problems.append(Problem(error.filename or folder, f"cannot be read: {error.strerror}"))

    for root, folders, names in os.walk(folder, onerror=failed):
        folders[:] = [f for f in folders if not f.startswith(".") and f not in skip]
        for name in names:
            if name.endswith((".py", ".pyw")) and not name.startswith(".") and name not in skip:
                yield os.path.join(root, name)
