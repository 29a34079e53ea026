"""Every operator of the table on every one of its samples: the rule tells what the engine computes, the derivative is
that of the kernel, what is to be refused is refused, and sizes nobody knows change no answer.

No operator is named here; what differs for a reason stands in `DIFFERS`.
"""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest
import tensight_runtime as ts
from support.samples import Call, Given, leaves, mapped, read
from support.verdict import judge
from tensight_runtime.engine.apply import call_op
from tensight_runtime.ops import table
from tensight_runtime.spec.cond import Cond
from tensight_runtime.spec.dtype import DType
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.op import Op
from tensight_runtime.spec.require import RankUnknown, Refused, collecting
from tensight_runtime.spec.size import Expr, Symbol, Unknown, evaluate, symbol, symbols

OPS = table().ops
every_operator = pytest.mark.parametrize("op", OPS, ids=[op.name for op in OPS])
pytestmark = pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
ANY_REFUSAL = (RuntimeError, IndexError, ValueError, TypeError, NotImplementedError, AssertionError)

# what is being compared, and the operator or sample: why it may differ.  An entry that no longer differs fails.
TRIANGLE = "one triangle is read, the derivative is the one along symmetric (or triangular) matrices, as in torch"
GAUGE = "vectors are determined up to a phase, or a basis; the derivative holds for functions that do not see it"
DIFFERS: dict[tuple[str, str], str] = {
    ("derivative", "normal"): "a draw, to torch: its derivative is 0",
    ("derivative", "normal.of_number"): "a draw, to torch: its derivative is 0",
    ("derivative", "gumbel_softmax(f32[4, 3], tau=0.5, hard=True, dim=0)"): "straight through: that of the soft result",
    (
        "derivative",
        "cross_entropy(f32[9, 4], i64[9]{0..3}, f32[4]{0..1}, ignore_index=1, label_smoothing=0.2)",
    ): "weights are constants to nll_loss (torch refuses ones that require grad)",
    ("derivative", "ctc_loss"): "that of a log_softmax's logits, as in torch, which takes nothing else",
    ("derivative", "linalg_svd(f64[2, 4])"): GAUGE,
    ("derivative", "svd(f64[2, 4], some=False)"): GAUGE,
    ("derivative", "linalg_eigh"): TRIANGLE,
    ("derivative", "linalg_eigvalsh"): TRIANGLE,
    ("derivative", "linalg_eig"): GAUGE,
    ("derivative", "cholesky_solve"): TRIANGLE,
    ("derivative", "cholesky_inverse"): TRIANGLE,
    ("derivative", "embedding(i64[7]{0..2}, f32[3, 4], scale_grad_by_freq=True)"): "the scale is the option's purpose",
    ("refused", "as_strided(f32[3], (2, 2), (1, 2))"): "the memory may be larger than the tensor; the engine sees it",
}


@every_operator
def test_the_rule_tells_what_is_computed(op: Op):
    judge(DIFFERS, "inferred", op, op.accepts, inferred_is_computed)


@every_operator
def test_the_derivative_is_the_finite_difference(op: Op):
    judge(DIFFERS, "derivative", op, op.accepts if op.differentiable else (), derivative_is_finite_difference)


@every_operator
def test_what_is_to_be_refused_is_refused(op: Op):
    judge(DIFFERS, "refused", op, op.rejects, refused_in_the_declared_words)


@every_operator
def test_sizes_nobody_knows_change_no_answer(op: Op):
    judge(DIFFERS, "symbolic", op, op.accepts, symbols_stand_for_the_numbers)


def test_operators_have_samples():
    """Those without are named: what they give depends on memory, a device, or another operator's insides."""
    assert {op.name for op in OPS if not op.accepts and op.names} == NO_SAMPLES


NO_SAMPLES = {
    "empty", "empty_strided", "empty_like", "new_empty",  # their values are whatever the memory held
    "from_numpy", "cuda", "index",  # arguments that are no tensors; a device; called by Python alone
    "polygamma.method", "bitwise_left_shift.of_number", "bitwise_right_shift.of_number",  # the operands exchanged
    "hardtanh.inplace", "celu.inplace", "threshold.inplace",  # of the operator with the same name
}  # fmt: skip


# --- inferred = computed ---------------------------------------------------------------------------------------------


def inferred_is_computed(op: Op, sample: str) -> str | None:
    return layout_is_right(op, read(sample), "C") or layout_is_right(op, read(sample), "F")


def layout_is_right(op: Op, call: Call, order: str) -> str | None:
    """Infer and compute, with operands that lie in memory row by row ("C") or column by column ("F")."""
    args, kwargs = call.filled(lambda given: ours(given, order))
    values = op.bind(args, kwargs)
    if values is None or op.admits(values) is not True:
        return "the signature does not admit it"
    fact = op.infer(mapped(values, lambda v: described(v) if isinstance(v, ts.Tensor) else v))
    given = [v for v in leaves(values) if isinstance(v, ts.Tensor)]
    before = [t.clone() for t in given]
    ts.manual_seed(0)
    try:
        result = call_op(op, args, kwargs)
    except ANY_REFUSAL:
        if order == "C":
            raise
        return None  # what needs another layout
    return unlike(op, fact, result) or misplaced(op, values, result) or changed(op, values, given, before)


def unlike(op: Op, fact: object, result: object) -> str | None:
    """What the fact says that is not so."""
    if fact is None:
        return None
    if isinstance(fact, (tuple, list)) and isinstance(result, (tuple, list)):
        if not (len(fact) == len(result) or (isinstance(fact, list) and len(fact) <= len(result))):
            return f"inferred {len(fact)} results, computed {len(result)}"
        return next((u for u in (unlike(op, f, r) for f, r in zip(fact, result, strict=False)) if u), None)
    if isinstance(fact, type):
        return None if type(result) is fact else f"inferred {fact.__name__}, computed {result!r}"
    if not isinstance(result, ts.Tensor):
        result = ts.from_numpy(result) if isinstance(result, np.ndarray) else result
    if not isinstance(fact, Fact):
        return None if isinstance(fact, Unknown) or fact == result else f"inferred {fact!r}, computed {result!r}"
    if not isinstance(result, ts.Tensor):
        return f"inferred {fact}, computed {result!r}"
    said = f"inferred {fact}, computed {described(result)}"
    if fact.dtype not in (None, result.dtype) or fact.device not in (None, result.device):
        return said
    if fact.dims is not None:
        if len(fact.dims) != result.ndim:
            return said
        if any(not isinstance(d, Unknown) and d != s for d, s in zip(fact.dims, result.shape, strict=True)):
            return said
    if fact.contiguous is not None and bool(fact.contiguous) != result.is_contiguous():
        return f"inferred contiguous={fact.contiguous!r}, its strides are {result.stride()} of {tuple(result.shape)}"
    if fact.interval is not None and result.numel():
        low, high = fact.interval
        if isinstance(low, int) and isinstance(high, int) and not low <= result.min() <= result.max() < high:
            return f"inferred values in [{low}, {high}), computed {result}"
    return None


def misplaced(op: Op, values: list, result: object) -> str | None:
    """Where `alias=` says something else about memory than is so."""
    if not isinstance(op.alias, str) or not isinstance(result, ts.Tensor):
        return None
    if op.alias.startswith("same:"):
        return None if result is values[op.index[op.alias[5:]]] else "declared the same object, it is another"
    first = next((v for v in leaves(values) if isinstance(v, ts.Tensor)), None)
    if first is None or not result.numel() or not first.numel():
        return None
    shares = np.shares_memory(first._array, result._array)
    if op.alias in ("view", "multi_view"):
        return None if shares else "declared a view, it has memory of its own"
    return "declared new, it shares memory" if shares and op.alias == "new" else None


def changed(op: Op, values: list, given: list, before: list) -> str | None:
    """Operands that were written to without a word."""
    mutates = op.mutates
    if callable(mutates):
        return None
    written = [values[op.index[name.lstrip("~")]] for name in mutates]
    for now, then in zip(given, before, strict=True):
        if any(now is w for w in written):
            continue
        if now._version or not np.array_equal(now._array, then._array, equal_nan=now.dtype.category >= 2):
            return "an operand was written to that `mutates` does not name"
    return None


def described(tensor: ts.Tensor) -> Fact:
    return Fact(tensor.dtype, tuple(tensor.shape), tensor.device, contiguous=tensor.is_contiguous())


def ours(given: Given, order: str = "C") -> ts.Tensor:
    return ts.from_numpy(np.array(given.array, order=order)).to(given.dtype)


# --- gradient = finite difference ------------------------------------------------------------------------------------


def derivative_is_finite_difference(op: Op, sample: str) -> str | None:
    """All inputs with a gradient move along one random direction, in double precision."""
    call = read(sample).widened()
    args, kwargs = call.filled(ours)
    values = op.bind(args, kwargs)
    moving = [
        t
        for param, value in zip(op.params, values, strict=True)
        if op.composite or param.name in op.vjps
        for t in leaves(value)
        if isinstance(t, ts.Tensor) and t.dtype.differentiable and t.numel()
    ]
    random = np.random.default_rng(0)
    along = [noise(random, t) for t in moving]
    if not moving:
        return None
    kept = [t._array.copy() for t in moving]
    weights: list = []

    def value(step: float | None) -> object:
        """The weighted sum of the results with the inputs moved by `step`; None: a tensor with history."""
        ts.manual_seed(0)
        stand_in = {
            id(t): ts.from_numpy(np.asarray(k + (step or 0.0) * a)) for t, k, a in zip(moving, kept, along, strict=True)
        }
        leaf = [stand_in[id(t)].requires_grad_(step is None) for t in moving]
        fresh = {id(t): (s * 1 if op.mutates else s) for t, s in zip(moving, leaf, strict=True)}
        swap = lambda v: fresh.get(id(v), v.clone() if isinstance(v, ts.Tensor) else v)
        result = call_op(op, mapped(args, swap), mapped(kwargs, swap))
        outs = [r for r in leaves(result) if isinstance(r, ts.Tensor) and r.dtype.differentiable]
        if not weights:  # 0 for results that carry no gradient
            weights.extend(ts.from_numpy(noise(random, r)) * (r.requires_grad or not op.composite) for r in outs)
        total = sum(((r.to(w.dtype) * w.conj()).sum().real for r, w in zip(outs, weights, strict=True)), ts.tensor(0.0))
        return (total, leaf, outs) if step is None else total.item()

    total, leaf, outs = value(None)
    if not total.requires_grad:
        return None
    narrow = any(o.dtype.bits < 64 for o in outs) or any(t.dtype.bits < 64 for t in moving)
    step = 1e-2 if narrow else 1e-6
    try:
        grads = ts.autograd.grad(total, leaf, allow_unused=True)
    except RuntimeError as refusal:
        return None if any(words in str(refusal) for words in NO_DERIVATIVE) else str(refusal)
    if op.composite:  # what has no gradient is constant to it
        along[:] = [np.zeros_like(a) if g is None else a for a, g in zip(along, grads, strict=True)]
    got = sum(float((g._array.conj() * a).sum().real) for g, a in zip(grads, along, strict=True) if g is not None)
    center, ahead, behind = value(0.0), value(step), value(-step)
    want = (ahead - behind) / (2 * step)
    close = lambda a, b, by: a == b or abs(a - b) <= by * (1 + abs(a) + abs(b))
    if not np.isfinite(want) or not close((ahead - center) / step, (center - behind) / step, 1e-2 if narrow else 1e-3):
        return None  # a kink, where there is no derivative
    return None if close(got, want, 5e-2 if narrow else 1e-6) else f"derivative {got}, finite difference {want}"


NO_DERIVATIVE = ("derivative for aten::", "not differentiable", "is not implemented")  # said by torch


def noise(random: np.random.Generator, like: ts.Tensor) -> np.ndarray:
    values = random.standard_normal(tuple(like.shape))
    if like.dtype.is_complex:
        values = values + 1j * random.standard_normal(tuple(like.shape))
    return np.asarray(values).astype(like._array.dtype)


# --- refusals --------------------------------------------------------------------------------------------------------


def refused_in_the_declared_words(op: Op, sample: str) -> str | None:
    """By the engine always; by the rule too, unless it hangs on values."""
    call, words = read(sample), op.rejects[sample]
    args, kwargs = call.filled(lambda given: given.fact)
    values = op.bind(args, kwargs)
    if values is not None and op.admits(values) is True:
        try:
            fact = op.infer(values)
            if not any(g.bounds or g.dtype.category == 0 for g in call.givens):
                return f"the rule accepts it: {fact}"
        except Refused as refused:
            if not str(refused).startswith(words):
                return f"the rule says {refused}"
    args, kwargs = call.filled(ours)
    try:
        result = call_op(op, args, kwargs)
    except ANY_REFUSAL as refusal:
        return None if str(refusal).startswith(words) else f"the engine says {type(refusal).__name__}: {refusal}"
    return f"the engine accepts it: {result}"


# --- symbols ---------------------------------------------------------------------------------------------------------


def symbols_stand_for_the_numbers(op: Op, sample: str) -> str | None:
    """Sizes as symbols, once all different and once one for each number."""
    call, numbers = read(sample), count()
    return symbolic(op, call, lambda size: f"s{next(numbers)}") or symbolic(op, call, lambda size: f"n{size}")


def symbolic(op: Op, call: Call, name) -> str | None:
    env: dict[Symbol, int] = {}

    def fact(given: Given) -> Fact:
        dims = tuple(symbol(name(size)) for size in given.dims)
        env.update({next(iter(symbols(dim))): size for dim, size in zip(dims, given.dims, strict=True)})
        return Fact(given.dtype, dims)

    args, kwargs = call.filled(fact)
    values = op.bind(args, kwargs)
    want = op.infer(op.bind(*call.filled(lambda given: given.fact)))
    with collecting() as obligations:
        try:
            found = op.infer(values)
        except Refused as refused:
            return f"refused with symbols: {refused}"
        except RankUnknown:
            return "the rule raises RankUnknown"
    broken = [o.message for o in obligations if not holds(o.cond, env)]
    if broken:
        return f"an obligation does not hold: {broken[0]}"
    return disagreement(want, found, env)


def holds(cond: Cond, env: dict) -> bool:
    known = not isinstance(cond.a, Unknown) and not isinstance(cond.b, Unknown)
    return cond.holds(env) if known else True


def disagreement(want: object, found: object, env: dict) -> str | None:
    """Where the symbolic answer, at the numbers, is another than the numeric one."""
    if isinstance(found, (tuple, list)) and isinstance(want, (tuple, list)) and not isinstance(want, Fact):
        if len(found) != len(want) and not isinstance(found, list):
            return f"{len(found)} results instead of {len(want)}"
        return next((d for d in (disagreement(w, f, env) for w, f in zip(want, found, strict=False)) if d), None)
    if isinstance(found, Fact) and isinstance(want, Fact):
        if found.dtype not in (None, want.dtype):
            return f"{found} instead of {want}"
        if found.dims is None or want.dims is None:
            return None
        if len(found.dims) != len(want.dims):
            return f"{found} instead of {want}"
        return next(
            (d for d in (disagreement(w, f, env) for w, f in zip(want.dims, found.dims, strict=True)) if d), None
        )
    if found is None or isinstance(found, Unknown) or isinstance(want, Unknown):
        return None
    if isinstance(found, Expr):
        found = evaluate(found, env)
    if hasattr(found, "holds"):
        found = found.holds(env)
    return None if found == want or isinstance(found, DType) else f"{found!r} instead of {want!r}"
