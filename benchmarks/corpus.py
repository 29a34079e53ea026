"""How the analyzer fares on real code: `python benchmarks/corpus.py FOLDER...`.

Each file is checked as a program of its own, in a worker process that is replaced when it dies or hangs.  Printed are the
crashes, the budget overruns, the findings by rule (code that is known to run has none at level `error`), and what the
interpreter says it does not implement.  `--jsonl FILE` keeps one line a file.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from queue import Empty, Queue

from tensight_analyzer.config import SKIPPED, Settings
from tensight_analyzer.source.paths import collect

GRACE = 20.0  # seconds past the budget after which a worker counts as hanging


def main() -> int:
    options = parser().parse_args()
    settings = Settings(steps=options.steps, seconds=options.seconds)
    if options.worker:
        return work(settings)
    jobs = []  # (folder it was found in, file): modules are looked for in the folder
    for path in options.paths:
        files, problems = collect([path], (*SKIPPED, *options.exclude))
        jobs += [(path, file) for file in files]
        for problem in problems:
            print(problem.path, problem.message, sep=": ", file=sys.stderr)
    answers = []
    with open(options.jsonl or os.devnull, "w", encoding="utf-8", buffering=1) as out:
        for answer in answered(jobs, options, settings):
            answers.append(answer)
            out.write(json.dumps(answer) + "\n")
            if sys.stderr.isatty():
                print(f"\r{len(answers)}/{len(jobs)} {answer['file'][-60:]:60}", end="", file=sys.stderr)
    print(summary(answers))
    return 0


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    made.add_argument("paths", nargs="*", metavar="PATH", help="files and folders of programs")
    made.add_argument("--steps", type=int, default=3_000_000, help="evaluated expressions of one file (%(default)s)")
    made.add_argument("--seconds", type=float, default=20.0, help="for one file (%(default)s)")
    made.add_argument("--exclude", action="append", default=[], metavar="NAME", help="a file or folder to leave out")
    made.add_argument("--jsonl", metavar="FILE", help="keep one line for each file")
    made.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    return made


# -- the worker: a file a line in, an answer a line out --------------------------------------------------------------------


def work(settings: Settings) -> int:
    from tensight_analyzer.cli import with_large_stack

    for line in sys.stdin:
        root, file = json.loads(line)
        answer = with_large_stack(lambda root=root, file=file: examined(root, file, settings))
        print(json.dumps(answer), flush=True)
    return 0


def examined(root: str, path: str, settings: Settings) -> dict:
    """What came of one file."""
    from tensight_analyzer.check import Reader, check_file, chosen, explained
    from tensight_analyzer.plugin import installed
    from tensight_analyzer.source.text import SourceError

    registry = installed()
    started = time.process_time()
    answer: dict = {"file": path, "notes": {}, "findings": [], "steps": 0}
    reader = Reader(settings)
    try:
        reader.program(path)
        rules = [rule() for rule in chosen(registry, settings)]
        result, findings = check_file(path, (root, path), rules, settings, registry, reader)
    except (SourceError, OSError) as error:
        answer["unreadable"] = explained(error)
    except Exception as error:  # that is what this program looks for
        answer["crash"] = f"{type(error).__name__}: {error}"
        answer["trace"] = traceback.format_exc()[-2000:]
    else:
        answer |= {"notes": result.notes, "steps": result.steps}
        answer["findings"] = [[f.where.file, f.where.line, f.name, f.severity, f.message] for f in findings]
    answer["seconds"] = time.process_time() - started
    return answer


# -- the driver ------------------------------------------------------------------------------------------------------------


class Worker:
    """A process that examines files; `examine` answers None if it died or hangs, and it is of no use any more then."""

    def __init__(self, options: argparse.Namespace):
        command = [sys.executable, os.path.abspath(__file__), "--worker", "--steps", str(options.steps), "--seconds",
                   str(options.seconds)]  # fmt: skip
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.lines: Queue[str] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put("")

    def examine(self, job: tuple[str, str], patience: float) -> dict | None:
        try:
            self.process.stdin.write(json.dumps(job) + "\n")
            self.process.stdin.flush()
            line = self.lines.get(timeout=patience)
        except (Empty, BrokenPipeError):
            line = ""
        return json.loads(line) if line else None

    def stop(self) -> int | None:
        died = self.process.poll()
        self.process.kill()
        self.process.wait()
        return died


def answered(jobs: Iterable[tuple[str, str]], options: argparse.Namespace, settings: Settings) -> Iterator[dict]:
    worker = Worker(options)
    for job in jobs:
        answer = worker.examine(job, settings.seconds + GRACE)
        if answer is None:
            died = worker.stop()
            why = "the worker hangs" if died is None else f"the worker died ({died})"
            answer = {"file": job[1], "crash": why, "notes": {}, "findings": [], "steps": 0, "seconds": 0.0}
            worker = Worker(options)
        yield answer
    worker.stop()


def summary(answers: list[dict]) -> str:
    """The figures, one a line."""
    crashes = [a for a in answers if "crash" in a]
    notes = [(a, text, count) for a in answers for text, count in a["notes"].items()]
    stopped = [(a, text) for a, text, _ in notes if "stopped" in text]
    faults = Counter({t: 0 for _, t, _ in notes if t.startswith(("rule of", "internal error"))})
    missing: Counter = Counter()
    for _, text, count in notes:
        if text in faults:
            faults[text] += count
        elif text.startswith("not implemented"):
            missing[text.partition(": ")[2]] += count
    found = Counter((f[3], f[2]) for a in answers for f in a["findings"])
    lines = [
        f"files                  {len(answers)}",
        f"CPU seconds            {sum(a['seconds'] for a in answers):.1f}",
        f"crashes                {len(crashes)}",
        *(f"    {a['file']}: {a['crash']}" for a in crashes),
        f"budget overruns        {len(stopped)}",
        *(f"    {a['file']}: {text.rpartition(': ')[2]}" for a, text in stopped),
        f"faults of ours         {faults.total()}",
        *(f"    {count:6} {text}" for text, count in faults.most_common(10)),
        f"findings               {found.total()}",
        *(f"    {count:6} {severity} {rule}" for (severity, rule), count in found.most_common()),
        f"not implemented        {missing.total()}",
        *(f"    {count:6} {text}" for text, count in missing.most_common(10)),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
