"""What the interpreter computes with.

A value that is known is itself: int, float, str, bytes, bool, None, Ellipsis, complex, tuple, range, slice, DType, Device.  A
symbolic int is a size expression.  Everything else is one of the classes below.  Mutable values keep their state in `fields`,
a `Fields` dictionary that only the trail writes to (`trail.py`), so that a branch can be undone and joined.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.kind import TensorLike, UnknownLike
from tensight_runtime.spec.op import InPlace, Op

if TYPE_CHECKING:
    from tensight_analyzer.interp.frame import Frame
    from tensight_analyzer.ir.nodes import Code

MISSING: Final = type("Missing", (), {"__repr__": lambda self: "MISSING"})()
REST: Final = type("Rest", (), {"__repr__": lambda self: "REST"})()
UNBOUND: Final = type("Unbound", (), {"__repr__": lambda self: "UNBOUND"})()


class Fields(dict):
    """The state of one mutable value.  `born` is the trail's clock at its creation: see `Trail.join`."""

    __slots__ = ("born",)

    def __init__(self, born: int = 0, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.born = born

    __hash__ = object.__hash__


class Names(Fields):
    """Fields whose keys are the program's own names: locals, attributes, globals."""

    __slots__ = ()
    __hash__ = object.__hash__


class Unknown(UnknownLike):
    """A value nobody knows.

    `why` says for what reason (for `tensight why`), `name` what the code calls it (symbols made from it are called so).
    `fields["is"]` is what the path has found it to be: the first operator that takes it as a tensor makes it one.
    """

    __slots__ = ("fields", "name", "python_type", "test", "why")

    def __init__(self, why: str = "", python_type: type | None = None, name: str = "", test: Test | None = None):
        self.why = why
        self.python_type = python_type
        self.name = name
        self.test = test
        self.fields = Fields()

    def __repr__(self) -> str:
        kind = self.python_type.__name__ if self.python_type else "?"
        return f"<unknown {kind} {self.name or self.why}>"


class Test:
    """What an unknown bool tells of `subject` when it is true: "none", "isinstance", "truth", "not", "and", "or", "cond"."""

    __slots__ = ("arg", "kind", "subject")

    def __init__(self, kind: str, subject: object, arg: object = None):
        self.kind = kind
        self.subject = subject
        self.arg = arg


class OneOf:
    """Two to four alternatives of different kind.  `fields["is"]` is what a test has narrowed it to on this path."""

    __slots__ = ("alternatives", "fields")

    def __init__(self, alternatives: tuple):
        self.alternatives = alternatives
        self.fields = Fields()

    def __repr__(self) -> str:
        return f"<one of {self.alternatives}>"


class Obj:
    """A mutable value with identity."""

    __slots__ = ("fields",)

    def __init__(self, fields: Fields):
        self.fields = fields


class TensorValue(Obj, TensorLike):
    """A tensor of the abstract domain.  fields: fact, storage, node, grad, version_at, ..., and attributes users set."""

    __slots__ = ("cls",)

    def __init__(self, fields: Fields, cls: ClassValue | None = None):
        self.fields = fields
        self.cls = cls

    @property
    def fact(self) -> Fact:
        return self.fields["fact"]

    def __repr__(self) -> str:
        return f"<{self.fact}>"


class Seq:
    """`length` (a size) values of which each is described by `element`: contents of a list nobody can spell out."""

    __slots__ = ("element", "length")

    def __init__(self, element: object, length: object):
        self.element = element
        self.length = length

    def __repr__(self) -> str:
        return f"<{self.length} x {self.element}>"


class ListValue(Obj):
    """fields: `items`, a tuple of values or a `Seq`; writes replace it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<list {self.fields['items']}>"


class DictValue(Obj):
    """fields: `items`, a dict that writes replace; its value under `REST` stands for further keys nobody knows."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<dict {self.fields['items']}>"


class SetValue(Obj):
    """fields: `items`, a tuple without duplicates or a `Seq`."""

    __slots__ = ()


class Instance(Obj):
    """An object of a user's class: fields are its attributes; `payload` the builtin value its class derives from, if any."""

    __slots__ = ("cls", "payload")

    def __init__(self, fields: Fields, cls: ClassValue, payload: object = None):
        self.fields = fields
        self.cls = cls
        self.payload = payload

    def __repr__(self) -> str:
        return f"<{self.cls.name} object>"


class ClassValue(Obj):
    """A class: fields are its namespace, `mro` starts with itself.  `native` is the builtin type it is, or derives from."""

    __slots__ = ("bases", "mro", "name", "native", "new")

    def __init__(
        self, fields: Fields, name: str, bases: tuple, native: type | None = None, new: Callable | None = None
    ):
        self.fields = fields
        self.name = name
        self.bases = bases
        kinds = (b.native for b in bases if isinstance(b, ClassValue) and b.native not in (None, object))
        self.native = native or next(kinds, None)
        inherited = (b.new for b in bases if isinstance(b, ClassValue) and b.new and b.native is not object)
        self.new = new or next(inherited, None)
        self.mro: tuple = (self, *_linearize(bases))

    def lookup(self, name: str) -> object:
        for cls in self.mro:
            value = cls.fields.get(name, MISSING)
            if value is not MISSING:
                return value
        return MISSING

    @property
    def open(self) -> bool:
        """Some base is unknown: it may have any attribute."""
        return any(not isinstance(b, ClassValue) or b.open for b in self.bases)

    def is_subclass(self, other: ClassValue) -> bool:
        return other in self.mro

    def __repr__(self) -> str:
        return f"<class {self.name}>"


def _linearize(bases: tuple) -> list[ClassValue]:
    """The C3 order of the known bases; a plain left-to-right order where C3 has none."""
    known = [b for b in bases if isinstance(b, ClassValue)]
    sequences = [list(b.mro) for b in known] + [known]
    result: list[ClassValue] = []
    while sequences := [s for s in sequences if s]:
        head = next((s[0] for s in sequences if not any(s[0] in other[1:] for other in sequences)), sequences[0][0])
        result.append(head)
        sequences = [[c for c in s if c is not head] for s in sequences]
    return result


class Function(Obj):
    """A user's function: code, the frame it closes over, its defaults (evaluated once).  fields: its attributes."""

    __slots__ = ("code", "defaults", "frame", "name", "owner", "unit")

    def __init__(self, fields: Fields, code: Code, frame: Frame, defaults: dict[str, object], unit: object):
        self.fields = fields
        self.code = code
        self.frame = frame
        self.defaults = defaults
        self.unit = unit
        self.name = code.name
        self.owner: ClassValue | None = None

    def __repr__(self) -> str:
        return f"<function {self.name}>"


class Bound:
    """A function with its first argument."""

    __slots__ = ("function", "self")

    def __init__(self, function: object, self_: object):
        self.function = function
        self.self = self_

    def __repr__(self) -> str:
        return f"<bound {self.function}>"


class Native:
    """A function the interpreter models: `call(machine, args, kwargs, at)`, where `at` is the call's place."""

    __slots__ = ("call", "members", "name")

    def __init__(self, name: str, call: Callable, members: dict[str, Native] | None = None):
        self.name = name
        self.call = call
        self.members = members or {}

    def __repr__(self) -> str:
        return f"<native {self.name}>"


class OpFunction:
    """A public name of the operator table: its overloads."""

    __slots__ = ("name", "ops")

    def __init__(self, name: str, ops: tuple[Op | InPlace, ...]):
        self.name = name
        self.ops = ops

    def __repr__(self) -> str:
        return f"<operator {self.name}>"


class ModuleValue(Obj):
    """An imported module; fields are its globals.  `source` is None for one that is not interpreted."""

    __slots__ = ("is_package", "name", "path")

    def __init__(self, fields: Fields, name: str, path: str | None = None, is_package: bool = False):
        self.fields = fields
        self.name = name
        self.path = path
        self.is_package = is_package

    def __repr__(self) -> str:
        return f"<module {self.name}>"


class Property:
    __slots__ = ("fdel", "fget", "fset")

    def __init__(self, fget: object, fset: object = None, fdel: object = None):
        self.fget, self.fset, self.fdel = fget, fset, fdel


class StaticMethod:
    __slots__ = ("function",)

    def __init__(self, function: object):
        self.function = function


class ClassMethod:
    __slots__ = ("function",)

    def __init__(self, function: object):
        self.function = function


class Super:
    """`super()`: attributes are looked up behind `cls` in the MRO of `self`."""

    __slots__ = ("cls", "self")

    def __init__(self, cls: ClassValue, self_: object):
        self.cls = cls
        self.self = self_


class Iterator(Obj):
    """fields: `items` (a tuple, or a `Seq`) and `position`; `rest` is what may come after the items (MISSING: nothing)."""

    __slots__ = ()


class Exception_(Obj):
    """A raised exception: cls is a ClassValue, fields `args`."""

    __slots__ = ("cls",)

    def __init__(self, fields: Fields, cls: object):
        self.fields = fields
        self.cls = cls
