"""This side of the analysis process: what to analyse next, and what to do when that process dies.

One file is analysed at a time; a newer text of a file replaces the one that waits, and stops the one being analysed if
that takes long.  A process that died is started again with the texts of all open files; a text that kills it twice is
left alone until it is edited.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from tensight_analyzer.source.text import SourceText

from tensight_server.documents import Document, Documents
from tensight_server.processes import Helper
from tensight_server.view import View

MODULE = "tensight_server.analyst"
PATIENCE = 0.3  # seconds an analysis of an older text may go on when a newer one waits
LIMIT = 45.0  # seconds after which the process is taken to be stuck
MOST_DEATHS = 5  # in a row, without an answer between them
PAUSE = 60.0  # seconds after which a process that died too often may try again, when something is edited

log = logging.getLogger(__name__)


@dataclass
class Job:
    uri: str
    path: str
    version: int
    source: SourceText
    edited: bool  # its text is new, so files that import it are looked at again
    started: float = 0.0
    cancelled: bool = False


class Analysis:
    """Keeps the views of the open files up to date; `on_view(document)` is called for each new one."""

    def __init__(self, documents: Documents, roots: Callable[[str], list[str]], on_view: Callable[[Document], None],
                 on_busy: Callable[[bool], None] = lambda busy: None, helper: Helper | None = None):  # fmt: skip
        self.documents = documents
        self.roots = roots
        self.on_view = on_view
        self.on_busy = on_busy
        self.helper = helper
        self.waiting: dict[str, Job] = {}
        self.running: Job | None = None
        self.number = 0
        self.deaths = 0
        self.died = 0.0
        self.deadly: dict[str, tuple[int, int]] = {}  # path -> (version, how often it killed the process)
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Start the process, unless it was, and give it the texts of all open files."""
        self.helper = self.helper or Helper(MODULE)
        self.helper.listen(self._answered, self._died)
        for document in self.documents.by_uri.values():
            self._tell(document.path, document.source.text)
        self._next()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self.helper is not None:
            self.helper.close()

    # -- what is wanted ------------------------------------------------------------------------------------------------

    def opened_or_changed(self, document: Document) -> None:
        if self.helper is None and asyncio.get_running_loop().time() - self.died > PAUSE:
            self.deaths = 0
            self.start()
        self._tell(document.path, document.source.text)
        self.want(document, edited=True)

    def closed(self, document: Document) -> None:
        self._tell(document.path, None)
        self.waiting.pop(document.path, None)

    def want(self, document: Document, edited: bool = False) -> None:
        """Have a file analysed as it is now."""
        known = self.waiting.get(document.path)
        edited = edited or (known is not None and known.edited)
        self.waiting[document.path] = Job(document.uri, document.path, document.version, document.source, edited)
        running = self.running
        if running is not None and running.path == document.path and not running.cancelled:
            left = PATIENCE - (asyncio.get_running_loop().time() - running.started)
            asyncio.get_running_loop().call_later(max(left, 0), self._cancel, running)
        self._next()

    def _tell(self, path: str, text: str | None) -> None:
        if self.helper is not None:
            self.helper.send({"do": "text", "path": path, "text": text})

    def _cancel(self, job: Job) -> None:
        if self.running is job and job.path in self.waiting and self.helper is not None:
            job.cancelled = True
            self.helper.send({"do": "cancel"})

    def _next(self) -> None:
        if self.running is not None or self.helper is None or not self.helper.alive:
            return
        for path in list(self.waiting):
            job = self.waiting.pop(path)
            if self.deadly.get(path) == (job.version, 2):
                continue
            self.running = job
            self.number += 1
            loop = asyncio.get_running_loop()
            job.started = loop.time()
            self._timer = loop.call_later(LIMIT, self._stuck, self.number)
            self.helper.send({"do": "analyse", "id": self.number, "path": path, "roots": self.roots(path)})
            self.on_busy(True)
            return
        self.on_busy(False)

    # -- what comes of it ----------------------------------------------------------------------------------------------

    def _answered(self, message: dict) -> None:
        job = self.running
        if job is None or message.get("id") != self.number:
            return
        self.running = None
        self.deaths = 0
        if self._timer is not None:
            self._timer.cancel()
        if "view" in message:
            self._arrived(job, View.of(job.version, job.source, message["view"]))
        elif "error" in message:
            log.error("%s: %s", job.path, message["error"])
            self._failed(job, f"the analysis failed with {message['error']}; please report it")
        self._next()

    def _failed(self, job: Job, why: str) -> None:
        """Say so at the top of the file: silence would look like a clean one."""
        finding = {"file": job.path, "line": 1, "col": 0, "end_line": 1, "end_col": 0, "code": "TS000",
                   "name": "incomplete", "severity": "note", "message": f"Nothing is known here: {why}", "notes": [],
                   "fix": None}  # fmt: skip
        self._arrived(job, View(job.version, job.source, findings=[finding], problems=[why]))

    def _arrived(self, job: Job, view: View) -> None:
        document = self.documents.get(job.uri)
        if document is None:
            return
        document.view = view
        self.on_view(document)
        if job.edited:
            for other in list(self.documents.by_uri.values()):
                if other is not document and other.view is not None and job.path in other.view.files:
                    self.want(other)

    def _stuck(self, number: int) -> None:
        if self.running is not None and self.number == number and self.helper is not None:
            log.error("%s: no answer from the analysis after %g s", self.running.path, LIMIT)
            self.helper.kill(tell=True)

    def _died(self) -> None:
        self.helper = None
        job, self.running = self.running, None
        if self._timer is not None:
            self._timer.cancel()
        self.deaths += 1
        self.died = asyncio.get_running_loop().time()
        if job is not None:
            version, times = self.deadly.get(job.path, (job.version, 0))
            times = times + 1 if version == job.version else 1
            self.deadly[job.path] = (job.version, times)
            log.error("the analysis process died at %s, version %d", job.path, job.version)
            if times < 2:
                self.waiting.setdefault(job.path, job)
            elif job.path not in self.waiting:
                self._failed(job, "the analysis process died, twice; please report it")
        self.on_busy(False)
        if self.deaths <= MOST_DEATHS:
            self.start()
        else:
            log.error("the analysis process died %d times in a row: it is not started again", self.deaths)
