"""Python's builtin functions and types."""

from __future__ import annotations

import builtins as py

from tensight_runtime.spec.cond import Cond
from tensight_runtime.spec.device import Device
from tensight_runtime.spec.dtype import DType
from tensight_runtime.spec.size import Expr
from tensight_runtime.spec.size import Unknown as UnknownSize

from tensight_analyzer.interp import methods
from tensight_analyzer.interp.conversions import TYPES, make_bool
from tensight_analyzer.interp.expressions import Plan
from tensight_analyzer.interp.functions import FUNCTIONS
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
    Seq,
    SetValue,
    Super,
    TensorValue,
    Test,
    Unknown,
)

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
            if not isinstance(position, int):  # paths met that had read more of it or less
                some = self.join_values(list(items)) if items else Unknown("next() of an empty iterator")
                return some if default is MISSING else self.one_of((some, default))
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


ABSTRACT = {
    "Iterable": (list, tuple, dict, set, str, bytes, range), "Sequence": (list, tuple, str, bytes, range),
    "Mapping": (dict,), "MutableMapping": (dict,), "MutableSequence": (list,), "Callable": (), "Number": (int, float, complex),
    "Integral": (int,), "Real": (int, float), "Iterator": (), "Generator": (), "Collection": (list, tuple, dict, set, str),
    "Hashable": (int, float, str, tuple, bytes), "Sized": (list, tuple, dict, set, str), "Set": (set,),
    "Container": (list, tuple, dict, set, str),
}  # fmt: skip
