"""Input that nobody wants to see: it ends in a message that names the file, within the budget, never in a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BUDGET = ("--seconds", "5", "--steps", "60000", "--megabytes", "500")
LIMIT = 240  # seconds for a process, as a guard against a hang: no test of speed
MISTAKE = "import torch\nx = torch.zeros(2, 3) @ torch.zeros(4, 5)\n"
FOUND = [("shape", 2)]  # what is found in it


def nested(depth: int) -> str:
    return "".join("    " * i + "if True:\n" for i in range(depth)) + "    " * depth + "pass\n"


def syntax(line: int) -> list:
    return [*FOUND, ("syntax", line)]


# a text after MISTAKE -> its findings (category, line), and what standard error says (None: that a limit was
# reached, or nothing)
TEXTS = {
    "nothing more": ("", FOUND, ""),
    "a syntax error": ("def f(:\n    pass\n", syntax(3), ""),
    "an unclosed bracket": ("y = (1,\nz = 2\n", syntax(3), ""),
    "an unclosed string": ("y = '''abc\n", syntax(3), ""),
    "tabs and spaces": ("if True:\n        y = 1\n\tz = 2\n", syntax(5), ""),
    "a lone surrogate in a string": ("y = '\\ud800'\n", FOUND, ""),
    "a NUL in an escape": ("y = '\\0'\n", FOUND, ""),
    "90 nested blocks": (nested(90), FOUND, ""),
    "2,000 parentheses": ("y = " + "(" * 2000 + "1" + ")" * 2000 + "\n", syntax(3), ""),
    "2,000 chained calls": ("y = x" + ".relu()" * 2000 + "\n", syntax(3), ""),
    "a sum of 4,000 terms": ("y = " + " + ".join(["1"] * 4000) + "\n", syntax(3), ""),
    "a sum of 250 terms": ("y = " + " + ".join(["x"] * 250) + "\n", FOUND, ""),
    "a list of 30,000 numbers": ("y = [" + ", ".join(["1"] * 30000) + "]\n", syntax(3), ""),
    "an endless loop": ("while True:\n    y = 1\n", FOUND, ""),
    "an endless loop that counts": ("i = 0\nwhile True:\n    i += 1\n", FOUND, ""),
    "an endless loop that grows": ("l = []\nwhile True:\n    l.append(l)\n", FOUND, ""),
    "recursion without end": ("def f(n):\n    return f(n + 1)\nf(0)\n", FOUND, ""),
    "recursion that branches": ("def f(n):\n    return f(n + 1) + f(n - 1)\nf(0)\n", FOUND, None),
    "a recursion of two": ("def f(n):\n    return g(n)\ndef g(n):\n    return f(n)\nf(0)\n", FOUND, ""),
    "loops in loops": ("for i in range(99):\n" + "".join(
        "    " * d + f"for i{d} in range(99):\n" for d in range(1, 6)) + "    " * 6 + "y = i1 + i2\n", FOUND, None),
    "too large a tensor": ("y = torch.zeros(10**9, 10**9)\n", FOUND, ""),
    "too long a list": ("y = [0] * 10**12\nz = len(y)\n", FOUND, ""),
    "too long a text": ("y = 'a' * 10**12\n", FOUND, ""),
    "too long a tuple": ("y = (0,) * 10**12\n", FOUND, ""),
    "too long a range": ("y = list(range(10**12))\n", FOUND, ""),
    "too large a number": ("y = 10 ** 10 ** 10\n", FOUND, ""),
    "too far a shift": ("y = 1 << 10 ** 10\n", FOUND, ""),
    "a factorial": ("y = 1\nfor i in range(1, 100000):\n    y *= i\n", FOUND, None),
    "doubling": ("y = [0]\nfor i in range(60):\n    y = y + y\n", FOUND, ""),
    "doubling text": ("y = 'a'\nfor i in range(60):\n    y = y + y\n", FOUND, ""),
    "a class that derives from itself": ("class A(A):\n    pass\n", FOUND, ""),
    "a list in itself": ("l = []\nl.append(l)\nl == l\nprint(l)\n", FOUND, ""),
    "division by zero": ("y = 1 // 0\nz = 1 % 0\n", FOUND, ""),
    "a module that imports itself": ("import program\n", FOUND, ""),
    "doubling a tuple": ("y = (0,)\nfor i in range(60):\n    y = y + y\n", FOUND, ""),
    "doubling in place": ("y = [0]\nfor i in range(60):\n    y += y\n    y.extend(y)\n", FOUND, ""),
    "squaring": ("y = 10\nfor i in range(60):\n    y = y * y\nz = str(10 ** 200000)\n", FOUND, ""),
    "padding": ("y = 'a'.ljust(10**10) + 'a'.center(10**10) + '1'.zfill(10**10)\nz = '\\t'.expandtabs(10**10)\n",
                FOUND, ""),
    "replacing": ("a = 'a' * 10**6\ny = a.replace('a', a)\nz = a.join(a)\n", FOUND, ""),
    "a factorial at once": ("import math\ny = math.factorial(10**7)\nz = math.comb(10**7, 10**6)\n", FOUND, ""),
    "bytes without end": ("y = bytes(10**11)\nz = bytearray(10**11)\n", FOUND, ""),
    "long ranges": ("y = sum(range(10**12))\nz = sorted(range(10**10))\nw = list(zip(range(10**9), range(10**9)))\n",
                    FOUND, ""),
    "long comprehensions": ("y = [i for i in range(10**9)]\nz = {i: i for i in range(10**9)}\n", FOUND, ""),
    "a million tensors": ("y = torch.zeros(10**6).split(1)\n", FOUND, None),
    "16 million numbers": ("y = torch.tensor([[0] * 4000] * 4000)\n", FOUND, None),
    "a generator without end": ("def g():\n    while True:\n        yield 1\ny = list(g())\n", FOUND, ""),
    "an attribute without end": ("class A:\n    def __getattr__(self, n):\n"
                                 "        return getattr(self, n + 'a')\ny = A().b\n",
                                 FOUND, ""),
    "an iterator without end": ("class A:\n    def __iter__(self):\n        return self\n    def __next__(self):\n"
                                "        return 1\ny = list(A())\n", FOUND, ""),
    "an operator without end": ("class A:\n    def __add__(self, o):\n        return o + self\n"
                                "y = A() + A()\n", FOUND, ""),
    "3,000 branches": ("if x:\n    pass\n" + "elif x:\n    pass\n" * 3000, FOUND, None),
    "1,000 lambdas": ("y = " + "lambda: " * 1000 + "1\n", FOUND, None),
    "2,000 indices": ("y = x" + "[0]" * 2000 + "\n", FOUND, None),
    "3,000 signs": ("y = " + "-" * 3000 + "1\n", FOUND, None),
    "a format of 10**10 columns": ("y = f'{1:{10**10}}'\nz = '%10000000000d' % 1\n", FOUND, ""),
}  # fmt: skip

# bytes -> what standard error says; nothing of the file is checked
BYTES = {
    "binary": (b"\x7fELF\x02\x01\x01\x00\x00", "contains NUL bytes, so it is binary or UTF-16"),
    "UTF-16": ("x = 1\n".encode("utf-16"), "is encoded in UTF-16"),
    "UTF-16 without a mark": ("x = 1\n".encode("utf-16-le"), "contains NUL bytes"),
    "Latin-1": ("x = 'é'\n".encode("latin-1"), "is not valid utf-8 (line 1)"),
    "an unknown encoding": (b"# coding: klingon\n", "unknown encoding 'klingon'"),
    "10 MB": (b"x = 1  # " + b"a" * 10_000_000, "the limit is 10,000,000: exclude it, or split it"),
    "200,000 lines": (b"x = 1\n" * 200_001, "more than the limit of 200,000"),
}


def tensight(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    path = [str(ROOT / name) for name in ("runtime", "analyzer", "server")]
    script = f"import sys; sys.path[:0] = {path!r}; from tensight_analyzer.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=folder, capture_output=True, text=True, timeout=LIMIT, env={**os.environ, "TENSIGHT_STRICT": "1"},
    )  # fmt: skip
    assert "Traceback" not in done.stderr and "Error" not in done.stderr, done.stderr[-2000:]
    return done


def check(folder: Path, *paths: str) -> tuple[int, list, str]:
    done = tensight(folder, "check", *paths, "--format", "json", *BUDGET)
    return done.returncode, [(f["category"], f["line"]) for f in json.loads(done.stdout)], done.stderr


@pytest.fixture(scope="module")
def checked(request, tmp_path_factory):
    """All selected texts, checked by one process: name -> findings, standard error.  `-k` finds one that hangs."""
    folder = tmp_path_factory.mktemp("texts")
    names = [item.callspec.params["name"] for item in request.session.items if item.originalname == "test_text"]
    files = {name: f"text{i}.py" for i, name in enumerate(names)}
    for name, file in files.items():
        (folder / file).write_text(MISTAKE + TEXTS[name][0])
    done = tensight(folder, "check", *files.values(), "--format", "json", *BUDGET)
    found = json.loads(done.stdout)
    errors = dict(line.removeprefix("tensight: ").split(": ", 1) for line in done.stderr.splitlines())
    return {
        name: ([(f["category"], f["line"]) for f in found if f["file"] == file], errors.get(file, ""))
        for name, file in files.items()
    }


@pytest.mark.parametrize("name", TEXTS)
def test_text(name, checked):
    _text, expected, message = TEXTS[name]
    found, error = checked[name]
    if message is None:  # the budget, or a limit of the front end, may be reached: then this is said
        found = [f for f in found if f[0] != "syntax"]
        assert error == "" or error.startswith("stopped ")
    else:
        assert error == message
    assert found == expected


@pytest.mark.parametrize("name", BYTES)
def test_bytes(name, tmp_path):
    data, message = BYTES[name]
    (tmp_path / "program.py").write_bytes(data)
    (tmp_path / "other.py").write_text(MISTAKE)
    status, findings, error = check(tmp_path, "program.py", "other.py")
    assert (status, findings) == (2, FOUND)  # the other file is checked all the same
    assert error.startswith("tensight: program.py: ") and message in error and error.count("\n") == 1
    assert tensight(tmp_path, "infer", "--jsonl", "program.py").returncode == 2


def test_an_empty_file_is_clean(tmp_path):
    (tmp_path / "program.py").write_bytes(b"")
    assert check(tmp_path, "program.py") == (0, [], "")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="everything is readable")
def test_an_unreadable_file(tmp_path):
    (tmp_path / "program.py").write_text(MISTAKE)
    (tmp_path / "program.py").chmod(0)
    assert check(tmp_path, "program.py") == (2, [], "tensight: program.py: cannot be read: Permission denied\n")


def test_a_folder_in_place_of_a_module(tmp_path):
    (tmp_path / "program.py").mkdir()
    assert check(tmp_path, "program.py") == (2, [], "tensight: program.py: there is no Python file in this folder\n")


def test_links(tmp_path):
    (tmp_path / "program.py").write_text(MISTAKE)
    (tmp_path / "dangling.py").symlink_to("nowhere.py")
    (tmp_path / "loop.py").symlink_to("loop.py")
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    status, findings, error = check(tmp_path, ".")
    assert (status, findings) == (2, FOUND)
    lines = error.splitlines()
    assert len(lines) == 2 and all(line.startswith("tensight: ./") for line in lines)
    assert any("dangling.py" in line for line in lines) and any("loop.py" in line for line in lines)
    status, findings, error = check(tmp_path, "dangling.py")
    assert (status, error) == (2, "tensight: dangling.py: is a link to nothing: correct it, or leave it out\n")
    assert check(tmp_path, "again")[1] == FOUND


def test_a_pipe_is_not_waited_for(tmp_path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("there are no pipes in folders")
    os.mkfifo(tmp_path / "program.py")
    assert check(tmp_path, "program.py") == (2, [], "tensight: program.py: is not a file: leave it out\n")


def test_an_import_that_cannot_be_read_is_an_unknown_module(tmp_path):
    (tmp_path / "binary.py").write_bytes(b"\x00\x01")
    (tmp_path / "program.py").write_text("import binary\nfrom binary import f\n" + MISTAKE)
    assert check(tmp_path, "program.py") == (1, [("shape", 4)], "")


def test_the_budget_is_named_when_it_is_used_up(tmp_path):
    (tmp_path / "program.py").write_text(MISTAKE + "for i in range(60):\n    for j in range(60):\n        k = i * j\n")
    done = tensight(tmp_path, "check", "program.py", "--steps", "2000", "--format", "concise")
    assert done.returncode == 1 and "shape-mismatch" in done.stdout
    assert done.stderr == "tensight: program.py: stopped after 2,000 steps (the limit `steps`)\n"
