"""Python's builtin functions and types."""

from __future__ import annotations

import builtins as py

from tensight_analyzer.interp import methods
from tensight_analyzer.interp.expressions import Plan
from tensight_analyzer.interp.join import is_int
from tensight_analyzer.interp.limits import steep
from tensight_analyzer.interp.signals import Raised
from tensight_analyzer.interp.values import (
    MISSING,
    REST,
    Bound,
    ClassMethod,
    ClassValue,
    DictValue,
    Exception_,
    Fields,
    Function,
    Instance,
    Iterator,
    ListValue,
    ModuleValue,
    Native,
    OneOf,
    OpFunction,
    Property,
    Seq,
    SetValue,
    StaticMethod,
    Super,
    TensorValue,
    Test,
    Unknown,
)
from tensight_runtime.spec.cond import Cond
from tensight_runtime.spec.device import Device
from tensight_runtime.spec.dtype import DType
from tensight_runtime.spec.size import UNKNOWN, Expr, smax, smin
from tensight_runtime.spec.size import Unknown as UnknownSize

PURE = ("abs", "bin", "chr", "divmod", "hash", "hex", "oct", "ord", "pow", "repr", "round", "ascii", "format")
EXCEPTIONS = tuple(
    name for name, value in vars(py).items() if isinstance(value, type) and issubclass(value, BaseException)
)


class Builtins:
    """Mixin of the machine."""

    takes_alternatives = frozenset({"isinstance", "hasattr", "getattr", "type", "print", "id", "callable", "super", "setattr",
                                    "list", "tuple", "dict.update", "bool"})  # fmt: skip

    def start_types(self) -> None:
        """The builtin classes and functions of this analysis."""
        self.types: dict[str, ClassValue] = {}
        obj = ClassValue(Fields(), "object", (), object, new=lambda m, a, k, at: m.new_instance(m.types["object"]))
        self.types["object"] = obj
        for name, native, new in TYPES:
            self.types[name] = ClassValue(Fields(), name, (obj,), native, new)
        self.types["bool"] = ClassValue(Fields(), "bool", (self.types["int"],), bool, make_bool)
        for name in sorted(EXCEPTIONS, key=lambda n: len(getattr(py, n).__mro__)):
            native = getattr(py, name)
            bases = tuple(self.types[b.__name__] for b in native.__bases__ if b.__name__ in self.types)
            self.types[name] = ClassValue(Fields(), name, bases or (obj,), native, new=None)
        self.builtins: dict[str, object] = dict(self.types)
        for name, call in FUNCTIONS.items():
            self.builtins[name] = Native(name, call)
        self.builtins |= {"Ellipsis": ..., "NotImplemented": Unknown("NotImplemented"), "__debug__": True}

    # -- types of values ------------------------------------------------------------------------------------------------

    def python_type(self, value: object) -> type | None:
        """The builtin type of a value, None where it is not known to be one."""
        if isinstance(value, (Expr, UnknownSize)):
            return int
        if isinstance(value, Cond):
            return bool
        if isinstance(value, Unknown):
            return value.python_type
        if isinstance(value, ListValue):
            return list
        if isinstance(value, DictValue):
            return dict
        if isinstance(value, SetValue):
            return set
        if isinstance(value, (int, float, str, bytes, complex, tuple, range, slice)) or value is None:
            return type(value)
        return None

    def class_of(self, value: object) -> ClassValue:
        """`type(value)`."""
        value = self.resolve(value)
        if isinstance(value, (Instance, Exception_)):
            return value.cls
        if isinstance(value, TensorValue):
            return value.cls or self.domain.tensor_class()
        if isinstance(value, ClassValue):
            return self.types["type"]
        kind = self.python_type(value)
        if kind is not None:
            name = "NoneType" if value is None else kind.__name__
            return self.types.get(name, self.types["object"])
        if isinstance(value, (Function, Native, Bound, OpFunction)):
            return self.types["function"]
        if isinstance(value, DType):
            return self.types["dtype"]
        if isinstance(value, Device):
            return self.types["device"]
        if isinstance(value, Iterator):
            return self.types["generator"]
        return self.types["module"] if isinstance(value, ModuleValue) else self.types["object"]

    def type_name(self, value: object) -> str:
        return self.class_of(value).name

    def exception_class(self, value: object) -> object:
        return value.cls if isinstance(value, (Exception_, Instance)) else Unknown("the class of an exception")

    def class_of_base(self, base: object) -> object:
        """A base as written: a class, or unknown (`Generic[T]` counts as object)."""
        if isinstance(base, ClassValue):
            return base
        if isinstance(base, Instance) and base.cls.name == "_Generic":
            return self.types["object"]
        return base

    def isinstance_of(self, value: object, cls: object) -> object:
        """`isinstance(value, cls)`: True, False, or an unknown bool that remembers the question."""
        value, cls = self.resolve(value), self.resolve(cls)
        if isinstance(cls, tuple):
            answers = [self.isinstance_of(value, c) for c in cls]
            if True in answers:
                return True
            return False if all(a is False for a in answers) else Unknown("depends on the run", bool,
                                                                          test=Test("isinstance", value, cls))  # fmt: skip
        if not isinstance(cls, ClassValue):
            if value is None and isinstance(cls, Unknown):
                return Unknown("depends on the run", bool)
            return Unknown("depends on the run", bool, test=Test("isinstance", value, cls))
        if isinstance(value, OneOf):
            answers = {a if isinstance(a := self.isinstance_of(v, cls), bool) else None for v in value.alternatives}
            if len(answers) == 1 and None not in answers:
                return answers.pop()
            return Unknown("depends on the run", bool, test=Test("isinstance", value, cls))
        if isinstance(value, Unknown) and value.python_type is None:
            return Unknown("depends on the run", bool, test=Test("isinstance", value, cls))
        if cls is self.types["object"]:
            return True
        if cls.name in ABSTRACT and cls.fields.get("__abstract__"):
            return self._abstract_instance(value, cls.name)
        own = self.class_of(value)
        if own.is_subclass(cls):
            return True
        if own.open and not isinstance(value, Exception_):
            return Unknown("depends on the run", bool, test=Test("isinstance", value, cls))
        return False

    def _abstract_instance(self, value: object, name: str) -> object:
        kinds = ABSTRACT[name]
        native = self.python_type(value)
        if name == "Callable":
            return isinstance(value, (Function, Native, Bound, OpFunction, ClassValue)) or (
                isinstance(value, Instance) and value.cls.lookup("__call__") is not MISSING
            )
        if isinstance(value, Instance):
            special = {"Iterable": "__iter__", "Mapping": "keys", "Sequence": "__getitem__", "Iterator": "__next__"}
            if name in special:
                return value.cls.lookup(special[name]) is not MISSING or value.payload is not None
        if isinstance(value, TensorValue):
            return name == "Iterable"
        if isinstance(value, Iterator):
            return name in ("Iterable", "Iterator", "Generator")
        return native is not None and issubclass(native, kinds)

    def make_super(self, owner: ClassValue, value: object) -> Super:
        return Super(owner, self.resolve(value))

    def namespace_of(self, value: Instance | ClassValue) -> DictValue:
        """`__dict__`: the fields themselves, so that writing to it writes attributes."""
        return _Namespace(value.fields)

    def fill_payload(self, instance: Instance, args: tuple, kwargs: dict, at) -> None:
        made = self.call_native(Native(instance.cls.name, instance.cls.new), args, kwargs, at)
        if isinstance(instance.payload, (ListValue, DictValue, SetValue)) and hasattr(made, "fields"):
            self.trail.set(instance.payload.fields, "items", made.fields["items"])

    def class_getitem(self, cls: ClassValue, index: object, at) -> object:
        hook = cls.lookup("__class_getitem__")
        if hook is not MISSING:
            function = hook.function if isinstance(hook, ClassMethod) else hook
            return self.call(function, (cls, index), {}, at)
        members = cls.fields.get("__members__")
        if isinstance(members, DictValue):
            return self.dict_get(members, index, MISSING)
        return cls  # list[int], Generic[T]

    def enum_members(self, cls: ClassValue) -> tuple | Plan:
        members = cls.lookup("__members__")
        if isinstance(members, DictValue):
            return tuple(members.fields["items"].values())
        return Plan(Unknown("an item of a class"), self.fresh_int("len", 0))

    # -- attributes of builtin values -------------------------------------------------------------------------------------

    def builtin_attribute(self, value: object, name: str) -> object:
        if isinstance(value, tuple) and name in getattr(value, "fields", ()):  # a named result: `x.max(1).indices`
            return value[value.fields.index(name)]
        table = methods.of_container(value)
        if table is not None and name in table:
            return Bound(Native(f"{type(value).__name__}.{name}", _method(table[name])), value)
        if isinstance(value, Iterator):
            found = methods.ITERATOR.get(name)
            return Bound(Native(name, _method(found)), value) if found else MISSING
        for kind in (str, bytes):
            if isinstance(value, kind) and hasattr(kind, name):
                return Bound(methods.text_method(name, kind), value)
        if isinstance(value, Expr) and name in ("is_integer", "bit_length", "item"):
            return Native(name, lambda m, args, kwargs, at: value)
        if name == "__class__":
            return self.class_of(value)
        if name == "__doc__":
            return None
        if isinstance(value, (Cond, UnknownSize, Expr)):
            return MISSING
        return methods.number_attribute(self, value, name)

    def native_class_attribute(self, cls: ClassValue, name: str) -> object:
        """`str.join`, `dict.fromkeys`, `list.append` as functions."""
        native = next((c.native for c in cls.mro if isinstance(c.native, type)), None)
        if native is dict and name == "fromkeys":
            return Native(name, _dict_fromkeys)
        table = {list: methods.LIST, dict: methods.DICT, set: methods.SET, tuple: methods.TUPLE}.get(native)
        if table and name in table:
            return Native(name, _method(table[name]))
        if native in (str, bytes) and hasattr(native, name):
            return methods.text_method(name, native)
        if native in (int, float) and hasattr(native, name) and not name.startswith("__"):
            return Native(name, lambda m, args, kwargs, at: Unknown(f"{name} of a number"))
        if native is TensorValue:
            return self.domain.class_method(name)
        if name in ("__init__", "__new__", "__setattr__", "__getattribute__", "__delattr__"):
            return Native(name, _object_method(name))
        return MISSING

    # -- helpers for natives --------------------------------------------------------------------------------------------

    def constant_deep(self, value: object) -> bool:
        if isinstance(value, tuple):
            return all(map(self.constant_deep, value))
        return self.constant(value)

    def lifted(self, value: object) -> object:
        """A Python value as one of ours: lists and dicts become values with identity."""
        if isinstance(value, (list,)):
            return self.new_list(tuple(map(self.lifted, value)))
        if isinstance(value, dict):
            return DictValue(self.trail.fields(items={k: self.lifted(v) for k, v in value.items()}))
        if isinstance(value, (set, frozenset)):
            return self.new_set(tuple(value))
        return tuple(map(self.lifted, value)) if type(value) is tuple else value

    def sorted_items(self, items: object, kwargs: dict, at) -> object:
        key = kwargs.get("key")
        if isinstance(items, Seq):
            return items
        keys = items if key is None else tuple(self.call(key, (i,), {}, at) for i in items)
        reverse = self.truth(kwargs.get("reverse", False))
        if all(map(self.constant_deep, keys)) and reverse is not None:
            try:
                order = sorted(range(len(items)), key=lambda i: keys[i], reverse=reverse)
                return tuple(items[i] for i in order)
            except TypeError:
                pass
        if not items:
            return ()
        return Seq(self.join_values(list(items)), len(items))

    def next_of(self, value: object, default: object, at) -> object:
        value = self.resolve(value)
        if isinstance(value, Instance):
            method = value.cls.lookup("__next__")
            if method is not MISSING:
                return self.call(method, (value,), {}, at)
        if isinstance(value, Iterator):
            items, position = value.fields["items"], value.fields["position"]
            if isinstance(items, Seq):
                return self.fresh_element(items.element)
            if position < len(items):
                self.trail.set(value.fields, "position", position + 1)
                return items[position]
            if default is not MISSING:
                return default
            if self.tries:
                raise Raised(self.new_exception("StopIteration"))
            return Unknown("next() of an iterator at its end")
        return Unknown("next() of an unknown iterator")


class _Namespace(DictValue):
    """A `__dict__`: reads and writes go to the owner's fields."""

    __slots__ = ("owner",)

    def __init__(self, owner: Fields):
        super().__init__(_View(owner))


class _View(Fields):
    """Looks like the fields of a dict whose items are another value's fields."""

    __slots__ = ("owner",)

    def __init__(self, owner: Fields):
        super().__init__(owner.born)
        self.owner = owner

    def __getitem__(self, key: object) -> object:
        return {k: v for k, v in self.owner.items() if isinstance(k, str)}

    def get(self, key: object, default: object = None) -> object:
        return self[key]

    def __setitem__(self, key: object, items: dict) -> None:
        for name in [k for k in self.owner if isinstance(k, str) and k not in items]:
            del self.owner[name]
        self.owner.update(items)


def _method(function):
    return lambda m, args, kwargs, at: function(m, args[0], args[1:], kwargs, at)


def _object_method(name: str):
    def call(m, args, kwargs, at):
        if name == "__setattr__":
            return m.store_attribute(args[0], args[1], args[2])
        if name == "__new__":
            return m.new_instance(args[0], args[1:])
        if name == "__getattribute__":
            return m.instance_attribute(args[0], args[1], at)
        if name == "__delattr__":
            return m.trail.delete(args[0].fields, args[1])
        return None

    return call


def _dict_fromkeys(m, args, kwargs, at):
    plan = m.iterate(args[0])
    value = args[1] if len(args) > 1 else None
    if isinstance(plan, tuple):
        keys = [m.key_of(k) for k in plan]
        if MISSING not in keys:
            return DictValue(m.trail.fields(items=dict.fromkeys(keys, value)))
    return DictValue(m.trail.fields(items={REST: value}))


# -- functions ---------------------------------------------------------------------------------------------------------


def f_len(m, args, kwargs, at):
    return m.length_of(args[0], at)


def f_range(m, args, kwargs, at):
    bounds = [m.resolve(a) for a in args]
    bounds = [m.domain.as_index(b) if isinstance(b, TensorValue) else int(b) if isinstance(b, bool) else b for b in bounds]
    start, stop, step = (0, bounds[0], 1) if len(bounds) == 1 else (*bounds, 1)[:3]
    if all(isinstance(b, int) for b in (start, stop, step)):
        return range(start, stop, step) if step else m.fail("ValueError", "range() arg 3 must not be zero")
    numbers = [m.as_size(b) if m.numeric(b) else UNKNOWN for b in (start, stop, step)]
    if any(isinstance(b, UnknownSize) for b in numbers) or not isinstance(step, int) or not step:
        return m.new_list(Seq(m.fresh_int("i", None), m.fresh_int("len", 0)))
    start, stop, _ = numbers
    length = m.path.normalize(-((start - stop) // step) if step > 0 else -((stop - start) // -step))
    low = start if isinstance(start, int) and step > 0 else None
    return m.new_list(Seq(m.fresh_int("i", low), smax(length, 0) if not isinstance(length, UnknownSize) else length))


def f_enumerate(m, args, kwargs, at):
    plan = m.iterate(args[0])
    start = args[1] if len(args) > 1 else kwargs.get("start", 0)
    if isinstance(plan, tuple):
        if isinstance(start, int):
            return m.new_iterator(tuple((start + i, item) for i, item in enumerate(plan)))
        return m.new_iterator(tuple((m.fresh_int("i", 0), item) for item in plan))
    return m.new_iterator(Seq((m.fresh_int("i", start if isinstance(start, int) else None), plan.element), plan.length))


def f_zip(m, args, kwargs, at):
    plans = [m.iterate(a) for a in args]
    if not plans:
        return m.new_iterator(())
    exact = [p for p in plans if isinstance(p, tuple)]
    if len(exact) == len(plans):
        return m.new_iterator(tuple(zip(*plans, strict=False)))
    if exact and min(map(len, exact)) <= 64:  # an unknown length is taken to be no shorter than the known ones
        n = min(map(len, exact))
        columns = [p[:n] if isinstance(p, tuple) else tuple(m.fresh_element(p.element) for _ in range(n)) for p in plans]
        return m.new_iterator(Seq(tuple(m.join_values(list(c)) for c in columns), m.fresh_int("len", 0)) if n > 8 else
                              tuple(zip(*columns, strict=True)))  # fmt: skip
    elements = tuple(m.join_values(list(p)) if isinstance(p, tuple) and p else getattr(p, "element", None) for p in plans)
    lengths = [len(p) if isinstance(p, tuple) else p.length for p in plans]
    length = smin(*lengths) if all(map(is_int, lengths)) else m.fresh_int("len", 0)
    return m.new_iterator(Seq(elements, length))


def f_map(m, args, kwargs, at):
    function, *rest = args
    zipped = f_zip(m, rest, {}, at).fields["items"]
    if isinstance(zipped, tuple) and len(zipped) <= 4096:
        return m.new_iterator(tuple(m.call(function, item, {}, at) for item in zipped))
    element = zipped.element if isinstance(zipped, Seq) else tuple(m.join_values(list(c)) for c in zip(*zipped, strict=True))
    length = zipped.length if isinstance(zipped, Seq) else len(zipped)
    return m.new_iterator(Seq(m.call(function, element, {}, at), length))


def f_filter(m, args, kwargs, at):
    function, iterable = args
    plan = m.iterate(iterable)
    if isinstance(plan, tuple):
        answers = [m.truth(item if function is None else m.call(function, (item,), {}, at)) for item in plan]
        if None not in answers:
            return m.new_iterator(tuple(i for i, keep in zip(plan, answers, strict=True) if keep))
        kept = [i for i, keep in zip(plan, answers, strict=True) if keep is not False]
        return m.new_iterator(Seq(m.join_values(kept), m.fresh_int("len", 0)))
    return m.new_iterator(Seq(plan.element, m.fresh_int("len", 0)))


def f_reversed(m, args, kwargs, at):
    method = m.class_attribute(args[0], "__reversed__")
    if method is not MISSING:
        return m.call(method, (args[0],), {}, at)
    plan = m.iterate(args[0])
    return m.new_iterator(plan[::-1] if isinstance(plan, tuple) else Seq(plan.element, plan.length))


def f_sorted(m, args, kwargs, at):
    plan = m.iterate(args[0])
    return m.new_list(m.sorted_items(plan if isinstance(plan, tuple) else Seq(plan.element, plan.length), kwargs, at))


def f_sum(m, args, kwargs, at):
    start = args[1] if len(args) > 1 else kwargs.get("start", 0)
    plan = m.iterate(args[0])
    if isinstance(plan, tuple):
        total = start
        for item in plan:
            total = m.binary("+", total, item, at)
        return total
    once = m.binary("+", start, plan.element, at)
    twice = m.binary("+", once, plan.element, at)
    if is_int(once):
        return m.fresh_int("n", None)
    return m.join_values([once, twice]) if not isinstance(once, (int, float)) else Unknown("a sum", float)


def _extreme(name: str):
    def call(m, args, kwargs, at):
        plan = m.iterate(args[0]) if len(args) == 1 else args
        if isinstance(plan, Plan):
            if "default" in kwargs:
                return m.join_values([plan.element, kwargs["default"]])
            return m.generic_of(plan.element)
        items = tuple(m.resolve(i) for i in plan)
        if not items:
            return kwargs["default"] if "default" in kwargs else m.fail("ValueError", f"{name}() iterable argument is empty")
        key = kwargs.get("key")
        keys = items if key is None else tuple(m.resolve(m.call(key, (i,), {}, at)) for i in items)
        if all(map(m.constant_deep, keys)):
            try:
                best = getattr(py, name)(range(len(items)), key=lambda i: keys[i])
                return items[best]
            except TypeError as error:
                return m.fail("TypeError", str(error))
        if key is None and all(map(is_int, items)) and not any(isinstance(i, UnknownSize) for i in items):
            return m.path.normalize((smin if name == "min" else smax)(*items))
        if any(isinstance(i, TensorValue) for i in items):
            result = items[0]
            for item in items[1:]:
                result = m.join_values([result, item])
            return result
        kinds = {m.python_type(i) for i in items}
        if kinds == {float} or kinds == {float, int}:
            return Unknown(f"the {name} of unknown numbers", float)
        return m.join_values(list(items))

    return call


def f_any_all(name: str):
    decisive = name == "any"

    def call(m, args, kwargs, at):
        plan = m.iterate(args[0])
        if not isinstance(plan, tuple):
            truth = m.truth(plan.element)
            return Unknown("depends on the run", bool) if truth is None or truth is decisive else not decisive
        answers = [m.truth(i) for i in plan]
        if decisive in answers:
            return decisive
        return Unknown("depends on the run", bool) if None in answers else not decisive

    return call


def f_isinstance(m, args, kwargs, at):
    return m.isinstance_of(args[0], args[1])


def f_issubclass(m, args, kwargs, at):
    cls, kinds = m.resolve(args[0]), m.resolve(args[1])
    kinds = kinds if isinstance(kinds, tuple) else (kinds,)
    if isinstance(cls, ClassValue) and all(isinstance(k, ClassValue) for k in kinds):
        return any(cls.is_subclass(k) for k in kinds) or (Unknown("depends on the run", bool) if cls.open else False)
    return Unknown("depends on the run", bool)


def f_hasattr(m, args, kwargs, at):
    if not isinstance(args[1], str):
        return Unknown("depends on the run", bool)
    answer = m.has_attribute(args[0], args[1])
    return Unknown("depends on the run", bool, test=Test("hasattr", args[0], args[1])) if answer is None else answer


def f_getattr(m, args, kwargs, at):
    name = m.resolve(args[1])
    if isinstance(name, OneOf):
        return m.fork_values([lambda n=n: f_getattr(m, (args[0], n, *args[2:]), kwargs, at) for n in name.alternatives])
    if not isinstance(name, str):
        return Unknown("an attribute whose name is not known")
    if len(args) > 2:
        value = m.resolve(args[0])
        if isinstance(value, Unknown):
            return m.join_values([m.getattr(value, name, at), args[2]])
        return m.getattr(value, name, at, args[2])
    return m.getattr(args[0], name, at)


def f_setattr(m, args, kwargs, at):
    if isinstance(args[1], str):
        m.setattr(args[0], args[1], args[2], at)


def f_delattr(m, args, kwargs, at):
    if isinstance(args[1], str):
        m.delattr(args[0], args[1], at)


def f_super(m, args, kwargs, at):
    if len(args) == 2 and isinstance(m.resolve(args[0]), ClassValue):
        return m.make_super(m.resolve(args[0]), args[1])
    return m.zero_super(at[1])


def f_callable(m, args, kwargs, at):
    value = m.resolve(args[0])
    if isinstance(value, (Function, Native, Bound, OpFunction, ClassValue)):
        return True
    if isinstance(value, Instance):
        return value.cls.lookup("__call__") is not MISSING
    return Unknown("depends on the run", bool) if isinstance(value, (Unknown, OneOf)) else False


def f_iter(m, args, kwargs, at):
    value = m.resolve(args[0])
    if isinstance(value, Iterator):
        return value
    if isinstance(value, Instance) and value.cls.lookup("__next__") is not MISSING:
        method = value.cls.lookup("__iter__")
        return m.call(method, (value,), {}, at) if method is not MISSING else value
    plan = m.iterate(value)
    return m.new_iterator(plan if isinstance(plan, tuple) else Seq(plan.element, plan.length))


def f_next(m, args, kwargs, at):
    return m.next_of(args[0], args[1] if len(args) > 1 else MISSING, at)


def f_print(m, args, kwargs, at):
    return None


def f_input(m, args, kwargs, at):
    return Unknown("typed by the user", str)


def f_open(m, args, kwargs, at):
    return Unknown("an open file", None, "file")


def f_vars(m, args, kwargs, at):
    if args and isinstance(m.resolve(args[0]), (Instance, ClassValue)):
        return m.namespace_of(m.resolve(args[0]))
    return Unknown("a namespace", dict)


def f_property(m, args, kwargs, at):
    values = list(args) + [None] * 3
    return Property(kwargs.get("fget", values[0]), kwargs.get("fset", values[1]), kwargs.get("fdel", values[2]))


def f_id(m, args, kwargs, at):
    value = m.resolve(args[0])
    return id(value) if isinstance(value, (TensorValue, Instance)) else Unknown("an id", int)


def pure(name: str):
    """A function without effects: Python's own on constants."""

    def call(m, args, kwargs, at):
        args = tuple(m.resolve(a) for a in args)
        if name == "abs" and len(args) == 1:
            if isinstance(args[0], TensorValue):
                return m.domain.method(args[0], "abs", (), {}, at)
            if isinstance(args[0], Expr):
                return args[0] if m.truth(m.compare_sizes(">=", args[0], 0)) else m.fresh_int("n", 0)
        if name == "round" and isinstance(args[0], Expr):
            return args[0]
        if name in ("pow", "divmod") and len(args) == 2 and not all(map(m.constant, args)):
            if name == "pow":
                return m.binary("**", args[0], args[1], at)
            return (m.binary("//", args[0], args[1], at), m.binary("%", args[0], args[1], at))
        if all(map(m.constant_deep, (*args, *kwargs.values()))) and name not in ("hash",):
            if name == "pow" and len(args) == 2:
                return m.plain_binary("**", *args)
            if steep(name, args):
                return Unknown("too large to compute", str)
            try:
                return m.lifted(getattr(py, name)(*args, **kwargs))
            except Exception as error:  # whatever Python says of these constants
                return m.fail(type(error).__name__, str(error))
        kinds = {"abs": getattr(args[0], "python_type", None) if args else None, "round": int if len(args) < 2 else float,
                 "repr": str, "format": str, "ascii": str, "hash": int, "ord": int, "chr": str}  # fmt: skip
        method = m.class_attribute(args[0], f"__{name}__") if args else MISSING
        if method is not MISSING:
            return m.call(method, args, kwargs, at)
        return Unknown(f"{name}() of an unknown value", kinds.get(name))

    return call


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


def make_object(m, args, kwargs, at):
    return m.new_instance(m.types["object"])


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
FUNCTIONS = {
    "len": f_len, "reversed": f_reversed, "sorted": f_sorted, "sum": f_sum,
    "min": _extreme("min"), "max": _extreme("max"), "any": f_any_all("any"), "all": f_any_all("all"),
    "isinstance": f_isinstance, "issubclass": f_issubclass, "hasattr": f_hasattr, "getattr": f_getattr,
    "setattr": f_setattr, "delattr": f_delattr, "super": f_super, "callable": f_callable, "iter": f_iter, "next": f_next,
    "aiter": f_iter, "anext": f_next,
    "print": f_print, "input": f_input, "open": f_open, "vars": f_vars, "id": f_id,
    "dir": lambda m, a, k, at: m.new_list(Seq(Unknown("a name", str), m.fresh_int("len", 0))),
    "globals": lambda m, a, k, at: m.namespace_of(at[1].module), "locals": lambda m, a, k, at: Unknown("locals", dict),
    "eval": lambda m, a, k, at: Unknown("the result of eval()"), "exec": lambda m, a, k, at: None,
    "compile": lambda m, a, k, at: Unknown("compiled code"), "__import__": lambda m, a, k, at: Unknown("an import"),
    "exit": lambda m, a, k, at: m.leave(), "quit": lambda m, a, k, at: m.leave(), "breakpoint": f_print,
    "__build_class__": f_print,
} | {name: pure(name) for name in PURE}  # fmt: skip
ABSTRACT = {
    "Iterable": (list, tuple, dict, set, str, bytes, range), "Sequence": (list, tuple, str, bytes, range),
    "Mapping": (dict,), "MutableMapping": (dict,), "MutableSequence": (list,), "Callable": (), "Number": (int, float, complex),
    "Integral": (int,), "Real": (int, float), "Iterator": (), "Generator": (), "Collection": (list, tuple, dict, set, str),
    "Hashable": (int, float, str, tuple, bytes), "Sized": (list, tuple, dict, set, str), "Set": (set,), "Container": (list, tuple, dict, set, str),
}  # fmt: skip
