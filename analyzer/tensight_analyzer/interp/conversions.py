"""Builtin types as functions: int(x), list(x), type(x)."""

from __future__ import annotations

from tensight_runtime.spec.device import Device
from tensight_runtime.spec.dtype import DType
from tensight_runtime.spec.size import Expr
from tensight_runtime.spec.size import Unknown as UnknownSize

from tensight_analyzer.interp import methods
from tensight_analyzer.interp.functions import f_enumerate, f_filter, f_map, f_property, f_range, f_zip
from tensight_analyzer.interp.values import (
    MISSING,
    ClassMethod,
    DictValue,
    OneOf,
    Seq,
    StaticMethod,
    TensorValue,
    Test,
    Unknown,
)

# -- types as functions ------------------------------------------------------------------------------------------------


def make_int(m, args, kwargs, at):
    value = m.resolve(args[0]) if args else 0
    if isinstance(value, (Expr, UnknownSize)):
        return value
    if isinstance(value, TensorValue):
        return m.domain.method(value, "__int__", (), {}, at)
    if m.constant(value):
        try:
            return int(value, *args[1:])
        except (ValueError, TypeError, OverflowError) as error:
            return m.fail(type(error).__name__, str(error))
    method = m.class_attribute(value, "__int__")
    if method is not MISSING:
        return m.call(method, (value,), {}, at)
    name = value.name if isinstance(value, Unknown) else ""
    return Unknown("converted to int", int, name)


def make_float(m, args, kwargs, at):
    value = m.resolve(args[0]) if args else 0.0
    if isinstance(value, TensorValue):
        return m.domain.method(value, "__float__", (), {}, at)
    if m.constant(value):
        try:
            return float(value)
        except (ValueError, TypeError, OverflowError) as error:
            return m.fail(type(error).__name__, str(error))
    method = m.class_attribute(value, "__float__")
    if method is not MISSING:
        return m.call(method, (value,), {}, at)
    return Unknown("converted to float", float)


def make_bool(m, args, kwargs, at):
    value = m.resolve(args[0]) if args else False
    truth = m.truth(value)
    return truth if truth is not None else Unknown("depends on the run", bool, test=Test("truth", value))


def make_str(m, args, kwargs, at):
    value = m.resolve(args[0]) if args else ""
    if m.constant(value) and not isinstance(value, bytes):
        try:
            return str(value)
        except ValueError as error:  # an int of more than 4,300 digits
            return m.fail("ValueError", str(error))
    if isinstance(value, (DType, Device)):
        return str(value) if isinstance(value, Device) else repr(value)
    method = m.class_attribute(value, "__str__")
    if method is not MISSING:
        return m.call(method, (value,), {}, at)
    return Unknown("text", str)


def make_list(m, args, kwargs, at):
    if not args:
        return m.new_list(())
    plan = m.iterate(args[0])
    return m.new_list(plan if isinstance(plan, tuple) else Seq(plan.element, plan.length))


def make_tuple(m, args, kwargs, at):
    if not args:
        return ()
    plan = m.iterate(args[0])
    return plan if isinstance(plan, tuple) else Seq(plan.element, plan.length)


def make_set(m, args, kwargs, at):
    if not args:
        return m.new_set(())
    plan = m.iterate(args[0])
    if isinstance(plan, tuple) and all(map(m.constant_deep, plan)):
        return m.new_set(plan)
    element = m.join_values(list(plan)) if isinstance(plan, tuple) and plan else getattr(plan, "element", None)
    return m.new_set(Seq(element, m.fresh_int("len", 0)) if plan else ())


def make_dict(m, args, kwargs, at):
    result = DictValue(m.trail.fields(items={}))
    methods.dict_update(m, result, args, kwargs, at)
    return result


def make_slice(m, args, kwargs, at):
    return slice(*args)


def make_type(m, args, kwargs, at):
    if len(args) == 1:
        value = m.resolve(args[0])
        if isinstance(value, (Unknown, OneOf)) and not (isinstance(value, Unknown) and value.python_type):
            return Unknown("the type of an unknown value")
        return m.class_of(value)
    if len(args) < 3:  # a metaclass tried as a root
        return Unknown("a class of unknown parts")
    name, bases, namespace = args[:3]
    items = m.mapping_items(namespace) or {}
    return m.new_class(name, bases, m.trail.names({k: v for k, v in items.items() if isinstance(k, str)}),
                       at[1].module, {}, at)  # fmt: skip


TYPES = [
    ("type", type, make_type), ("int", int, make_int), ("float", float, make_float), ("str", str, make_str),
    ("complex", complex, lambda m, a, k, at: complex(*a, **k) if all(map(m.constant, a)) else Unknown("complex", complex)),
    ("bytes", bytes, lambda m, a, k, at: Unknown("bytes", bytes)), ("list", list, make_list),
    ("bytearray", bytearray, lambda m, a, k, at: Unknown("bytes", bytes)),
    ("tuple", tuple, make_tuple), ("set", set, make_set), ("frozenset", frozenset, make_set), ("dict", dict, make_dict),
    ("slice", slice, make_slice), ("NoneType", type(None), None), ("function", None, None), ("module", None, None),
    ("generator", None, None), ("dtype", DType, None), ("device", Device, None), ("range", range, f_range),
    ("enumerate", None, f_enumerate), ("zip", None, f_zip), ("map", None, f_map), ("filter", None, f_filter),
    ("property", None, f_property),
    ("staticmethod", None, lambda m, a, k, at: StaticMethod(a[0])),
    ("classmethod", None, lambda m, a, k, at: ClassMethod(a[0])),
    ("memoryview", None, lambda m, a, k, at: Unknown("memory")),
]  # fmt: skip
