"""Statements: binding, definitions, with, try, match."""

from __future__ import annotations

from tensight_analyzer.interp.frame import Frame
from tensight_analyzer.interp.signals import BREAK, CONTINUE, RETURN, Raised
from tensight_analyzer.interp.values import (
    MISSING,
    ClassMethod,
    ClassValue,
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
            if known and all(
                isinstance(self.iterate(a), tuple) and len(self.iterate(a)) == len(targets) for a in known
            ):
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
                item = (
                    self.new_list(Seq(plan.element, self.fresh_int("len", 0)))
                    if isinstance(target, ir.Starred)
                    else (self.fresh_element(plan.element))
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
