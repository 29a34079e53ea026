"""Plans: what a call comes to, worked out once per operator, operand metas and options.

`Entry` is a public callable with its overloads and the plans of the calls seen so far.  A plan holds everything that
does not depend on the operands' values: the chosen overload, how its arguments are arranged, what the rule
inferred, casts.
"""

from __future__ import annotations

from collections.abc import Sequence

from tensight_runtime.engine import arrays
from tensight_runtime.engine.arguments import facts_of, holds_tensor, plain
from tensight_runtime.engine.meta import Meta, meta_of
from tensight_runtime.engine.refusal import no_fit
from tensight_runtime.engine.state import when_defaults_change
from tensight_runtime.engine.tensor import Tensor
from tensight_runtime.spec.device import CPU
from tensight_runtime.spec.dtype import float16, float32
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.kind import TensorOrNum
from tensight_runtime.spec.op import InPlace, Op, Selected
from tensight_runtime.spec.require import Refused

MOST_PLANS = 2_000


class Entry:
    """A callable of the table: `torch.sum`, `Tensor.add_`, or one operator."""

    __slots__ = ("floats_alike", "label", "method", "overloads", "plans")

    def __init__(self, label: str, overloads: Sequence[Op | InPlace], method: bool = False):
        self.label = label
        self.overloads = tuple(overloads)
        self.method = method  # the first argument is the tensor itself
        self.plans: dict[tuple, Plan] = {}
        self.floats_alike = all(_floats_alike(_op(o)) for o in self.overloads)
        when_defaults_change(self.plans.clear)

    def remember(self, key: tuple, plan: Plan) -> None:
        if len(self.plans) >= MOST_PLANS:
            self.plans.clear()
        self.plans[key] = plan


class Plan:
    """One way to run one operator."""

    __slots__ = (
        "alias", "alias_of", "aliases", "arranged", "bits", "cacheable", "casts", "checked", "count",
        "device", "diff", "direct", "dtypes", "fast", "finishes", "grad_at", "host", "indexes", "inplace", "kernel",
        "keyword_at", "keywords", "lists", "looks", "many", "meta", "metas", "moves", "mutated",
        "no_keywords", "np_dtype", "op", "recipes", "result", "rng_at", "singles", "spread_at", "tail",
        "target", "template", "views", "writes", "xp",
    )  # fmt: skip

    def values(self, args: Sequence, kwargs: dict) -> list:
        """The bound arguments of a call of this plan's kind."""
        if self.arranged:
            return [*args, *self.tail]
        if self.spread_at is not None:
            return [*args[: self.spread_at], *self.template[self.spread_at :]]
        if self.keyword_at is None:
            return self.op.bind(args, kwargs)
        values = list(self.template)
        values[: len(args)] = args
        for at, value in zip(self.keyword_at, kwargs.values(), strict=True):
            values[at] = value
        return values


def prepare(entry: Entry, args: Sequence, kwargs: dict) -> tuple[Plan, list]:
    """Choose the overload, ask its rule, and make the plan.  Raises what torch raises if nothing fits."""
    for overload in entry.overloads:
        op = _op(overload)
        bound = op.bind(args, kwargs)
        if bound is None:
            continue
        values = plain(op, bound)
        if op.admits(values) is not False:
            plan = make_plan(overload, values)
            plan.cacheable = all(a is b for a, b in zip(values, bound, strict=True))
            count = len(args)
            plan.tail = tuple(values[count:])
            plan.arranged = not kwargs and not _spread(op, args)
            if (
                not kwargs
                and _spread(op, args)
                and not plan.lists
                and all(type(a) is int for a in args[op.index[op.varargs] :])
            ):
                plan.spread_at = op.index[op.varargs]
                plan.template = tuple(values)
            plan.direct = plan.fast and plan.arranged and not plan.casts
            if kwargs and not _spread(op, args) and all(name in op.index for name in kwargs):
                plan.keyword_at = tuple(op.index[name] for name in kwargs)
                plan.template = tuple(values)
            return plan, values
    raise no_fit(entry, args, kwargs)


def make_plan(overload: Op | InPlace, values: list) -> Plan:
    """The plan for bound arguments."""
    op = _op(overload)
    plan = Plan()
    plan.op = op
    plan.inplace = isinstance(overload, InPlace)
    plan.cacheable, plan.arranged, plan.tail = True, True, ()
    plan.direct = plan.checked = False
    plan.keyword_at = plan.template = plan.spread_at = None
    plan.no_keywords = {}
    facts = facts_of(op, values)
    try:
        found = op.infer(facts)
        if plan.inplace:
            overload.check(values[0]._meta.fact, found)
    except Refused as refused:
        raise refused.error(str(refused)) from None
    _operands(plan, op, values)
    _results(plan, op, found)
    _arrays(plan, op, values, facts)
    _effects(plan, op, facts)
    plan.recipes = {}
    plan.aliases = {}
    plan.fast = (
        plan.result == "one" and plan.alias == "new" and not plan.mutated and not plan.inplace and not op.composite
        and not op.extras and plan.meta is not None and plan.meta.device.type == "cpu" and not plan.lists
        and not plan.indexes and not plan.moves
        and plan.rng_at is None and plan.grad_at is None and not plan.finishes
    )  # fmt: skip
    plan.looks = (
        plan.result == "one" and plan.alias in ("view", "maybe") and not plan.mutated and not plan.inplace
        and not op.composite and not op.extras and plan.meta is not None and plan.meta.device.type == "cpu"
        and len(plan.singles) == 1 and not plan.lists and not plan.indexes and not plan.moves and not plan.casts
        and plan.rng_at is None and plan.grad_at is None and not plan.finishes and plan.xp.__name__ == "numpy"
    )  # fmt: skip
    plan.bits = [0] * len(values)
    for bit, at in plan.diff:
        plan.bits[at] = bit
    # written to, and nothing but the kernel and the write to do where no history is recorded
    own_write = plan.inplace and plan.alias == "new" and not plan.mutated
    kernel_writes = plan.target is not None and plan.mutated == ((plan.target, True),)
    plan.writes = (
        (own_write or kernel_writes) and plan.result == "one" and not op.composite and not op.extras and not plan.lists
        and not plan.indexes and not plan.moves and not plan.casts and plan.rng_at is None and not plan.finishes
        and plan.grad_at is None and plan.xp.__name__ == "numpy"
    )  # fmt: skip
    return plan


def _operands(plan: Plan, op: Op, values: list) -> None:
    """Where the tensors are, and which of them a gradient can reach."""
    plan.singles, plan.lists, plan.indexes, plan.diff = [], [], [], []
    for at, (param, value) in enumerate(zip(op.params, values, strict=True)):
        differentiable = op.composite or param.name in op.vjps
        if isinstance(value, Tensor):
            plan.singles.append(at)
            if differentiable and value._meta.dtype.category >= 2:
                plan.diff.append((1 << at, at))
        elif param.kind.holds == "index":
            if holds_tensor(value):
                plan.indexes.append(at)
        elif param.kind.holds and isinstance(value, (list, tuple)) and holds_tensor(value):
            plan.lists.append(at)
            if differentiable:
                plan.diff.append((1 << at, at))
    names = [p.name for p in op.params]
    plan.rng_at = (names.index("generator") if "generator" in names else -1) if op.random else None
    plan.grad_at = names.index("requires_grad") if "requires_grad" in names else None


def _results(plan: Plan, op: Op, found: object) -> None:
    """What comes out: one tensor, several, or a host value."""
    plan.host = op.returns if op.returns not in ("tensor", "list", "tuple") else ""
    plan.many = list if op.returns == "list" else tuple
    plan.meta = plan.np_dtype = None
    plan.metas = plan.dtypes = None
    plan.device = CPU
    if plan.host:
        plan.result = "host"
    elif isinstance(found, Fact):
        plan.result = "one"
        plan.device = found.device or CPU
        plan.dtypes = found.dtype
        plan.meta = meta_if_known(found)
        plan.np_dtype = arrays.numpy_dtype(found.dtype) if found.dtype else None
    else:
        plan.result = "outs" if op.outs else "many"
        if found is not None:
            plan.metas = [meta_if_known(fact) for fact in found]
            plan.dtypes = [fact.dtype for fact in found]
            plan.device = next((fact.device for fact in found if fact.device), CPU)


def _arrays(plan: Plan, op: Op, values: list, facts: list) -> None:
    """Which library computes, and what operands are cast or moved before."""
    devices = [t._meta.device for t in op.tensors(values)]
    away = [d for d in devices if d != CPU]
    where = away[0] if away else devices[0] if devices else plan.device
    plan.xp = arrays.xp_for(where)
    plan.moves = ()
    if away and not op.any_device:
        plan.moves = tuple(i for i in plan.singles if values[i]._meta.device != where)
    if plan.result == "one" and plan.device.type == "cuda" and not away:
        plan.moves = ()
    compute = op.compute_dtype
    dtype = compute(facts) if compute is not None else None
    rule = op._dtype
    only = getattr(rule, "params", None)
    # half precision computes in float32, as torch's CPU kernels do, unless the result is a view
    half = op.alias == "new" and not op.mutates and not op.composite and plan.xp.__name__ == "numpy"
    casts = []
    for at in (*plan.singles, *plan.lists):
        name = op.params[at].name
        target = dtype if dtype is not None and (not only or name in only) else None
        items = values[at] if at in plan.lists else (values[at],)
        for item in items:
            if not isinstance(item, Tensor):
                continue
            have = item._meta.dtype
            want = target or have
            carried = arrays.numpy_dtype(want)
            if half and want is float16:
                carried = arrays.numpy_dtype(float32)
            if carried != item._meta.array_dtype or (want is not have and want.name == "bfloat16"):
                casts.append((at, want, carried))
                break
    plan.casts = tuple(casts)
    dtypes = plan.dtypes if isinstance(plan.dtypes, list) else [plan.dtypes]
    plan.finishes = plan.device.type != "cpu" or any(d is not None and d.name == "bfloat16" for d in dtypes)
    last = op.positional
    plan.keywords = tuple(
        (p.name, i) for i, p in enumerate(op.params) if i >= last and (op.composite or values[i] is not p.default)
    )
    plan.count = last if last < len(values) else None
    plan.kernel = op.kernel


def _effects(plan: Plan, op: Op, facts: list) -> None:
    """Aliases and mutations."""
    alias = op.alias
    plan.alias = alias if isinstance(alias, str) else ""
    plan.alias_of = Selected(alias, op.index) if not isinstance(alias, str) else None
    plan.views = bool(op.vjps)
    mutates = op.mutates
    if callable(mutates):
        mutates = Selected(mutates, op.index)(facts) or ()
    plan.mutated = tuple(
        (op.index[name.lstrip("~")], not name.startswith("~"))
        for name in mutates
        if op.index[name.lstrip("~")] in plan.singles
    )
    if plan.mutated and plan.alias_of is not None and (found := plan.alias_of(facts)).startswith("same:"):
        plan.alias, plan.alias_of = found, None
    plan.target = None
    if plan.inplace:
        plan.target = 0
    elif op.composite:  # its body writes
        pass
    elif plan.alias.startswith("same:") and plan.mutated:
        at = op.index[plan.alias[5:]]
        if any(at == i for i, _ in plan.mutated):
            plan.target = at


def meta_if_known(fact: Fact) -> Meta | None:
    """The meta a fact describes; None if a size or the dtype is open until the values are there."""
    if fact.dims is None or fact.dtype is None or any(type(size) is not int for size in fact.dims):
        if fact.dims is None or fact.dtype is None or not all(isinstance(size, int) for size in fact.dims):
            return None
    return meta_of(fact.dtype, fact.dims, fact.device or CPU)


def _op(overload: Op | InPlace) -> Op:
    return overload.base if isinstance(overload, InPlace) else overload


def _spread(op: Op, args: Sequence) -> bool:
    return bool(op.varargs) and len(args) > op.index[op.varargs]


def _floats_alike(op: Op) -> bool:
    """Whether a positional float can only be an operand, whose value no rule reads."""
    operand = TensorOrNum.name
    for at, param in enumerate(op.params):
        if (
            at < op.positional
            and not param.kind.holds
            and param.kind.name not in ("int", "bool", "str", "dtype", "int[]")
        ):
            return False
        if param.kind.holds == "index" or (
            at < op.positional and param.kind.holds and param.kind.name not in (operand, "Tensor")
        ):
            return False
    return True
