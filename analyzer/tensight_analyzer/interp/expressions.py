"""Expressions: names, literals, displays, subscripts, comprehensions."""

from __future__ import annotations

from tensight_runtime.spec.cond import Cond

from tensight_analyzer.interp.frame import Frame
from tensight_analyzer.interp.limits import long_template
from tensight_analyzer.interp.signals import Raised, Unsupported
from tensight_analyzer.interp.values import (
    MISSING,
    REST,
    UNBOUND,
    DictValue,
    Function,
    OneOf,
    Seq,
    SetValue,
    Test,
    Unknown,
)
from tensight_analyzer.ir import nodes as ir


class Plan:
    """How an iterable of unknown length goes on: what an item is, and how many there are (a size)."""

    __slots__ = ("element", "length")

    def __init__(self, element: object, length: object):
        self.element = element
        self.length = length


class Expressions:
    """Mixin of the machine."""

    EXPRESSIONS = {
        ir.Const: "const", ir.Name: "name", ir.FString: "fstring", ir.Tuple: "tuple", ir.List: "list", ir.Set: "set",
        ir.Dict: "dict", ir.Attribute: "attribute", ir.Subscript: "subscript", ir.Slice: "slice", ir.Call: "call",
        ir.BinOp: "binop", ir.UnaryOp: "unaryop", ir.BoolOp: "boolop", ir.Compare: "compare", ir.IfExp: "ifexp",
        ir.NamedExpr: "namedexpr", ir.Lambda: "lambda", ir.Comprehension: "comprehension", ir.Await: "await",
        ir.Yield: "yield", ir.YieldFrom: "yieldfrom", ir.Opaque: "opaque", ir.Starred: "starred",
    }  # fmt: skip

    def eval_const(self, n: ir.Const, frame: Frame) -> object:
        return n.value

    def eval_name(self, n: ir.Name, frame: Frame) -> object:
        value = self.load(n.id, frame)
        if value.__class__ is Unknown or value.__class__ is OneOf:
            value = self.resolve(value)
            if value.__class__ is OneOf and UNBOUND in value.alternatives:
                bound = tuple(a for a in value.alternatives if a is not UNBOUND)
                value = bound[0] if len(bound) == 1 else OneOf(bound)
        return value

    def load(self, name: str, frame: Frame) -> object:
        """The value of a name: locals, enclosing functions, globals, builtins."""
        value = frame.locals.get(name, MISSING)
        if value is not MISSING and value is not UNBOUND:
            return value
        code = frame.code
        if code.__class__ is not ir.Code or name not in code.global_names:
            outer = frame.parent
            while outer is not None:
                value = outer.locals.get(name, MISSING)
                if value is not MISSING and value is not UNBOUND:
                    return value
                outer = outer.parent
        value = frame.module.fields.get(name, MISSING)
        if value is not MISSING and value is not UNBOUND:
            return value
        value = self.builtins.get(name, MISSING)
        if value is not MISSING:
            return value
        rest = frame.module.fields.get(REST, MISSING)  # `from unknown import *`
        if rest is not MISSING:
            return Unknown(rest.why, None, name)
        return self.fail("NameError", f"name '{name}' is not defined")

    def eval_fstring(self, n: ir.FString, frame: Frame) -> object:
        parts = [self.eval_format(p, frame) if isinstance(p, ir.Format) else p.value for p in n.parts]
        return "".join(parts) if all(isinstance(p, str) for p in parts) else Unknown("text", str)

    def eval_format(self, n: ir.Format, frame: Frame) -> object:
        value = self.eval(n.value, frame)
        spec = self.eval_fstring(n.spec, frame) if n.spec is not None else ""
        if n.conversion == "r" or not isinstance(spec, str):
            return repr(value) if isinstance(value, (int, str, float)) and n.conversion == "r" else None
        if (value is None or isinstance(value, (int, float, str, bool))) and not long_template(spec):
            try:
                return format(value, spec)
            except (ValueError, TypeError):
                return None
        return None

    def eval_tuple(self, n: ir.Tuple, frame: Frame) -> object:
        items = self.spread(n.items, frame)
        return items if isinstance(items, tuple) else self.new_list(items)

    def eval_list(self, n: ir.List, frame: Frame) -> object:
        return self.new_list(self.spread(n.items, frame))

    def eval_set(self, n: ir.Set, frame: Frame) -> object:
        return self.new_set(self.spread(n.items, frame))

    def new_set(self, items: object) -> SetValue:
        if isinstance(items, tuple):
            unique: list = []
            for item in items:
                if not any(
                    item is have or (type(item) is type(have) and self.constant(item) and item == have)
                    for have in unique
                ):
                    unique.append(item)
            items = tuple(unique)
        return SetValue(self.trail.fields(items=items))

    def spread(self, items: tuple, frame: Frame) -> tuple | Seq:
        """The items of a display, starred ones expanded; a `Seq` if some length is unknown."""
        result: list = []
        open_ended = None
        for item in items:
            if isinstance(item, ir.Starred):
                more = self.iterate(self.eval(item.value, frame))
                if isinstance(more, tuple):
                    result.extend(more)
                else:
                    result.append(more.element)
                    open_ended = more
            else:
                result.append(self.eval(item, frame))
        if open_ended is None:
            return tuple(result)
        return Seq(self.join_values(result), self.fresh_int("len", 0))

    def eval_dict(self, n: ir.Dict, frame: Frame) -> object:
        items: dict = {}
        for key, value in zip(n.keys, n.values, strict=True):
            if key is None:
                other = self.resolve(self.eval(value, frame))
                contents = self.mapping_items(other)
                items.update(contents if contents is not None else {REST: Unknown("from an unknown mapping")})
                continue
            name = self.key_of(self.eval(key, frame))
            held = self.eval(value, frame)
            if name is MISSING:
                items[REST] = self.join_values([items[REST], held]) if REST in items else held
            else:
                items[name] = held
        return DictValue(self.trail.fields(items=items))

    def eval_slice(self, n: ir.Slice, frame: Frame) -> slice:
        low = self.eval(n.lower, frame) if n.lower is not None else None
        high = self.eval(n.upper, frame) if n.upper is not None else None
        step = self.eval(n.step, frame) if n.step is not None else None
        return slice(low, high, step)

    def eval_subscript(self, n: ir.Subscript, frame: Frame) -> object:
        value = self.eval(n.value, frame)
        index = self.eval(n.index, frame)
        result = self.getitem(value, index, (n, frame))
        self.see(n, result, frame)
        return result

    def eval_attribute(self, n: ir.Attribute, frame: Frame) -> object:
        value = self.eval(n.value, frame)
        result = self.getattr(value, n.name, (n, frame))
        self.see(n, result, frame)
        return result

    def eval_starred(self, n: ir.Starred, frame: Frame) -> object:
        return self.eval(n.value, frame)

    def eval_namedexpr(self, n: ir.NamedExpr, frame: Frame) -> object:
        value = self.eval(n.value, frame)
        owner = frame
        while owner.code is not None and isinstance(owner.code, ir.Comprehension) and owner.parent is not None:
            owner = owner.parent
        self.trail.set(owner.locals, n.target.id, value)
        self.see(n.target, value, frame)
        return value

    def eval_lambda(self, n: ir.Lambda, frame: Frame) -> object:
        return self.new_function(n.code, frame)

    def new_function(self, code: ir.Code, frame: Frame) -> Function:
        defaults = {p.name: self.eval(p.default, frame) for p in code.params if p.default is not None}
        scope = frame
        while scope is not None and scope.is_class:  # class bodies are no enclosing scope
            scope = scope.parent
        return Function(self.trail.names(), code, scope if scope is not None and scope.code is not None else None, defaults,
                        (frame.module, frame.place))  # fmt: skip

    def eval_await(self, n: ir.Await, frame: Frame) -> object:
        return self.eval(n.value, frame)

    def eval_yield(self, n: ir.Yield, frame: Frame) -> object:
        value = self.eval(n.value, frame) if n.value is not None else None
        self.emit_yield(value, frame)
        return None

    def emit_yield(self, value: object, frame: Frame) -> None:
        if frame.yields is None:
            raise Unsupported("yield outside a function")
        self.trail.set(frame.yields, "items", self.appended(frame.yields["items"], value))

    def eval_yieldfrom(self, n: ir.YieldFrom, frame: Frame) -> object:
        plan = self.iterate(self.eval(n.value, frame))
        if isinstance(plan, tuple):
            for item in plan:
                self.emit_yield(item, frame)
        else:
            items = frame.yields["items"]
            known = [*items] if isinstance(items, tuple) else [items.element]
            self.trail.set(
                frame.yields, "items", Seq(self.join_values([*known, plan.element]), self.fresh_int("len", 0))
            )
        return None

    def eval_opaque(self, n: ir.Opaque, frame: Frame) -> object:
        self.note(f"not read: {n.why}")
        return Unknown(n.why)

    # -- booleans -------------------------------------------------------------------------------------------------------

    def eval_boolop(self, n: ir.BoolOp, frame: Frame) -> object:
        return self._boolop(n.op, n.values, 0, frame)

    def _boolop(self, op: str, values: tuple, at: int, frame: Frame) -> object:
        left = self.eval(values[at], frame)
        if at == len(values) - 1:
            return left
        truth = self.truth(left)
        if truth is not None:
            return self._boolop(op, values, at + 1, frame) if truth == (op == "and") else left
        goes_on = op == "and"

        def more() -> object:
            if not self.assume(left, goes_on):
                raise Raised(Unknown("impossible path"), certain=False)
            return self._boolop(op, values, at + 1, frame)

        def stop() -> object:
            if not self.assume(left, not goes_on):
                raise Raised(Unknown("impossible path"), certain=False)
            return left if not self.is_bool(left) else not goes_on

        if self.is_bool(left):
            mark = self.trail.mark()  # the right side is evaluated for what it shows, and undone: it may not run
            right: object = MISSING
            try:
                right = more()
            except Raised:
                pass
            self.trail.undo(mark)
            self.trail.release(mark)
            if right is MISSING:
                return not goes_on
            truth = self.truth(right)
            if truth is not None:
                return left if truth == goes_on else not goes_on
            if self.is_bool(right):
                return Unknown("depends on the run", bool, test=Test(op, left, right))
        return self.fork_values([more, stop])

    def eval_compare(self, n: ir.Compare, frame: Frame) -> object:
        left = self.eval(n.left, frame)
        result: object = True
        for op, node in zip(n.ops, n.rights, strict=True):
            right = self.eval(node, frame)
            one = self.compare(op, left, right, (n, frame))
            if result is True:
                result = one
            elif self.truth(result) is not False:
                truth = self.truth(one)
                if truth is False:
                    result = one
                elif truth is None:
                    result = Unknown("depends on the run", bool, test=Test("and", result, one))
            left = right
        self.see(n, result, frame)
        return result

    def eval_binop(self, n: ir.BinOp, frame: Frame) -> object:
        spine = []
        node: ir.Expr = n
        while isinstance(node, ir.BinOp):  # long chains lie on the left: no recursion along them
            spine.append(node)
            node = node.left
        value = self.eval(node, frame)
        for link in reversed(spine):
            value = self.binary(link.op, value, self.eval(link.right, frame), (link, frame))
            self.see(link, value, frame)
        return value

    def eval_unaryop(self, n: ir.UnaryOp, frame: Frame) -> object:
        value = self.unary(n.op, self.eval(n.operand, frame), (n, frame))
        self.see(n, value, frame)
        return value

    # -- comprehensions -------------------------------------------------------------------------------------------------

    def eval_comprehension(self, n: ir.Comprehension, frame: Frame) -> object:
        inner = Frame(self.trail.names(), frame, frame.module, frame.place, n, frame)
        inner.depth = frame.depth
        inner.forking = self.forking
        inner.yields = self.trail.fields(items=(), open=False)
        inner.function = frame.function
        first = self.eval(n.clauses[0].iter, frame)
        self._clauses(n, 0, first, inner)
        items = inner.yields["items"]
        length = self.fresh_int("len", 0) if inner.yields["open"] is True else inner.yields["open"]
        if n.kind == "dict":
            return self._dict_of(items, length is not False)
        if length is not False:
            element = self.join_values(list(items)) if items else Unknown("element of an empty sequence")
            contents: tuple | Seq = Seq(element, length)
        else:
            contents = items
        if n.kind == "list":
            return self.new_list(contents)
        return self.new_set(contents) if n.kind == "set" else self.new_iterator(contents)

    def _dict_of(self, pairs: tuple, open_ended: bool) -> DictValue:
        items: dict = {}
        for key, value in pairs:
            name = self.key_of(key)
            if name is MISSING or open_ended:
                items[REST] = self.join_values([items[REST], value]) if REST in items else value
            else:
                items[name] = value
        return DictValue(self.trail.fields(items=items))

    def _clauses(self, n: ir.Comprehension, at: int, iterable: object, inner: Frame) -> None:
        clause = n.clauses[at]
        plan = self.iterate(iterable)
        yields = inner.yields
        if isinstance(plan, tuple) and (len(plan) <= self.budget.rounds or self._cheap(n, plan)):
            for item in plan:
                self.bind(clause.target, item, inner)
                self._filtered(n, at, 0, inner)
            return
        # many or unknown many: one round with what all items have in common
        length = len(plan) if isinstance(plan, tuple) else plan.length
        element = self.join_values([self.generic(i) for i in plan]) if isinstance(plan, tuple) else plan.element
        before = yields["items"]
        self.trail.set(yields, "items", ())
        self.bind(clause.target, element, inner)
        self._filtered(n, at, 0, inner)
        exact = at == 0 and not clause.ifs and len(n.clauses) == 1 and not before and yields["open"] is False
        self.trail.set(yields, "open", length if exact else True)
        self.trail.set(yields, "items", before + yields["items"])

    def _cheap(self, n: ir.Comprehension, plan: tuple) -> bool:
        """Long but plain: the step budget of a loop allows it."""
        return len(plan) <= 4096 and all(self.constant(item) for item in plan)

    def _filtered(self, n: ir.Comprehension, at: int, which: int, inner: Frame) -> None:
        clause = n.clauses[at]
        if which < len(clause.ifs):
            test = self.eval(clause.ifs[which], inner)
            truth = self.truth(test)
            if truth is False:
                return
            if truth is None:
                mark = self.trail.mark()
                if self.assume(test, True):
                    self._filtered(n, at, which + 1, inner)
                yielded = inner.yields["items"]
                self.trail.undo(mark)
                self.trail.release(mark)
                self.trail.set(inner.yields, "items", yielded)
                self.trail.set(inner.yields, "open", True)
                return
            return self._filtered(n, at, which + 1, inner)
        if at + 1 < len(n.clauses):
            return self._clauses(n, at + 1, self.eval(n.clauses[at + 1].iter, inner), inner)
        element = self.eval(n.element, inner)
        if n.value is not None:
            element = (element, self.eval(n.value, inner))
        self.trail.set(inner.yields, "items", (*inner.yields["items"], element))

    def is_bool(self, value: object) -> bool:
        return isinstance(value, (bool, Cond)) or (isinstance(value, Unknown) and value.python_type is bool)
