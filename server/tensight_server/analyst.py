"""The analysis process: reads programs, interprets them, applies the rules, and says what came of it in plain data.

It speaks JSON lines.  It hears
    {"do": "text", "path", "text"}     the text of an open file, null when it is closed
    {"do": "analyse", "id", "path", "roots"}
    {"do": "cancel"}                   whatever is being analysed is no longer wanted
and answers each "analyse" with {"id", "view"}, {"id", "cancelled"} or {"id", "error"}.
NumPy is never imported here, and nothing of the user's is executed.
"""

from __future__ import annotations

import gc
import json
import os
import queue
import threading
import time
import traceback

from tensight_analyzer.analysis import Result, analyse
from tensight_analyzer.check import Listener, Reader, chosen, explained, syntax_findings
from tensight_analyzer.config import ConfigError, Settings, load
from tensight_analyzer.facts.finding import Finding, Where, in_order
from tensight_analyzer.facts.origin import Scene
from tensight_analyzer.facts.suppress import suppressed
from tensight_analyzer.facts.witness import Claim, Numbers, confirmed
from tensight_analyzer.interp.machine import Budget
from tensight_analyzer.plugin import Registry, installed
from tensight_analyzer.source.text import SourceError, SourceText

from tensight_server.describe import Describer, Operators
from tensight_server.hints import hints

STACK = 256 << 20  # the interpreter recurses as deeply as the programs it reads
SECONDS = 10.0  # for one file, witnesses included; the settings may ask for less


class OpenReader(Reader):
    """Reads open files as they stand in the editor, others from disk."""

    def __init__(self, settings: Settings, open_texts: dict[str, SourceText]):
        super().__init__(settings)
        self.open_texts = open_texts

    def text(self, path: str) -> SourceText:
        path = os.path.abspath(path)
        found = self.open_texts.get(path)
        if found is None:
            return super().text(path)
        limit = self.settings.max_bytes
        if len(found.text) > limit or found.line_count > self.settings.max_lines:
            raise SourceError(f"the file is over the limit of {limit:,} bytes or {self.settings.max_lines:,} lines")
        return found


class Analyst:
    """Analyses files, one at a time."""

    def __init__(self, registry: Registry | None = None):
        self.registry = registry or installed()
        self.open_texts: dict[str, SourceText] = {}
        self.budget: Budget | None = None  # of the run in progress; without steps it stops soon
        self.cancelled = False

    def set_text(self, path: str, text: str | None) -> None:
        path = os.path.abspath(path)
        if text is None:
            self.open_texts.pop(path, None)
        else:
            self.open_texts[path] = SourceText(text)

    def cancel(self) -> None:
        self.cancelled = True
        if self.budget is not None:
            self.budget.steps = 0

    def view(self, path: str, roots: list[str]) -> dict:
        """All that is shown of a file."""
        path = os.path.abspath(path)
        problems = []
        try:
            settings = load(os.path.dirname(path))
        except ConfigError as error:
            settings, problems = Settings(), [str(error)]
        reader = OpenReader(settings, dict(self.open_texts))
        try:
            lines = reader.text(path).lines()
        except (SourceError, OSError) as error:
            return self._said(path, Describer([], {}), [], [], [path], [*problems, explained(error)])
        result, operators, findings = self._run(path, (*roots, path), settings, reader)
        describer = Describer([p for p in result.places if p.file == path], operators.names)
        describer.describe()
        problems += [note for note in result.notes if "stopped" in note and not self.cancelled]
        return self._said(path, describer, lines, findings, sorted({p.file for p in result.places}), problems)

    def _said(self, path: str, describer: Describer, lines: list[str], findings: list[Finding], files: list[str],
              problems: list[str]) -> dict:  # fmt: skip
        remarks = [
            Finding(
                Where(path, 1, 0, 1, 0), "TS000", "incomplete", "api", "note", f"Not everything is known here: {text}"
            )
            for text in problems
        ]
        return {
            "facts": describer.facts,
            "spots": describer.spots,
            "hints": hints(describer.spots, describer.scopes, describer.facts, lines),
            "findings": [f.as_dict() for f in (*remarks, *findings) if f.where.file == path],
            "files": files,
            "problems": problems,
        }

    def _run(self, path: str, roots: tuple[str, ...], settings: Settings, reader: Reader
             ) -> tuple[Result, Operators, list[Finding]]:  # fmt: skip
        deadline = time.monotonic() + min(settings.seconds, SECONDS)
        rules = [rule() for rule in chosen(self.registry, settings)]
        scene = Scene(reader.lines)
        operators = Operators()

        def run(numbers: Numbers | None, *others) -> tuple[Result, list[Claim]]:
            listener = Listener(rules, scene)
            self.budget = settings.budget
            self.budget.seconds = max(deadline - time.monotonic(), 0.0)
            if self.cancelled:
                self.budget.steps = 0
            result = analyse(path, roots, reader.program_or_none, self.registry.table, self.budget, (listener, *others),
                             numbers=numbers, watch_names=numbers is None)  # fmt: skip
            return result, listener.claims

        result, claims = run(None, operators)
        findings = confirmed(claims, lambda numbers: {c.finding.place for c in run(numbers)[1]})
        findings += syntax_findings(path, result.complaints)
        return result, operators, [f for f in in_order(findings) if not suppressed(f, reader.comments)]


def main() -> int:
    """Serve until standard input ends."""
    from tensight_server.processes import own_pipes

    lines, write = own_pipes()
    analyst = Analyst()
    work: queue.SimpleQueue = queue.SimpleQueue()

    def serve() -> None:
        while True:
            message = work.get()
            if message["do"] == "text":
                analyst.set_text(message["path"], message["text"])
                continue
            analyst.cancelled = False
            write(answer(analyst, message))
            if work.empty():
                gc.collect()

    # an analysis allocates much and keeps most of it: collecting garbage while it runs costs a fifth of its time
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)

    threading.stack_size(STACK)
    threading.Thread(target=serve, name="tensight-analysis", daemon=True).start()
    for line in lines:
        message = json.loads(line)
        if message["do"] == "cancel":
            analyst.cancel()
        else:
            work.put(message)
    os._exit(0)  # the editor is gone: whatever is being worked on is for nobody


def answer(analyst: Analyst, message: dict) -> dict:
    """The answer to an "analyse"; no mistake of ours ends the process."""
    try:
        view = analyst.view(message["path"], message["roots"])
    except Exception as error:
        traceback.print_exc()
        return {"id": message["id"], "error": f"{type(error).__name__}: {error}"}
    finally:
        analyst.budget = None
    return {"id": message["id"], "cancelled": True} if analyst.cancelled else {"id": message["id"], "view": view}


if __name__ == "__main__":
    main()
