"""One interpreter for Python's semantics over the IR.  The domain says what a tensor is, the policy what a loop does.

machine.py     the machine: dispatch, budgets, what was seen where
expressions    names, literals, operators, comparisons, subscripts, comprehensions
statements     assignment, functions, classes; contexts: with, try, match
control        branches, joins, loops
calls          arguments, functions, classes, operators of the table
attributes     reading and writing them on every kind of value
builtins, containers, strings, imports     Python's own
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

from tensight_runtime.ops import Table
from tensight_runtime.spec.knowledge import Knowledge
from tensight_runtime.spec.size import Expr, lower, symbol

from tensight_analyzer.interp.attributes import Attributes
from tensight_analyzer.interp.builtins import Builtins
from tensight_analyzer.interp.calls import Calls
from tensight_analyzer.interp.containers import Containers
from tensight_analyzer.interp.contexts import Contexts
from tensight_analyzer.interp.control import Control
from tensight_analyzer.interp.expressions import Expressions
from tensight_analyzer.interp.frame import Frame, Place, Target
from tensight_analyzer.interp.imports import Imports
from tensight_analyzer.interp.indexing import Indexing
from tensight_analyzer.interp.join import Joins
from tensight_analyzer.interp.operators import Operators
from tensight_analyzer.interp.signals import OverBudget, Raised, Unsupported
from tensight_analyzer.interp.statements import Statements
from tensight_analyzer.interp.trail import Trail
from tensight_analyzer.interp.values import (
    Exception_,
    Fields,
    Instance,
    ListValue,
    OneOf,
    Seq,
    Unknown,
)
from tensight_analyzer.ir.nodes import Name, Node, Pass

NOWHERE = Pass((0, 0, 0, 0))


STRICT = bool(os.environ.get("TENSIGHT_STRICT"))  # for tests and developers: faults of ours are raised


def resident_megabytes() -> float:
    """The most memory this process has used so far; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / (1 << 20 if sys.platform == "darwin" else 1 << 10)


MOST_SEEN = 32  # different facts of one place that are kept apart


def condensed(seen: list) -> list:
    """Facts that read the same are one (their symbols are of different rounds); too many different ones say nothing."""
    unique = list({repr(fact) + str(getattr(fact, "is_leaf", "")): fact for fact in seen}.values())
    return unique if len(unique) <= MOST_SEEN // 2 else [("unknown", None)]


class Budget:
    """What one file may cost.  Steps are evaluated nodes; a loop that has used `loop_steps` is widened.

    `seconds` and `megabytes` (growth of the process) are looked at every `LOOK` steps; None is no limit.
    """

    LOOK = 2048

    def __init__(self, steps: int = 3_000_000, loop_steps: int = 60_000, rounds: int = 64, calls: int = 60,
                 seconds: float | None = None, megabytes: float | None = None):  # fmt: skip
        self.steps = steps
        self.seconds = seconds
        self.megabytes = megabytes
        self.loop_steps = loop_steps
        self.rounds = rounds
        self.calls = calls


class Machine(
    Expressions,
    Statements,
    Contexts,
    Control,
    Calls,
    Attributes,
    Operators,
    Containers,
    Indexing,
    Builtins,
    Imports,
    Joins,
):
    """Interprets programs.  One machine serves one analysis; nothing of it is global."""

    def __init__(self, domain, project, table: Table, budget: Budget | None = None,
                 listeners: tuple[Callable, ...] = (), numbers: dict | None = None):  # fmt: skip
        sys.setrecursionlimit(max(sys.getrecursionlimit(), 20_000))
        self.domain = domain
        self.project = project
        self.table = table
        self.budget = budget or Budget()
        self.listeners = listeners
        self.trail = Trail()
        self.state: Fields = self.trail.fields()
        self.state["path"] = Knowledge.EMPTY
        self.steps = 0
        self.look_at = 0  # the step at which the budget is looked at again
        self.started = (time.monotonic(), resident_megabytes())
        self.numbers = numbers or {}  # a witness being replayed: key of a symbol -> the number that stands for it
        self.supposing = 0  # inside one of several alternatives that a join left: it may belong to an impossible path
        self.tries: list[Target] = []
        self.notes: dict[str, int] = {}
        self.uncertain = 0
        self.called: set = set()  # the code of the user's functions that have been called
        self.silent = 0  # a pass that only looks for a contract: nothing is remembered or told
        self.root = 0  # inside a function nobody calls
        self.forking = 0  # undecided branches that are being followed
        self.here: Node = NOWHERE  # the call being evaluated: where new symbols come from
        self.made: dict[tuple, int] = {}  # how many symbols each place has made
        self.modules: dict[str, object] = {}
        self.E = {kind: getattr(self, "eval_" + name) for kind, name in self.EXPRESSIONS.items()}
        self.X = {kind: getattr(self, "exec_" + name) for kind, name in self.STATEMENTS.items()}
        domain.attach(self)
        self.start_types()

    # -- dispatch -------------------------------------------------------------------------------------------------------

    def eval(self, node: Node, frame: Frame) -> object:
        self.steps += 1
        if self.steps > self.look_at:
            self.look()
        return self.E[node.__class__](node, frame)

    def spend(self, steps: int) -> None:
        """Count work that is no evaluated node."""
        self.steps += steps
        if self.steps > self.look_at:
            self.look()

    def look(self) -> None:
        """Is the budget used up?"""
        budget = self.budget
        self.look_at = min(self.steps + budget.LOOK, budget.steps)
        if self.steps > budget.steps:
            raise OverBudget(f"stopped after {budget.steps:,} steps (the limit `steps`)")
        if budget.seconds is not None and time.monotonic() - self.started[0] > budget.seconds:
            raise OverBudget(f"stopped after {budget.seconds:g} s (the limit `seconds`)")
        if budget.megabytes is not None and resident_megabytes() - self.started[1] > budget.megabytes:
            raise OverBudget(f"stopped at {budget.megabytes:g} MB (the limit `megabytes`)")

    def exec_body(self, body: tuple, frame: Frame) -> str | None:
        """Run statements until one of them leaves the body; answers how."""
        table = self.X
        depth = self.trail.depth
        for statement in body:
            self.steps += 1
            try:
                signal = table[statement.__class__](statement, frame)
            except Unsupported as missing:
                self.note(f"not implemented: {missing}")
                self.uncertain += 1
                continue
            except (Raised, OverBudget, RecursionError):
                raise
            except Exception as error:  # a fault of ours: the statement is left out, the rest goes on
                if STRICT:
                    raise
                self.note(f"internal error: {type(error).__name__}: {error}")
                self.uncertain += 1
                self.trail.depth = depth
                continue
            if signal is not None:
                return signal
        return None

    # -- state ----------------------------------------------------------------------------------------------------------

    @property
    def path(self) -> Knowledge:
        """What the current path knows of sizes."""
        return self.state["path"]

    def learn(self, knowledge: Knowledge) -> None:
        if knowledge is not self.state["path"]:
            self.trail.set(self.state, "path", knowledge)

    def resolve(self, value: object) -> object:
        """What the path has found an unknown, or one of several alternatives, to be."""
        while (value.__class__ is Unknown or value.__class__ is OneOf) and value.fields:
            found = value.fields.get("is", value)
            if found is value:
                break
            value = found
        return value

    def fresh_int(self, name: str = "", low: int | None = None) -> Expr:
        """A new symbolic int."""
        return self.new_symbol(name if name.isidentifier() else "n", low, 0)

    def new_symbol(self, name: str, low: int | None, rank: int) -> int | Expr:
        """A symbol of this place; when a witness is replayed, the number that stands for it."""
        span = self.here.span
        ordinal = self.made[span] = self.made.get(span, 0) + 1
        known = self.numbers.get((span, ordinal))
        return symbol(name, (span, ordinal), low, rank) if known is None else known

    def fits_symbol(self, wide: object, new: object) -> bool:
        """Does a fresh symbol stand for `new` too?  Its lower bound must hold."""
        if wide.__class__ is not Expr or isinstance(new, (str, float)) or new is None:
            return False
        terms = wide.terms
        if len(terms) != 1 or terms[0][1] != 1 or len(terms[0][0]) != 1:
            return False
        atom = terms[0][0][0]
        low = getattr(atom, "low", None)
        if getattr(atom, "rank", 2) != 0:
            return False
        if low is None:
            return True
        bound = lower(new) if isinstance(new, (int, Expr)) else None
        return bound is not None and bound >= low

    # -- values ---------------------------------------------------------------------------------------------------------

    def generic_of(self, value: object) -> object:
        """Another value of the same kind."""
        return self.fresh_int("n", None) if isinstance(value, (int, Expr)) and not isinstance(value, bool) else value

    def leave(self) -> object:
        """`exit()`: the program ends here on this path."""
        raise Raised(self.new_exception("SystemExit"))

    def new_list(self, items: tuple | Seq = ()) -> ListValue:
        return ListValue(self.trail.fields(items=items))

    def new_exception(self, name: str, message: str = "") -> Exception_:
        return Exception_(self.trail.names(args=(message,)), self.types.get(name) or self.types["Exception"])

    def fail(self, name: str, message: str, why: str = "") -> object:
        """A modelled error: raised where a handler can catch it, otherwise the value is unknown (one mistake is enough)."""
        if self.tries:
            raise Raised(self.new_exception(name, message))
        self.uncertain += 1
        return Unknown(why or f"{name}: {message}")

    # -- what was seen --------------------------------------------------------------------------------------------------

    def see(self, node: Node, value: object, frame: Frame) -> None:
        """Remember the fact of a place."""
        place = frame.place
        if place is None or place.facts is None or self.silent:
            return
        seen = self.domain.snapshot(value)
        have = place.facts.get(node)
        if have is None:
            place.facts[node] = [seen]
        elif seen != have[-1] and seen not in have:
            have.append(seen)
            if len(have) > MOST_SEEN:
                have[:] = condensed(have)

    def watch_names(self) -> None:
        """Remember what names hold where they are read, not only where they are bound."""
        load = self.E[Name]

        def seen(node: Node, frame: Frame) -> object:
            value = load(node, frame)
            self.see(node, value, frame)
            return value

        self.E[Name] = seen

    def note(self, text: str) -> None:
        self.notes[text] = self.notes.get(text, 0) + 1

    def tell(self, event: object) -> None:
        """Hand an event (a step, a refusal, a backward) to the rules."""
        if self.silent:
            return
        for listener in self.listeners:
            listener(event)

    # -- running --------------------------------------------------------------------------------------------------------

    def run_units(self, places: list[Place], frame: Frame) -> None:
        """A module's chunks, in order; what stops one chunk does not stop the next unless the program ends there."""
        for place in places:
            frame.place = place
            try:
                self.exec_body(place.chunk.body, frame.of_chunk(place))  # its own frame: events keep it
            except Raised as raised:
                if isinstance(raised.value, (Instance, Exception_)) or raised.certain:
                    self.note("the program ends with an exception")
                    if self.ends_program(raised):
                        return
            except RecursionError:
                self.note("nested too deeply")
