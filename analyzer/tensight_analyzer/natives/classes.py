"""Classes that Python's library makes: named tuples, dataclasses, enums, context managers, parsed arguments."""

from __future__ import annotations

from tensight_runtime.spec.size import symbol

from tensight_analyzer.interp.values import (
    MISSING,
    ClassMethod,
    ClassValue,
    DictValue,
    Fields,
    Function,
    Instance,
    Native,
    Property,
    Seq,
    StaticMethod,
    Unknown,
)
from tensight_analyzer.natives.common import nothing


def namedtuple(m, args, kwargs, at):
    name, names = m.resolve(args[0]), m.resolve(args[1])
    plan = names.replace(",", " ").split() if isinstance(names, str) else m.iterate(names)
    defaults = m.iterate(kwargs["defaults"]) if kwargs.get("defaults") else ()
    return tuple_class(m, name if isinstance(name, str) else "tuple", tuple(plan), defaults, m.trail.names())


def tuple_class(m, name: str, names: tuple, defaults: tuple, fields: Fields) -> ClassValue:
    """A named tuple: a tuple whose items are attributes too."""

    def new(m, args, kwargs, at):
        values = dict(zip(names[len(names) - len(defaults) :], defaults, strict=True))
        values.update(zip(names, args, strict=False))
        values.update(kwargs)
        items = tuple(values.get(n, Unknown("a missing field")) for n in names)
        made = Instance(m.trail.names(dict(zip(names, items, strict=True))), cls, items)
        return made

    def replace(m, args, kwargs, at):
        old = args[0]
        return new(m, tuple(kwargs.get(n, old.fields.get(n)) for n in names), {}, at)

    fields["_fields"] = names
    fields["_replace"] = Native("_replace", replace)
    fields["_asdict"] = Native("_asdict", lambda m, args, kwargs, at: DictValue(
        m.trail.fields(items={n: args[0].fields[n] for n in names})))  # fmt: skip
    cls = ClassValue(fields, name, (m.types["tuple"],), tuple)
    fields["__new__"] = StaticMethod(Native(name, lambda m, args, kwargs, at: new(m, args[1:], kwargs, at)))
    return cls


def dataclass(m, args, kwargs, at):
    if args and isinstance(m.resolve(args[0]), ClassValue):
        return make_dataclass(m, m.resolve(args[0]))
    return Native("dataclass", lambda m, args, kwargs, at: make_dataclass(m, args[0]))


class FieldSpec:
    """`dataclasses.field(...)`."""

    def __init__(self, default: object, factory: object, init: bool):
        self.default, self.factory, self.init = default, factory, init


def field(m, args, kwargs, at):
    return FieldSpec(
        kwargs.get("default", MISSING), kwargs.get("default_factory", MISSING), kwargs.get("init", True) is not False
    )


def make_dataclass(m, cls: object) -> object:
    if not isinstance(cls, ClassValue):
        return cls
    specs: dict[str, FieldSpec] = {}
    for base in reversed(cls.mro):
        for name in base.fields.get("__annotations_in_order__", ()):
            value = base.fields.get(name, MISSING)
            specs[name] = value if isinstance(value, FieldSpec) else FieldSpec(value, MISSING, True)

    def init(m, args, kwargs, at):
        self, values = args[0], dict(zip((n for n, s in specs.items() if s.init), args[1:], strict=False)) | kwargs
        for name, spec in specs.items():
            if name in values:
                value = values[name]
            elif spec.factory is not MISSING:
                value = m.call(spec.factory, (), {}, at)
            elif spec.default is not MISSING:
                value = spec.default
            else:
                value = Unknown("a missing field", None, name)
            m.setattr(self, name, value, at)
        after = self.cls.lookup("__post_init__")
        if after is not MISSING:
            m.call(after, (self,), {}, at)

    if "__init__" not in cls.fields:
        m.trail.set(cls.fields, "__init__", Native("__init__", init))
    for name, spec in specs.items():
        if name in cls.fields and isinstance(cls.fields[name], FieldSpec):
            if spec.default is MISSING:
                m.trail.delete(cls.fields, name)
            else:
                m.trail.set(cls.fields, name, spec.default)
    m.trail.set(cls.fields, "__dataclass_fields__", DictValue(m.trail.fields(items=dict.fromkeys(specs, None))))
    return cls


def fields_of(m, value: object) -> tuple:
    value = m.resolve(value)
    cls = value if isinstance(value, ClassValue) else getattr(value, "cls", None)
    found = cls.lookup("__dataclass_fields__") if isinstance(cls, ClassValue) else MISSING
    return tuple(found.fields["items"]) if isinstance(found, DictValue) else ()


def asdict(m, args, kwargs, at):
    value = m.resolve(args[0])
    return DictValue(m.trail.fields(items={n: m.getattr(value, n, at) for n in fields_of(m, value)}))


def replace(m, args, kwargs, at):
    value = m.resolve(args[0])
    if not isinstance(value, Instance):
        return Unknown("a replaced dataclass")
    made = Instance(m.trail.names(dict(value.fields)), value.cls, value.payload)
    for name, item in kwargs.items():
        m.setattr(made, name, item, at)
    return made


def dataclass_fields(m, args, kwargs, at):
    made = []
    for name in fields_of(m, args[0]):
        made.append(Instance(m.trail.names(name=name), m.types["object"]))
    return tuple(made)


def contextmanager(m, args, kwargs, at):
    """A generator function as a context manager: what it yields first is bound; the rest runs at once."""
    function = args[0]
    cls = ClassValue(m.trail.names(), "_GeneratorContextManager", (m.types["object"],))

    def enter(m, args, kwargs, at):
        plan = m.iterate(args[0].fields["made"])
        return plan[0] if isinstance(plan, tuple) and plan else getattr(plan, "element", None)

    cls.fields["__enter__"] = Native("__enter__", enter)
    cls.fields["__exit__"] = Native("__exit__", nothing)
    return Native("contextmanager", lambda m, args, kwargs, at: Instance(
        m.trail.names(made=m.call(function, args, kwargs, at)), cls))  # fmt: skip


def nullcontext(m, args, kwargs, at):
    cls = ClassValue(m.trail.names(), "nullcontext", (m.types["object"],))
    value = args[0] if args else kwargs.get("enter_result")
    cls.fields["__enter__"] = Native("__enter__", lambda m, args, kwargs, at: value)
    cls.fields["__exit__"] = Native("__exit__", nothing)
    return Instance(m.trail.names(), cls)


def parsed(m, args, kwargs, at):
    """An argument of the command line: a symbol named after it, of the type its declaration says."""
    dest, default, kind, action, nargs, required = (m.resolve(a) for a in args)
    name = f"args.{dest}"
    if action in ("store_true", "store_false") or isinstance(default, bool):
        return Unknown("a command line flag", bool, name)
    if nargs in ("+", "*") or isinstance(nargs, int):
        plan = m.iterate(default) if default is not None else ()
        element = parsed(
            m, (dest, plan[0] if isinstance(plan, tuple) and plan else None, kind, None, None, True), {}, at
        )
        return m.new_list(Seq(element, nargs if isinstance(nargs, int) else m.fresh_int("len", 0)))
    native = kind.native if isinstance(kind, ClassValue) else None
    if native is None and kind is None:
        native = type(default) if m.constant(default) and default is not None else str
    if native is int:
        value: object = symbol(name, ("args", dest), None)
    elif native in (float, str, bool):
        value = Unknown("a command line argument", native, name)
    else:
        value = Unknown("a command line argument", None, name)
    return m.one_of((None, value)) if default is None and not required else value


class _Auto:
    pass


def enum_base(m) -> ClassValue:
    """`Enum`: assignments in the body of a subclass become members with a name and a value."""
    base = ClassValue(Fields(), "EnumBase", (m.types["object"],))

    def subclass(m, args, kwargs, at):
        cls = args[0]
        members, number = {}, 0
        for name, value in list(cls.fields.items()):
            if not isinstance(name, str) or name.startswith("_") or isinstance(value, (Function, Property, StaticMethod,
                                                                                       ClassMethod)):  # fmt: skip
                continue
            number = value if isinstance(value, int) and not isinstance(value, bool) else number + 1
            shown = number if isinstance(value, _Auto) else value
            member = Instance(m.trail.names({"name": name, "value": shown, "_name_": name, "_value_": shown}), cls)
            members[name] = member
            m.trail.set(cls.fields, name, member)
        if members:
            m.trail.set(cls.fields, "__members__", DictValue(m.trail.fields(items=members)))

    def new(m, args, kwargs, at):
        cls, value = args[0], m.resolve(args[1]) if len(args) > 1 else None
        found = cls.lookup("__members__")
        members = list(found.fields["items"].values()) if isinstance(found, DictValue) else []
        for member in members:
            if m.constant(value) and member.fields["value"] == value:
                return member
        return m.join_values(members) if members else Unknown("a member of an enum")

    base.fields["__init_subclass__"] = ClassMethod(Native("__init_subclass__", subclass))
    base.fields["__new__"] = StaticMethod(Native("Enum", new))
    return base


def abstract_classes(m) -> dict:
    from tensight_analyzer.interp.builtins import ABSTRACT

    made = {}
    for name in ABSTRACT:
        cls = ClassValue(Fields(), name, (m.types["object"],))
        cls.fields["__abstract__"] = True
        made[name] = cls
    return made


def object_class(m, name: str) -> ClassValue:
    return ClassValue(Fields(), name, (m.types["object"],))


def named_tuple_base(m) -> ClassValue:
    """`class P(NamedTuple): x: int`: the annotations are the fields."""
    base = ClassValue(Fields(), "NamedTuple", (m.types["tuple"],), tuple)

    def subclass(m, args, kwargs, at):
        cls = args[0]
        names = cls.fields.get("__annotations_in_order__", ())
        defaults = tuple(cls.fields[n] for n in names if n in cls.fields)
        made = tuple_class(m, cls.name, names, defaults, m.trail.names())
        for name in ("__new__", "_fields", "_replace", "_asdict"):
            value = made.fields[name]
            if name == "__new__":
                value = StaticMethod(Native(cls.name, _retyped(value.function, cls)))
            m.trail.set(cls.fields, name, value)

    def call(m, args, kwargs, at):
        names = tuple(i[0] for i in m.iterate(args[1]))
        return tuple_class(m, args[0], names, (), m.trail.names())

    base.fields["__init_subclass__"] = ClassMethod(Native("__init_subclass__", subclass))
    base.fields["__new__"] = StaticMethod(
        Native("NamedTuple", lambda m, args, kwargs, at: call(m, args[1:], kwargs, at))
    )
    return base


def _retyped(native: Native, cls: ClassValue):
    def call(m, args, kwargs, at):
        made = native.call(m, args, kwargs, at)
        made.cls = cls
        return made

    return call
