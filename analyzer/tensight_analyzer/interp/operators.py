"""Operators on values that are no tensors; tensors go to the table through their special methods' names."""

from __future__ import annotations

import operator

from tensight_runtime.spec import cond as conds
from tensight_runtime.spec.cond import Cond
from tensight_runtime.spec.size import UNKNOWN, Expr
from tensight_runtime.spec.size import Unknown as UnknownSize

from tensight_analyzer.interp.join import is_int, same
from tensight_analyzer.interp.limits import LARGEST, large_result
from tensight_analyzer.interp.values import (
    MISSING,
    UNBOUND,
    ClassValue,
    DictValue,
    Instance,
    ListValue,
    OneOf,
    Seq,
    SetValue,
    TensorValue,
    Test,
    Unknown,
)

NAMES = {
    "+": "add", "-": "sub", "*": "mul", "/": "truediv", "//": "floordiv", "%": "mod", "**": "pow", "@": "matmul",
    "<<": "lshift", ">>": "rshift", "&": "and", "|": "or", "^": "xor",
}  # fmt: skip
PLAIN = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod, "**": operator.pow, "<<": operator.lshift, ">>": operator.rshift, "&": operator.and_,
    "|": operator.or_, "^": operator.xor,
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
COMPARED = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


class Operators:
    """Mixin of the machine."""

    def binary(self, op: str, a: object, b: object, at) -> object:
        a, b = self.resolve(a), self.resolve(b)
        if a.__class__ is OneOf or b.__class__ is OneOf:
            return self.over_alternatives(lambda x, y: self.binary(op, x, y, at), a, b)
        if isinstance(a, TensorValue) or isinstance(b, TensorValue):
            return self.domain.binary(NAMES[op], a, b, at)
        if self.constant(a) and self.constant(b):
            return self.plain_binary(op, a, b)
        if self.numeric(a) and self.numeric(b):
            return self.number_binary(op, a, b)
        result = self.special_binary(NAMES[op], a, b, at)
        if result is not MISSING:
            return result
        return self.container_binary(op, a, b)

    def inplace(self, op: str, a: object, b: object, at) -> object:
        """`a op= b`: lists and tensors change, everything else is rebound."""
        a, b = self.resolve(a), self.resolve(b)
        if isinstance(a, TensorValue):
            return self.domain.inplace(NAMES[op], a, b, at)
        if isinstance(a, OneOf) and any(isinstance(x, TensorValue) for x in a.alternatives):
            return self.over_alternatives(lambda x, y: self.inplace(op, x, y, at), a, b)
        if isinstance(a, Instance):
            method = a.cls.lookup(f"__i{NAMES[op]}__")
            if method is not MISSING:
                return self.call(method, (a, b), {}, at)
        if op == "+" and isinstance(a, ListValue):
            self.extend_list(a, b)
            return a
        return self.binary(op, a, b, at)

    def over_alternatives(self, function, a: object, b: object) -> object:
        """Apply to each alternative; those that cannot take part (None, unbound) are paths that raise."""
        lefts = a.alternatives if isinstance(a, OneOf) else (a,)
        rights = b.alternatives if isinstance(b, OneOf) else (b,)
        lefts = [x for x in lefts if x is not UNBOUND and (x is not None or len(lefts) == 1)]
        rights = [x for x in rights if x is not UNBOUND and (x is not None or len(rights) == 1)]
        return self.fork_values([lambda x=x, y=y: function(x, y) for x in lefts for y in rights])

    def constant(self, value: object) -> bool:
        return value is None or isinstance(value, (int, float, str, bytes, complex))

    def numeric(self, value: object) -> bool:
        if isinstance(value, (int, float, complex, Expr, UnknownSize, Cond)):
            return True
        return isinstance(value, Unknown) and (
            value.python_type in (int, float, bool, complex) or "int" in value.fields
        )

    def plain_binary(self, op: str, a: object, b: object) -> object:
        if large_result(op, a, b):
            return Unknown("too large to compute", type(a))
        if op == "**" and isinstance(a, int) and isinstance(b, int) and a.bit_length() * abs(b) > LARGEST:
            return Unknown("a number too large to compute", int)
        if op == "<<" and isinstance(b, int) and b > LARGEST:
            return Unknown("a number too large to compute", int)
        if op == "*" and isinstance(a, (str, bytes)) != isinstance(b, (str, bytes)):
            length, times = (len(a), b) if isinstance(a, (str, bytes)) else (len(b), a)
            if isinstance(times, int) and length * times > LARGEST:
                return Unknown("a text too long to build", str)
        if op == "%" and isinstance(a, str):
            return Unknown("text", str) if len(a) > 10_000 else self._formatted(a, b)
        try:
            return PLAIN[op](a, b)
        except ZeroDivisionError as error:
            return self.fail("ZeroDivisionError", str(error))
        except (TypeError, ValueError, OverflowError) as error:
            return self.fail(type(error).__name__, str(error))

    def _formatted(self, template: str, value: object) -> object:
        try:
            return template % value
        except (TypeError, ValueError, KeyError):
            return Unknown("text", str)

    def number_binary(self, op: str, a: object, b: object) -> object:
        """Symbolic or unknown numbers."""
        if self._floating(a) or self._floating(b) or op == "/":
            return Unknown("computed from an unknown number", float)
        if any(isinstance(x, complex) or getattr(x, "python_type", None) is complex for x in (a, b)):
            return Unknown("computed from an unknown number", complex)
        if op in ("&", "|", "^") and self.is_bool(a) and self.is_bool(b):
            return Unknown("depends on the run", bool, test=Test({"&": "and", "|": "or"}.get(op, "truth"), a, b))
        x, y = self.as_size(a), self.as_size(b)
        if isinstance(x, UnknownSize) or isinstance(y, UnknownSize):
            return UNKNOWN
        if op in ("+", "-", "*", "//", "%"):
            if op in ("//", "%") and isinstance(y, int) and y == 0:
                return self.fail("ZeroDivisionError", "integer division or modulo by zero")
            return self.path.normalize(PLAIN[op](x, y))
        if op == "**" and isinstance(y, int) and 0 <= y <= 8:
            return self.path.normalize(x**y)
        if op == "**":
            return Unknown("a power of an unknown number")
        return self.fresh_int("n", None)

    def _floating(self, value: object) -> bool:
        return isinstance(value, float) or (isinstance(value, Unknown) and value.python_type is float)

    def as_size(self, value: object) -> object:
        """A number as a size expression."""
        if isinstance(value, bool):
            return int(value)
        if isinstance(value, (int, Expr, UnknownSize)):
            return value
        if isinstance(value, Unknown):
            found = value.fields.get("size", MISSING)
            if found is MISSING:
                low = None if value.python_type is int else 0
                found = self.fresh_int(value.name.rpartition(".")[2] or "n", low)
                self.trail.set(value.fields, "size", found)
            return found
        return UNKNOWN

    def taken_as_int(self, value: Unknown) -> object:
        """An operator takes it as a size: so on this path it is an int.

        A named value nobody knows is taken for a size and not for the -1 that asks `view` to compute one.
        """
        self.trail.set(value.fields, "int", True)
        return self.as_size(value)

    def special_binary(self, name: str, a: object, b: object, at) -> object:
        method = self.class_attribute(a, f"__{name}__")
        if method is not MISSING:
            return self.call(method, (a, b), {}, at)
        method = self.class_attribute(b, f"__r{name}__")
        if method is not MISSING:
            return self.call(method, (b, a), {}, at)
        return MISSING

    def unary(self, op: str, value: object, at) -> object:
        value = self.resolve(value)
        if op == "not":
            truth = self.truth(value)
            if truth is None:
                negated = value.negate() if isinstance(value, Cond) and value.kind in conds.NEGATED else None
                return negated if negated is not None else Unknown("depends on the run", bool, test=Test("not", value))
            return not truth
        if isinstance(value, OneOf):
            return self.over_alternatives(lambda x, _: self.unary(op, x, at), value, 0)
        if isinstance(value, TensorValue):
            name = {"-": "__neg__", "+": "__pos__", "~": "__invert__"}[op]
            return self.domain.method(value, name, (), {}, at)
        if isinstance(value, (int, float, complex)):
            return -value if op == "-" else +value if op == "+" else ~value if isinstance(value, int) else value
        if isinstance(value, Expr):
            return -value if op == "-" else value if op == "+" else -value - 1
        if isinstance(value, Instance):
            method = value.cls.lookup({"-": "__neg__", "+": "__pos__", "~": "__invert__"}[op])
            if method is not MISSING:
                return self.call(method, (value,), {}, at)
        return Unknown("computed from an unknown value", getattr(value, "python_type", None))

    # -- comparison -----------------------------------------------------------------------------------------------------

    def compare(self, op: str, a: object, b: object, at) -> object:
        a, b = self.resolve(a), self.resolve(b)
        if op in ("is", "is not"):
            answer = self.identical(a, b)
            if answer is None:
                subject = a if b is None else b if a is None else None
                test = Test("none", subject) if a is None or b is None else None
                result = Unknown("depends on the run", bool, test=test)
                return result if op == "is" else self.unary("not", result, at)
            return answer == (op == "is")
        if op in ("in", "not in"):
            found = self.contains(b, a, at)
            return found if op == "in" else self.unary("not", found, at)
        if isinstance(a, TensorValue) or isinstance(b, TensorValue):
            if a is None or b is None or isinstance(a, str) or isinstance(b, str):
                return op == "!="
            return self.domain.binary(COMPARED[op], a, b, at)
        if a.__class__ is OneOf or b.__class__ is OneOf:
            lefts = a.alternatives if isinstance(a, OneOf) else (a,)
            rights = b.alternatives if isinstance(b, OneOf) else (b,)
            answers = [self.truth(self.compare(op, x, y, at)) for x in lefts for y in rights]
            if all(x is answers[0] for x in answers) and answers[0] is not None:
                return answers[0]
            return Unknown("depends on the run", bool, test=Test("compare", a, (op, b)))
        if self.constant(a) and self.constant(b):
            try:
                return bool(PLAIN[op](a, b))
            except TypeError as error:
                return self.fail("TypeError", str(error))
        if is_int(a) and is_int(b):
            return self.compare_sizes(op, a, b)
        method = self.class_attribute(a, f"__{COMPARED[op]}__")
        if method is not MISSING:
            return self.call(method, (a, b), {}, at)
        method = self.class_attribute(b, f"__{COMPARED[MIRRORED[op]]}__")
        if method is not MISSING:
            return self.call(method, (b, a), {}, at)
        if op in ("==", "!="):
            answer = self.equal(a, b, at)
            if answer is not None:
                return answer == (op == "==")
            return self.undecided(op, a, b)
        return self.undecided(op, a, b)

    def undecided(self, op: str, a: object, b: object) -> Unknown:
        """A comparison that depends on the run; with an operand that may be a tensor not even a bool."""
        vague = any(isinstance(x, Unknown) and x.python_type is None for x in (a, b))
        return Unknown("depends on the run", None if vague else bool, test=Test("compare", a, (op, b)))

    def compare_sizes(self, op: str, a: object, b: object) -> bool | Cond:
        if isinstance(a, UnknownSize) or isinstance(b, UnknownSize):
            return Unknown("compares an unknown size", bool)
        answer = {"==": conds.eq, "!=": conds.ne, "<": conds.lt, "<=": conds.le, ">": conds.gt, ">=": conds.ge}[op](
            a, b
        )
        if isinstance(answer, Cond):
            known = self.path.decide(answer)
            return answer if known is None else known
        return answer

    def identical(self, a: object, b: object) -> bool | None:
        if a is b and not isinstance(a, Unknown):
            return True
        for x, y in ((a, b), (b, a)):
            if isinstance(x, Unknown):
                if y is None and (x.python_type not in (None, type(None)) or x.fields.get("not none")):
                    return False
                return True if x is y else None
            if isinstance(x, OneOf):
                answers = {self.identical(alternative, y) for alternative in x.alternatives}
                return answers.pop() if len(answers) == 1 else None
        if self.constant(a) and self.constant(b):
            return same(a, b)
        if isinstance(a, (ClassValue, Instance, TensorValue)) or a is None or b is None:
            return a is b
        return a is b or (type(a) is type(b) and same(a, b))

    def equal(self, a: object, b: object, at) -> bool | None:
        """`a == b` of values without `__eq__` of their own."""
        if a is b and not isinstance(a, Unknown):
            return True
        if isinstance(a, Unknown) or isinstance(b, Unknown):
            return None
        if isinstance(a, ListValue) and isinstance(b, ListValue):
            a, b = a.fields["items"], b.fields["items"]
        if isinstance(a, Seq) or isinstance(b, Seq):
            return None
        if isinstance(a, tuple) and isinstance(b, tuple):
            if len(a) != len(b):
                return False
            answers = [self.truth(self.compare("==", x, y, at)) for x, y in zip(a, b, strict=True)]
            return False if False in answers else None if None in answers else True
        if is_int(a) and is_int(b):
            return self.truth(self.compare_sizes("==", a, b))
        if isinstance(a, (DictValue, SetValue)) and type(a) is type(b):
            return None
        if type(a) is not type(b):
            return False
        return same(a, b)

    # -- truth ----------------------------------------------------------------------------------------------------------

    def truth(self, value: object) -> bool | None:
        """`bool(value)`, None where it depends on the run."""
        value = self.resolve(value)
        if isinstance(value, bool):
            return value
        if isinstance(value, Cond):
            return self.path.decide(value)
        if value is None:
            return False
        if isinstance(value, Unknown):
            return self.decide_test(value.test) if value.test is not None else value.fields.get("truth")
        if isinstance(value, (int, float, str, bytes, complex, tuple, range)):
            return bool(value)
        if isinstance(value, Expr):
            return self.truth(self.compare_sizes("!=", value, 0))
        if isinstance(value, OneOf):
            answers = {self.truth(a) for a in value.alternatives}
            return answers.pop() if len(answers) == 1 else None
        if isinstance(value, TensorValue):
            return self.domain.truth(value)
        if isinstance(value, (ListValue, SetValue)):
            items = value.fields["items"]
            if isinstance(items, tuple):
                return bool(items)
            return self.truth(items.length) if is_int(items.length) else None
        if isinstance(value, DictValue):
            items = value.fields["items"]
            return bool(items) if not items or any(isinstance(k, str) for k in items) else None
        if isinstance(value, Instance):
            for name in ("__bool__", "__len__"):
                method = value.cls.lookup(name)
                if method is not MISSING:
                    return self.truth(self.call(method, (value,), {}, (None, None)))
            if value.payload is not None:
                return self.truth(value.payload)
            return None if value.cls.open else True
        return None if isinstance(value, UnknownSize) else True

    def decide_test(self, test: Test) -> bool | None:
        """What the path already knows of a condition that was asked before."""
        if test.kind == "not":
            inner = self.truth(test.subject)
            return None if inner is None else not inner
        if test.kind in ("and", "or"):
            answers = [self.truth(test.subject), self.truth(test.arg)]
            decisive = test.kind == "or"
            return decisive if decisive in answers else None if None in answers else not decisive
        if test.kind == "none":
            return self.identical(self.resolve(test.subject), None)
        if test.kind == "isinstance":
            subject = self.resolve(test.subject)
            return (
                None
                if isinstance(subject, (Unknown, OneOf)) and subject is test.subject
                else self.truth(self.isinstance_of(subject, test.arg))
            )
        return None

    def assume(self, value: object, truth: bool) -> bool:
        """From here on, on this path, `bool(value) is truth`; False if that cannot be."""
        value = self.resolve(value)
        known = self.truth(value)
        if known is not None:
            return known is truth
        if isinstance(value, Cond):
            wanted = value if truth else (value.negate() if value.kind in conds.NEGATED else None)
            if wanted is None:
                return True
            learned = self.path.assume(wanted)
            if learned is None:
                return False
            self.learn(learned)
            return True
        if isinstance(value, Expr):
            return self.assume(self.compare_sizes("!=" if truth else "==", value, 0), True)
        if isinstance(value, OneOf):
            return self.narrow(value, lambda a: self.truth(a) in (truth, None))
        if isinstance(value, Unknown):
            if value.test is not None:
                return self.assume_test(value.test, truth)
            self.trail.set(value.fields, "truth", truth)
        return True

    def assume_test(self, test: Test, truth: bool) -> bool:
        if test.kind == "not":
            return self.assume(test.subject, not truth)
        if test.kind in ("and", "or"):
            if truth == (test.kind == "and"):
                return self.assume(test.subject, truth) and self.assume(test.arg, truth)
            return True
        if test.kind == "none":
            return self.assume_none(test.subject, truth)
        if test.kind == "isinstance":
            if isinstance(test.subject, OneOf):
                return self.narrow(test.subject, lambda a: self.truth(self.isinstance_of(a, test.arg)) in (truth, None))
            if isinstance(test.subject, Unknown) and truth:
                self.domain.refine_type(test.subject, test.arg)
            return True
        if test.kind == "compare" and self._maybe_size(test.subject) and self._maybe_size(test.arg[1]):
            op, other = test.arg
            negated = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
            cond = self.compare_sizes(op if truth else negated[op], self.as_size(test.subject), self.as_size(other))
            return cond is False or self.assume(cond, True)  # that it is a size at all is a guess: no path is given up
        if test.kind == "compare" and isinstance(test.subject, OneOf):
            op, other = test.arg
            return self.narrow(
                test.subject, lambda a: self.truth(self.compare(op, a, other, (None, None))) in (truth, None)
            )
        return True

    def _maybe_size(self, value: object) -> bool:
        """A size, or an unknown that has been computed like one."""
        return is_int(value) or (isinstance(value, Unknown) and "size" in value.fields)

    def assume_none(self, subject: object, truth: bool) -> bool:
        subject = self.resolve(subject)
        if isinstance(subject, OneOf):
            return self.narrow(subject, lambda a: isinstance(a, Unknown) or (a is None) == truth)
        if isinstance(subject, Unknown):
            if truth:
                self.trail.set(subject.fields, "is", None)
            else:
                self.trail.set(subject.fields, "not none", True)
        return True

    def narrow(self, value: OneOf, keep) -> bool:
        kept = tuple(a for a in value.alternatives if keep(a))
        if not kept:
            return False
        if len(kept) < len(value.alternatives):
            self.trail.set(value.fields, "is", kept[0] if len(kept) == 1 else OneOf(kept))
        return True
