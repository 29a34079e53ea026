"""Tensors of the abstract domain: attributes, joins, iteration, and unknown values that turn out to be tensors."""

from __future__ import annotations

from tensight_runtime.ops import PROPERTIES
from tensight_runtime.spec.cond import Cond, eq
from tensight_runtime.spec.device import Device
from tensight_runtime.spec.dtype import DType
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.size import UNKNOWN, Expr, Symbol, product, symbol

from tensight_analyzer.interp.expressions import Plan
from tensight_analyzer.interp.join import same
from tensight_analyzer.interp.values import (
    MISSING,
    UNBOUND,
    Bound,
    ClassValue,
    DictValue,
    Exception_,
    Instance,
    ListValue,
    OneOf,
    OpFunction,
    Seq,
    TensorValue,
    Unknown,
)
from tensight_analyzer.ir import nodes as ir


class Tensors:
    """Mixin of the abstract domain."""

    # -- what was seen ----------------------------------------------------------------------------------------------------

    def snapshot(self, value: object, depth: int = 0) -> object:
        """A value as it is remembered for a place: facts for tensors, plain data for the rest."""
        if isinstance(value, TensorValue):
            return self.readable(self.fact(value))
        kind = type(value)
        if kind in (int, bool, float, str, type(None)) or kind is Expr:
            return ("value", kind.__name__, value) if kind is not Expr else self.machine.path.normalize(value)
        if isinstance(value, (Unknown, OneOf)):
            found = self.machine.resolve(value)
            if isinstance(found, OneOf):
                return ("oneof", tuple(self.snapshot(a, depth + 1) for a in found.alternatives if a is not UNBOUND))
            if found is not value:
                return self.snapshot(found, depth)
            return ("unknown", value.python_type)
        if isinstance(value, tuple):
            if depth > 1 or len(value) > 16:
                return ("tuple",)
            return ("tuple", tuple(self.snapshot(v, depth + 1) for v in value))
        if isinstance(value, (ListValue, DictValue)):
            items = value.fields["items"]
            name = "list" if isinstance(value, ListValue) else "dict"
            if depth > 1 or isinstance(items, Seq) or len(items) > 16:
                return (name,)
            if name == "list":
                return (name, tuple(self.snapshot(v, depth + 1) for v in items))
            return (name, tuple((k, self.snapshot(v, depth + 1)) for k, v in items.items() if isinstance(k, str)))
        if isinstance(value, (DType, Device)):
            return ("constant", value)
        if isinstance(value, Instance):
            return ("object", value.cls)
        return ("other", kind.__name__)

    def readable(self, fact: Fact) -> Fact:
        """The fact in the user's names: `n_head*(C//n_head)` is C again."""
        m = self.machine
        if not m.root or not fact.dims or not m.path.rewrites:
            return fact
        dims = tuple(m.path.readable(d) if d.__class__ is Expr else d for d in fact.dims)
        return fact if dims == fact.dims else fact.with_dims(dims)

    def named(self, value: object, name: str) -> object:
        """A size that nobody has named yet takes the name of the variable it is bound to."""
        if value.__class__ is not Expr:
            return value
        m = self.machine
        value = m.path.normalize(value)
        if value.__class__ is not Expr:
            return value
        atom = _only_symbol(value)
        if atom is None or atom.rank >= 2:
            return value
        better = symbol(name, atom.key, atom.low, rank=2)
        learned = m.path.assume(eq(value, better)) if isinstance(eq(value, better), Cond) else None
        if learned is None:
            return value
        m.learn(learned)
        return better

    # -- joins ------------------------------------------------------------------------------------------------------------

    def join_tensors(self, a: TensorValue, b: TensorValue) -> TensorValue:
        """A tensor that is either."""
        if a is b:
            return a
        joined = self.make(self.join_facts(self.fact(a), self.fact(b)), cls=a.cls if a.cls is b.cls else None)
        fields = joined.fields
        storage = a.fields.get("storage")
        if storage is b.fields.get("storage"):
            fields["storage"] = storage
        else:
            fields["storage"].fields["version"] = None
        nodes = [n for n in (a.fields.get("node"), b.fields.get("node")) if n is not None]
        if nodes and all(n is nodes[0] for n in nodes) and len(nodes) == 2:
            fields["node"] = nodes[0]
        elif nodes or a.fact.requires_grad or b.fact.requires_grad:
            from tensight_analyzer.interp.autograd import Node

            edges = tuple(t.fields.get("node") or t for t in (a, b) if t.fact.requires_grad is not False)
            if edges and joined.fact.is_leaf is not True:
                fields["node"] = Node(None, edges, (), self.machine.trail.fields(freed=False), (None, None))
        if joined.fact.requires_grad is False:
            fields["parents"] = (a, b)
        else:  # what `backward` gives to either is not seen here
            fields["grad"] = Unknown("the gradient of one of several tensors")
        if a.fields.get("origin") is b.fields.get("origin"):
            fields["origin"] = a.fields.get("origin")
        return joined

    def another(self, value: TensorValue) -> TensorValue:
        """A tensor of the same kind: one more item of a list nobody can spell out."""
        made = self.make(self.fact(value), cls=value.cls)
        for name in ("node", "origin", "base", "multi"):
            if name in value.fields:
                made.fields[name] = value.fields[name]
        return made

    def join_facts(self, a: Fact, b: Fact) -> Fact:
        if a == b:
            return a
        dims = None
        if a.dims is not None and b.dims is not None and len(a.dims) == len(b.dims):
            dims = tuple(x if same(x, y) else self.known_size(UNKNOWN) for x, y in zip(a.dims, b.dims, strict=True))
        return Fact(
            a.dtype if a.dtype is b.dtype else None,
            dims,
            a.device if a.device == b.device else None,
            a.requires_grad if a.requires_grad is b.requires_grad else None,
            a.is_leaf if a.is_leaf is b.is_leaf else None,
            a.contiguous if a.contiguous is b.contiguous else None,
        )

    def fact_covers(self, wide: Fact, new: Fact) -> bool:
        """Does `wide` say nothing that `new` contradicts?  Its fresh sizes stand for any number."""
        if wide.dims is not None:
            if new.dims is None or len(wide.dims) != len(new.dims):
                return False
            for x, y in zip(wide.dims, new.dims, strict=True):
                if not same(x, y) and not self.machine.fits_symbol(x, y):
                    return False
        pairs = (
            (wide.dtype, new.dtype), (wide.device, new.device), (wide.requires_grad, new.requires_grad),
            (wide.is_leaf, new.is_leaf),
        )  # fmt: skip
        return all(x is None or x == y for x, y in pairs)

    def vague(self, fact: object) -> Fact:
        return Fact(fact.dtype if isinstance(fact, Fact) else None, None, None, None, None, None)

    # -- attributes -------------------------------------------------------------------------------------------------------

    def tensor_attribute(self, value: TensorValue, name: str, at, default: object = MISSING) -> object:
        core = CORE.get(name)
        if core is not None:
            return core(self, value)
        own = value.fields.get(("attr", name), MISSING)
        if own is not MISSING:
            return self.machine.resolve(own)
        if value.cls is not None:
            found = value.cls.lookup(name)
            if found is not MISSING:
                return self.machine.bound(found, value, value.cls, at)
        native = self.machine.project.tensor_methods.get(name)
        if native is not None:
            return Bound(native, value)
        ops = self.machine.table.lookup(f"Tensor.{name}")
        if ops:
            if name in PROPERTIES:
                return self.apply(OpFunction(f"Tensor.{name}", ops), (value,), {}, at)
            return Bound(OpFunction(f"Tensor.{name}", ops), value)
        if default is not MISSING:
            return default
        return Unknown(f"Tensor.{name} is not in the table")

    def set_tensor_attribute(self, value: TensorValue, name: str, item: object, at) -> None:
        m = self.machine
        item = m.resolve(item)
        if name == "requires_grad":
            flag = item if isinstance(item, bool) else None
            self.set_fact(value, value.fact.with_grad(flag, True if value.fact.is_leaf else value.fact.is_leaf))
        elif name == "grad":
            m.trail.set(value.fields, "grad", item)
        elif name == "data":
            if isinstance(item, TensorValue):
                fact = item.fact
                self.set_fact(
                    value, Fact(fact.dtype, fact.dims, fact.device, value.fact.requires_grad, value.fact.is_leaf)
                )
            else:
                self.set_fact(value, Fact(None, None, None, value.fact.requires_grad, value.fact.is_leaf))
        else:
            m.trail.set(value.fields, ("attr", name), item)

    def tensor_class(self) -> ClassValue:
        return self.machine.project.tensor_class

    def class_method(self, name: str) -> object:
        """`torch.Tensor.add`, as a function."""
        ops = self.machine.table.lookup(f"Tensor.{name}")
        if ops:
            return OpFunction(f"Tensor.{name}", ops)
        native = self.machine.project.tensor_methods.get(name)
        return native if native is not None else MISSING

    # -- as Python values -------------------------------------------------------------------------------------------------

    def truth(self, value: TensorValue) -> bool | None:
        return None

    def as_index(self, value: TensorValue) -> object:
        return self.machine.fresh_int("i", None)

    def numel_of(self, dims: tuple) -> object:
        return (
            self.machine.path.normalize(product(dims))
            if all(not isinstance(d, Unknown) for d in dims)
            else Unknown("a product of unknown sizes", int)
        )

    def iterate(self, value: TensorValue) -> tuple | Plan:
        fact = self.fact(value)
        m = self.machine
        at = (None, m.project.entry_frame)
        if fact.dims is None:
            grad = fact.requires_grad
            return Plan(self.make(Fact(fact.dtype, None, fact.device, grad, None if grad is None else not grad)),
                        m.fresh_int("len", 0))  # fmt: skip
        if not fact.dims:
            return Plan(Unknown("iteration over a 0-d tensor"), 0)
        length = fact.dims[0]
        item = self.getitem(value, 0, at) if not (isinstance(length, int) and length == 0) else None
        if isinstance(length, int) and length <= 64:
            items = [item] + [self.getitem(value, 0, at) for _ in range(length - 1)]
            return tuple(items[:length])
        return Plan(item, length)

    def unpacked(self, value: object, targets: tuple, frame) -> object:
        """`B, T, C = x.shape`: so `x` has three dims on this path, and these are their names."""
        tensor = value.fields.get("shape of") if isinstance(value, Unknown) else None
        if tensor is None or any(isinstance(t, ir.Starred) for t in targets):
            return value
        fact = self.fact(tensor)
        if fact.dims is None:
            dims = tuple(self.letter(t.id if isinstance(t, ir.Name) else "n", value) for t in targets)
            self.set_fact(tensor, fact.with_dims(dims))
            return dims
        return fact.dims

    def entered(self, manager: object) -> object:
        """What `with manager as x` binds when nobody knows its class."""
        if isinstance(manager, Unknown):
            self.machine.uncertain += 1
        return Unknown("what a with statement binds") if isinstance(manager, Unknown) else manager

    def adopt(self, instance: object, payload: object) -> object:
        """An object whose class derives from a builtin."""
        if isinstance(payload, TensorValue):
            payload.cls = instance.cls
            return payload
        if isinstance(instance, (Instance, Exception_)) and isinstance(instance, Instance):
            if instance.payload is not None and hasattr(payload, "fields"):
                self.machine.trail.set(instance.payload.fields, "items", payload.fields["items"])
            else:
                instance.payload = payload
        return instance

    # -- unknown values that turn out to be tensors -------------------------------------------------------------------------

    def refine(self, value: Unknown, patterns: tuple = ()) -> object:
        """An operator takes it as a tensor, so on this path it is one; the operator's pattern names its dims."""
        m = self.machine
        found = m.resolve(value)
        if found is not value:
            return found
        if value.python_type is not None:
            return value
        dims = None
        if patterns and "..." not in patterns[0] and (len(patterns) == 1 or m.root):
            dims = tuple(self.letter(word, value) for word in patterns[0])
        tensor = self.make(Fact(None, dims, None, None, None, None))
        if len(patterns) > 1 and dims is not None:
            tensor.fields["convention"] = True  # an operand without the batch dim would do as well
            m.trail.set(m.state, "convention", True)
        tensor.fields["unknown"] = value
        m.trail.set(value.fields, "is", tensor)
        return tensor

    def letter(self, word: str, value: Unknown) -> Expr:
        return self.machine.new_symbol(word, 0, 1)

    def tensor_by_attribute(self, value: Unknown, name: str) -> TensorValue | None:
        """Only tensors have this attribute."""
        if value.python_type is None and name in self.machine.project.tensor_only:
            return self.refine(value)
        return None

    def tensor_by_index(self, value: Unknown, index: object) -> TensorValue | None:
        return None

    def refine_type(self, value: Unknown, cls: object) -> None:
        """`isinstance(value, cls)` holds on this path."""
        m = self.machine
        if isinstance(cls, ClassValue) and not value.fields.get("is"):
            if cls is self.tensor_class():
                self.refine(value)
            elif cls.native in (int, float, str, bool, list, tuple, dict):
                m.trail.set(value.fields, "is", Unknown(value.why, cls.native, value.name))


def _only_symbol(value: Expr) -> Symbol | None:
    terms = value.terms
    if len(terms) == 1 and terms[0][1] == 1 and len(terms[0][0]) == 1:
        atom = terms[0][0][0]
        return atom if isinstance(atom, Symbol) else None
    return None


def _shape(domain: Tensors, value: TensorValue) -> object:
    dims = domain.fact(value).dims
    if dims is None:
        found = value.fields.get("shape", MISSING)
        if found is MISSING:
            found = Unknown("the shape of a tensor of unknown rank", tuple, "shape")
            found.fields["shape of"] = value
            domain.machine.trail.set(value.fields, "shape", found)
        return found
    return dims


def _grad(domain: Tensors, value: TensorValue) -> object:
    found = value.fields.get("grad")
    if found is None and domain.machine.state["grads unknown"] and value.fact.requires_grad is not False:
        return Unknown("a gradient that may be there")
    return domain.machine.resolve(found)


def _data(domain: Tensors, value: TensorValue) -> TensorValue:
    fact = domain.fact(value)
    return domain.make(Fact(fact.dtype, fact.dims, fact.device, False, True, fact.contiguous))


def _ndim(domain: Tensors, value: TensorValue) -> object:
    dims = domain.fact(value).dims
    return len(dims) if dims is not None else Unknown("the rank of a tensor", int)


def _flag(name: str):
    def read(domain: Tensors, value: TensorValue) -> object:
        flag = getattr(value.fact, name)
        return Unknown("depends on the run", bool) if flag is None else flag

    return read


def _grad_fn(domain: Tensors, value: TensorValue) -> object:
    if value.fact.is_leaf is True:
        return None
    return Unknown("a node of the graph", None, "grad_fn")


CORE = {
    "shape": _shape,
    "dtype": lambda d, v: v.fact.dtype or Unknown("an unknown dtype"),
    "device": lambda d, v: v.fact.device or Unknown("an unknown device"),
    "requires_grad": _flag("requires_grad"),
    "is_leaf": _flag("is_leaf"),
    "grad": _grad,
    "data": _data,
    "ndim": _ndim,
    "grad_fn": _grad_fn,
    "is_cuda": lambda d, v: v.fact.device.type == "cuda" if v.fact.device else Unknown("depends on the run", bool),
    "is_sparse": lambda d, v: False,
    "is_quantized": lambda d, v: False,
    "is_meta": lambda d, v: v.fact.device.type == "meta" if v.fact.device else Unknown("depends on the run", bool),
    "layout": lambda d, v: Unknown("a layout"),
    "_version": lambda d, v: Unknown("a version", int),
    "__class__": lambda d, v: v.cls or d.tensor_class(),
    "itemsize": lambda d, v: v.fact.dtype.itemsize if v.fact.dtype else Unknown("the size of an element", int),
}
