"""A helper process that speaks JSON lines over its own pipes and may be killed at any moment."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable

LONGEST_LINE = 1 << 28

log = logging.getLogger(__name__)


class Helper:
    """One Python module run as a process.  `on_message` gets what it says, `on_exit` is told when it is gone.

    The process ends when its standard input does, so it never outlives this one.
    """

    def __init__(self, module: str, on_message: Callable[[dict], None], on_exit: Callable[[], None]):
        self.module = module
        self.on_message = on_message
        self.on_exit = on_exit
        self.process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task | None = None

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.returncode is None

    async def start(self) -> None:
        # -P: a folder of the user's is never a place to import from
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", self.module,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LONGEST_LINE,
        )  # fmt: skip
        self._reading = asyncio.create_task(self._read(self.process))

    def send(self, message: dict) -> None:
        """Say something; lost if the process is gone, which `on_exit` tells."""
        if self.alive and self.process.stdin is not None and not self.process.stdin.is_closing():
            self.process.stdin.write(json.dumps(message, ensure_ascii=True).encode() + b"\n")

    def kill(self) -> None:
        if self.alive:
            try:
                self.process.kill()
            except ProcessLookupError:
                pass

    async def close(self) -> None:
        """Kill it and wait until it is gone; `on_exit` is not called."""
        self.on_exit = lambda: None
        self.kill()
        if self.process is not None:
            await self.process.wait()

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        try:
            while line := await process.stdout.readline():
                try:
                    message = json.loads(line)
                except ValueError:
                    log.warning("%s said something that is no JSON: %.200r", self.module, line)
                    continue
                self.on_message(message)
        except (ValueError, ConnectionError) as error:
            log.warning("%s: %s", self.module, error)
            self.kill()
        await process.wait()
        self.on_exit()


def own_pipes():
    """In a helper process: its two ends, `(read, write)`; whatever else prints goes to standard error."""
    sys.stdin.reconfigure(encoding="utf-8", errors="replace")
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    sys.stdout = sys.stderr

    def write(message: dict) -> None:
        out.write(json.dumps(message, ensure_ascii=True, separators=(",", ":")) + "\n")
        out.flush()

    return sys.stdin, write
