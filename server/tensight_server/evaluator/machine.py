"""The interpreter with the policy of execution: one path, as Python takes it.

The analyzer's machine runs both sides of a branch it cannot decide, and widens loops.  This one decides every branch or
stops, saying on what the rest depends; it never undoes anything, so tensors may be changed in place.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from tensight_analyzer.interp import values as kinds
from tensight_analyzer.interp.frame import Frame
from tensight_analyzer.interp.machine import Machine
from tensight_analyzer.interp.signals import RETURN, Raised
from tensight_analyzer.interp.trail import Trail
from tensight_analyzer.interp.values import MISSING, DictValue, Function, Instance, Unknown
from tensight_analyzer.ir import nodes as ir

from tensight_server.evaluator.generators import Lazy
from tensight_server.evaluator.iteration import Iteration
from tensight_server.evaluator.paths import Paths
from tensight_server.evaluator.stop import Stopped

DEEPEST = 250  # calls
VAGUE = ("rotate", "send", "throw")  # methods whose model does less than they do


class Direct(Trail):
    """A trail that keeps no log: nothing is ever undone."""

    __slots__ = ()

    def mark(self) -> tuple[int, int]:
        return 0, self.clock

    def release(self, mark: tuple[int, int]) -> None:
        pass

    def undo(self, mark: tuple[int, int]) -> None:
        pass

    def capture(self, mark: tuple[int, int]) -> dict:
        return {}


class _Caught:
    """Stands in `tries`, so that a modelled error is always raised."""

    mark = (0, 0)

    def __init__(self):
        self.pending: list = []


class ConcreteMachine(Paths, Iteration, Machine):
    """Runs a program; `seen(place, node, value, frame)` is told what each place of the user holds."""

    tries = property(lambda self: self._tries, lambda self, value: None)
    uncertain = property(lambda self: 0, lambda self, value: None)

    def __init__(self, *args, seen: Callable = lambda *what: None, **kwargs):
        self._tries = [_Caught()]
        super().__init__(*args, **kwargs)
        self.trail = Direct()
        self.seen = seen
        self.at: tuple | None = None  # the user's statement that runs: (place, node)
        self.handled: list = []  # exceptions whose handlers run
        self.generators: list[Lazy] = []
        self.watch_names()

    def see(self, node: ir.Node, value: object, frame: Frame) -> None:
        place = frame.place
        if place is not None and place.facts is not None:
            self.seen(place, node, value, frame)

    def hurry(self) -> None:
        """Between two operators, each of which may take long: is there time left?"""
        seconds = self.budget.seconds
        if seconds is not None and time.monotonic() - self.started[0] > seconds:
            self.look_at = 0
            self.look()

    def close(self) -> None:
        for generator in self.generators:
            generator.close()

    # -- what is not known --------------------------------------------------------------------------------------------

    def decided(self, value: object) -> bool:
        truth = self.truth(value)
        if truth is None:
            raise Stopped(self.depends(value))
        return truth

    def depends(self, value: object) -> str:
        """Why a value is not known, as a sentence about what follows."""
        value = self.resolve(value)
        while isinstance(value, Unknown) and value.test is not None:
            test = value.test
            value = self.resolve(test.subject)
            if test.kind == "compare" and not isinstance(value, (Unknown, kinds.OneOf)):
                value = self.resolve(test.arg[1])
        if isinstance(value, Unknown):
            why = value.why or value.name or "what is not known here"
            if why.startswith(("depends", "the program")):
                return f"what follows {why}" if why.startswith("depends") else why
            return f"what follows depends on {value.name + ': ' if value.name else ''}{why}"
        return "what follows depends on a value that is not known here"

    def assume(self, value: object, truth: bool) -> bool:
        return self.decided(value) is truth

    def fork(self, thunks: list, frame: Frame) -> str | None:
        if len(thunks) == 1:
            return thunks[0]()
        raise Stopped("what follows depends on the run")

    def fork_values(self, thunks: list, name: str = "", supposed: bool = True) -> object:
        if len(thunks) == 1:
            return thunks[0]()
        raise Stopped("what follows depends on which of several values it is")

    def note(self, text: str) -> None:
        super().note(text)
        if text.startswith(("not implemented", "not read", "nested", "unknown decorator")):
            raise Stopped(text)

    def fail(self, name: str, message: str, why: str = "") -> object:
        raise Raised(self.new_exception(name, message))

    def ends_program(self, raised: Raised) -> bool:
        value = raised.value
        name = getattr(getattr(value, "cls", None), "name", "an exception")
        if name == "SystemExit":
            raise Stopped("the program ends here")
        args = value.fields.get("args", ()) if isinstance(value, (Instance, kinds.Exception_)) else ()
        message = args[0] if isinstance(args, tuple) and args and isinstance(args[0], str) else ""
        raise Stopped(f"the program ends here with {name}{': ' if message else ''}{message}")

    # -- calls --------------------------------------------------------------------------------------------------------

    def call_function(self, fn: Function, args: tuple, kwargs: dict, at) -> object:
        node, caller = at
        depth = caller.depth + 1 if caller is not None else 0
        if depth > DEEPEST:
            self.fail("RecursionError", "maximum recursion depth exceeded")
        module, place = fn.unit
        frame = Frame(self.trail.names(), fn.frame, module, place, fn.code, caller, node)
        frame.function = fn
        frame.depth = depth
        complaint = self.bind_arguments(fn, args, kwargs, frame)
        if complaint:
            self.fail("TypeError", f"{fn.code.name}() {complaint}")
        if fn.code.is_generator:
            frame.yields = Lazy(lambda: self.exec_body(fn.code.body, frame))
            self.generators.append(frame.yields)
            return self.new_iterator(frame.yields)
        before = self.at
        signal = self.exec_body(fn.code.body, frame)
        self.at = before
        return frame.retval if signal is RETURN else None

    def call_open(self, func: object, args: tuple, kwargs: dict, at) -> object:
        raise Stopped("a call with arguments nobody knows")

    def _absent(self, value: object, name: str, default: object) -> object:
        kind = self.python_type(value)
        model = isinstance(value, (kinds.Native, kinds.OpFunction, kinds.Iterator, kinds.Exception_))
        if default is MISSING and (model or kind is not None and hasattr(kind, name)):
            raise Stopped(f"not implemented: {kind.__name__ if kind else self.type_name(value)}.{name}")
        return super()._absent(value, name, default)

    def builtin_attribute(self, value: object, name: str) -> object:
        if name == "__index__" and isinstance(value, int):
            return kinds.Native(name, lambda m, args, kwargs, at: int(value))
        if isinstance(value, (kinds.ListValue, kinds.Iterator)) and name in VAGUE:
            raise Stopped(f"not implemented: {name}")
        return super().builtin_attribute(value, name)

    def call_unknown(self, func: object, args: tuple, kwargs: dict) -> Unknown:
        plain = all(map(self.constant_deep, (*args, *kwargs.values())))
        if isinstance(func, Unknown) and func.why.endswith("is not in the runtime") and not plain:
            raise Stopped(func.why)  # it may change what it is given
        for value in (*args, *kwargs.values()):
            self.domain.escaped(value, func)
        return super().call_unknown(func, (), {})

    def mapping_items(self, value: object) -> dict | None:
        found = super().mapping_items(value)
        if found is None and isinstance(value, (Unknown, DictValue)):
            raise Stopped(self.depends(value))
        return found
