"""Progress on a terminal, for runs that take longer than a second."""

from __future__ import annotations

import sys
import threading

PATIENCE = 1.0  # seconds before anything is shown


class Watch:
    """`tell` is called by the worker, `show` waits for it and shows how far it is."""

    def __init__(self):
        self.now = (0, 0, "")

    def tell(self, done: int, total: int, file: str) -> None:
        self.now = (done, total, file)

    def show(self, thread: threading.Thread) -> None:
        thread.join(PATIENCE)
        if not thread.is_alive() or not sys.stderr.isatty():
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (TextColumn("checking"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=None)
            while thread.is_alive():
                done, total, file = self.now
                bar.update(task, completed=done, total=total, description=file)
                thread.join(0.1)
