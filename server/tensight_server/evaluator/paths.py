"""Statements and conditions: one path, as Python takes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tensight_analyzer.interp.frame import Frame
from tensight_analyzer.interp.signals import BREAK, RETURN, Raised
from tensight_analyzer.interp.values import MISSING, Unknown
from tensight_analyzer.ir import nodes as ir

from tensight_server.evaluator.stop import Stopped


class Paths:
    """Mixin of the concrete machine."""

    # -- statements ---------------------------------------------------------------------------------------------------

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

    # -- expressions --------------------------------------------------------------------------------------------------

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
        found = self._clause(n, 0, self.eval(n.clauses[0].iter, frame), inner)
        if n.kind == "dict":
            return self._dict_of(tuple(found), False)
        if n.kind == "list":
            return self.new_list(tuple(found))
        return self.new_set(tuple(found)) if n.kind == "set" else self.lazily(found)

    def _clause(self, n: ir.Comprehension, at: int, iterable: object, inner: Frame) -> Iterator[object]:
        clause = n.clauses[at]
        for item in self.items(iterable):
            self.bind(clause.target, item, inner)
            if not all(self.decided(self.eval(test, inner)) for test in clause.ifs):
                continue
            if at + 1 < len(n.clauses):
                yield from self._clause(n, at + 1, self.eval(n.clauses[at + 1].iter, inner), inner)
            else:
                element = self.eval(n.element, inner)
                yield element if n.value is None else (element, self.eval(n.value, inner))
