"""Lists, tuples, dicts, sets, strings and iterators: contents, indexing, iteration and methods."""

from __future__ import annotations

from tensight_analyzer.interp.expressions import Plan
from tensight_analyzer.interp.join import is_int
from tensight_analyzer.interp.limits import ITEMS
from tensight_analyzer.interp.signals import Raised
from tensight_analyzer.interp.values import (
    MISSING,
    REST,
    UNBOUND,
    ClassValue,
    DictValue,
    Instance,
    Iterator,
    ListValue,
    OneOf,
    Seq,
    SetValue,
    TensorValue,
    Unknown,
)

EXPANDED = 64  # a `Seq` of at most so many items is spelled out when it is iterated


class Containers:
    """Mixin of the machine."""

    # -- iteration ------------------------------------------------------------------------------------------------------

    def iterate(self, value: object) -> tuple | Plan:
        """What iterating over `value` yields: its items, or a plan if their number is unknown."""
        value = self.resolve(value)
        if isinstance(value, tuple):
            return value
        if isinstance(value, (ListValue, SetValue)):
            return self._contents(value.fields["items"])
        if isinstance(value, Seq):
            return self._contents(value)
        if isinstance(value, DictValue):
            items = value.fields["items"]
            if REST in items:
                return Plan(Unknown("a key of a dict"), self.fresh_int("len", 0))
            return tuple(items)
        if isinstance(value, range):
            return tuple(value) if len(value) <= 4096 else Plan(self.between(value), len(value))
        if isinstance(value, (str, bytes)):
            return tuple(value)
        if isinstance(value, TensorValue):
            return self.domain.iterate(value)
        if isinstance(value, Iterator):
            return self._drained(value)
        if isinstance(value, Instance):
            return self._iterate_instance(value)
        if isinstance(value, OneOf):
            known = [a for a in value.alternatives if a is not None and a is not UNBOUND]
            plans = [self.iterate(a) for a in known]
            if len(plans) == 1:
                return plans[0]
            if plans and all(isinstance(p, tuple) and len(p) == len(plans[0]) for p in plans):
                return tuple(self.join_values(list(column)) for column in zip(*plans, strict=True))
            elements = [i for p in plans for i in (p if isinstance(p, tuple) else (p.element,))]
            return Plan(self.join_values(elements) if elements else Unknown("an item"), self.fresh_int("len", 0))
        if isinstance(value, ClassValue):  # an Enum
            return self.enum_members(value)
        if isinstance(value, Unknown):
            self.uncertain += 1
            return Plan(Unknown(value.why, None, f"{value.name}[]" if value.name else ""), self.fresh_int("len", 0))
        return Plan(Unknown("an item of a value that is not iterable"), self.fresh_int("len", 0))

    def between(self, value: range) -> object:
        """Some number of a range."""
        low = min(value.start, value.stop) if value.step < 0 else value.start
        return self.fresh_int("i", low)

    def _contents(self, items: object) -> tuple | Plan:
        if isinstance(items, tuple):
            return items
        if isinstance(items.length, int) and items.length <= EXPANDED:
            return (items.element,) * items.length
        return Plan(items.element, items.length)

    def _drained(self, value: Iterator) -> tuple | Plan:
        items, at = value.fields["items"], value.fields["position"]
        if isinstance(items, tuple) and not isinstance(at, int):  # paths met that had read more of it or less
            return Plan(self.join_values(list(items)), self.fresh_int("len", 0)) if items else ()
        if isinstance(items, tuple):
            self.trail.set(value.fields, "position", len(items))
            return items[at:]
        return self._contents(items)

    def _iterate_instance(self, value: Instance) -> tuple | Plan:
        at = (None, None)
        method = value.cls.lookup("__iter__")
        if method is not MISSING:
            made = self.resolve(self.call(method, (value,), {}, at))
            if isinstance(made, Instance) and (step := made.cls.lookup("__next__")) is not MISSING:
                return self._stepped(made, step)
            return self.iterate(made)
        step = value.cls.lookup("__next__")
        if step is not MISSING:
            return self._stepped(value, step)
        if value.payload is not None:
            return self.iterate(value.payload)
        getter = value.cls.lookup("__getitem__")
        if getter is not MISSING:
            size = value.cls.lookup("__len__")
            length = self.call(size, (value,), {}, at) if size is not MISSING else None
            if isinstance(length, int) and length <= EXPANDED:
                return tuple(self.call(getter, (value, i), {}, at) for i in range(length))
            element = self.call(getter, (value, self.fresh_int("i", 0)), {}, at)
            return Plan(element, length if is_int(length) else self.fresh_int("len", 0))
        return Plan(Unknown("an item of an object that is not iterable"), self.fresh_int("len", 0))

    def _stepped(self, value: Instance, step: object) -> tuple | Plan:
        """`__next__` until it raises StopIteration; long ones by one generic step."""
        found: list = []
        self.tries.append(_Swallow())
        try:
            while len(found) < 64:
                found.append(self.call(step, (value,), {}, (None, None)))
        except Raised:
            return tuple(found)
        finally:
            self.tries.pop()
        return Plan(self.join_values(found[-2:]), self.fresh_int("len", 0))

    def new_iterator(self, items: object) -> Iterator:
        return Iterator(self.trail.fields(items=items, position=0))

    def fresh_element(self, element: object) -> object:
        """Another item of the same kind, not the same item."""
        if isinstance(element, Unknown) and not element.fields:
            return Unknown(element.why, element.python_type, element.name)
        return self.domain.another(element) if isinstance(element, TensorValue) else element

    def length_of(self, value: object, at) -> object:
        """`len(value)`: an int or a size."""
        value = self.resolve(value)
        if isinstance(value, (str, bytes, tuple, range)):
            return len(value)
        if isinstance(value, (ListValue, SetValue, Iterator)):
            items = value.fields["items"]
            return len(items) if isinstance(items, tuple) else items.length
        if isinstance(value, DictValue):
            items = value.fields["items"]
            if any(v.__class__ is OneOf and UNBOUND in v.alternatives for v in items.values()):
                return self.fresh_int("len", 0)
            return self.fresh_int("len", 0) if REST in items else len(items)
        if isinstance(value, TensorValue):
            return self.domain.method(value, "__len__", (), {}, at)
        if isinstance(value, Instance):
            method = value.cls.lookup("__len__")
            if method is not MISSING:
                return self.call(method, (value,), {}, at)
            if value.payload is not None:
                return self.length_of(value.payload, at)
        if isinstance(value, OneOf):
            return self.join_values([self.length_of(a, at) for a in value.alternatives if a is not None])
        if isinstance(value, ClassValue):
            return self.length_of(self.enum_members(value), at)
        if isinstance(value, Unknown):
            found = value.fields.get("len", MISSING)
            if found is MISSING:
                found = self.fresh_int("len", 0)
                self.trail.set(value.fields, "len", found)
            return found
        return self.fail("TypeError", f"object of type '{self.type_name(value)}' has no len()")

    # -- growing --------------------------------------------------------------------------------------------------------

    def appended(self, items: object, value: object) -> object:
        """Contents with one more value at the end."""
        if isinstance(items, tuple):
            return (*items, value)
        return Seq(self.join2(items.element, value), items.length + 1 if is_int(items.length) else items.length)

    def extend_list(self, owner: ListValue, more: object) -> None:
        plan = self.iterate(more)
        items = owner.fields["items"]
        if isinstance(items, tuple) and isinstance(plan, tuple) and len(items) + len(plan) <= ITEMS:
            joined: object = items + plan
        else:
            elements = [*(items if isinstance(items, tuple) else (items.element,))]
            elements += plan if isinstance(plan, tuple) else (plan.element,)
            lengths = [len(x) if isinstance(x, tuple) else x.length for x in (items, plan)]
            total = lengths[0] + lengths[1] if all(map(is_int, lengths)) else self.fresh_int("len", 0)
            joined = Seq(self.join_values(elements), total) if elements else items
        self.trail.set(owner.fields, "items", joined)

    def container_binary(self, op: str, a: object, b: object) -> object:
        """`+` and `*` of sequences, `|` of dicts, set operators."""
        if op == "+" and isinstance(a, tuple) and isinstance(b, tuple):
            return a + b if len(a) + len(b) <= ITEMS else Unknown("a tuple too long to build", tuple)
        if op == "+" and isinstance(a, ListValue) and isinstance(b, ListValue):
            result = self.new_list(a.fields["items"])
            self.extend_list(result, b)
            return result
        if op == "*":
            sequence, times = (a, b) if isinstance(a, (ListValue, tuple, str)) else (b, a)
            if isinstance(times, Unknown) and times.python_type is int:
                times = self.as_size(times)
            if isinstance(sequence, (ListValue, tuple)) and is_int(times):
                return self.repeated(sequence, times)
            if isinstance(sequence, str):
                return Unknown("a repeated text", str)
        if op == "|" and isinstance(a, DictValue) and isinstance(b, DictValue):
            return DictValue(self.trail.fields(items={**a.fields["items"], **b.fields["items"]}))
        if isinstance(a, SetValue) and isinstance(b, SetValue) and op in ("|", "&", "-", "^"):
            x, y = a.fields["items"], b.fields["items"]
            if isinstance(x, tuple) and isinstance(y, tuple):
                merged = {"|": x + y, "&": tuple(i for i in x if i in y), "-": tuple(i for i in x if i not in y),
                          "^": tuple(i for i in x if i not in y) + tuple(i for i in y if i not in x)}[op]  # fmt: skip
                return self.new_set(merged)
            return self.new_set(Seq(Unknown("an item of a set"), self.fresh_int("len", 0)))
        if op == "%" and isinstance(a, str):
            return Unknown("text", str)
        if op == "+" and (isinstance(a, str) or isinstance(b, str)):
            return Unknown("text", str)
        if any(isinstance(x, Unknown) for x in (a, b)):
            return self.maybe_number(op, a, b)
        return Unknown(f"{self.type_name(a)} {op} {self.type_name(b)}")

    def maybe_number(self, op: str, a: object, b: object) -> Unknown:
        """Arithmetic with something unknown: should it turn out to be a size, it is this one."""
        result = Unknown("computed from an unknown value")
        sizes = [x for x in (a, b) if is_int(x) or (isinstance(x, Unknown) and x.python_type in (None, int))]
        if op in ("+", "-", "*", "//", "%") and len(sizes) == 2:
            x, y = self.as_size(a), self.as_size(b)
            if not (isinstance(y, int) and y == 0 and op in ("//", "%")):
                size = self.number_binary(op, x, y)
                result.fields["size"] = size
        return result

    def repeated(self, sequence: ListValue | tuple, times: object) -> object:
        items = sequence.fields["items"] if isinstance(sequence, ListValue) else sequence
        if isinstance(items, tuple) and isinstance(times, int) and len(items) * max(times, 0) <= 4096:
            contents: object = items * times
        elif isinstance(items, Seq):
            contents = Seq(items.element, items.length * times if is_int(items.length) else self.fresh_int("len", 0))
        elif items:
            contents = Seq(self.join_values(list(items)), times * len(items))
        else:
            contents = items
        return self.new_list(contents) if isinstance(sequence, ListValue) or isinstance(contents, Seq) else contents


class _Swallow:
    def __init__(self):
        self.pending = type("Sink", (list,), {"append": lambda self, item: None})()
        self.mark = (0, 0)
