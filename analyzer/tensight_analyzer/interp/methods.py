"""Methods of builtin values: list, dict, set, str, tuple, iterators, functions' properties.

A table of plain functions `(machine, self, args, kwargs, at)`; pure methods of constants are Python's own.
"""

from __future__ import annotations

from tensight_runtime.spec.device import Device
from tensight_runtime.spec.dtype import DType

from tensight_analyzer.interp.limits import long_join, long_text
from tensight_analyzer.interp.values import (
    MISSING,
    REST,
    DictValue,
    ListValue,
    Native,
    Seq,
    SetValue,
    Unknown,
)


def list_append(m, self, args, kwargs, at):
    m.trail.set(self.fields, "items", m.appended(self.fields["items"], args[0]))


def list_extend(m, self, args, kwargs, at):
    m.extend_list(self, args[0])


def list_insert(m, self, args, kwargs, at):
    items = self.fields["items"]
    if isinstance(items, tuple) and isinstance(args[0], int):
        changed = list(items)
        changed.insert(args[0], args[1])
        m.trail.set(self.fields, "items", tuple(changed))
    else:
        list_append(m, self, args[1:], kwargs, at)


def list_pop(m, self, args, kwargs, at):
    items = self.fields["items"]
    index = args[0] if args else -1
    if isinstance(items, Seq):
        if not isinstance(items.length, int) or items.length > 0:
            m.trail.set(self.fields, "items", Seq(items.element, items.length - 1))
        return m.fresh_element(items.element)
    if not items:
        return m.fail("IndexError", "pop from empty list")
    if not isinstance(index, int) or not -len(items) <= index < len(items):
        m.trail.set(self.fields, "items", Seq(m.join_values(list(items)), len(items) - 1))
        return m.join_values(list(items))
    index %= len(items)
    m.trail.set(self.fields, "items", items[:index] + items[index + 1 :])
    return m.resolve(items[index])


def list_remove(m, self, args, kwargs, at):
    items = self.fields["items"]
    if isinstance(items, tuple):
        unsure = False
        for i, item in enumerate(items):
            truth = m.truth(m.compare("==", item, args[0], at))
            if truth is True:
                m.trail.set(self.fields, "items", items[:i] + items[i + 1 :])
                return
            unsure = unsure or truth is None
        if not unsure:  # it is not there
            return m.fail("ValueError", "list.remove(x): x not in list") if isinstance(self, ListValue) else None
        m.trail.set(self.fields, "items", Seq(m.join_values(list(items)), len(items) - 1))


def list_clear(m, self, args, kwargs, at):
    m.trail.set(self.fields, "items", ())


def list_copy(m, self, args, kwargs, at):
    return m.new_list(self.fields["items"])


def list_index(m, self, args, kwargs, at):
    items = self if isinstance(self, tuple) else self.fields["items"]
    if isinstance(items, tuple):
        for i, item in enumerate(items):
            truth = m.truth(m.compare("==", item, args[0], at))
            if truth is True:
                return i
            if truth is None:
                break
    return m.fresh_int("i", 0)


def list_count(m, self, args, kwargs, at):
    items = self if isinstance(self, tuple) else self.fields["items"]
    if isinstance(items, tuple):
        answers = [m.truth(m.compare("==", item, args[0], at)) for item in items]
        if None not in answers:
            return answers.count(True)
    return m.fresh_int("n", 0)


def list_reverse(m, self, args, kwargs, at):
    items = self.fields["items"]
    if isinstance(items, tuple):
        m.trail.set(self.fields, "items", items[::-1])


def list_sort(m, self, args, kwargs, at):
    m.trail.set(self.fields, "items", m.sorted_items(self.fields["items"], kwargs, at))


def dict_get(m, self, args, kwargs, at):
    return m.dict_get(self, args[0], args[1] if len(args) > 1 else kwargs.get("default"))


def dict_keys(m, self, args, kwargs, at):
    plan = m.iterate(self)
    return m.new_list(plan if isinstance(plan, tuple) else Seq(plan.element, plan.length))


def dict_values(m, self, args, kwargs, at):
    items = self.fields["items"]
    if REST in items:
        return m.new_list(Seq(m.join_values(list(items.values())), m.fresh_int("len", 0)))
    return m.new_list(tuple(items.values()))


def dict_items(m, self, args, kwargs, at):
    items = self.fields["items"]
    if REST in items:
        keys = [k for k in items if k is not REST]
        key = (
            m.join_values([*keys, Unknown("a key of a dict")])
            if not keys
            else Unknown("a key of a dict", m.common_type(keys))
        )
        return m.new_list(Seq((key, m.join_values(list(items.values()))), m.fresh_int("len", 0)))
    return m.new_list(tuple(items.items()))


def dict_update(m, self, args, kwargs, at):
    merged = dict(self.fields["items"])
    for arg in args:
        items = m.mapping_items(arg)
        if items is None:
            plan = m.iterate(arg)
            pairs = (
                plan if isinstance(plan, tuple) and all(isinstance(p, tuple) and len(p) == 2 for p in plan) else None
            )
            items = (
                {m.key_of(k): v for k, v in pairs} if pairs is not None else {REST: Unknown("from an unknown mapping")}
            )
            items = {k if k is not MISSING else REST: v for k, v in items.items()}
        merged.update(items)
    merged.update(kwargs)
    m.trail.set(self.fields, "items", merged)


def dict_setdefault(m, self, args, kwargs, at):
    default = args[1] if len(args) > 1 else None
    known = m.truth(m.contains(self, args[0], at))
    if known is True:
        return m.dict_get(self, args[0], MISSING)
    value = default if known is False else m.dict_get(self, args[0], default)
    m.dict_set(self, args[0], value)
    return value


def dict_pop(m, self, args, kwargs, at):
    found = m.dict_get(self, args[0], args[1] if len(args) > 1 else MISSING)
    m.delitem(self, args[0], at)
    return found


def dict_popitem(m, self, args, kwargs, at):
    items = dict(self.fields["items"])
    if not items or REST in items:
        return (Unknown("a key"), Unknown("a value"))
    pair = items.popitem()
    m.trail.set(self.fields, "items", items)
    return pair


def dict_clear(m, self, args, kwargs, at):
    m.trail.set(self.fields, "items", {})


def dict_copy(m, self, args, kwargs, at):
    return DictValue(m.trail.fields(items=self.fields["items"]))


def dict_move_to_end(m, self, args, kwargs, at):
    items = dict(self.fields["items"])
    key = m.key_of(args[0])
    if key in items:
        items[key] = items.pop(key)
        m.trail.set(self.fields, "items", items)


def set_add(m, self, args, kwargs, at):
    items = self.fields["items"]
    known = m.truth(m.contains(self, args[0], at))
    if known is not True:
        m.trail.set(self.fields, "items", m.appended(items, args[0]))


def set_discard(m, self, args, kwargs, at):
    list_remove(m, self, args, kwargs, at)


def set_update(m, self, args, kwargs, at):
    for arg in args:
        plan = m.iterate(arg)
        for item in plan if isinstance(plan, tuple) else (plan.element,):
            set_add(m, self, (item,), {}, at)


def all_in(m, items, container, at, inside: bool = True):
    """Are all of `items` in `container` (or, with `inside` False, none of them)?"""
    plan = m.iterate(items)
    if not isinstance(plan, tuple):
        return Unknown("depends on the run", bool)
    answers = [m.truth(m.contains(container, item, at)) for item in plan]
    return False if (not inside) in answers else Unknown("depends on the run", bool) if None in answers else True


def set_operation(op):
    def method(m, self, args, kwargs, at):
        other = args[0] if isinstance(args[0], SetValue) else m.new_set(_items(m, args[0]))
        return m.container_binary(op, self, other)

    return method


def _items(m, value):
    plan = m.iterate(value)
    return plan if isinstance(plan, tuple) else Seq(plan.element, plan.length)


def str_join(m, self, args, kwargs, at):
    plan = m.iterate(args[0])
    if isinstance(plan, tuple) and all(isinstance(p, str) for p in plan):
        return Unknown("a text too long to build", str) if long_join(self, plan) else self.join(plan)
    return Unknown("text", str)


def iterator_next(m, self, args, kwargs, at):
    return m.next_of(self, MISSING, at)


def iterator_self(m, self, args, kwargs, at):
    return self


LIST = {
    "append": list_append, "extend": list_extend, "insert": list_insert, "pop": list_pop, "remove": list_remove,
    "clear": list_clear, "copy": list_copy, "index": list_index, "count": list_count, "reverse": list_reverse,
    "sort": list_sort, "popleft": lambda m, s, a, k, at: list_pop(m, s, (0,), k, at),
    "appendleft": lambda m, s, a, k, at: list_insert(m, s, (0, *a), k, at),
    "__len__": lambda m, s, a, k, at: m.length_of(s, at), "__getitem__": lambda m, s, a, k, at: m.getitem(s, a[0], at),
    "__setitem__": lambda m, s, a, k, at: m.setitem(s, a[0], a[1], at),
    "__contains__": lambda m, s, a, k, at: m.contains(s, a[0], at),
    "__iter__": lambda m, s, a, k, at: m.new_iterator(_items(m, s)),
    "rotate": lambda m, s, a, k, at: None,
}  # fmt: skip
DICT = {
    "get": dict_get, "keys": dict_keys, "values": dict_values, "items": dict_items, "update": dict_update,
    "setdefault": dict_setdefault, "pop": dict_pop, "popitem": dict_popitem, "clear": dict_clear, "copy": dict_copy,
    "move_to_end": dict_move_to_end, "__len__": LIST["__len__"], "__getitem__": LIST["__getitem__"],
    "__setitem__": LIST["__setitem__"], "__contains__": LIST["__contains__"], "__iter__": LIST["__iter__"],
    "__delitem__": lambda m, s, a, k, at: m.delitem(s, a[0], at),
}  # fmt: skip
SET = {
    "add": set_add, "discard": set_discard, "remove": set_discard, "update": set_update, "copy": lambda m, s, a, k, at:
    m.new_set(s.fields["items"]), "union": set_operation("|"), "intersection": set_operation("&"),
    "difference": set_operation("-"), "clear": list_clear, "pop": list_pop, "__len__": LIST["__len__"],
    "issubset": lambda m, s, a, k, at: all_in(m, s, a[0], at),
    "issuperset": lambda m, s, a, k, at: all_in(m, a[0], s, at),
    "isdisjoint": lambda m, s, a, k, at: all_in(m, a[0], s, at, False), "__contains__": LIST["__contains__"],
    "__iter__": LIST["__iter__"],
}  # fmt: skip
TUPLE = {"index": list_index, "count": list_count, "__len__": LIST["__len__"], "__getitem__": LIST["__getitem__"],
         "__iter__": LIST["__iter__"], "__contains__": LIST["__contains__"],
         "numel": lambda m, s, a, k, at: m.domain.numel_of(s)}  # fmt: skip
ITERATOR = {"__next__": iterator_next, "__iter__": iterator_self, "close": lambda m, s, a, k, at: None,
            "send": iterator_next}  # fmt: skip
STR_RESULTS = {
    "split": list, "rsplit": list, "splitlines": list, "startswith": bool, "endswith": bool, "isdigit": bool, "isalpha": bool,
    "isupper": bool, "islower": bool, "isidentifier": bool, "isspace": bool, "isalnum": bool, "isnumeric": bool,
    "find": int, "rfind": int, "index": int, "rindex": int, "count": int, "partition": tuple, "rpartition": tuple,
    "encode": bytes, "decode": str,
}  # fmt: skip


def text_method(name: str, kind: type) -> Native:
    """A method of a text: Python's own on constants, else a value of the type it returns."""

    def call(m, args, kwargs, at):
        self, rest = args[0], args[1:]
        if name == "join":
            return str_join(m, self, rest, kwargs, at)
        rest = tuple(m.resolve(a) for a in rest)
        if isinstance(self, kind) and all(map(m.constant_deep, (*rest, *kwargs.values()))):
            if long_text(name, self, (*rest, *kwargs.values())):
                return Unknown("a text too long to build", kind)
            try:
                return m.lifted(getattr(self, name)(*rest, **kwargs))
            except (OverflowError, ValueError, IndexError, KeyError, TypeError, LookupError) as error:
                return m.fail(type(error).__name__, str(error))
        result = STR_RESULTS.get(name, kind)
        if result is list:
            return m.new_list(Seq(Unknown("part of a text", kind), m.fresh_int("len", 0)))
        if result is tuple:
            return tuple(Unknown("part of a text", kind) for _ in range(3))
        return m.fresh_int("n", -1) if result is int else Unknown("depends on a text", result)

    return Native(f"{kind.__name__}.{name}", call)


def number_attribute(m, value, name):
    """Attributes of int, float, dtype and device constants."""
    if isinstance(value, DType):
        if name in ("is_floating_point", "is_complex", "is_signed", "itemsize"):
            return getattr(value, name)
        if name in ("to_real", "to_complex"):
            return Native(name, lambda m, args, kwargs, at: getattr(value, name)())
    if isinstance(value, Device) and name in ("type", "index"):
        return getattr(value, name)
    if isinstance(value, slice) and name in ("start", "stop", "step"):
        return getattr(value, name)
    if isinstance(value, range) and name in ("start", "stop", "step"):
        return getattr(value, name)
    if isinstance(value, (int, float)) and name in ("real", "imag", "numerator", "denominator"):
        return getattr(value, name, MISSING)
    if isinstance(value, (int, float, complex)) and hasattr(value, name) and not name.startswith("_"):

        def call(m, args, kwargs, at):
            try:
                return m.lifted(getattr(value, name)(*args, **kwargs))
            except (TypeError, ValueError, OverflowError) as error:
                return m.fail(type(error).__name__, str(error))

        return Native(name, call)
    return MISSING


def of_container(value: object) -> dict | None:
    """The methods of a builtin container."""
    if isinstance(value, ListValue):
        return LIST
    if isinstance(value, DictValue):
        return DICT
    if isinstance(value, SetValue):
        return SET
    return TUPLE if isinstance(value, (tuple, range)) else None
