"""Branches, joins and loops.

A known condition takes one branch.  An unknown one runs both from the same state; what they wrote is joined.  A path that
leaves early (return, break, continue, an exception in a `try`) waits at its target with what it wrote.
"""

from __future__ import annotations

from collections.abc import Callable

from tensight_analyzer.interp.frame import Frame, Target
from tensight_analyzer.interp.join import same
from tensight_analyzer.interp.signals import BREAK, CONTINUE, DEAD, RETURN, Raised
from tensight_analyzer.interp.values import MISSING, Names, OneOf, Seq, Unknown
from tensight_analyzer.ir import nodes as ir


class Control:
    """Mixin of the machine."""

    # -- branches -------------------------------------------------------------------------------------------------------

    def fork_values(self, thunks: list[Callable[[], object]], name: str = "", supposed: bool = True) -> object:
        """The joined value of several expressions, each from the present state.

        They are `supposed` to be possible unless they are the sides of a branch.
        """
        mark = self.trail.mark()
        deltas, values, raised = [], [], None
        supposed = supposed and len(thunks) > 1
        for thunk in thunks:
            self.supposing += supposed
            self.forking += 1
            try:
                values.append(thunk())
            except Raised as error:
                self.pend_raise(error)
                raised = error
                self.trail.undo(mark)
                continue
            finally:
                self.supposing -= supposed
                self.forking -= 1
            deltas.append(self.trail.capture(mark))
            self.trail.undo(mark)
        self.trail.release(mark)
        if not deltas:
            raise raised
        self.trail.join(deltas, mark, self.join_entry)
        return self.join_values(values, name)

    def fork(self, thunks: list[Callable[[], str | None]], frame: Frame) -> str | None:
        """Run statements' alternatives; paths that leave wait at their target, the others are joined."""
        mark = self.trail.mark()
        deltas, raised, left = [], None, False
        self.forking += 1
        for thunk in thunks:
            try:
                signal = thunk()
            except Raised as error:
                self.pend_raise(error)
                raised = error
                self.trail.undo(mark)
                continue
            if signal is None:
                deltas.append(self.trail.capture(mark))
            else:
                left = True
                self.pend(signal, frame)
            self.trail.undo(mark)
        self.forking -= 1
        self.trail.release(mark)
        if deltas:
            self.trail.join(deltas, mark, self.join_entry)
            return None
        if left:
            return DEAD
        raise raised

    def pend(self, signal: str, frame: Frame) -> None:
        """Leave the present state at the target of `signal`."""
        if signal is RETURN:
            target, value = frame.returns, frame.retval
        elif signal is BREAK:
            target, value = frame.loops[-1], None
        elif signal is CONTINUE:
            target, value = frame.rounds[-1], None
        else:
            return
        if target is not None:
            target.pending.append((self.trail.capture(target.mark), value))

    def pend_raise(self, error: Raised) -> None:
        if self.tries:
            target = self.tries[-1]
            target.pending.append((self.trail.capture(target.mark), error))

    def meet(self, target: Target, arrives: bool, value: object = None) -> list | None:
        """Join the paths that wait at `target` with the present one (if it `arrives`); their values, or None for no path."""
        if not target.pending:
            self.trail.release(target.mark)
            return [value] if arrives else None
        deltas = [delta for delta, _ in target.pending]
        values = [v for _, v in target.pending]
        if arrives:
            deltas.append(self.trail.capture(target.mark))
            values.append(value)
        self.trail.undo(target.mark)
        self.trail.release(target.mark)
        self.trail.join(deltas, target.mark, self.join_entry)
        return values

    def exec_if(self, n: ir.If, frame: Frame) -> str | None:
        test = self.eval(n.test, frame)
        truth = self.truth(test)
        if truth is not None:
            return self.exec_body(n.body if truth else n.orelse, frame)

        def side(value: bool, body: tuple) -> Callable[[], str | None]:
            def run() -> str | None:
                if not self.assume(test, value):
                    return DEAD
                return self.exec_body(body, frame)

            return run

        return self.fork([side(True, n.body), side(False, n.orelse)], frame)

    def eval_ifexp(self, n: ir.IfExp, frame: Frame) -> object:
        test = self.eval(n.test, frame)
        return self.choose(test, lambda: self.eval(n.body, frame), lambda: self.eval(n.orelse, frame))

    def choose(self, test: object, yes: Callable[[], object], no: Callable[[], object]) -> object:
        """`yes()` if `test` else `no()`; both, joined, if nobody knows."""
        truth = self.truth(test)
        if truth is not None:
            return yes() if truth else no()

        def side(value: bool, thunk: Callable[[], object]) -> Callable[[], object]:
            def run() -> object:
                if not self.assume(test, value):
                    raise Raised(Unknown("impossible path"))
                return thunk()

            return run

        return self.fork_values([side(True, yes), side(False, no)], supposed=False)

    # -- loops ----------------------------------------------------------------------------------------------------------

    def exec_for(self, n: ir.For, frame: Frame) -> str | None:
        iterable = self.eval(n.iter, frame)
        if isinstance(iterable, OneOf):
            known = tuple(a for a in iterable.alternatives if a is not None and not isinstance(a, Unknown))
            iterable = OneOf(known) if known else iterable
        plan = self.iterate(iterable)
        items = plan if isinstance(plan, tuple) else None

        def bind(value: object) -> Callable[[], None]:
            return lambda: self.bind(n.target, value, frame)

        loop = self.start_loop(frame)
        start = self.steps
        signal, done = None, 0
        if items is not None:
            for done, item in enumerate(items, 1):
                if done > 2 and self.too_many(done, self.steps - start):
                    rest = self.join_values([self.generic(i) for i in items[done - 1 :]])
                    signal = self.widen_loop(bind(rest), n, frame)
                    break
                signal = self.round(bind(item), n.body, frame)
                if signal is not None:
                    break
        else:
            signal = self.open_loop(bind(plan.element), n, frame, plan.length)
        return self.end_loop(loop, signal, n.orelse, frame)

    def too_many(self, rounds: int, steps: int) -> bool:
        """Is a loop to be widened?  Many rounds are followed one by one only where each of them is cheap."""
        budget = self.budget
        return steps > budget.loop_steps or (
            rounds > budget.rounds and (steps > 40 * rounds or rounds > 32 * budget.rounds)
        )

    def generic(self, item: object) -> object:
        """An item that stands for many: its ints are no longer known one by one."""
        if isinstance(item, tuple):
            return tuple(map(self.generic, item))
        return item

    def open_loop(
        self, bind: Callable[[], None], n: ir.For | ir.While, frame: Frame, length: object = None
    ) -> str | None:
        """A loop of unknown length: two rounds, then widened; where it may not run at all, joined with its entry."""
        surely = isinstance(length, int) and length > 0
        if isinstance(length, int) and length == 0:
            return None

        def rounds() -> str | None:
            signal = self.round(bind, n.body, frame)
            if signal is not None:
                return signal
            if isinstance(length, int) and length == 1:
                return None

            def more() -> str | None:
                again = self.round(bind, n.body, frame)
                if again is not None:
                    return again
                return self.widen_loop(bind, n, frame)

            return more() if isinstance(length, int) else self.fork([lambda: None, more], frame)

        return rounds() if surely else self.fork([lambda: None, rounds], frame)

    def widen_loop(self, bind: Callable[[], None], n: ir.For | ir.While, frame: Frame) -> str | None:
        """Rounds without end: what a round changes is widened until a further round brings nothing new."""
        for attempt in range(4):
            mark = self.trail.mark()
            signal = None
            try:
                signal = self.round(bind, n.body, frame)
            except Raised as error:
                self.pend_raise(error)
                self.trail.undo(mark)
                self.trail.release(mark)
                return None
            if signal is not None:
                self.pend(signal, frame)
                self.trail.undo(mark)
                self.trail.release(mark)
                return None
            delta = self.trail.capture(mark)
            self.trail.undo(mark)
            self.trail.release(mark)
            stable = True
            for fields, key, value in delta.values():
                if fields.born > mark[1]:
                    continue
                old = fields.get(key, MISSING)
                if same(old, value) or self.covers_entry(old, value, key, fields):
                    if not same(old, value) and self.equivalent(old, value):
                        self.trail.set(fields, key, value)
                    continue
                stable = False
                if attempt < 3:
                    wide = self.widen_entry(old, value, key, fields)
                else:
                    wide = self.give_up(old, value, None if isinstance(fields, Names) else key)
                self.trail.set(fields, key, wide)
            if stable:
                return None
        return None

    def give_up(self, old: object, value: object, key: object) -> object:
        """What still changes after four rounds is unknown."""
        if key == "fact":
            return self.domain.vague(old)
        if key in ("version", "node", "storage", "origin", "base"):
            return None
        if key == "items":
            if isinstance(old, dict):
                return {**old, **value} if isinstance(value, dict) else old
            return Seq(Unknown("changes in every round of a loop"), self.fresh_int("len", 0))
        if key == "path":
            return type(old).EMPTY
        return Unknown("changes in every round of a loop", self.python_type(value))

    def exec_while(self, n: ir.While, frame: Frame) -> str | None:
        loop = self.start_loop(frame)
        start, done = self.steps, 0
        while True:
            test = self.eval(n.test, frame)
            truth = self.truth(test)
            if truth is False:
                return self.end_loop(loop, None, n.orelse, frame)
            if (
                truth is None
                or (done >= 2 and self.steps - start > self.budget.loop_steps)
                or done >= self.budget.rounds
            ):
                break
            signal = self.round(lambda: self.assume(test, True), n.body, frame)
            done += 1
            if signal is not None:
                return self.end_loop(loop, signal, n.orelse, frame)
        endless = isinstance(n.test, ir.Const) and bool(n.test.value)

        def again() -> None:
            condition = self.eval(n.test, frame)
            if self.truth(condition) is False or not self.assume(condition, True):
                raise Raised(Unknown("the loop has ended"), certain=False)

        if endless:
            signal = self.widen_loop(again, n, frame)
            signal = signal or DEAD  # only a break ends it
        else:
            signal = self.open_loop(again, n, frame)
        if signal is None:
            try:
                self.assume(self.eval(n.test, frame), False)
            except Raised:
                pass
        return self.end_loop(loop, signal, n.orelse, frame)

    def start_loop(self, frame: Frame) -> Target:
        loop = Target(self.trail.mark())
        frame.loops.append(loop)
        return loop

    def end_loop(self, loop: Target, signal: str | None, orelse: tuple, frame: Frame) -> str | None:
        """After a loop: its `else`, then the paths that broke out."""
        frame.loops.pop()
        if signal is RETURN and not loop.pending:
            self.trail.release(loop.mark)
            return signal
        arrives = signal in (None, BREAK)
        if signal is RETURN:
            self.pend(signal, frame)
        if signal is None and orelse:
            after = self.exec_body(orelse, frame)
            if after is not None:
                self.pend(after, frame)
                arrives = False
        return None if self.meet(loop, arrives) else DEAD

    def round(self, bind: Callable[[], None], body: tuple, frame: Frame) -> str | None:
        """One round of a loop: None to go on."""
        target = Target(self.trail.mark())
        frame.rounds.append(target)
        try:
            bind()
            signal = self.exec_body(body, frame)
        except Raised:
            frame.rounds.pop()
            if target.pending:  # some path went on to the next round before
                self.meet(target, False)
                return None
            self.trail.release(target.mark)
            raise
        frame.rounds.pop()
        if signal in (None, CONTINUE):
            self.meet(target, True)
            return None
        if target.pending:
            self.pend(signal, frame)
            self.meet(target, False)
            return None
        self.trail.release(target.mark)
        return signal
