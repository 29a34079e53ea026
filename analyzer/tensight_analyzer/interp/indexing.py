"""Indexing of lists, tuples, dicts and texts: `x[i]`, `x[i] = v`, `del x[i]`, `i in x`."""

from __future__ import annotations

from tensight_runtime.spec.cond import le
from tensight_runtime.spec.expr import Max, Min
from tensight_runtime.spec.size import Expr, atoms, bounds
from tensight_runtime.spec.size import Unknown as UnknownSize

from tensight_analyzer.interp.values import (
    MISSING,
    REST,
    UNBOUND,
    Bound,
    ClassValue,
    DictValue,
    Instance,
    ListValue,
    OneOf,
    Seq,
    SetValue,
    TensorValue,
    Unknown,
)


class Indexing:
    """Mixin of the machine."""

    # -- indexing -------------------------------------------------------------------------------------------------------

    def getitem(self, value: object, index: object, at) -> object:
        value, index = self.resolve(value), self.resolve(index)
        if isinstance(value, TensorValue):
            return self.domain.getitem(value, index, at)
        if isinstance(value, OneOf):
            known = [a for a in value.alternatives if a is not None and a is not UNBOUND]
            return self.fork_values([lambda a=a: self.getitem(a, index, at) for a in known])
        if isinstance(value, Unknown):
            tensor = self.domain.tensor_by_index(value, index)
            if tensor is not None:
                return self.domain.getitem(tensor, index, at)
            return self._unknown_item(value, index)
        if isinstance(index, OneOf):
            return self.fork_values([lambda i=i: self.getitem(value, i, at) for i in index.alternatives])
        if isinstance(value, DictValue):
            return self.dict_get(value, index, MISSING)
        if isinstance(value, Instance):
            method = value.cls.lookup("__getitem__")
            if method is not MISSING:
                return self.call(method, (value, index), {}, at)
            if value.payload is not None:
                if isinstance(value.payload, DictValue):
                    missing = value.cls.lookup("__missing__")
                    there = self.truth(self.contains(value.payload, index, at)) if missing is not MISSING else True
                    if there is not True:
                        absent = lambda: self.call(missing, (value, index), {}, at)  # noqa: E731
                        if there is False:
                            return absent()
                        return self.fork_values([absent, lambda: self.getitem(value.payload, index, at)])
                return self.getitem(value.payload, index, at)
            return Unknown("an item of an object", None)
        if isinstance(value, ClassValue):
            return self.class_getitem(value, index, at)
        if isinstance(value, (ListValue, tuple, str, bytes, range, Seq)):
            return self._sequence_item(value, index)
        return Unknown("an item of a value without items")

    def _unknown_item(self, value: Unknown, index: object) -> Unknown:
        key = ("item", index if self.constant(index) else repr(index))
        if isinstance(index, (slice, Unknown, TensorValue)) or not self.constant(index):
            return Unknown(value.why, None, f"{value.name}[]" if value.name else "")
        found = value.fields.get(key, MISSING)
        if found is MISSING:
            found = Unknown(value.why, None, f"{value.name}[{index!r}]" if value.name else "")
            self.trail.set(value.fields, key, found)
        return self.resolve(found)

    def _sequence_item(self, value: object, index: object) -> object:
        items = value.fields["items"] if isinstance(value, ListValue) else value
        if isinstance(index, TensorValue):
            index = self.domain.as_index(index)
        if isinstance(index, bool):
            index = int(index)
        if isinstance(index, slice):
            part = self._slice(items, index)
            return self.new_list(part) if isinstance(value, ListValue) else part
        if isinstance(items, Seq):
            return self.fresh_element(items.element)
        if isinstance(index, int):
            if -len(items) <= index < len(items):
                item = items[index]
                return self.resolve(item)
            return self.fail("IndexError", f"{self.type_name(value)} index out of range")
        if isinstance(items, range):
            return self.fresh_int("i", min(items.start, items.stop) if len(items) else None)
        if not items:
            return self.fail("IndexError", "list index out of range")
        return self.join_values(
            [self.generic(i) for i in dict.fromkeys(items)] if isinstance(items, (str, bytes)) else list(items)
        )

    def _slice(self, items: object, index: slice) -> object:
        bounds = [self.resolve(b) for b in (index.start, index.stop, index.step)]
        if isinstance(items, Seq):
            length = self.slice_length(items.length, *bounds)
            return Seq(items.element, length)
        if all(b is None or isinstance(b, int) for b in bounds):
            try:
                return items[slice(*bounds)]
            except ValueError as error:
                return self.fail("ValueError", str(error))
        if isinstance(items, (str, bytes)):
            return Unknown("part of a text", type(items))
        element = self.join_values(list(items)) if items else Unknown("an item of an empty sequence")
        return Seq(element, self.slice_length(len(items), *bounds))

    def slice_length(self, length: object, start: object, stop: object, step: object) -> object:
        """How many items a slice takes, by the rule for a tensor's dim."""
        found = self.domain.slice_length(length, start, stop, step)
        if isinstance(found, Expr) and any(isinstance(a, (Min, Max)) for a in atoms(found)):
            # `max(min(end - start, 32), 0)` is exact and says nothing to a reader: some number of at most 32
            short = self.fresh_int("n", 0)
            _, most = bounds(found)
            learned = self.path.assume(le(short, most)) if most is not None else None
            if learned is not None:
                self.learn(learned)
            return short
        return found

    def setitem(self, owner: object, index: object, value: object, at) -> None:
        owner, index = self.resolve(owner), self.resolve(index)
        if isinstance(owner, TensorValue):
            self.domain.setitem(owner, index, value, at)
        elif isinstance(owner, DictValue):
            self.dict_set(owner, index, value)
        elif isinstance(owner, ListValue):
            self._list_set(owner, index, value)
        elif isinstance(owner, Instance):
            method = owner.cls.lookup("__setitem__")
            if method is not MISSING:
                self.call(method, (owner, index, value), {}, at)
            elif owner.payload is not None:
                self.setitem(owner.payload, index, value, at)
        elif isinstance(owner, OneOf):
            for alternative in owner.alternatives:
                if alternative is not None:
                    self.setitem(alternative, index, value, at)
        elif isinstance(owner, Unknown) and self.constant(index):
            self.trail.set(owner.fields, ("item", index), value)

    def _list_set(self, owner: ListValue, index: object, value: object) -> None:
        items = owner.fields["items"]
        if isinstance(items, tuple) and isinstance(index, int):
            if -len(items) <= index < len(items):
                at = index % len(items)
                self.trail.set(owner.fields, "items", (*items[:at], value, *items[at + 1 :]))
            else:
                self.fail("IndexError", "list assignment index out of range")
        elif isinstance(items, tuple) and isinstance(index, slice):
            plan = self.iterate(value)
            try:
                copy = list(items)
                copy[index] = plan
                self.trail.set(owner.fields, "items", tuple(copy))
            except (TypeError, ValueError):
                self.trail.set(owner.fields, "items", Seq(Unknown("an item"), self.fresh_int("len", 0)))
        elif isinstance(items, tuple):
            self.trail.set(owner.fields, "items", tuple(self.one_of((i, value)) for i in items))
        else:
            self.trail.set(owner.fields, "items", Seq(self.join2(items.element, value), items.length))

    def delitem(self, owner: object, index: object, at) -> None:
        owner, index = self.resolve(owner), self.resolve(index)
        if isinstance(owner, DictValue):
            items = dict(owner.fields["items"])
            items.pop(self.key_of(index), None)
            self.trail.set(owner.fields, "items", items)
        elif isinstance(owner, ListValue) and isinstance(owner.fields["items"], tuple):
            items = list(owner.fields["items"])
            try:
                del items[index]
                self.trail.set(owner.fields, "items", tuple(items))
            except (TypeError, IndexError):
                self.trail.set(owner.fields, "items", Seq(self.join_values(items or [None]), self.fresh_int("len", 0)))
        elif isinstance(owner, Instance):
            method = owner.cls.lookup("__delitem__")
            if method is not MISSING:
                self.call(method, (owner, index), {}, at)
            elif owner.payload is not None:
                self.delitem(owner.payload, index, at)

    # -- dicts ----------------------------------------------------------------------------------------------------------

    def key_of(self, value: object) -> object:
        """A value as a key: constants by value, objects by identity; MISSING where it is not known."""
        value = self.resolve(value)
        if isinstance(value, tuple):
            parts = tuple(self.key_of(v) for v in value)
            return MISSING if MISSING in parts else parts
        if isinstance(value, (Unknown, OneOf, Expr, UnknownSize, slice)):
            return MISSING
        if isinstance(value, Bound):
            return ("bound", id(value.function), id(value.self))
        try:
            hash(value)
        except TypeError:
            return MISSING
        return value

    def dict_get(self, value: DictValue, index: object, default: object) -> object:
        items = value.fields["items"]
        key = self.key_of(index)
        if key is MISSING:
            candidates = list(items.values())
            if default is not MISSING:
                candidates.append(default)
            return self.join_values(candidates) if candidates else Unknown("an item of an empty dict")
        found = items.get(key, MISSING)
        if found is MISSING:
            if REST in items:
                rest = self.fresh_element(items[REST])
                return rest if default is MISSING else self.join2(rest, default)
            return self.fail("KeyError", repr(index)) if default is MISSING else default
        found = self.resolve(found)
        if found.__class__ is OneOf and UNBOUND in found.alternatives:
            bound = tuple(a for a in found.alternatives if a is not UNBOUND)
            if default is not MISSING:
                bound = (*bound, default)
            return self.one_of(bound)
        return found

    def dict_set(self, value: DictValue, index: object, item: object) -> None:
        items = value.fields["items"]
        key = self.key_of(index)
        if key is MISSING:
            rest = self.join2(items[REST], item) if REST in items else item
            merged = {k: self.join2(v, item) for k, v in items.items() if k is not REST}
            self.trail.set(value.fields, "items", {**merged, REST: rest})
        else:
            self.trail.set(value.fields, "items", {**items, key: item})

    def mapping_items(self, value: object) -> dict | None:
        """The items of a mapping, None if nobody knows them."""
        value = self.resolve(value)
        if isinstance(value, DictValue):
            return value.fields["items"]
        if isinstance(value, Instance):
            if isinstance(value.payload, DictValue):
                return value.payload.fields["items"]
            keys = value.cls.lookup("keys")
            if keys is not MISSING:
                plan = self.iterate(self.call(keys, (value,), {}, (None, None)))
                if isinstance(plan, tuple):
                    return {k: self.getitem(value, k, (None, None)) for k in plan}
        return None

    def contains(self, container: object, item: object, at) -> object:
        """`item in container`."""
        container, item = self.resolve(container), self.resolve(item)
        unknown = Unknown("depends on the run", bool)
        if isinstance(container, Instance):
            method = container.cls.lookup("__contains__")
            if method is not MISSING:
                return self.call(method, (container, item), {}, at)
            if container.payload is not None:
                return self.contains(container.payload, item, at)
        if isinstance(container, OneOf):
            answers = [self.truth(self.contains(a, item, at)) for a in container.alternatives]
            return answers[0] if answers[0] is not None and all(a is answers[0] for a in answers) else unknown
        if isinstance(container, DictValue):
            items = container.fields["items"]
            key = self.key_of(item)
            if key is MISSING:
                return unknown if items else False
            if key in items:
                found = items[key]
                return unknown if found.__class__ is OneOf and UNBOUND in found.alternatives else True
            return unknown if REST in items else False
        if isinstance(container, str):
            return item in container if isinstance(item, str) else unknown
        if isinstance(container, range):
            return item in container if isinstance(item, int) else unknown
        if isinstance(container, (tuple, ListValue, SetValue)):
            items = container if isinstance(container, tuple) else container.fields["items"]
            if isinstance(items, Seq):
                return unknown
            if isinstance(container, SetValue) and isinstance(item, TensorValue):  # tensors are hashed by identity
                items = tuple(i for i in items if not isinstance(i, TensorValue) or i is item)
            plain = self._plainly_in(items, item)
            if plain is not None:
                return plain
            answers = [self.identical(i, item) or self.truth(self.compare("==", i, item, at)) for i in items]
            return True if True in answers else unknown if None in answers else False
        return unknown

    def _plainly_in(self, items: tuple, item: object) -> bool | None:
        """Membership that no `__eq__` has a say in: constants by value, objects by identity; None for anything else."""
        if any(i is item for i in items) and not isinstance(item, Unknown):
            return True
        if self.constant(item) and all(map(self.constant, items)):
            return item in items
        return False if self._has_no_eq(item) and all(map(self._has_no_eq, items)) else None

    def _has_no_eq(self, value: object) -> bool:
        return isinstance(value, Instance) and value.cls.lookup("__eq__") is MISSING
