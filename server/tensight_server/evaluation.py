"""This side of the evaluation process: values for hovers, one at a time, each within a budget.

The process (`tensight_server.evaluator`) runs the same interpreter over NumPy.  It hears
    {"id", "path", "text", "line", "col", "end_line", "end_col", "budget": {"seconds", "megabytes", "steps"}}
and answers {"id", "ok", "lines", "provenance"}.  It is killed when it takes longer than its budget, and started again
when it is next needed.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
from collections import OrderedDict

from tensight_server.documents import Document
from tensight_server.processes import Helper
from tensight_server.view import Spot

MODULE = "tensight_server.evaluator.__main__"
GRACE = 3.0  # seconds beyond the budget: starting the process, importing NumPy
KEPT = 200  # values
MOST_DEATHS = 3  # in a row, without an answer between them

log = logging.getLogger(__name__)


class Evaluation:
    def __init__(self):
        self.available = installed()
        self.deaths = 0
        self.helper: Helper | None = None
        self.known: OrderedDict[tuple, dict] = OrderedDict()
        self.asked: dict[tuple, asyncio.Task] = {}
        self.number = 0
        self._answer: asyncio.Future | None = None
        self._turn = asyncio.Lock()

    def start(self) -> bool:
        """Have the process ready before the first hover; False if there is none to be had."""
        if self.helper is None and self.available:
            self.helper = Helper(MODULE)
            self.helper.listen(self._answered, self._died)
        return self.helper is not None

    def close(self) -> None:
        self.available = False
        for task in self.asked.values():
            task.cancel()
        if self.helper is not None:
            self.helper.close()

    async def value(self, document: Document, spot: Spot, budget: dict) -> dict | None:
        """The value of a spot, computed once; None if there are none.  Waiting for it may be given up at any time."""
        if not self.available:
            return None
        key = (document.uri, document.version, *spot[:4])
        if key in self.known:
            return self.known[key]
        if key not in self.asked:
            self.asked[key] = asyncio.ensure_future(self._ask(key, document, spot, budget))
            self.asked[key].add_done_callback(lambda task: self.asked.pop(key, None))
        return await asyncio.shield(self.asked[key])

    async def _ask(self, key: tuple, document: Document, spot: Spot, budget: dict) -> dict | None:
        version, text = document.version, document.source.text
        async with self._turn:
            if document.version != version:
                return None
            if not self.start():
                return None
            self.number += 1
            self._answer = asyncio.get_running_loop().create_future()
            self.helper.send({
                "id": self.number, "path": document.path, "text": text, "line": spot.line, "col": spot.col,
                "end_line": spot.end_line, "end_col": spot.end_col, "budget": budget,
            })  # fmt: skip
            try:
                value = await asyncio.wait_for(self._answer, budget["seconds"] + GRACE)
            except TimeoutError:
                self._stop()
                value = stopped(budget)
            if value is None:
                return None
            self.known[key] = value
            while len(self.known) > KEPT:
                self.known.popitem(last=False)
            return value

    def _stop(self) -> None:
        helper, self.helper = self.helper, None
        if helper is not None:
            helper.kill()

    def _answered(self, message: dict) -> None:
        if message.get("id") == self.number and self._answer is not None and not self._answer.done():
            self.deaths = 0
            self._answer.set_result(message)

    def _died(self) -> None:
        self.helper = None
        self.deaths += 1
        if self.deaths >= MOST_DEATHS:
            log.error("the evaluation process died %d times in a row: values are no longer computed", self.deaths)
            self.available = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_result({"ok": False, "lines": [], "provenance": "no value: the evaluation process died"})


def installed() -> bool:
    """Is there an evaluation process to be had?"""
    try:
        return importlib.util.find_spec(MODULE) is not None
    except ModuleNotFoundError:
        return False


def stopped(budget: dict) -> dict:
    return {"ok": False, "lines": [], "provenance": f"no value: stopped after {budget['seconds']:g} s"}
