"""Generators of the interpreted program: the interpreter recurses, so each generator's body has a thread of its own.

Only one of the threads runs at any time: the one that pulls waits until the body has yielded or ended.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from tensight_analyzer.interp.values import MISSING
from tensight_runtime.engine.state import modes

STACK = 16 << 20
MOST = 400  # that are not at their end, at a time
_alive: set = set()


class Closed(BaseException):
    """Ends the thread of a generator that nobody pulls any more."""


class Lazy:
    """What a generator function returned: `pull` gives the next item, MISSING at the end."""

    def __init__(self, body: Callable[[], object]):
        self.body = body
        self.thread: threading.Thread | None = None
        self.go, self.done = threading.Semaphore(0), threading.Semaphore(0)
        self.item: object = MISSING
        self.ended = self.closed = False
        self.error: BaseException | None = None
        self.thrown: BaseException | None = None
        self.modes: dict = {}

    def pull(self, thrown: BaseException | None = None) -> object:
        """Run the body until it yields; with `thrown` it finds that exception at its `yield`."""
        if self.ended:
            return MISSING
        self.thrown = thrown
        self.modes = vars(modes).copy()
        if self.thread is None:
            self._start()
        else:
            self.go.release()
        self.done.acquire()
        _enter(self.modes)
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        item, self.item = self.item, MISSING
        return item

    def give(self, item: object) -> None:
        """`yield item`, in the body's thread."""
        self.item = item
        self._switch()
        if self.closed:
            raise Closed
        if self.thrown is not None:
            thrown, self.thrown = self.thrown, None
            raise thrown

    def close(self) -> None:
        """The body is not run any further."""
        if self.thread is not None and not self.ended:
            self.closed = True
            self.go.release()
            self.thread.join()
        self.ended = True

    def _start(self) -> None:
        if len(_alive) >= MOST:
            raise MemoryError(f"more than {MOST} generators at once")
        size = threading.stack_size(STACK)
        try:
            self.thread = threading.Thread(target=self._run, daemon=True)
            self.thread.start()
            _alive.add(self)
        except RuntimeError:
            self.thread = None
            raise MemoryError("no room for another generator") from None
        finally:
            threading.stack_size(size)

    def _run(self) -> None:
        _enter(self.modes)
        try:
            self.body()
        except Closed:
            pass
        except BaseException as error:  # raised again where the generator was pulled
            self.error = error
        self.ended = True
        _alive.discard(self)
        self.modes = vars(modes).copy()
        self.done.release()

    def _switch(self) -> None:
        self.modes = vars(modes).copy()
        self.done.release()
        self.go.acquire()
        _enter(self.modes)


def _enter(found: dict) -> None:
    """The engine's modes belong to a thread; here they go with the program."""
    vars(modes).clear()
    vars(modes).update(found)
