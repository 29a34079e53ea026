"""What applying an operator gives in the abstract domain: new tensors, views, the operand itself, numbers."""

from __future__ import annotations

from tensight_runtime.spec.cond import Cond
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.kind import TensorLike
from tensight_runtime.spec.op import InPlace, Op
from tensight_runtime.spec.require import RankUnknown, Refused
from tensight_runtime.spec.size import Expr
from tensight_runtime.spec.size import Unknown as UnknownSize

from tensight_analyzer.interp.values import (
    MISSING,
    Seq,
    TensorValue,
    Unknown,
)


class NamedResult(tuple):
    """A result tuple whose items have names: `values, indices`."""

    fields: tuple[str, ...] = ()

    @classmethod
    def make(cls, items: tuple, fields: tuple[str, ...]) -> NamedResult:
        made = cls(items)
        made.fields = fields
        return made


class Results:
    """Mixin of the abstract domain."""

    # -- results ----------------------------------------------------------------------------------------------------------

    def results(self, op: Op | InPlace, base: Op, bound: list, result: object, at, out: TensorValue | None) -> object:
        """Values for what the rule answered: new tensors, views, or the operand itself."""
        if base.returns in ("int", "size", "bool", "scalar", "host"):
            return self.host_result(base, bound, result)
        tensors = [v for v in base.tensors(bound)]
        requires = self.requires_grad_of(base, bound)
        if isinstance(op, InPlace) or base.mutates:
            return self.mutated(op, base, bound, result, requires, at)
        alias = self.alias_of(base, bound)
        if alias.startswith("same:"):
            target = bound[base.index[alias[5:]]]
            if isinstance(target, TensorValue):
                return target
        if result is None:  # nobody knows how many
            grad = None if requires is None or requires or alias != "new" else False  # see below of views
            each = self.make(Fact(None, None, None, grad, None, None))
            return self.machine.new_list(Seq(each, self.machine.fresh_int("len", 0)))
        if self.machine.state["grad"] is False and alias != "new" and base.vjps and tensors:
            # a view made under no_grad requires grad where its base does, as a leaf without history
            viewed = tensors[0].fact.requires_grad
            if viewed is not False:
                return self.views_without_history(base, bound, result, tensors[0], alias, at,
                                                  viewed if alias != "maybe" else None)  # fmt: skip
        view_of = tensors[0] if alias in ("view", "multi_view", "maybe") and tensors else None
        asked = bound[base.index["requires_grad"]] if "requires_grad" in base.index else False
        if isinstance(result, Fact):
            made = self.wrap(base, bound, result, requires, asked, view_of, alias, at)
            if out is not None:
                self.set_fact(out, made.fact)
                return out
            return made
        if isinstance(result, (tuple, list)):
            items = tuple(self.wrap(base, bound, r, requires, asked, view_of, alias, at) if isinstance(r, Fact) else r
                          for r in result)  # fmt: skip
            if isinstance(result, list) and items and base.returns == "tuple":  # their number is not known
                return Seq(self.machine.join_values(list(items)), self.machine.fresh_int("len", 0))
            if base.outs:
                return NamedResult.make(items, base.outs)
            return self.machine.new_list(items) if base.returns == "list" else items
        return result

    def views_without_history(self, base: Op, bound: list, result: object, owner: TensorValue, alias: str, at,
                              grad: bool | None) -> object:  # fmt: skip
        def view(fact: Fact) -> TensorValue:
            made = self.wrap(base, bound, fact, False, False, owner, alias, at)
            if fact.dtype is None or fact.dtype.category >= 2:
                made.fields["fact"] = made.fact.with_grad(grad, True)
            return made

        if isinstance(result, Fact):
            return view(result)
        if isinstance(result, (tuple, list)):
            items = tuple(view(r) if isinstance(r, Fact) else r for r in result)
            return self.machine.new_list(items) if base.returns == "list" else items
        return result

    def host_result(self, base: Op, bound: list, result: object) -> object:
        if base.returns == "scalar":
            tensors = list(base.tensors(bound))
            fact = result if isinstance(result, Fact) else tensors[0].fact if tensors else None
            if not isinstance(result, Fact) and result is not None and not isinstance(result, TensorLike):
                return result
            kinds = {0: bool, 1: int, 2: float, 3: complex}
            kind = kinds.get(fact.dtype.category) if fact is not None and fact.dtype else None
            if kind is int:
                return self.machine.fresh_int("n", None)
            return Unknown("a value read from a tensor", kind)
        if base.returns == "bool" and not isinstance(result, (bool, Cond)):
            return Unknown("depends on values of tensors", bool)
        if base.returns in ("int",) and isinstance(result, UnknownSize):
            return self.machine.fresh_int("n", 0)
        if base.returns == "size" and (result is None or isinstance(result, Fact)):
            return self.tensor_attribute(next(iter(base.tensors(bound))), "shape", (None, None))
        if result is None or isinstance(result, Fact):
            return Unknown(f"the result of {base.name}")
        return result

    def alias_of(self, base: Op, bound: list) -> str:
        alias = base.alias
        if callable(alias):
            from tensight_runtime.spec.op import Selected

            try:
                alias = Selected(alias, base.index)([self.facts_of(v) for v in bound])
            except (TypeError, AttributeError, KeyError, RankUnknown, Refused):
                alias = "maybe"
        return alias or "new"

    def wrap(self, base: Op, bound: list, fact: Fact, requires: bool | None, asked: object, view_of: TensorValue | None,
             alias: str, at) -> TensorValue:  # fmt: skip
        """A new tensor with the operator's node if it requires grad."""
        if fact.dtype is not None and fact.dtype.category < 2:
            requires = False
        grad, leaf = requires, (None if requires is None else not requires)
        if isinstance(asked, bool) and asked:
            grad, leaf = True, True
        elif isinstance(asked, (Unknown, Cond)):
            grad = None
        dims = fact.dims
        if dims is not None:
            dims = tuple(self.known_size(d) for d in dims)
        made = self.make(
            Fact(fact.dtype, dims, fact.device, grad, leaf, fact.contiguous, fact.interval),
            storage=view_of.fields.get("storage") if view_of is not None else MISSING,
        )
        made.fields["origin"] = (base, at)
        if not grad:
            self.remember_cut(base, bound, made, at)
        if view_of is not None:
            made.fields["base"] = view_of.fields.get("base") or view_of
            made.fields["multi"] = alias == "multi_view"
        if grad and not leaf:
            made.fields["node"] = self.make_node(base, bound, made, at)
        return made

    def known_size(self, size: object) -> object:
        """An unknown size becomes a symbol: it equals itself, which is more than nothing."""
        if isinstance(size, UnknownSize):
            m = self.machine
            return m.fresh_int("n", 0)
        if isinstance(size, Expr):
            return self.machine.path.normalize(size)
        return size

    def make(self, fact: Fact, storage: object = MISSING, cls=None) -> TensorValue:
        """A tensor of its own."""
        self.machine.spend(1)
        trail = self.machine.trail
        fields = trail.fields(fact=fact)
        fields["storage"] = self.new_storage() if storage is MISSING else storage
        fields["node"] = None
        fields["grad"] = None
        return TensorValue(fields, cls)

    def set_fact(self, value: TensorValue, fact: Fact) -> None:
        if fact != value.fields["fact"]:
            self.machine.trail.set(value.fields, "fact", fact)
