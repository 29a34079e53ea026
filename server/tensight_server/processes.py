"""A helper process that speaks JSON lines over its own pipes and may be killed at any moment."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


class Helper:
    """One Python module run as a process, started at once; `listen` connects it to the event loop.

    The process ends when its standard input does, so it never outlives this one.  Two threads serve its pipes: however
    slowly it reads or writes, the loop goes on.
    """

    def __init__(self, module: str):
        self.module = module
        # -P: a folder of the user's is never a place to import from
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.wanted = True
        self._outgoing: queue.SimpleQueue = queue.SimpleQueue()
        threading.Thread(target=self._write, name=f"to {module}", daemon=True).start()

    @property
    def alive(self) -> bool:
        return self.wanted and self.process.poll() is None

    def listen(self, on_message: Callable[[dict], None], on_exit: Callable[[], None]) -> None:
        """`on_message` gets what the process says, `on_exit` is told when it is gone, unless `kill` did that."""
        loop = asyncio.get_running_loop()
        threading.Thread(
            target=self._read, args=(loop, on_message, on_exit), name=f"from {self.module}", daemon=True
        ).start()

    def send(self, message: dict) -> None:
        """Say something; lost if the process is gone, which `on_exit` tells."""
        self._outgoing.put(message)

    def kill(self, tell: bool = False) -> None:
        """End it at once; `on_exit` is called only if `tell`."""
        self.wanted = tell
        self._outgoing.put(None)
        self.process.kill()

    def close(self) -> None:
        """Kill it and wait until it is gone."""
        self.kill()
        self.process.wait()

    def _write(self) -> None:
        while (message := self._outgoing.get()) is not None:
            try:
                self.process.stdin.write(json.dumps(message, ensure_ascii=True).encode() + b"\n")
                self.process.stdin.flush()
            except OSError:
                return

    def _read(self, loop: asyncio.AbstractEventLoop, on_message: Callable, on_exit: Callable) -> None:
        def later(call: Callable, *args: object) -> None:
            try:
                loop.call_soon_threadsafe(lambda: call(*args) if self.wanted else None)
            except RuntimeError:  # the loop is closed: nobody listens any more
                pass

        for line in self.process.stdout:
            try:
                message = json.loads(line)
            except ValueError:
                log.warning("%s said something that is no JSON: %.200r", self.module, line)
                continue
            later(on_message, message)
        self.process.wait()
        later(on_exit)


def own_pipes() -> tuple:
    """In a helper process: its two ends, `(lines, write)`; whatever else prints goes to standard error."""
    sys.stdin.reconfigure(encoding="utf-8", errors="replace")
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    sys.stdout = sys.stderr

    def write(message: dict) -> None:
        out.write(json.dumps(message, ensure_ascii=True, separators=(",", ":")) + "\n")
        out.flush()

    return sys.stdin, write
