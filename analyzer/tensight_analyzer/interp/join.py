"""Joining and widening of values: what is known after paths meet."""

from __future__ import annotations

from tensight_runtime.spec.cond import Cond
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.knowledge import Knowledge
from tensight_runtime.spec.size import Expr, lower
from tensight_runtime.spec.size import Unknown as UnknownSize

from tensight_analyzer.interp.values import (
    MISSING,
    REST,
    UNBOUND,
    DictValue,
    Fields,
    Instance,
    ListValue,
    Names,
    OneOf,
    Seq,
    TensorValue,
    Unknown,
)

MOST = 4  # alternatives a value may have
_SIZE = (Expr, UnknownSize)


def is_int(value: object) -> bool:
    return (isinstance(value, int) and not isinstance(value, bool)) or isinstance(value, _SIZE)


def same(a: object, b: object) -> bool:
    """Surely the same value: identical, or equal constants of one type."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, (int, float, str, bytes, complex)):
        return a == b and repr(a) == repr(b)
    if isinstance(a, Expr):
        return a == b
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, (range, slice)):
        return a == b if isinstance(a, range) else same((a.start, a.stop, a.step), (b.start, b.stop, b.step))
    return hasattr(a, "of_tensor") and a == b


class Joins:
    """Mixin of the machine."""

    def join_values(self, values: list, name: str = "") -> object:
        """One value for several paths."""
        result = values[0]
        for value in values[1:]:
            result = self.join2(result, value, name)
        return result

    def join2(self, a: object, b: object, name: str = "") -> object:
        if same(a, b):
            return a
        if isinstance(a, TensorValue) and isinstance(b, TensorValue):
            return self.domain.join_tensors(a, b)
        if type(a) is bool and type(b) is bool or (_boolish(a) and _boolish(b)):
            return Unknown("differs between branches", bool)
        if isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b) and type(a) is type(b):
            return tuple(self.join2(x, y, name) for x, y in zip(a, b, strict=True))
        if isinstance(a, Unknown) and isinstance(b, Unknown) and not a.fields and not b.fields:
            return Unknown(a.why, a.python_type if a.python_type is b.python_type else None, a.name or b.name)
        if isinstance(a, _SIZE) and is_int(b) or isinstance(b, _SIZE) and is_int(a):
            return self.fresh_int(name, _low(a, b))
        return self.one_of((a, b), name)

    def one_of(self, values: tuple, name: str = "") -> object:
        """The alternatives, flattened and without repeats; too many of them are unknown."""
        flat: list = []
        for value in values:
            for item in value.alternatives if isinstance(value, OneOf) else (value,):
                item = self.resolve(item)
                if not any(same(item, have) for have in flat):
                    flat.append(item)
        tensors = [v for v in flat if isinstance(v, TensorValue)]
        if len(tensors) > 1:
            merged = tensors[0]
            for tensor in tensors[1:]:
                merged = self.domain.join_tensors(merged, tensor)
            flat = [v for v in flat if not isinstance(v, TensorValue)] + [merged]
        if len(flat) == 1:
            return flat[0]
        if len(flat) > MOST:
            if all(map(is_int, flat)):
                return self.fresh_int(name, min((lower(v) for v in flat if lower(v) is not None), default=None))
            return Unknown(f"more than {MOST} alternatives", self.common_type(flat), name)
        return OneOf(tuple(flat))

    def common_type(self, values: list) -> type | None:
        kinds = {self.python_type(v) for v in values}
        return kinds.pop() if len(kinds) == 1 else None

    def join_entry(self, values: list, key: object, fields: Fields) -> object:
        """`Trail.join`'s callback: one entry of one dictionary."""
        present = [v for v in values if v is not MISSING]
        if isinstance(fields, Names):
            joined = self.join_values(present, key if isinstance(key, str) else "") if present else MISSING
            return joined if len(present) == len(values) else self.one_of((joined, UNBOUND))
        if len(present) < len(values) and (key == "is" or not present):
            return MISSING
        if isinstance(present[0], Knowledge):
            return fields[key].after(present)
        return self.join_states_of(present, key)

    def join_states_of(self, values: list, key: object) -> object:
        first = values[0]
        if isinstance(first, Fact):
            for other in values[1:]:
                first = self.domain.join_facts(first, other)
            return first
        if key == "items":
            return self.join_contents(values)
        if key == "version":
            return first if all(v == first for v in values) else None
        if key in ("node", "storage", "origin", "base") and not isinstance(first, (TensorValue, Unknown, OneOf)):
            return first if all(v is first for v in values) else None
        return self.join_values(values, key if isinstance(key, str) else "")

    def join_contents(self, values: list) -> object:
        """Contents of lists (tuples, `Seq`) or dicts."""
        if all(isinstance(v, dict) for v in values):
            merged: dict = {}
            for key in dict.fromkeys(k for v in values for k in v):
                present = [v[key] for v in values if key in v]
                value = self.join_values(present)
                merged[key] = value if len(present) == len(values) or key is REST else self.one_of((value, UNBOUND))
            return merged
        first = values[0]
        if all(isinstance(v, tuple) and len(v) == len(first) for v in values):
            return tuple(self.join_values(list(column)) for column in zip(*values, strict=True))
        if not all(isinstance(v, (tuple, Seq)) for v in values):
            return self.one_of(tuple(values))
        elements = [item for v in values for item in (v if isinstance(v, tuple) else (v.element,))]
        lengths = [len(v) if isinstance(v, tuple) else v.length for v in values]
        length = lengths[0] if all(same(n, lengths[0]) for n in lengths) else self.fresh_int("len", 0)
        element = self.join_values(elements) if elements else Unknown("element of an empty list")
        return Seq(element, length)

    # -- loops ----------------------------------------------------------------------------------------------------------

    def widen_entry(self, old: object, new: object, key: object, fields: Fields) -> object:
        """`widen` for one entry: names of the program are no fields of ours."""
        if isinstance(fields, Names):
            return self.widen(old, new, None, key if isinstance(key, str) else "")
        return self.widen(old, new, key)

    def covers_entry(self, wide: object, new: object, key: object, fields: Fields) -> bool:
        return wide is not MISSING and self.covers(wide, new, None if isinstance(fields, Names) else key)

    def widen(self, old: object, new: object, key: object, name: str = "") -> object:
        """A value that covers `old`, `new` and, if the next round confirms it, all that follow."""
        if old is MISSING or old is UNBOUND:
            return new
        if new is MISSING:
            return old
        if self.equivalent(old, new):
            return new
        if isinstance(old, Knowledge):
            return old  # sizes do not change: it still holds, and what one round learns need not hold in another
        if isinstance(old, Fact):
            return self.domain.join_facts(old, new)
        if key == "version":
            return None
        if key == "items" and not isinstance(old, OneOf):
            return self._widen_contents(old, new)
        if is_int(old) and is_int(new):
            return self.fresh_int(name, _low(old, new))
        if isinstance(old, float) and isinstance(new, (float, int)) or isinstance(old, int) and isinstance(new, float):
            return Unknown("changes in a loop", float, name)
        if isinstance(old, str) and isinstance(new, str):
            return Unknown("changes in a loop", str, name)
        if isinstance(old, TensorValue) and isinstance(new, TensorValue):
            return self.domain.join_tensors(old, new)
        if isinstance(old, tuple) and isinstance(new, tuple) and len(old) == len(new):
            return tuple(self.widen(a, b, None, name) for a, b in zip(old, new, strict=True))
        if key in ("node", "storage", "origin", "base"):
            return None
        if isinstance(old, ListValue) and isinstance(new, ListValue):
            return self.new_list(self._widen_contents(old.fields["items"], new.fields["items"]))
        return self.join2(old, new, name)

    def _widen_contents(self, old: object, new: object) -> object:
        if isinstance(old, dict) and isinstance(new, dict):
            merged = {k: self.widen(old[k], v, None) if k in old else v for k, v in new.items()}
            grown = [v for k, v in new.items() if k not in old and k is not REST]
            if grown:
                merged[REST] = self.join_values(grown + ([merged[REST]] if REST in merged else []))
            return merged
        if isinstance(old, tuple) and isinstance(new, tuple) and len(old) == len(new):
            return tuple(self.widen(a, b, None) for a, b in zip(old, new, strict=True))
        joined = self.join_contents([old, new])
        if isinstance(joined, Seq):
            return Seq(joined.element, self.fresh_int("len", 0))
        return joined

    def covers(self, wide: object, new: object, key: object) -> bool:
        """Is what a further round wrote already said by the widened value?"""
        if self.equivalent(wide, new):
            return True
        if isinstance(wide, Seq) and isinstance(new, (Seq, tuple)):
            items = (new.element,) if isinstance(new, Seq) else new
            return all(self.covers(wide.element, item, None) for item in items)
        if isinstance(wide, Expr) and is_int(new):
            return self.fits_symbol(wide, new)
        if isinstance(wide, Unknown) and not wide.fields:
            return wide.python_type is None or self.python_type(new) is wide.python_type
        if isinstance(wide, OneOf):
            return all(
                any(self.covers(alternative, item, None) for alternative in wide.alternatives)
                for item in (new.alternatives if isinstance(new, OneOf) else (new,))
            )
        if isinstance(wide, tuple) and isinstance(new, tuple):
            return len(wide) == len(new) and all(self.covers(a, b, None) for a, b in zip(wide, new, strict=True))
        if isinstance(wide, dict) and isinstance(new, dict):
            return all(
                self.covers(wide[k], v, None) if k in wide else REST in wide and self.covers(wide[REST], v, None)
                for k, v in new.items()
            )
        if isinstance(wide, Fact) and isinstance(new, Fact):
            return self.domain.fact_covers(wide, new)
        if isinstance(wide, TensorValue) and isinstance(new, TensorValue):
            return self.domain.fact_covers(wide.fact, new.fact)
        if isinstance(wide, ListValue) and isinstance(new, ListValue):
            return self.covers(wide.fields["items"], new.fields["items"], "items")
        return isinstance(wide, Knowledge)

    def equivalent(self, a: object, b: object, depth: int = 3) -> bool:
        """The same as far as facts go: identity of mutable values does not count."""
        if same(a, b):
            return True
        if isinstance(a, TensorValue) and isinstance(b, TensorValue):
            return a.fact == b.fact
        if depth == 0 or type(a) is not type(b):
            return False
        if isinstance(a, tuple):
            return len(a) == len(b) and all(self.equivalent(x, y, depth - 1) for x, y in zip(a, b, strict=True))
        if isinstance(a, Seq):
            return same(a.length, b.length) and self.equivalent(a.element, b.element, depth - 1)
        if isinstance(a, (ListValue, DictValue)):
            return self.equivalent(a.fields["items"], b.fields["items"], depth - 1)
        if isinstance(a, dict):
            return a.keys() == b.keys() and all(self.equivalent(v, b[k], depth - 1) for k, v in a.items())
        if isinstance(a, Unknown):
            return a.python_type is b.python_type and not a.fields and not b.fields
        if isinstance(a, Instance):
            return a.cls is b.cls and self.equivalent(dict(a.fields), dict(b.fields), depth - 1)
        if isinstance(a, OneOf):
            return len(a.alternatives) == len(b.alternatives) and all(
                self.equivalent(x, y, depth - 1) for x, y in zip(a.alternatives, b.alternatives, strict=True)
            )
        return isinstance(a, Fact) and a == b


def _boolish(value: object) -> bool:
    return type(value) is bool or isinstance(value, Cond) or (isinstance(value, Unknown) and value.python_type is bool)


def _low(a: object, b: object) -> int | None:
    bounds = [lower(v) if not isinstance(v, UnknownSize) else None for v in (a, b)]
    return None if None in bounds else min(bounds)
