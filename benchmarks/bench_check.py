"""What `tensight check` costs: the processor time for a file of 1,000 lines, beside what its parse costs.

    python benchmarks/bench_check.py [PROGRAM...] [--repeat 5] [--lines 1000]

The file is put together from whole programs (those in examples/ if none are given).  The measure is

    python -c 'import libcst'  +  4 x libcst.parse_module(the file)  +  0.1 s

all in processes of their own, user and system time together, taking turns; the table gives medians.  *cold*: nothing of
the file or of the runtime's own sources is in the cache; *edited*: all but the file; *warm*: the file too.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

EXAMPLES = Path(__file__).parent.parent / "examples"
IMPORT = "import libcst"
PARSE = """
import sys, time, libcst
text = open(sys.argv[1], encoding="utf-8").read()
started = time.process_time()
libcst.parse_module(text)
print(time.process_time() - started)
"""
CHECK = (
    "import sys; from tensight_analyzer.cli import main; sys.exit(main(['check', '--format', 'concise', sys.argv[1]]))"
)
BASE = "import libcst + 4 parses + 0.1 s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", type=Path)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--lines", type=int, default=1000)
    options = parser.parse_args()
    text = composed(
        [p.read_text(encoding="utf-8") for p in options.programs or sorted(EXAMPLES.glob("*.py"))], options.lines
    )
    with tempfile.TemporaryDirectory() as folder:
        show(measured(text, Path(folder), options.repeat), text)


def composed(programs: list[str], lines: int) -> str:
    """Programs one after the other, whole; when all are in, again with their classes and functions called otherwise."""
    text = ""
    at = 0
    while text.count("\n") < lines:
        turn, which = divmod(at, len(programs))
        program = programs[which].rstrip() + "\n\n\n"
        if turn:
            own = re.findall(r"^(?:class|def) (\w+)", program, re.MULTILINE)
            program = re.sub(rf"\b({'|'.join(own)})\b", rf"\g<1>{turn + 1}", program)
        text += program
        at += 1
    return text


def measured(text: str, folder: Path, repeat: int) -> dict[str, list[float]]:
    file = folder / "program.py"
    warm = folder / "cache"

    def check(cache: Path) -> float:
        return cpu(CHECK, file, {"TENSIGHT_CACHE_DIR": str(cache)})

    def cold(turn: int) -> float:
        return check(folder / f"cache{turn}")

    def edited(turn: int) -> float:
        # every top-level statement is a new text to the cache: a comment is put at the end of each of its lines
        file.write_text(re.sub(r"(?m)^(class .*|def .*):$", rf"\1:  # {turn}", text), encoding="utf-8")
        try:
            return check(warm)
        finally:
            file.write_text(text, encoding="utf-8")

    kinds: dict[str, Callable[[int], float]] = {
        "import libcst": lambda turn: cpu(IMPORT, file),
        "one parse": lambda turn: float(output(PARSE, file)),
        "check, cold": cold,
        "check, edited": edited,
        "check, warm": lambda turn: check(warm),
    }
    file.write_text(text, encoding="utf-8")
    for run in kinds.values():  # Python's own caches, and ours
        run(-1)
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    for turn in range(repeat):
        for kind, run in kinds.items():
            times[kind].append(run(turn))
    return times


def show(times: dict[str, list[float]], text: str) -> None:
    middle = {kind: median(values) for kind, values in times.items()}
    middle[BASE] = middle["import libcst"] + 4 * middle["one parse"] + 0.1
    print(
        f"{text.count(chr(10)):,} lines; CPU seconds, medians of {len(times['one parse'])}, and shares of the measure"
    )
    for kind, seconds in middle.items():
        spread = f"{min(times[kind]):.2f} to {max(times[kind]):.2f}" if kind in times else ""
        share = f"{seconds / middle[BASE]:6.2f}" if kind.startswith("check") else ""
        print(f"{kind:<34}{seconds:7.2f}{share:>8}   {spread}")


def cpu(code: str, file: Path, extra: dict[str, str] | None = None) -> float:
    """User and system time of a Python process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    output(code, file, extra)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def output(code: str, file: Path, extra: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)], env=os.environ | (extra or {}), capture_output=True, text=True
    )
    if done.returncode > 1 or "Traceback" in done.stderr:
        raise SystemExit(done.stderr)
    return done.stdout


if __name__ == "__main__":
    main()
