"""The interpreter with the policy of execution: one path, as Python takes it.

The analyzer's machine runs both sides of a branch it cannot decide, and widens loops.  This one decides every branch or
stops, saying on what the rest depends; it never undoes anything, so tensors may be changed in place.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cmp_to_key

from tensight_analyzer.interp import values as kinds
from tensight_analyzer.interp.expressions import Plan
from tensight_analyzer.interp.frame import Frame
from tensight_analyzer.interp.machine import Machine
from tensight_analyzer.interp.signals import BREAK, RETURN, OverBudget, Raised
from tensight_analyzer.interp.trail import Trail
from tensight_analyzer.interp.values import MISSING, DictValue, Function, Instance, Unknown
from tensight_analyzer.ir import nodes as ir
from tensight_server.evaluator.generators import Lazy

DEEPEST = 250  # calls
VAGUE = ("rotate",)  # methods whose model does not change anything
LONGEST = 1_000_000  # items spelled out at once


class Stopped(OverBudget):
    """The evaluation ends here, calmly."""


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


def _extreme(name: str, better: str) -> Callable:
    def call(m, args, kwargs, at):
        items = tuple(m.items(args[0])) if len(args) == 1 else args
        if not items:
            return kwargs["default"] if "default" in kwargs else m.fail("ValueError", f"{name}() iterable argument is empty")
        key = kwargs.get("key")
        keys = items if m.resolve(key) is None else tuple(m.call(key, (i,), {}, at) for i in items)
        best = 0
        for i in range(1, len(items)):
            if m.decided(m.compare(better, keys[i], keys[best], at)):
                best = i
        return m.resolve(items[best])

    return call


class ConcreteMachine(Machine):
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

    # -- what is not known ----------------------------------------------------------------------------------------------

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

    # -- statements -----------------------------------------------------------------------------------------------------

    def exec_body(self, body: tuple, frame: Frame) -> str | None:
        table, place = self.X, frame.place
        users = place is not None and place.facts is not None
        for statement in body:
            self.steps += 1
            if users:
                self.at = (place, statement)
            signal = table[statement.__class__](statement, frame)
            if signal is not None:
                return signal
        return None

    def exec_if(self, n: ir.If, frame: Frame) -> str | None:
        return self.exec_body(n.body if self.decided(self.eval(n.test, frame)) else n.orelse, frame)

    def choose(self, test: object, yes: Callable[[], object], no: Callable[[], object]) -> object:
        return yes() if self.decided(test) else no()

    def exec_assert(self, n: ir.Assert, frame: Frame) -> None:
        if not self.decided(self.eval(n.test, frame)):
            raise Raised(self.new_exception("AssertionError"))

    def exec_for(self, n: ir.For, frame: Frame) -> str | None:
        for item in self.items(self.eval(n.iter, frame)):
            self.bind(n.target, item, frame)
            signal = self.exec_body(n.body, frame)
            if signal is BREAK:
                return None
            if signal is RETURN:
                return signal
        return self.exec_body(n.orelse, frame)

    def exec_while(self, n: ir.While, frame: Frame) -> str | None:
        while self.decided(self.eval(n.test, frame)):
            signal = self.exec_body(n.body, frame)
            if signal is BREAK:
                return None
            if signal is RETURN:
                return signal
        return self.exec_body(n.orelse, frame)

    def exec_raise(self, n: ir.Raise, frame: Frame) -> None:
        if n.exc is None and self.handled:
            raise Raised(self.handled[-1])
        super().exec_raise(n, frame)

    def exec_try(self, n: ir.Try, frame: Frame) -> str | None:
        signal: str | None = None
        try:
            signal = self._guarded(n, frame)
        except Raised:
            if n.final and (after := self.exec_body(n.final, frame)) is not None:
                return after
            raise
        if n.final:
            kept = frame.retval
            after = self.exec_body(n.final, frame)
            if after is not None:
                return after
            frame.retval = kept
        return signal

    def _guarded(self, n: ir.Try, frame: Frame) -> str | None:
        try:
            signal = self.exec_body(n.body, frame)
        except Raised as error:
            value = error.value
        else:
            return signal if signal is not None else self.exec_body(n.orelse, frame)
        for handler in n.handlers:
            if handler.type is not None:
                accepted = self.eval(handler.type, frame)
                if isinstance(value, Unknown) or isinstance(accepted, Unknown):
                    raise Stopped("what follows depends on which exception it is")
                if not self.catches(accepted, value):
                    continue
            if handler.name:
                self.trail.set(frame.locals, handler.name, value)
            self.handled.append(value)
            try:
                return self.exec_body(handler.body, frame)
            finally:
                self.handled.pop()
        raise Raised(value)

    def _with(self, n: ir.With, at: int, frame: Frame) -> str | None:
        if at == len(n.items):
            return self.exec_body(n.body, frame)
        item = n.items[at]
        manager = self.resolve(self.eval(item.context, frame))
        place = (item.context, frame)
        enter = self.class_attribute(manager, "__enter__")
        if enter is MISSING:
            value, leave = self.domain.entered(manager), MISSING
        else:
            value, leave = self.call(enter, (manager,), {}, place), self.class_attribute(manager, "__exit__")
        if item.target is not None:
            self.bind(item.target, value, frame)
        try:
            signal = self._with(n, at + 1, frame)
        except Raised as error:
            arguments = (manager, self.exception_class(error.value), error.value, None)
            if leave is not MISSING and self.truth(self.call(leave, arguments, {}, place)) is True:
                return None
            raise
        if leave is not MISSING:
            kept = frame.retval
            self.call(leave, (manager, None, None, None), {}, place)
            frame.retval = kept
        return signal

    # -- expressions ----------------------------------------------------------------------------------------------------

    def eval_boolop(self, n: ir.BoolOp, frame: Frame) -> object:
        for node in n.values[:-1]:
            value = self.eval(node, frame)
            if self.decided(value) != (n.op == "and"):
                return value
        return self.eval(n.values[-1], frame)

    def eval_comprehension(self, n: ir.Comprehension, frame: Frame) -> object:
        inner = Frame(self.trail.names(), frame, frame.module, frame.place, n, frame)
        inner.depth, inner.call_node, inner.caller = frame.depth, frame.call_node, frame.caller
        inner.function = frame.function
        found: list = []
        self._clause(n, 0, self.eval(n.clauses[0].iter, frame), inner, found)
        if n.kind == "dict":
            return self._dict_of(tuple(found), False)
        if n.kind == "list":
            return self.new_list(tuple(found))
        return self.new_set(tuple(found)) if n.kind == "set" else self.new_iterator(tuple(found))

    def _clause(self, n: ir.Comprehension, at: int, iterable: object, inner: Frame, found: list) -> None:
        clause = n.clauses[at]
        for item in self.items(iterable):
            self.bind(clause.target, item, inner)
            if not all(self.decided(self.eval(test, inner)) for test in clause.ifs):
                continue
            if at + 1 < len(n.clauses):
                self._clause(n, at + 1, self.eval(n.clauses[at + 1].iter, inner), inner, found)
            elif n.value is not None:
                found.append((self.eval(n.element, inner), self.eval(n.value, inner)))
            else:
                found.append(self.eval(n.element, inner))

    # -- iteration ------------------------------------------------------------------------------------------------------

    def items(self, value: object) -> Iterator[object]:
        """What a loop over `value` goes through, one by one."""
        value = self.resolve(value)
        if isinstance(value, range):
            yield from value
        elif isinstance(value, kinds.Iterator):
            while (item := self.pulled(value)) is not MISSING:
                yield item
        elif isinstance(value, Instance) and (method := value.cls.lookup("__iter__")) is not MISSING:
            made = self.resolve(self.call(method, (value,), {}, (None, None)))
            step = made.cls.lookup("__next__") if isinstance(made, Instance) else MISSING
            yield from self.items(made) if step is MISSING else self._until("StopIteration", lambda i: (step, (made,)))
        elif isinstance(value, Instance) and (step := value.cls.lookup("__next__")) is not MISSING:
            yield from self._until("StopIteration", lambda i: (step, (value,)))
        elif isinstance(value, Instance) and value.payload is None and (
            getter := value.cls.lookup("__getitem__")
        ) is not MISSING:  # fmt: skip
            yield from self._until("IndexError", lambda i: (getter, (value, i)))
        else:
            plan = super().iterate(value)
            if not isinstance(plan, tuple):
                raise Stopped(self.depends(value if isinstance(value, Unknown) else plan.element))
            yield from plan

    def _until(self, end: str, call: Callable) -> Iterator[object]:
        """Calls until one raises the exception `end`."""
        i = 0
        while True:
            function, args = call(i)
            try:
                item = self.call(function, args, {}, (None, None))
            except Raised as raised:
                if getattr(getattr(raised.value, "cls", None), "name", "") == end:
                    return
                raise
            yield item
            i += 1

    def pulled(self, value: kinds.Iterator) -> object:
        """The next item of an iterator, MISSING at its end."""
        items = value.fields["items"]
        if isinstance(items, Lazy):
            return items.pull()
        position = value.fields["position"]
        if not isinstance(items, (tuple, range)):
            raise Stopped(self.depends(items.element))
        if position == len(items):
            return MISSING
        value.fields["position"] = position + 1
        return items[position]

    def iterate(self, value: object) -> tuple | Plan:
        value = self.resolve(value)
        if isinstance(value, (range, kinds.Iterator, Instance)) and not (
            isinstance(value, Instance) and value.payload is not None
        ):
            found = []
            for item in self.items(value):
                found.append(item)
                if len(found) > LONGEST:
                    raise Stopped(f"a sequence of more than {LONGEST:,} items")
            return tuple(found)
        return super().iterate(value)

    def next_of(self, value: object, default: object, at) -> object:
        value = self.resolve(value)
        if isinstance(value, kinds.Iterator):
            item = self.pulled(value)
            if item is not MISSING:
                return item
            return self.fail("StopIteration", "") if default is MISSING else default
        return super().next_of(value, default, at)

    def sorted_items(self, items: object, kwargs: dict, at) -> object:
        if not isinstance(items, tuple):
            raise Stopped("what follows depends on the order of unknown items")
        key = kwargs.get("key")
        keys = items if key is None else tuple(self.call(key, (i,), {}, at) for i in items)
        less = lambda i, j: self.decided(self.compare("<", keys[i], keys[j], at))
        order = sorted(range(len(items)), key=cmp_to_key(lambda i, j: -1 if less(i, j) else int(less(j, i))),
                       reverse=self.decided(kwargs.get("reverse", False)))  # fmt: skip
        return tuple(items[i] for i in order)

    def repeated(self, sequence: object, times: object) -> object:
        items = sequence if isinstance(sequence, tuple) else sequence.fields["items"]
        if isinstance(items, tuple) and isinstance(times, int):
            if len(items) * times > LONGEST:
                raise Stopped(f"a sequence of more than {LONGEST:,} items")
            return items * times if isinstance(sequence, tuple) else self.new_list(items * times)
        return super().repeated(sequence, times)

    def emit_yield(self, value: object, frame: Frame) -> None:
        frame.yields.give(value)

    def eval_yieldfrom(self, n: ir.YieldFrom, frame: Frame) -> object:
        for item in self.items(self.eval(n.value, frame)):
            self.emit_yield(item, frame)

    def start_types(self) -> None:
        """Where the models of the builtins are vague about objects they cannot look into, these are not."""
        super().start_types()
        for name in ("set", "frozenset"):
            self.types[name].new = lambda m, args, kwargs, at: m.new_set(tuple(m.items(args[0])) if args else ())
        for name, first in (("min", "<"), ("max", ">")):
            self.builtins[name] = kinds.Native(name, _extreme(name, first))

    # -- calls ----------------------------------------------------------------------------------------------------------

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
        if default is MISSING and kind is not None and hasattr(kind, name):
            raise Stopped(f"not implemented: {kind.__name__}.{name}")
        return super()._absent(value, name, default)

    def builtin_attribute(self, value: object, name: str) -> object:
        if name == "__index__" and isinstance(value, int):
            return kinds.Native(name, lambda m, args, kwargs, at: int(value))
        if isinstance(value, (kinds.ListValue, kinds.SetValue)) and name in VAGUE:
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
