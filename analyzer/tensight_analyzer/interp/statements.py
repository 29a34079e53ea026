"""Statements: binding, definitions, with, try, match."""

from __future__ import annotations

from tensight_analyzer.interp.frame import Frame, Target
from tensight_analyzer.interp.signals import BREAK, CONTINUE, DEAD, RETURN, Raised, Unsupported
from tensight_analyzer.interp.values import (
    MISSING,
    UNBOUND,
    ClassMethod,
    ClassValue,
    Exception_,
    Function,
    OneOf,
    Seq,
    StaticMethod,
    Unknown,
)
from tensight_analyzer.ir import nodes as ir


class Statements:
    """Mixin of the machine."""

    STATEMENTS = {
        ir.ExprStmt: "expr", ir.Assign: "assign", ir.AugAssign: "augassign", ir.AnnAssign: "annassign",
        ir.Delete: "delete", ir.Return: "return", ir.Raise: "raise", ir.Assert: "assert", ir.If: "if",
        ir.While: "while", ir.For: "for", ir.Try: "try", ir.With: "with", ir.Match: "match",
        ir.FunctionDef: "functiondef", ir.ClassDef: "classdef", ir.Import: "import", ir.ImportFrom: "importfrom",
        ir.Pass: "pass", ir.Break: "break", ir.Continue: "continue", ir.Scope: "pass", ir.OpaqueStmt: "opaque",
    }  # fmt: skip

    def exec_expr(self, n: ir.ExprStmt, frame: Frame) -> None:
        self.eval(n.value, frame)

    def exec_pass(self, n: ir.Stmt, frame: Frame) -> None:
        pass

    def exec_break(self, n: ir.Break, frame: Frame) -> str:
        return BREAK

    def exec_continue(self, n: ir.Continue, frame: Frame) -> str:
        return CONTINUE

    def exec_return(self, n: ir.Return, frame: Frame) -> str:
        frame.retval = self.eval(n.value, frame) if n.value is not None else None
        return RETURN

    def exec_opaque(self, n: ir.OpaqueStmt, frame: Frame) -> None:
        self.note(f"not read: {n.why}")
        for name in n.names:
            self.trail.set(frame.locals, name, Unknown(n.why, None, name))

    # -- binding --------------------------------------------------------------------------------------------------------

    def exec_assign(self, n: ir.Assign, frame: Frame) -> None:
        value = self.eval(n.value, frame)
        for target in n.targets:
            self.bind(target, value, frame)

    def exec_annassign(self, n: ir.AnnAssign, frame: Frame) -> None:
        if n.value is not None:
            self.bind(n.target, self.eval(n.value, frame), frame)
        if frame.is_class and isinstance(n.target, ir.Name):
            fields = frame.locals.get("__annotations_in_order__", ())
            self.trail.set(frame.locals, "__annotations_in_order__", (*fields, n.target.id))
            self.trail.set(frame.locals, "__annotation_nodes__",
                           (*frame.locals.get("__annotation_nodes__", ()), (n.target.id, n.annotation)))  # fmt: skip

    def exec_augassign(self, n: ir.AugAssign, frame: Frame) -> None:
        target = n.target
        if isinstance(target, ir.Name):
            old = self.eval_name(target, frame)
            new = self.inplace(n.op, old, self.eval(n.value, frame), (n, frame))
            self.bind(target, new, frame)
        elif isinstance(target, ir.Attribute):
            owner = self.eval(target.value, frame)
            old = self.getattr(owner, target.name, (target, frame))
            new = self.inplace(n.op, old, self.eval(n.value, frame), (n, frame))
            self.setattr(owner, target.name, new, (n, frame))
            self.see(target, new, frame)
        elif isinstance(target, ir.Subscript):
            owner = self.eval(target.value, frame)
            index = self.eval(target.index, frame)
            old = self.getitem(owner, index, (target, frame))
            new = self.inplace(n.op, old, self.eval(n.value, frame), (n, frame))
            self.setitem(owner, index, new, (n, frame))

    def bind(self, target: ir.Expr, value: object, frame: Frame) -> None:
        """Assign `value` to a target of any form."""
        kind = target.__class__
        if kind is ir.Name:
            if isinstance(value, Unknown) and not value.name:
                value.name = target.id
            value = self.domain.named(value, target.id)
            self.store(target.id, value, frame)
            self.see(target, value, frame)
        elif kind is ir.Attribute:
            owner = self.eval(target.value, frame)
            self.setattr(owner, target.name, value, (target, frame))
            self.see(target, value, frame)
        elif kind is ir.Subscript:
            owner = self.eval(target.value, frame)
            self.setitem(owner, self.eval(target.index, frame), value, (target, frame))
        elif kind is ir.Tuple or kind is ir.List:
            self.unpack(target.items, value, frame)
        elif kind is ir.Starred:
            self.bind(target.value, value, frame)

    def store(self, name: str, value: object, frame: Frame) -> None:
        code = frame.code
        if code is not None and isinstance(code, ir.Code):
            if name in code.global_names:
                self.trail.set(frame.module.fields, name, value)
                return
            if name in code.nonlocal_names:
                outer = frame.parent
                while outer is not None and name not in outer.locals:
                    outer = outer.parent
                self.trail.set((outer or frame).locals, name, value)
                return
        self.trail.set(frame.locals, name, value)

    def unpack(self, targets: tuple, value: object, frame: Frame) -> None:
        value = self.resolve(value)
        if isinstance(value, OneOf):
            known = [a for a in value.alternatives if a is not None]
            if known and all(isinstance(self.iterate(a), tuple) and len(self.iterate(a)) == len(targets) for a in known):
                columns = zip(*(self.iterate(a) for a in known), strict=True)
                for target, column in zip(targets, columns, strict=True):
                    self.bind(target, self.join_values(list(column)), frame)
                return
            if len(known) == 1:
                value = known[0]
        value = self.domain.unpacked(value, targets, frame)
        plan = self.iterate(value)
        star = next((i for i, t in enumerate(targets) if isinstance(t, ir.Starred)), None)
        if not isinstance(plan, tuple):
            for target in targets:
                item = self.new_list(Seq(plan.element, self.fresh_int("len", 0))) if isinstance(target, ir.Starred) else (
                    self.fresh_element(plan.element)
                )
                self.bind(target, item, frame)
            return
        if star is None:
            if len(plan) != len(targets):
                more = "too many values to unpack" if len(plan) > len(targets) else "not enough values to unpack"
                self.fail("ValueError", f"{more} (expected {len(targets)}, got {len(plan)})")
                plan = tuple(Unknown("unpacked from a sequence of another length") for _ in targets)
            for target, item in zip(targets, plan, strict=True):
                self.bind(target, item, frame)
            return
        after = len(targets) - star - 1
        for target, item in zip(targets[:star], plan, strict=False):
            self.bind(target, item, frame)
        self.bind(targets[star], self.new_list(plan[star : len(plan) - after]), frame)
        for target, item in zip(targets[star + 1 :], plan[len(plan) - after :], strict=False):
            self.bind(target, item, frame)

    def exec_delete(self, n: ir.Delete, frame: Frame) -> None:
        for target in n.targets:
            for one in target.items if isinstance(target, ir.Tuple) else (target,):
                if isinstance(one, ir.Name):
                    self.trail.delete(frame.locals, one.id)
                elif isinstance(one, ir.Attribute):
                    self.delattr(self.eval(one.value, frame), one.name, (one, frame))
                elif isinstance(one, ir.Subscript):
                    self.delitem(self.eval(one.value, frame), self.eval(one.index, frame), (one, frame))

    # -- definitions ----------------------------------------------------------------------------------------------------

    def exec_functiondef(self, n: ir.FunctionDef, frame: Frame) -> None:
        value: object = self.new_function(n.code, frame)
        value = self.decorate(value, n.decorators, frame)
        self.store(n.name, value, frame)

    def decorate(self, value: object, decorators: tuple, frame: Frame) -> object:
        for node in reversed(decorators):
            decorator = self.eval(node, frame)
            if isinstance(decorator, Unknown):  # an unknown decorator: most wrap without changing what comes out
                self.note("unknown decorator")
                continue
            value = self.call(decorator, (value,), {}, (node, frame))
        return value

    def exec_classdef(self, n: ir.ClassDef, frame: Frame) -> None:
        bases = tuple(self.eval(b, frame) for b in n.bases)
        keywords = {k.name: self.eval(k.value, frame) for k in n.keywords if k.name}
        body = Frame(self.trail.names(), frame, frame.module, frame.place, n.code, frame.caller, frame.call_node)
        body.is_class = True
        body.depth = frame.depth
        self.trail.set(body.locals, "__qualname__", n.name)
        self.exec_body(n.code.body, body)
        value: object = self.new_class(n.name, bases, body.locals, frame.module, keywords, (n, frame))
        self.store(n.name, self.decorate(value, n.decorators, frame), frame)

    def new_class(self, name: str, bases: tuple, fields, module, keywords: dict, at) -> ClassValue:
        resolved = tuple(self.resolve(b) for b in bases)
        resolved = tuple(self.class_of_base(b) for b in resolved) or (self.types["object"],)
        cls = ClassValue(fields, name, resolved)
        self.trail.set(fields, "__module__", module.name)
        for value in list(fields.values()):
            function = value.function if isinstance(value, (StaticMethod, ClassMethod)) else value
            if isinstance(function, Function) and function.owner is None:
                function.owner = cls
            elif hasattr(function, "fget"):
                for part in (function.fget, function.fset):
                    if isinstance(part, Function) and part.owner is None:
                        part.owner = cls
        for attribute, value in list(fields.items()):
            setter = self.class_attribute(value, "__set_name__")
            if setter is not MISSING:
                self.call(setter, (value, cls, attribute), {}, at)
        for base in cls.mro[1:]:
            hook = base.fields.get("__init_subclass__", MISSING)
            if hook is not MISSING:
                function = hook.function if isinstance(hook, ClassMethod) else hook
                self.call(function, (cls,), keywords, at)
                break
        return cls

    # -- imports --------------------------------------------------------------------------------------------------------

    def exec_import(self, n: ir.Import, frame: Frame) -> None:
        for alias in n.names:
            module = self.import_module(alias.name, frame)
            if alias.asname is None and "." in alias.name:
                module = self.import_module(alias.name.split(".")[0], frame)
            self.store(alias.asname or alias.name.split(".")[0], module, frame)

    def exec_importfrom(self, n: ir.ImportFrom, frame: Frame) -> None:
        name = self.absolute_name(n.module, n.level, frame)
        for alias in n.names:
            if alias.name == "*":
                self.import_star(name, frame)
                continue
            value = self.import_from(name, alias.name, frame)
            self.store(alias.asname or alias.name, value, frame)

    # -- leaving --------------------------------------------------------------------------------------------------------

    def exec_raise(self, n: ir.Raise, frame: Frame) -> None:
        value = self.eval(n.exc, frame) if n.exc is not None else Unknown("the exception being handled")
        if isinstance(value, ClassValue):
            value = self.call(value, (), {}, (n, frame))
        raise Raised(value)

    def exec_assert(self, n: ir.Assert, frame: Frame) -> None:
        test = self.eval(n.test, frame)
        truth = self.truth(test)
        if truth is False or (truth is None and not self.assume(test, True)):
            raise Raised(self.new_exception("AssertionError"))

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
            swallowed = leave is not MISSING and self.truth(
                self.call(leave, (manager, self.exception_class(error.value), error.value, None), {}, place)
            ) is True
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
                items = [*items[:at], self.new_list(tuple(items[at : len(items) - after])), *items[len(items) - after :]]
            answers = [self.matches(part, item, frame) for part, item in zip(p.parts, items, strict=True)]
            return False if False in answers else None if None in answers else True
        if p.kind == "star":
            if p.name is not None:
                self.store(p.name, subject, frame)
            return True
        raise Unsupported(f"match pattern {p.kind}")


__all__ = ["Statements", "UNBOUND"]
