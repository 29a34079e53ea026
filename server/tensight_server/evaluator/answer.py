"""From a request to an answer: which run answers it, and in which words."""

from __future__ import annotations

import contextlib
import gc
import os
import warnings
from collections.abc import Iterator

from tensight_analyzer.interp.values import Unknown

from tensight_server.evaluator.session import SEED, Seen, Session, Span
from tensight_server.evaluator.show import lines_of

DEFAULTS = {"seconds": 2.0, "megabytes": 512.0, "steps": 1_000_000}


class Evaluator:
    """Keeps the last run: other places of the same text are answered from it."""

    def __init__(self):
        self.session: Session | None = None

    def answer(self, request: dict) -> dict:
        budget = DEFAULTS | (request.get("budget") or {})
        line, col = request["line"], request["col"]
        span = (line, col, request.get("end_line", line), request.get("end_col", col))
        try:
            said = self.value(request["path"], request["text"], span, budget)
        except Exception as error:  # a fault of ours: one calm line, and the process goes on
            self.session = None
            said = no_value(f"{type(error).__name__} in the evaluator: {error}")
        return {"id": request.get("id")} | said

    def value(self, path: str, text: str, span: Span, budget: dict) -> dict:
        path = os.path.abspath(path)
        session = self.session
        known = session is not None and (session.path, session.text, session.budget) == (path, text, budget)
        if not known or session.outdated():
            session = self.run(path, text, budget, span)
        found = session.at(span)
        if found is not None and not session.fresh(found[2]):  # changed in place since: run again, and copy it
            session = self.run(path, text, budget, found[0].span(found[1]))
            found = session.at(span)
        if found is None:
            return no_value(reason(session))
        seen = found[2]
        if isinstance(seen.value, Unknown):
            return no_value(f"it {session.machine.depends(seen.value).removeprefix('what follows ')}")
        return {"ok": True, "lines": lines_of(seen.value, seen.copy), "provenance": provenance(session, seen)}

    def run(self, path: str, text: str, budget: dict, target: Span) -> Session:
        self.session = None
        gc.collect()
        session = Session(path, text, budget, target)
        with warnings.catch_warnings(), room(budget["megabytes"]):
            warnings.simplefilter("ignore")
            session.run()
        self.session = session
        return session


@contextlib.contextmanager
def room(megabytes: float) -> Iterator[None]:
    """What nobody has foreseen meets a limit of the system: the process may grow by twice the budget and stacks."""
    try:
        import resource

        with open("/proc/self/statm", encoding="ascii") as file:
            now = int(file.read().split()[0]) * resource.getpagesize()
    except (ImportError, OSError):  # not Linux: the budget itself has to do
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = now + int((2 * megabytes + 1024) * (1 << 20))
    resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def no_value(why: str) -> dict:
    return {"ok": False, "lines": [], "provenance": f"no value: {why}"}


def reason(session: Session) -> str:
    """Why a place has no value."""
    if not session.end:
        return "the program never comes here"
    return f"the evaluation ended before{at_line(session)}: {session.end.removeprefix('stopped: ')}"


def at_line(session: Session) -> str:
    return f", in line {session.end_line}" if session.end_line else ""


def provenance(session: Session, seen: Seen) -> str:
    """Where a value comes from: which evaluation of the place, called from where, with which random numbers."""
    parts = []
    calls = [place.span(node)[0] for place, node in seen.frame.chain() if place.file == session.path]
    if calls:
        parts.append("called in line " + ", from line ".join(map(str, calls[:3])))
    if session.end:
        parts.append(f"the last of {seen.times:,} so far" if seen.times > 1 else "so far")
        parts.append(f"the evaluation ended{at_line(session)}: {session.end.removeprefix('stopped: ')}")
    elif seen.times > 1:
        parts.append(f"the last of {seen.times:,}")
    if session.project.seed is not None:
        parts.append(f"seed {session.project.seed[0]}")
    if session.domain.drew and session.project.seed is None:
        parts.append(f"random numbers as after manual_seed({SEED}), since the program sets no seed")
    if session.domain.escapes:
        parts.append(f"assuming that {', '.join(session.domain.escapes[:2])} changes no tensor")
    return "; ".join(parts) if parts else "computed from the text as it stands"
