"""`tensight hover FILE:LINE:COL`: what the editor would show there, as text."""

from __future__ import annotations

import json
import os
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Sequence

from tensight_server.evaluation import GRACE, MODULE, installed, stopped
from tensight_server.features.hover import add_value, content, plain
from tensight_server.settings import Settings
from tensight_server.view import Spot, View

USAGE = "usage: tensight hover [--no-value] FILE:LINE:COL   (lines and columns from 1, as editors show them)"


def main_hover(argv: Sequence[str]) -> int:
    """Print the hover; 1 if there is nothing to show, 2 if it could not run."""
    arguments = [a for a in argv if a != "--no-value"]
    if arguments in (["-h"], ["--help"]):
        print(USAGE)
        return 0
    where = re.fullmatch(r"(.+):(\d+):(\d+)", arguments[0]) if len(arguments) == 1 else None
    if where is None:
        print(USAGE, file=sys.stderr)
        return 2
    path, line, col = os.path.abspath(where[1]), int(where[2]), int(where[3]) - 1
    view = analysed(path)
    for problem in view.problems:
        print(f"tensight: {where[1]}: {problem}", file=sys.stderr)
    if view.problems and not view.spots:
        return 2
    spot = view.at(line, col)
    if spot is None:
        print(f"tensight: nothing is known of {arguments[0]}", file=sys.stderr)
        return 1
    shown = content(view, spot, view.source.lines())
    if len(arguments) == len(argv):
        add_value(shown, evaluated(path, view, spot, Settings().budget))
    sys.stdout.reconfigure(errors="replace")
    print("\n".join(plain(shown, path)))
    return 0


def analysed(path: str) -> View:
    """The view of a file on disk, made in this process."""
    from tensight_analyzer.check import Reader
    from tensight_analyzer.config import Settings as AnalyzerSettings
    from tensight_analyzer.source.text import SourceError, SourceText

    from tensight_server.analyst import STACK, Analyst

    try:
        source = Reader(AnalyzerSettings()).text(path)
    except (SourceError, OSError):
        source = SourceText("")
    found: list[dict] = []
    threading.stack_size(STACK)
    thread = threading.Thread(target=lambda: found.append(Analyst().view(path, [])), name="tensight-analysis")
    thread.start()
    thread.join()
    if not found:
        raise SystemExit(2)  # the thread has said why
    return View.of(0, source, found[0])


def evaluated(path: str, view: View, spot: Spot, budget: dict) -> dict | None:
    """The value, from a process of its own that is killed when its time is up; None if values cannot be had."""
    if not installed():
        return None
    request = {"id": 1, "path": path, "text": view.source.text, "line": spot.line, "col": spot.col,
               "end_line": spot.end_line, "end_col": spot.end_col, "budget": budget}  # fmt: skip
    worker = subprocess.Popen([sys.executable, "-P", "-m", MODULE], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    answers: queue.SimpleQueue = queue.SimpleQueue()
    threading.Thread(target=lambda: answers.put(worker.stdout.readline()), daemon=True).start()
    try:
        worker.stdin.write(json.dumps(request).encode() + b"\n")
        worker.stdin.flush()
        return json.loads(answers.get(timeout=budget["seconds"] + GRACE))
    except queue.Empty:
        return stopped(budget)
    except (ValueError, OSError):
        return {"ok": False, "lines": [], "provenance": "no value: the evaluation process died"}
    finally:
        worker.kill()
        worker.wait()
