"""Statements that guard others: try, with, match."""

from __future__ import annotations

from tensight_analyzer.interp.frame import Frame, Target
from tensight_analyzer.interp.signals import BREAK, CONTINUE, DEAD, RETURN, Raised, Unsupported
from tensight_analyzer.interp.values import (
    MISSING,
    ClassValue,
    Exception_,
    Unknown,
)
from tensight_analyzer.ir import nodes as ir


class Contexts:
    """Mixin of the machine."""

    def exec_try(self, n: ir.Try, frame: Frame) -> str | None:
        target = Target(self.trail.mark())
        caught = Target(target.mark)
        uncertain = self.uncertain
        self.tries.append(caught)
        raised: Raised | None = None
        signal: str | None = None
        depth_loops, depth_rounds = len(frame.loops), len(frame.rounds)
        try:
            signal = self.exec_body(n.body, frame)
        except Raised as error:
            raised = error
            del frame.loops[depth_loops:], frame.rounds[depth_rounds:]
        finally:
            self.tries.pop()
        if raised is not None:
            caught.pending.append((self.trail.capture(target.mark), raised))
        elif signal is None and n.orelse:
            signal = self.exec_body(n.orelse, frame)
        alternatives = []
        if raised is None:
            body_delta = self.trail.capture(target.mark)
            body_value = frame.retval

            def body() -> str | None:
                self.trail.apply(body_delta)
                frame.retval = body_value
                return signal

            alternatives.append(body)
        might_raise = self.uncertain > uncertain and not caught.pending
        self.trail.undo(target.mark)
        self.trail.release(target.mark)
        for delta, error in caught.pending:
            alternatives.append(self._handling(n, delta, error, frame))
        if might_raise and n.handlers:
            unknown = Raised(Unknown("an exception of code nobody knows"), certain=False)
            for handler in n.handlers:
                alternatives.append(self._handling(ir.Try(n.span, n.body, (handler,), (), ()), {}, unknown, frame))
        result = self._run_alternatives(alternatives, frame)
        if n.final:
            if isinstance(result, Raised):
                self.exec_body(n.final, frame)
                raise result
            kept = frame.retval
            after = self.exec_body(n.final, frame)
            if after is not None:
                return after
            frame.retval = kept
        if isinstance(result, Raised):
            raise result
        return result

    def _run_alternatives(self, alternatives: list, frame: Frame) -> str | None | Raised:
        try:
            return alternatives[0]() if len(alternatives) == 1 else self.fork(alternatives, frame)
        except Raised as error:
            return error

    def _handling(self, n: ir.Try, delta: dict, error: Raised, frame: Frame):
        """Run the first handler that takes `error`, from the state in which it was raised."""

        def run() -> str | None:
            self.trail.apply(delta)
            for handler in n.handlers:
                if handler.type is not None and not self.catches(self.eval(handler.type, frame), error.value):
                    continue
                if handler.name:
                    value = error.value if not isinstance(error.value, Unknown) else Unknown("a caught exception")
                    self.trail.set(frame.locals, handler.name, value)
                return self.exec_body(handler.body, frame)
            raise Raised(error.value, error.certain)

        return run

    def catches(self, kinds: object, value: object) -> bool:
        """May a handler for `kinds` take the exception `value`?"""
        if isinstance(value, Unknown):
            return True
        cls = value.cls if isinstance(value, Exception_) or hasattr(value, "cls") else None
        for kind in kinds if isinstance(kinds, tuple) else (kinds,):
            if not isinstance(kind, ClassValue) or not isinstance(cls, ClassValue):
                return True
            if cls.is_subclass(kind):
                return True
        return False

    def ends_program(self, raised: Raised) -> bool:
        return True

    # -- with -----------------------------------------------------------------------------------------------------------

    def exec_with(self, n: ir.With, frame: Frame) -> str | None:
        return self._with(n, 0, frame)

    def _with(self, n: ir.With, at: int, frame: Frame) -> str | None:
        if at == len(n.items):
            return self.exec_body(n.body, frame)
        item = n.items[at]
        manager = self.resolve(self.eval(item.context, frame))
        place = (item.context, frame)
        enter = self.class_attribute(manager, "__aenter__" if n.is_async else "__enter__")
        if enter is MISSING:
            value = self.domain.entered(manager)
            if item.target is not None:
                self.bind(item.target, value, frame)
            return self._with(n, at + 1, frame)
        value = self.call(enter, (manager,), {}, place)
        if item.target is not None:
            self.bind(item.target, value, frame)
        leave = self.class_attribute(manager, "__aexit__" if n.is_async else "__exit__")
        # paths that leave from inside pass through __exit__ too: they meet here first
        target = Target(self.trail.mark())
        returns, loops, rounds = frame.returns, frame.loops, frame.rounds
        inner_return, inner_break, inner_continue = (Target(target.mark) for _ in range(3))
        frame.returns, frame.loops, frame.rounds = inner_return, [inner_break], [inner_continue]
        swallowed = False
        try:
            signal = self._with(n, at + 1, frame)
        except Raised as error:
            frame.returns, frame.loops, frame.rounds = returns, loops, rounds
            swallowed = (
                leave is not MISSING
                and self.truth(
                    self.call(leave, (manager, self.exception_class(error.value), error.value, None), {}, place)
                )
                is True
            )
            self.trail.release(target.mark)
            if not swallowed:
                raise
            return None
        frame.returns, frame.loops, frame.rounds = returns, loops, rounds

        def leaving(delta: dict, how: str | None, value: object):
            def run() -> str | None:
                self.trail.apply(delta)
                frame.retval = value
                if leave is not MISSING:
                    self.call(leave, (manager, None, None, None), {}, place)
                return how

            return run

        pending = [
            (delta, how, value)
            for how, inner in ((RETURN, inner_return), (BREAK, inner_break), (CONTINUE, inner_continue))
            for delta, value in inner.pending
        ]
        if not pending:
            self.trail.release(target.mark)
            if signal is not DEAD and leave is not MISSING:
                kept = frame.retval
                self.call(leave, (manager, None, None, None), {}, place)
                frame.retval = kept
            return signal
        if signal is not DEAD:
            pending.append((self.trail.capture(target.mark), signal, frame.retval))
        self.trail.undo(target.mark)
        self.trail.release(target.mark)
        return self.fork([leaving(*p) for p in pending], frame)

    # -- match ----------------------------------------------------------------------------------------------------------

    def exec_match(self, n: ir.Match, frame: Frame) -> str | None:
        subject = self.eval(n.subject, frame)
        return self._cases(n.cases, 0, subject, frame)

    def _cases(self, cases: tuple, at: int, subject: object, frame: Frame) -> str | None:
        if at == len(cases):
            return None
        case = cases[at]
        fits = self.matches(case.pattern, subject, frame)
        if fits is not False and case.guard is not None:
            guard = self.truth(self.eval(case.guard, frame))
            fits = fits if guard is True else guard if fits is True else (False if guard is False else None)
        if fits is True:
            return self.exec_body(case.body, frame)
        if fits is False:
            return self._cases(cases, at + 1, subject, frame)
        return self.fork(
            [lambda: self.exec_body(case.body, frame), lambda: self._cases(cases, at + 1, subject, frame)], frame
        )

    def matches(self, p: ir.Pattern, subject: object, frame: Frame) -> bool | None:
        """Does the pattern fit?  Binds its names on the way."""
        subject = self.resolve(subject)
        if p.kind == "capture":
            if p.parts:
                inner = self.matches(p.parts[0], subject, frame)
                if inner is False:
                    return False
            else:
                inner = True
            if p.name is not None:
                self.store(p.name, subject, frame)
            return inner
        if p.kind in ("value", "singleton"):
            value = self.eval(p.exprs[0], frame)
            return self.truth(self.compare("is" if p.kind == "singleton" else "==", subject, value, (p, frame)))
        if p.kind == "or":
            answers = [self.matches(part, subject, frame) for part in p.parts]
            return True if True in answers else None if None in answers else False
        if p.kind == "class":
            cls = self.eval(p.exprs[0], frame)
            fits = self.truth(self.isinstance_of(subject, cls))
            if fits is False:
                return False
            keyed = p.parts[len(p.parts) - len(p.names) :] if p.names else ()
            for name, part in zip(p.names, keyed, strict=True):
                inner = self.matches(part, self.getattr(subject, name, (p, frame)), frame)
                fits = False if inner is False else fits if inner else None
            return fits if not p.parts[: len(p.parts) - len(p.names)] else None
        if p.kind == "sequence":
            plan = self.iterate(subject) if not isinstance(subject, (str, Unknown)) else None
            stars = [i for i, part in enumerate(p.parts) if part.kind == "star"]
            if not isinstance(plan, tuple):
                for part in p.parts:
                    self.matches(part, Unknown("part of a matched sequence"), frame)
                return None if not isinstance(subject, str) else False
            if (not stars and len(plan) != len(p.parts)) or len(plan) < len(p.parts) - len(stars):
                return False
            items = list(plan)
            if stars:
                at, after = stars[0], len(p.parts) - stars[0] - 1
                items = [
                    *items[:at],
                    self.new_list(tuple(items[at : len(items) - after])),
                    *items[len(items) - after :],
                ]
            answers = [self.matches(part, item, frame) for part, item in zip(p.parts, items, strict=True)]
            return False if False in answers else None if None in answers else True
        if p.kind == "star":
            if p.name is not None:
                self.store(p.name, subject, frame)
            return True
        raise Unsupported(f"match pattern {p.kind}")
