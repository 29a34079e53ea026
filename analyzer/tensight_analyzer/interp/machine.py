"""One interpreter for Python's semantics over the IR.  The domain says what a tensor is, the policy what a loop does.

    machine.py     the machine: dispatch, budgets, what was seen where
    expressions    names, literals, operators, comparisons, subscripts, comprehensions
    statements     assignment, functions, classes, with, try, match
    control        branches, joins, loops
    calls          arguments, functions, classes, operators of the table
    attributes     reading and writing them on every kind of value
    builtins, containers, strings, imports     Python's own
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from tensight_analyzer.interp.attributes import Attributes
from tensight_analyzer.interp.builtins import Builtins
from tensight_analyzer.interp.calls import Calls
from tensight_analyzer.interp.containers import Containers
from tensight_analyzer.interp.control import Control
from tensight_analyzer.interp.expressions import Expressions
from tensight_analyzer.interp.frame import Frame, Place, Target
from tensight_analyzer.interp.imports import Imports
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
from tensight_analyzer.ir.nodes import Node, Pass
from tensight_runtime.ops import Table
from tensight_runtime.spec.knowledge import Knowledge
from tensight_runtime.spec.size import Expr, lower, symbol


NOWHERE = Pass((0, 0, 0, 0))


class Budget:
    """What one file may cost.  Steps are evaluated nodes; a loop that has used `loop_steps` is widened."""

    def __init__(self, steps: int = 3_000_000, loop_steps: int = 60_000, rounds: int = 64, calls: int = 60):
        self.steps = steps
        self.loop_steps = loop_steps
        self.rounds = rounds
        self.calls = calls


class Machine(
    Expressions, Statements, Control, Calls, Attributes, Operators, Containers, Builtins, Imports, Joins
):
    """Interprets programs.  One machine serves one analysis; nothing of it is global."""

    def __init__(self, domain, project, table: Table, budget: Budget | None = None,
                 listeners: tuple[Callable, ...] = ()):  # fmt: skip
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
        self.tries: list[Target] = []
        self.notes: dict[str, int] = {}
        self.uncertain = 0
        self.here: Node = NOWHERE  # the call being evaluated: where new symbols come from
        self.serial = 0
        self.modules: dict[str, object] = {}
        self.E = {kind: getattr(self, "eval_" + name) for kind, name in self.EXPRESSIONS.items()}
        self.X = {kind: getattr(self, "exec_" + name) for kind, name in self.STATEMENTS.items()}
        domain.attach(self)
        self.start_types()

    # -- dispatch -------------------------------------------------------------------------------------------------------

    def eval(self, node: Node, frame: Frame) -> object:
        self.steps += 1
        if self.steps > self.budget.steps:
            raise OverBudget(f"more than {self.budget.steps} steps")
        return self.E[node.__class__](node, frame)

    def exec_body(self, body: tuple, frame: Frame) -> str | None:
        """Run statements until one of them leaves the body; answers how."""
        table = self.X
        for statement in body:
            self.steps += 1
            try:
                signal = table[statement.__class__](statement, frame)
            except Unsupported as missing:
                self.note(f"not implemented: {missing}")
                self.uncertain += 1
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
        self.serial += 1
        return symbol(name if name.isidentifier() else "n", (self.here.span, self.serial), low, rank=0)

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
        return Exception_(self.trail.fields(args=(message,)), self.types.get(name) or self.types["Exception"])

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
        if place is None or place.facts is None:
            return
        seen = self.domain.snapshot(value)
        have = place.facts.get(node)
        if have is None:
            place.facts[node] = [seen]
        elif seen != have[-1] and len(have) < 64 and seen not in have:
            have.append(seen)

    def note(self, text: str) -> None:
        self.notes[text] = self.notes.get(text, 0) + 1

    def tell(self, event: object) -> None:
        """Hand an event (a step, a refusal, a backward) to the rules."""
        for listener in self.listeners:
            listener(event)

    # -- running --------------------------------------------------------------------------------------------------------

    def run_units(self, places: list[Place], frame: Frame) -> None:
        """A module's chunks, in order; what stops one chunk does not stop the next unless the program ends there."""
        for place in places:
            frame.place = place
            try:
                self.exec_body(place.chunk.body, frame)
            except Raised as raised:
                if isinstance(raised.value, (Instance, Exception_)) or raised.certain:
                    self.note("the program ends with an exception")
                    if self.ends_program(raised):
                        return
            except RecursionError:
                self.note("nested too deeply")
