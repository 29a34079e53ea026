"""Snippet files: lines after `>>> ` are a program, the lines below it what it must say.

The repr of the program's `r`, or "Error: message"; a message may be given by its first words, followed by "...".
"""

from __future__ import annotations

import copy
import pickle
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

DATA = Path(__file__).parent / "data"


def cases(file: str) -> list:
    """The snippets of a file as test parameters (program, expected), named by their line."""
    return list(_read(file))


def _read(file: str) -> Iterator:
    program: list[str] = []
    expected: list[str] = []
    start = 0
    for number, line in enumerate([*(DATA / file).read_text().splitlines()[2:], "# end"], 3):
        if line.startswith(">>> "):
            if expected:
                yield _case(program, expected, start)
                program, expected = [], []
            if not program:
                start = number
            program.append(line[4:])
        elif line.startswith("# "):
            if program:
                yield _case(program, expected, start)
            program, expected = [], []
        elif program:
            expected.append(line)


def says(program: str, torch) -> str:
    """What the program says when `torch` is this module."""
    scope = {"torch": torch, "np": np, "copy": copy, "pickle": pickle}
    before = sys.modules.get("torch")
    sys.modules["torch"] = torch
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(program, scope)
            answer = repr(scope.get("r"))
    except Exception as error:
        answer = f"{type(error).__name__}: {error}".strip()
    finally:
        if before is None:
            del sys.modules["torch"]
        else:
            sys.modules["torch"] = before
    return re.sub(r" object at 0x[0-9a-f]+", "", answer)


def agrees(answer: str, expected: str) -> bool:
    """Whether it is what is expected; "..." at the end stands for anything more."""
    return answer.startswith(expected[:-3]) if expected.endswith("...") else answer == expected


def _case(program: list[str], expected: list[str], line: int):
    return pytest.param("\n".join(program), "\n".join(expected).strip(), id=f"line-{line}")
