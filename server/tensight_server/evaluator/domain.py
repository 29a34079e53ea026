"""The concrete domain: a tensor is a tensor of the engine, and applying an operator is running it.

What runs is what the engine runs for `tensight run`, after a look at how many bytes the result takes.  No operator is
known by name.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tensight_analyzer.interp import values as kinds
from tensight_analyzer.interp.abstract import AbstractDomain, NamedResult
from tensight_analyzer.interp.signals import Raised
from tensight_analyzer.interp.values import (
    MISSING,
    Fields,
    Instance,
    ListValue,
    Names,
    OpFunction,
    TensorValue,
    Unknown,
)
from tensight_runtime.engine import Buffer, Parameter, Tensor
from tensight_runtime.engine import apply as engine
from tensight_runtime.engine.arguments import PARTS, PARTS_FLOATS_ALIKE, call_key
from tensight_runtime.engine.described import Described
from tensight_runtime.engine.node import Node
from tensight_runtime.engine.plan import Entry, Plan, prepare
from tensight_runtime.engine.state import modes
from tensight_runtime.ops import PROPERTIES
from tensight_runtime.spec.cond import Cond
from tensight_runtime.spec.device import Device
from tensight_runtime.spec.dtype import DType, defaults
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.op import InPlace
from tensight_runtime.spec.size import Expr

from tensight_server.evaluator.stop import Stopped

PLAIN = (bool, int, float, complex, str, bytes, DType, Device, type(None), type(...))
REFUSALS = (RuntimeError, TypeError, ValueError, IndexError, KeyError, AttributeError, ZeroDivisionError, OverflowError,
            AssertionError, NotImplementedError)  # fmt: skip


class Held(Names):
    """The fields of a concrete tensor: `tensor` is the engine's, and the fact is read off it."""

    __slots__ = ("gradient", "tensor")
    __hash__ = object.__hash__

    def __init__(self, born: int, tensor: Tensor):
        super().__init__(born)
        self.tensor = tensor
        self.gradient: TensorValue | None = None

    def __missing__(self, key: object) -> object:
        if key == "fact":
            return fact_of(self.tensor)
        raise KeyError(key)


class State(Fields):
    """The machine's state, with grad and inference mode kept by the engine."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __getitem__(self, key: object) -> object:
        if key == "grad":
            return modes.grad
        return modes.inference if key == "inference" else super().__getitem__(key)

    def __setitem__(self, key: object, value: object) -> None:
        if key == "grad":
            modes.grad = value is not False
        elif key == "inference":
            modes.inference = value is True
        super().__setitem__(key, value)


class Unavailable(Exception):
    """A value that the engine cannot be given, because nobody knows it: the reason."""


class ConcreteDomain(AbstractDomain):
    """Tensors of the engine.  No result may take more than `most` bytes."""

    def __init__(self, most: float):
        self.most = most
        self.entries: dict[str, Entry] = {}
        self.writes: dict[int, int] = {}  # address of an array's owner -> how often it was written to
        self.drew = False  # random numbers were drawn from the default generator
        self.escapes: list[str] = []  # unknown functions that were given tensors

    def attach(self, machine) -> None:
        self.machine = machine
        old, machine.state = machine.state, State(machine.trail.clock)
        machine.state.update(old)
        machine.state["grad"] = True
        machine.state["inference"] = False
        machine.state["grads unknown"] = False
        modes.autocast, modes.saved_hooks = None, ()
        defaults.reset()

    # -- between the interpreter's values and the engine's ------------------------------------------------------------

    def lift(self, value: object) -> object:
        """A value of the engine as the interpreter's."""
        if isinstance(value, Tensor):
            return self.held(value)
        kind = type(value)
        if kind in PLAIN or isinstance(value, (DType, Device)):
            return value
        if isinstance(value, tuple):
            items = tuple(map(self.lift, value))
            names = getattr(kind, "_fields", None)
            return NamedResult.make(items, names) if names else items
        if isinstance(value, list):
            return self.machine.new_list(tuple(map(self.lift, value)))
        if isinstance(value, np.ndarray):
            return Unknown("a NumPy array", None, "array")
        if isinstance(value, Node):
            return Unknown("a node of the graph", None, "grad_fn")
        return Unknown(f"an object of the engine ({kind.__name__})")

    def held(self, tensor: Tensor) -> TensorValue:
        project = self.machine.project
        cls = project.parameter_class if isinstance(tensor, Parameter) else None
        if cls is None and isinstance(tensor, Buffer):
            cls = project.buffer_class
        self.machine.trail.clock += 1
        return TensorValue(Held(self.machine.trail.clock, tensor), cls)

    def lower(self, value: object) -> object:
        """A value of the interpreter as the engine's.  Raises `Unavailable` for one that is not known."""
        m = self.machine
        value = m.resolve(value)
        kind = type(value)
        if kind is TensorValue:
            return value.fields.tensor
        if kind in PLAIN or isinstance(value, (DType, Device)):
            return value
        if kind is tuple or isinstance(value, NamedResult):
            return tuple(map(self.lower, value))
        if kind is slice:
            return slice(*map(self.lower, (value.start, value.stop, value.step)))
        if kind is range:
            return list(value)
        if isinstance(value, (ListValue, kinds.Iterator)):
            return list(map(self.lower, m.iterate(value)))
        if isinstance(value, kinds.DictValue):
            return {k: self.lower(v) for k, v in value.fields["items"].items() if k is not kinds.REST}
        if isinstance(value, Instance):
            if "engine object" in value.fields:
                return value.fields["engine object"]
            if value.payload is not None:
                return self.lower(value.payload)
        if isinstance(value, (kinds.Function, kinds.Bound, kinds.Native, OpFunction)):
            return lambda *args: self.lower(
                m.call(value, tuple(map(self.lift, args)), {}, (None, m.project.entry_frame))
            )
        if isinstance(value, (Unknown, Expr, Cond, kinds.OneOf)):
            raise Unavailable(m.depends(value))
        raise Unavailable(f"what follows depends on {m.type_name(value)} given to an operator")

    # -- applying operators -------------------------------------------------------------------------------------------

    def apply(self, function: OpFunction, args: tuple, kwargs: dict, at) -> object:
        name = function.name.rpartition(".")[2]
        method = function.name.startswith("Tensor.")
        own = method and (name in Tensor.own_names or name in Described.__dict__)
        writes = (
            name.endswith("_")
            and not name.endswith("__")
            or name.startswith("__i")
            or "out" in kwargs
            or any(isinstance(op, InPlace) or op.mutates for op in function.ops)
        )
        if own:
            return self.run(lambda *a, **k: getattr(Tensor, name)(*a, **k), args, kwargs, writes)
        entry = self.entries.get(function.name)
        if entry is None:
            entry = self.entries[function.name] = Entry(name.strip("_") if method else name, function.ops, method)
        return self.run(lambda *a, **k: self.within(entry, a, k), args, kwargs, writes)

    def run(self, function: Callable, args: tuple, kwargs: dict, writes: bool = False) -> object:
        """Call a function of the engine: errors become the program's, what is not known an unknown result."""
        try:
            lowered = [self.lower(a) for a in args]
            named = {k: self.lower(v) for k, v in kwargs.items()}
        except Unavailable as missing:
            if writes:
                raise Stopped(str(missing)) from None
            return Unknown(str(missing).removeprefix("what follows depends on "))
        self.machine.hurry()
        result = self.guarded(function, lowered, named)
        if writes:
            for tensor in (*lowered, *named.values()):
                self.wrote(tensor)
        if isinstance(result, Tensor):
            for value, tensor in zip((*args, *kwargs.values()), (*lowered, *named.values()), strict=True):
                if tensor is result:
                    return self.machine.resolve(value)
        return self.lift(result)

    def guarded(self, function: Callable, args: list, kwargs: dict) -> object:
        try:
            with np.errstate(all="ignore"):
                return function(*args, **kwargs)
        except MemoryError:
            raise Stopped("stopped: out of memory") from None
        except REFUSALS as error:
            kind = next((k.__name__ for k in type(error).__mro__ if k.__name__ in self.machine.types), "RuntimeError")
            raise Raised(self.machine.new_exception(kind, str(error))) from None

    def within(self, entry: Entry, args: tuple, kwargs: dict) -> object:
        """Call an operator if there is room for what it makes."""
        key = call_key(args, kwargs, PARTS_FLOATS_ALIKE if entry.floats_alike else PARTS)
        plan = entry.plans.get(key) if key is not None else None
        if plan is None and "out" not in kwargs and (found := self.planned(entry, args, kwargs)) is not None:
            plan = found
        if plan is not None:
            self.check(plan)
        return engine.call(entry, args, kwargs)

    def planned(self, entry: Entry, args: tuple, kwargs: dict) -> Plan | None:
        try:
            return prepare(entry, args, {k: v for k, v in kwargs.items() if k not in ("layout", "pin_memory")})[0]
        except REFUSALS:
            return None  # the call itself says so

    def check(self, plan: Plan) -> None:
        if plan.rng_at is not None:
            self.drew = True
        if plan.looks or plan.result == "host":
            return
        for meta in (plan.meta, *(plan.metas or ())):
            if meta is not None and meta.shape.numel() * meta.dtype.itemsize > self.most:
                size = meta.shape.numel() * meta.dtype.itemsize
                raise Stopped(f"stopped: a tensor of {size:,} bytes (the limit is {self.most:,.0f})")

    def wrote(self, value: object) -> None:
        if isinstance(value, Tensor):
            at = id(owner(value._array))
            self.writes[at] = self.writes.get(at, 0) + 1
        elif isinstance(value, (list, tuple)):
            for item in value:
                self.wrote(item)

    def written(self, tensor: Tensor) -> tuple[int, int]:
        """Changes when the values do."""
        return self.writes.get(id(owner(tensor._array)), 0), 0 if tensor._vc is None else tensor._vc[0]

    # -- attributes ---------------------------------------------------------------------------------------------------

    def tensor_attribute(self, value: TensorValue, name: str, at, default: object = MISSING) -> object:
        m = self.machine
        fields = value.fields
        if ("attr", name) in fields:
            return m.resolve(fields["attr", name])
        if value.cls is not None and (found := value.cls.lookup(name)) is not MISSING:
            return m.bound(found, value, value.cls, at)
        if name == "grad":
            return self.gradient(fields)
        if name == "__class__":
            return value.cls or self.tensor_class()
        native = m.project.tensor_methods.get(name)
        if native is not None:
            return kinds.Bound(native, value)
        ops = m.table.lookup(f"Tensor.{name}")
        if ops and name in PROPERTIES:
            return self.apply(OpFunction(f"Tensor.{name}", ops), (value,), {}, at)
        if ops:
            return kinds.Bound(OpFunction(f"Tensor.{name}", ops), value)
        found = getattr(Tensor, name, MISSING) if not name.startswith("_") or name == "_version" else MISSING
        if found is MISSING:
            return m._absent(value, name, default)
        if callable(found):
            return kinds.Bound(engine_method(name), value)
        return self.run(lambda tensor: getattr(tensor, name), (value,), {})

    def gradient(self, fields: Held) -> TensorValue | None:
        found = fields.tensor._grad
        if found is None:
            fields.gradient = None
        elif fields.gradient is None or fields.gradient.fields.tensor is not found:
            fields.gradient = self.held(found)
        return fields.gradient

    def set_tensor_attribute(self, value: TensorValue, name: str, item: object, at) -> None:
        if name not in ("requires_grad", "grad", "data"):
            self.machine.trail.set(value.fields, ("attr", name), item)
            return
        self.run(lambda tensor, new: setattr(tensor, name, new), (value, item), {}, writes=True)
        item = self.machine.resolve(item)
        if name == "grad" and isinstance(item, TensorValue):
            value.fields.gradient = item

    def class_method(self, name: str) -> object:
        ops = self.machine.table.lookup(f"Tensor.{name}")
        if ops:
            return OpFunction(f"Tensor.{name}", ops)
        return engine_method(name) if callable(getattr(Tensor, name, None)) else MISSING

    # -- as Python values ---------------------------------------------------------------------------------------------

    def fact(self, value: TensorValue) -> Fact:
        return value.fields["fact"]

    def truth(self, value: TensorValue) -> bool:
        return self.guarded(bool, [value.fields.tensor], {})

    def as_index(self, value: TensorValue) -> int:
        return self.guarded(int, [value.fields.tensor], {})

    def iterate(self, value: TensorValue) -> tuple:
        return tuple(map(self.held, self.guarded(list, [value.fields.tensor], {})))

    def named(self, value: object, name: str) -> object:
        return value

    def copied(self, value: TensorValue) -> TensorValue:
        """`copy.deepcopy(tensor)`."""
        made = self.held(self.guarded(lambda t: t.__deepcopy__({}), [value.fields.tensor], {}))
        made.cls = value.cls
        return made

    def escaped(self, value: object, function: object = None) -> None:
        """An unknown function gets it; that it changes nothing is assumed, and said."""
        if isinstance(self.machine.resolve(value), TensorValue):
            name = getattr(function, "name", "") or "an unknown function"
            if name not in self.escapes:
                self.escapes.append(name)

    def refine(self, value: Unknown, patterns: tuple = ()) -> object:
        return value

    def tensor_by_attribute(self, value: Unknown, name: str) -> None:
        return None

    def refine_type(self, value: Unknown, cls: object) -> None:
        pass

    # -- what only an abstract tensor can do --------------------------------------------------------------------------

    def make(self, fact: Fact, storage: object = MISSING, cls=None) -> TensorValue:
        raise Stopped("not implemented in the evaluator: a function of torch that has no operator")

    def set_fact(self, value: TensorValue, fact: Fact) -> None:
        self.make(fact)

    def join_tensors(self, a: TensorValue, b: TensorValue) -> TensorValue:
        raise Stopped("what follows depends on which of two tensors it is")

    def backward(self, root: TensorValue, gradient: object, retain: object, create: object, at) -> None:
        self.run(Tensor.backward, (root, gradient, retain, bool(create)), {})


def engine_method(name: str) -> kinds.Native:
    """A method that the engine's Tensor has itself: no operator."""
    writes = name.endswith("_") and not name.endswith("__")
    function = getattr(Tensor, name)

    def call(m, args, kwargs, at):
        if name == "tolist" and args and isinstance(args[0], TensorValue) and args[0].fields.tensor.numel() > 1_000_000:
            raise Stopped("a list of more than 1,000,000 numbers")
        return m.domain.run(function, args, kwargs, writes)

    return kinds.Native(f"Tensor.{name}", call)


def fact_of(tensor: Tensor) -> Fact:
    """All that the notation says of a tensor."""
    fact = tensor.fact
    return Fact(fact.dtype, fact.dims, fact.device, tensor.requires_grad, tensor.is_leaf, tensor.is_contiguous())


def owner(array: np.ndarray) -> np.ndarray:
    """The array whose memory it is."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array
