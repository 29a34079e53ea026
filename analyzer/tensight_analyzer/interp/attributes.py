"""Attributes: Python's protocol on every kind of value."""

from __future__ import annotations

from tensight_analyzer.interp.signals import Raised
from tensight_analyzer.interp.values import (
    MISSING,
    UNBOUND,
    Bound,
    ClassMethod,
    ClassValue,
    Exception_,
    Function,
    Instance,
    ModuleValue,
    Native,
    OneOf,
    OpFunction,
    Property,
    StaticMethod,
    Super,
    TensorValue,
    Unknown,
)


class Attributes:
    """Mixin of the machine."""

    def getattr(self, value: object, name: str, at, default: object = MISSING) -> object:
        """`value.name`; `default` is what `getattr(value, name, default)` gives where there is none."""
        value = self.resolve(value)
        kind = value.__class__
        if kind is Instance:
            return self.instance_attribute(value, name, at, default)
        if kind is TensorValue:
            return self.domain.tensor_attribute(value, name, at, default)
        if kind is ModuleValue:
            found = self.module_attribute(value, name)
            return self._absent(value, name, default) if found is MISSING else self.resolve(found)
        if kind is OneOf:
            return self._of_alternatives(value, name, at, default)
        if kind is Unknown:
            return self.unknown_attribute(value, name, at)
        if kind is ClassValue:
            found = self.class_lookup(value, name)
            return self._absent(value, name, default) if found is MISSING else found
        if kind is Super:
            return self.super_attribute(value, name, at, default)
        if kind is Exception_:
            found = value.fields.get(name, MISSING)
            if found is not MISSING:
                return found
            found = value.cls.lookup(name) if isinstance(value.cls, ClassValue) else MISSING
            return Bound(found, value) if isinstance(found, Function) else Unknown(f"attribute of an exception: {name}")
        if kind is Function or kind is Bound or kind is Native or kind is OpFunction:
            found = self.function_attribute(value, name)
            return self._absent(value, name, default) if found is MISSING else found
        if kind is Property:
            return Native(name, lambda m, args, kwargs, at: m.property_with(value, name, args[0]))
        found = self.builtin_attribute(value, name)
        return self._absent(value, name, default) if found is MISSING else found

    def _absent(self, value: object, name: str, default: object) -> object:
        if default is not MISSING:
            return default
        return self.fail("AttributeError", f"'{self.type_name(value)}' object has no attribute '{name}'")

    def _of_alternatives(self, value: OneOf, name: str, at, default: object) -> object:
        """Alternatives without the attribute would raise: that path is not followed."""
        alternatives = [a for a in value.alternatives if a is not None and a is not UNBOUND]
        known = [a for a in alternatives if isinstance(a, Unknown) or self.has_attribute(a, name) is not False]
        if not known:
            return self._absent(value.alternatives[0], name, default)
        if len(known) == 1 and default is MISSING:
            return self.getattr(known[0], name, at)
        found = [self.getattr(a, name, at, default) for a in known]
        return self.join_values(found, name)

    def has_attribute(self, value: object, name: str) -> bool | None:
        """`hasattr`, None where nobody knows."""
        value = self.resolve(value)
        if isinstance(value, Unknown):
            return None
        if isinstance(value, OneOf):
            answers = {self.has_attribute(a, name) for a in value.alternatives}
            return answers.pop() if len(answers) == 1 else None
        probe = object()
        self.tries.append(_Ignored())
        try:
            found = self.getattr(value, name, (None, None), probe)
        except Raised:
            return False
        finally:
            self.tries.pop()
        if found is probe:
            return None if isinstance(value, Instance) and value.cls.open else False
        return True

    # -- instances ------------------------------------------------------------------------------------------------------

    def instance_attribute(self, value: Instance, name: str, at, default: object = MISSING) -> object:
        cls = value.cls
        found = cls.lookup(name)
        if found.__class__ is Property:
            return self.call(found.fget, (value,), {}, at)
        own = value.fields.get(name, MISSING)
        if own is not MISSING:
            if own.__class__ is Unknown or own.__class__ is OneOf:
                own = self.resolve(own)
                if own.__class__ is OneOf and UNBOUND in own.alternatives:
                    bound = tuple(a for a in own.alternatives if a is not UNBOUND)
                    own = bound[0] if len(bound) == 1 else OneOf(bound)
            return own
        if found is not MISSING:
            return self.bound(found, value, cls, at)
        if name == "__class__":
            return cls
        if name == "__dict__":
            return self.namespace_of(value)
        fallback = cls.lookup("__getattr__")
        if fallback is not MISSING:
            if default is not MISSING:
                self.tries.append(_Ignored())
                try:
                    return self.call(fallback, (value, name), {}, at)
                except Raised:
                    return default
                finally:
                    self.tries.pop()
            return self.call(fallback, (value, name), {}, at)
        if value.payload is not None:
            found = self.getattr(value.payload, name, at, MISSING if default is MISSING else default)
            return found
        if cls.open:
            unknown = Unknown("attribute of an object with an unknown base", None, name)
            self.trail.set(value.fields, name, unknown)
            return unknown
        return self._absent(value, name, default)

    def bound(self, found: object, value: object, cls: ClassValue, at) -> object:
        """A class attribute as seen through an instance."""
        kind = found.__class__
        if kind is Function or kind is Native or kind is OpFunction:
            return Bound(found, value)
        if kind is StaticMethod:
            return found.function
        if kind is ClassMethod:
            return Bound(found.function, cls)
        if kind is Property:
            return self.call(found.fget, (value,), {}, at)
        if kind is Instance:
            getter = found.cls.lookup("__get__")
            if getter is not MISSING:
                return self.call(getter, (found, value, cls), {}, at)
        return found

    def class_attribute(self, value: object, name: str) -> object:
        """A special method, looked up on the class as Python does; MISSING if there is none."""
        value = self.resolve(value)
        if isinstance(value, Instance):
            return value.cls.lookup(name)
        return MISSING

    def class_lookup(self, cls: ClassValue, name: str) -> object:
        found = cls.lookup(name)
        if found is not MISSING:
            if isinstance(found, StaticMethod):
                return found.function
            if isinstance(found, ClassMethod):
                return Bound(found.function, cls)
            return found
        if name in ("__name__", "__qualname__"):
            return cls.name
        if name == "__mro__":
            return cls.mro
        if name == "__bases__":
            return cls.bases
        if name == "__dict__":
            return self.namespace_of(cls)
        if name == "__doc__":
            return None
        if name == "mro":
            return Native("mro", lambda m, args, kwargs, at: m.new_list(cls.mro))
        if name == "__subclasses__":
            return Native(name, lambda m, args, kwargs, at: Unknown("the subclasses of a class"))
        native = self.native_class_attribute(cls, name)
        if native is not MISSING:
            return native
        return Unknown(f"attribute {name} of a class with an unknown base", None, name) if cls.open else MISSING

    def super_attribute(self, value: Super, name: str, at, default: object) -> object:
        instance = value.self
        cls = instance if isinstance(instance, ClassValue) else self.class_of(instance)
        mro = cls.mro
        start = mro.index(value.cls) + 1 if value.cls in mro else 0
        for base in mro[start:]:
            found = base.fields.get(name, MISSING)
            if found is not MISSING:
                if isinstance(instance, ClassValue) and isinstance(found, Function):
                    return found if name == "__new__" else Bound(found, instance)
                return self.bound(found, instance, cls, at)
        if name == "__new__":
            return Native("__new__", lambda m, args, kwargs, at: m.new_instance(args[0], args[1:]))
        if name == "__setattr__":
            return Native(name, lambda m, args, kwargs, at: m.store_attribute(instance, args[0], args[1]))
        if name == "__delattr__":
            return Native(name, lambda m, args, kwargs, at: m.trail.delete(instance.fields, args[0]))
        if name == "__getattribute__":
            return Native(name, lambda m, args, kwargs, at: m.instance_attribute(instance, args[0], at))
        if name in ("__init__", "__init_subclass__", "__set_name__", "__enter__", "__exit__", "__post_init__"):
            if isinstance(instance, Instance) and instance.payload is not None and name == "__init__":
                return Native(name, lambda m, args, kwargs, at: m.fill_payload(instance, args, kwargs, at))
            return Native(name, lambda m, args, kwargs, at: m.init_exception(instance, args))
        if isinstance(instance, Instance) and instance.payload is not None:
            return self.getattr(instance.payload, name, at, default)
        if isinstance(instance, TensorValue):
            return self.domain.tensor_attribute(instance, name, at, default)
        if name in ("__repr__", "__str__", "__format__"):
            return Native(name, lambda m, args, kwargs, at: Unknown("text", str))
        if name in ("__eq__", "__ne__", "__hash__", "__dir__", "__reduce__", "__sizeof__"):
            return Native(name, lambda m, args, kwargs, at: Unknown(f"object.{name}"))
        return (
            Unknown(f"attribute {name} of an unknown base", None, name)
            if cls.open
            else self._absent(value, name, default)
        )

    def init_exception(self, instance: object, args: tuple) -> None:
        if isinstance(instance, Exception_):
            self.trail.set(instance.fields, "args", args)

    # -- writing --------------------------------------------------------------------------------------------------------

    def setattr(self, owner: object, name: str, value: object, at) -> None:
        owner = self.resolve(owner)
        kind = owner.__class__
        if kind is Instance:
            setter = owner.cls.lookup(name)
            if setter.__class__ is Property:
                if setter.fset is not None:
                    self.call(setter.fset, (owner, value), {}, at)
                    return
                self.fail("AttributeError", f"property '{name}' of '{owner.cls.name}' object has no setter")
                return
            if setter.__class__ is Instance and (hook := setter.cls.lookup("__set__")) is not MISSING:
                self.call(hook, (setter, owner, value), {}, at)
                return
            hook = owner.cls.lookup("__setattr__")
            if hook is not MISSING:
                self.call(hook, (owner, name, value), {}, at)
                return
            self.store_attribute(owner, name, value)
        elif kind is TensorValue:
            self.domain.set_tensor_attribute(owner, name, value, at)
        elif kind is OneOf:
            alternatives = [a for a in owner.alternatives if a is not None]
            if len(alternatives) == 1:
                self.setattr(alternatives[0], name, value, at)
                return
            for alternative in alternatives:  # it may be any of them: what each had stays possible
                if isinstance(alternative, Instance):
                    old = alternative.fields.get(name, MISSING)
                    joined = value if old is MISSING else self.one_of((old, value), name)
                    self.trail.set(alternative.fields, name, joined)
        elif kind is Unknown:
            self.trail.set(owner.fields, ("attr", name), value)
        elif hasattr(owner, "fields"):
            self.trail.set(owner.fields, name, value)

    def store_attribute(self, owner: object, name: object, value: object) -> None:
        """`object.__setattr__`."""
        if isinstance(name, str):
            if isinstance(value, Unknown) and not value.name:
                value.name = f"self.{name}"
            self.trail.set(owner.fields, name, self.domain.named(value, f"self.{name}"))
        return None

    def delattr(self, owner: object, name: str, at) -> None:
        owner = self.resolve(owner)
        hook = self.class_attribute(owner, "__delattr__")
        if hook is not MISSING:
            self.call(hook, (owner, name), {}, at)
        elif hasattr(owner, "fields"):
            self.trail.delete(owner.fields, name)

    # -- the rest -------------------------------------------------------------------------------------------------------

    def unknown_attribute(self, value: Unknown, name: str, at) -> object:
        """An attribute of a value nobody knows: the same unknown each time it is read."""
        tensor = self.domain.tensor_by_attribute(value, name)
        if tensor is not None:
            return self.getattr(tensor, name, at)
        key = ("attr", name)
        found = value.fields.get(key, MISSING)
        if found is MISSING:
            found = Unknown(value.why, None, f"{value.name}.{name}" if value.name else name)
            self.trail.set(value.fields, key, found)
        return self.resolve(found)

    def function_attribute(self, value: object, name: str) -> object:
        function = value.function if isinstance(value, Bound) else value
        if isinstance(value, Bound) and name == "__self__":
            return value.self
        if isinstance(value, Bound) and name == "__func__":
            return function
        if isinstance(function, Function):
            found = function.fields.get(name, MISSING)
            if found is not MISSING:
                return found
        if isinstance(function, Native) and name in function.members:
            return function.members[name]
        if name in ("__name__", "__qualname__"):
            return getattr(function, "name", "").rpartition(".")[2]
        if name == "__doc__":
            return function.code.doc if isinstance(function, Function) else None
        if name == "__module__":
            return function.unit[0].name if isinstance(function, Function) else "torch"
        if name == "__call__":
            return value
        if name == "__code__" and isinstance(function, Function):
            return self.code_object(function)
        if name == "__wrapped__":
            return MISSING
        return Unknown(f"attribute {name} of a function") if name.startswith("__") else MISSING

    def code_object(self, function: Function) -> Instance:
        """`__code__`, as far as decorators look at it."""
        names = tuple(p.name for p in function.code.params if p.kind not in ("args", "kwargs"))
        flags = 32 * function.code.is_generator
        return Instance(
            self.trail.names(co_flags=flags, co_varnames=names, co_argcount=len(names), co_name=function.name),
            self.types["object"],
        )

    def property_with(self, value: Property, name: str, function: object) -> Property:
        """`@x.setter`, `@x.getter`, `@x.deleter`."""
        fget, fset, fdel = value.fget, value.fset, value.fdel
        if name == "setter":
            fset = function
        elif name == "getter":
            fget = function
        else:
            fdel = function
        return Property(fget, fset, fdel)


class _Ignored:
    """A `try` that swallows: for `hasattr` and `getattr` with a default."""

    def __init__(self):
        self.pending = _Sink()
        self.mark = (0, 0)


class _Sink(list):
    def append(self, item: object) -> None:
        pass
