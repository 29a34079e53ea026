"""The abstract domain: a tensor is a fact, and applying an operator is asking its rule.

It knows no operator by name: signatures, rules, aliasing, mutation and what is saved all come from the table.
"""

from __future__ import annotations

from tensight_runtime.spec import dtype as dtypes
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.op import InPlace, Op
from tensight_runtime.spec.require import RankUnknown, Refused, collecting
from tensight_runtime.spec.size import UNKNOWN, Expr

from tensight_analyzer.interp.autograd import Autograd
from tensight_analyzer.interp.events import Refusal, Step
from tensight_analyzer.interp.results import NamedResult, Results
from tensight_analyzer.interp.signals import Raised
from tensight_analyzer.interp.tensors import Tensors
from tensight_analyzer.interp.values import (
    MISSING,
    UNBOUND,
    Instance,
    ListValue,
    OneOf,
    OpFunction,
    Seq,
    TensorValue,
    Unknown,
)


def _of_length(value: object, length: int) -> object:
    if not isinstance(value, Seq):
        return value
    return [UNKNOWN if isinstance(value.element, Unknown) else value.element] * length


class AbstractDomain(Results, Tensors, Autograd):
    """Tensors as facts."""

    def attach(self, machine) -> None:
        self.machine = machine
        self.handed_out = {}  # what unknown functions were given
        machine.state["grad"] = True
        machine.state["inference"] = False
        machine.state["grads unknown"] = False
        dtypes.defaults.reset()

    # -- applying operators -----------------------------------------------------------------------------------------------

    def apply(self, function: OpFunction, args: tuple, kwargs: dict, at) -> object:
        """Call a public name of the table."""
        m = self.machine
        args = tuple(self.operand(a) for a in args)
        kwargs = {k: self.operand(v) for k, v in kwargs.items() if isinstance(k, str)}
        for i, arg in enumerate(args):
            if arg.__class__ is OneOf:
                return m.fork_values([
                    lambda a=a: self.apply(function, (*args[:i], a, *args[i + 1 :]), kwargs, at)
                    for a in arg.alternatives if a is not UNBOUND
                ])  # fmt: skip
        for name, arg in kwargs.items():
            if arg.__class__ is OneOf:
                return m.fork_values([
                    lambda a=a: self.apply(function, args, {**kwargs, name: a}, at)
                    for a in arg.alternatives if a is not UNBOUND
                ])  # fmt: skip
        out = kwargs.pop("out", None)
        chosen = self.choose_overload(function, args, kwargs)
        if chosen is None:
            return self.no_overload(function, args, kwargs, at)
        op, bound = chosen
        return self.apply_bound(op, bound, at, out if isinstance(out, TensorValue) else None)

    def operand(self, value: object) -> object:
        """An argument as rules take it: lists spelled out, unknown numbers as sizes, the rest resolved."""
        m = self.machine
        value = m.resolve(value)
        if isinstance(value, ListValue):
            items = value.fields["items"]
            if isinstance(items, Seq):
                plan = m.iterate(items)
                return [self.operand(i) for i in plan] if isinstance(plan, tuple) else Seq(self.operand(items.element),
                                                                                           items.length)  # fmt: skip
            m.spend(len(items) >> 2)
            return [self.operand(i) for i in items]
        if type(value) is tuple or isinstance(value, NamedResult):
            return tuple(self.operand(i) for i in value)
        if isinstance(value, slice):
            return slice(*(self.operand(b) for b in (value.start, value.stop, value.step)))
        if isinstance(value, range):
            return list(value) if len(value) <= 4096 else Seq(m.between(value), len(value))
        if isinstance(value, Unknown) and (value.python_type is int or "int" in value.fields):
            return m.as_size(value)
        if isinstance(value, Expr):
            return m.path.normalize(value)
        if isinstance(value, Instance) and value.payload is not None:
            return self.operand(value.payload)
        if hasattr(value, "fields") and value.__class__.__name__ == "Iterator":
            plan = m.iterate(value)
            return (
                [self.operand(i) for i in plan]
                if isinstance(plan, tuple)
                else Seq(self.operand(plan.element), plan.length)
            )
        return value

    def refined_items(self, value: object) -> object:
        """A list of tensors: an unknown item in it is a tensor."""
        if isinstance(value, (list, tuple)):
            return [self.refine(v) if isinstance(v, Unknown) else v for v in value]
        if isinstance(value, Seq) and isinstance(value.element, Unknown):
            return Seq(self.refine(value.element), value.length)
        return value

    def index_operand(self, value: object) -> object:
        """An index: a list of numbers nobody can spell out acts as an integer tensor."""
        if isinstance(value, Seq):
            boolish = self.machine.is_bool(value.element)
            size = value.length if not isinstance(value.length, Unknown) else self.machine.fresh_int("len", 0)
            return self.make(Fact(dtypes.bool_ if boolish else dtypes.int64, (size,)))
        if type(value) is tuple:
            return tuple(self.index_operand(v) for v in value)
        return value

    def choose_overload(self, function: OpFunction, args: tuple, kwargs: dict) -> tuple[Op | InPlace, list] | None:
        """The first overload whose kinds admit the arguments; an unknown operand that fits only one is refined."""
        open_ones: list = []
        self.ambiguous = open_ones
        for op in function.ops:
            base = op.base if isinstance(op, InPlace) else op
            bound = base.bind(args, kwargs)
            if bound is None:
                continue
            fits = base.admits([self._one_item(v) for v in bound])
            if fits is True and not open_ones:
                return op, bound
            if fits is not False:
                open_ones.append((op, bound))
        if len(open_ones) == 1:
            return open_ones[0]
        return None

    def _one_item(self, value: object) -> object:
        return [value.element] if isinstance(value, Seq) else value

    def no_overload(self, function: OpFunction, args: tuple, kwargs: dict, at) -> object:
        """Nothing fits, or too much does: the result is unknown; a tensor if all overloads return one."""
        self.machine.uncertain += 1
        fitting = [op.base if isinstance(op, InPlace) else op for op, _ in self.ambiguous]
        if fitting and all(op.returns == "tensor" and not op.outs for op in fitting):
            return self.make(Fact(None, None, None, None, None, None))
        return Unknown(f"{function.name} with arguments nobody knows")

    def apply_bound(self, op: Op | InPlace, bound: list, at, out: TensorValue | None = None) -> object:
        """Run an operator's rule, learn from it, and make its results."""
        m = self.machine
        base = op.base if isinstance(op, InPlace) else op
        for i, (param, value) in enumerate(zip(base.params, bound, strict=True)):
            if param.kind.holds == "one" and isinstance(value, Unknown) and param.kind.name == "Tensor":
                bound[i] = self.refine(value, param.kind.patterns)
            elif isinstance(value, Unknown) and param.kind.name in ("int", "int[]") and value.python_type is None:
                if param.kind.name == "int" or base.varargs != param.name:
                    bound[i] = m.taken_as_int(value)  # what may be a tuple as well stays unknown
            elif param.kind.name == "int[]" and isinstance(value, (tuple, list)):
                bound[i] = tuple(
                    m.taken_as_int(v) if isinstance(v, Unknown) and v.python_type is None else v for v in value
                )
            elif param.kind.holds == "many":
                bound[i] = self.refined_items(value)
            elif param.kind.holds == "index":
                bound[i] = self.index_operand(value)
        facts = [self.facts_of(v) for v in bound]
        try:
            result = self.infer(op, base, facts)
        except Refused as refused:
            return self.refuse(op, bound, refused, at)
        except RankUnknown:
            result = Fact(None, None, None)
        except (TypeError, AttributeError, ValueError, KeyError, IndexError, ZeroDivisionError, AssertionError,
                NotImplementedError) as error:  # fmt: skip
            m.note(f"rule of {base.name}: {type(error).__name__} {error}")
            m.uncertain += 1
            return Unknown(f"the rule of {base.name} does not cover this call")
        made = self.results(op, base, bound, result, at, out)
        m.tell(Step(op, bound, made, at))
        return made

    def infer(self, op: Op | InPlace, base: Op, facts: list) -> object:
        """The rule's answer under the path's knowledge; obligations are decided or learned."""
        m = self.machine
        repeated = next((i for i, v in enumerate(facts) if isinstance(v, Seq)), None)
        with collecting() as obligations:
            if repeated is not None:
                result = self.infer_repeated(base, facts, repeated)
            else:
                result = base.infer(facts)
            if isinstance(op, InPlace) and isinstance(result, Fact):
                op.check(facts[0], result)
                known = facts[0].dims is not None and not op.reshapes
                result = facts[0].with_dims(facts[0].dims if known else result.dims)
        for obligation in obligations:
            known = m.path.decide(obligation.cond)
            if known is True:
                continue
            learned = m.path.assume(obligation.cond) if known is None else None
            if learned is None:
                raise Refused(obligation.message, obligation.error)
            m.learn(learned)
        return result

    def infer_repeated(self, base: Op, facts: list, where: int) -> object:
        """A list of `n` like tensors: the rule at 1, 2 and 3 of them; what grows by the same amount each time is linear in n."""
        element, n = facts[where].element, facts[where].length
        if base.params[where].kind.name.startswith("int[]"):
            return self.infer_any_length(base, facts)
        runs = [base.infer([*facts[:where], [element] * k, *facts[where + 1 :]]) for k in (1, 2, 3)]
        if not all(isinstance(r, Fact) and r.dims is not None and len(r.dims) == len(runs[0].dims or ()) for r in runs):
            return Fact(runs[0].dtype, None, runs[0].device) if isinstance(runs[0], Fact) else Fact(None, None, None)
        dims = []
        for one, two, three in zip(*(r.dims for r in runs), strict=True):
            step = two - one
            # a symbolic size may differ from item to item: only what grows by a number is known for many
            linear = isinstance(step, int) and three - two == step and not isinstance(n, Unknown)
            dims.append(one + step * (n - 1) if linear else UNKNOWN)
        return Fact(runs[0].dtype, tuple(self.machine.path.normalize(d) for d in dims), runs[0].device)

    def infer_any_length(self, base: Op, facts: list) -> object:
        """Numbers nobody has counted, as a stride or a size: what the answers at the lengths the rule takes have in common."""
        runs = []
        for length in (1, 2, 3, 4):
            with collecting():  # what one length asks for is no news
                try:
                    runs.append(base.infer([_of_length(f, length) for f in facts]))
                except (Refused, RankUnknown):
                    continue
        if base.returns != "tensor" or base.outs:
            return tuple(Fact(None, None, None) for _ in base.outs) or None
        first = runs[0] if runs else Fact(None, None, None)
        if len({len(r.dims) if r.dims is not None else None for r in runs}) != 1 or first.dims is None:
            return Fact(first.dtype, None, first.device)
        columns = zip(*(r.dims for r in runs), strict=True)
        return first.with_dims(tuple(c[0] if all(s == c[0] for s in c) else UNKNOWN for c in columns))

    def refuse(self, op: Op | InPlace, bound: list, refused: Refused, at) -> object:
        """The operator does not take these arguments: an error where nobody catches it."""
        m = self.machine
        if m.tries:
            raise Raised(m.new_exception(refused.error.__name__, str(refused)))
        if m.root and m.state.get("convention"):
            m.note("a refusal that rests on a convention is not reported")
            return Unknown(f"after an error: {refused}")
        # a list that is empty after `__init__` may be filled when a method nobody calls is called
        empty = m.root > 0 and any(isinstance(v, (list, tuple)) and not v for v in bound)
        supposed = m.supposing > 0 or empty
        facet = self.facet(op, bound, refused)
        base = op.base if isinstance(op, InPlace) else op
        supposed = supposed or (facet != "shape" and self.may_be_moved(list(base.tensors(bound))))
        m.tell(Refusal(op, bound, str(refused), refused.error, at, facet, m.path, supposed))
        return Unknown(f"after an error: {refused}")

    def facet(self, op: Op | InPlace, bound: list, refused: Refused) -> str:
        """Which of dtype, device and shape is at fault: the one without which the rule would not mind."""
        base = op.base if isinstance(op, InPlace) else op
        if str(refused).startswith("Expected all tensors to be on the same device"):
            return "device"
        facts = [self.facts_of(v) for v in bound]

        def without_dtype(value: object) -> object:
            if isinstance(value, Fact):
                return Fact(None, value.dims, value.device, value.requires_grad, value.is_leaf, value.contiguous)
            return [without_dtype(v) for v in value] if isinstance(value, list) else value

        try:
            with collecting():
                facts = [without_dtype(f) for f in facts]
                result = base.infer(facts)
                if isinstance(op, InPlace) and isinstance(result, Fact):
                    op.check(facts[0], result)
        except (Refused, RankUnknown, TypeError, AttributeError):
            return "shape"
        return "dtype"

    def facts_of(self, value: object) -> object:
        """Facts in place of tensors, sizes normalized under what the path knows."""
        if isinstance(value, TensorValue):
            return self.fact(value)
        if isinstance(value, list):
            return [self.facts_of(v) for v in value]
        if type(value) is tuple:
            return tuple(self.facts_of(v) for v in value)
        if isinstance(value, Seq):
            return Seq(self.facts_of(value.element), value.length)
        return value

    def fact(self, value: TensorValue) -> Fact:
        fact = value.fields["fact"]
        dims = fact.dims
        if dims:
            path = self.machine.path
            for size in dims:
                if size.__class__ is Expr and path.normalize(size) is not size:
                    return fact.with_dims(tuple(path.normalize(s) for s in dims))
        return fact

    def copied(self, value: TensorValue) -> TensorValue:
        """`copy.deepcopy(tensor)`: leaves stay leaves."""
        return self.make(value.fact, cls=value.cls)

    # -- operators by special method --------------------------------------------------------------------------------------

    def method(self, value: TensorValue, name: str, args: tuple, kwargs: dict, at) -> object:
        """`value.name(*args)` through the table."""
        ops = self.machine.table.lookup(f"Tensor.{name}")
        if not ops:
            return Unknown(f"Tensor.{name} is not in the table")
        return self.apply(OpFunction(f"Tensor.{name}", ops), (value, *args), kwargs, at)

    def binary(self, name: str, a: object, b: object, at) -> object:
        if isinstance(a, TensorValue):
            if isinstance(b, Instance):
                found = b.cls.lookup(f"__r{name}__")
                if found is not MISSING:
                    return self.machine.call(found, (b, a), {}, at)
            return self.method(a, f"__{name}__", (b,), {}, at)
        if isinstance(a, Instance) and (found := a.cls.lookup(f"__{name}__")) is not MISSING:
            return self.machine.call(found, (a, b), {}, at)
        ops = self.machine.table.lookup(f"Tensor.__r{name}__")
        if ops:
            return self.apply(OpFunction(f"Tensor.__r{name}__", ops), (b, a), {}, at)
        mirrored = {"eq": "eq", "ne": "ne", "lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}.get(name, name)
        return self.method(b, f"__{mirrored}__", (a,), {}, at)

    def inplace(self, name: str, a: TensorValue, b: object, at) -> object:
        """`a op= b` on a tensor changes it."""
        table = self.machine.table
        for candidate in (f"Tensor.__i{name}__", f"Tensor.{INPLACE.get(name, name)}_"):
            ops = table.lookup(candidate)
            if ops:
                return self.apply(OpFunction(candidate, ops), (a, b), {}, at)
        ops = table.lookup(f"Tensor.__{name}__")
        derived = tuple(InPlace(op) for op in ops if isinstance(op, Op))
        return self.apply(OpFunction(f"Tensor.__i{name}__", derived), (a, b), {}, at)

    def getitem(self, value: TensorValue, index: object, at) -> object:
        return self.method(value, "__getitem__", (index,), {}, at)

    def setitem(self, value: TensorValue, index: object, item: object, at) -> None:
        self.method(value, "__setitem__", (index, item), {}, at)

    def slice_length(self, length: object, start: object, stop: object, step: object) -> object:
        """How many items `[start:stop:step]` takes of `length`, by the table's indexing rule."""
        m = self.machine
        ops = m.table.lookup("Tensor.__getitem__")
        index = slice(self.operand(start), self.operand(stop), self.operand(step))
        try:
            if ops and not isinstance(length, Unknown):
                fact = ops[0].infer([Fact(dtypes.int64, (length,)), index])
                if isinstance(fact, Fact) and fact.dims:
                    return self.known_size(fact.dims[0])
        except (Refused, RankUnknown, TypeError, AttributeError, ValueError):
            pass
        return m.fresh_int("len", 0)


INPLACE = {"truediv": "div", "floordiv": "floor_divide", "mod": "remainder", "and": "bitwise_and", "or": "bitwise_or",
           "xor": "bitwise_xor"}  # fmt: skip


__all__ = ["AbstractDomain", "NamedResult"]
