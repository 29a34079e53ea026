"""Applying an operator to tensors: plan, kernel, wrapping, and a node where a gradient may be asked for.

Knows no operator by name; everything comes from the operator's declaration.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tensight_runtime.engine import arrays, autocast
from tensight_runtime.engine.arguments import PARTS, PARTS_FLOATS_ALIKE, call_key
from tensight_runtime.engine.inplace import check_inplace, run_inplace
from tensight_runtime.engine.kernel import host_value, run_kernel, unshared
from tensight_runtime.engine.out import into_out
from tensight_runtime.engine.plan import Entry, Plan, make_plan, prepare
from tensight_runtime.engine.recording import mark_inference, record, record_one, required_bits
from tensight_runtime.engine.results import result_class
from tensight_runtime.engine.state import modes, switches
from tensight_runtime.engine.tensor import Parameter, Tensor, subclassed
from tensight_runtime.engine.wrapping import alias_of, make_view, many, wrapped
from tensight_runtime.spec.op import InPlace, Op

_new = object.__new__
_ndarray = np.ndarray


def call(entry: Entry, args: Sequence, kwargs: dict) -> object:
    """Call an operator of the table as torch's function or method is called."""
    key = call_key(args, kwargs, PARTS_FLOATS_ALIKE if entry.floats_alike else PARTS)
    if key is None and (cls := _subclass(args)) is not None:
        return _as(call(entry, [_plainly(a) for a in args], {k: _plainly(v) for k, v in kwargs.items()}), cls)
    plan = entry.plans.get(key)
    if plan is not None:
        values = plan.values(args, kwargs)
    else:
        if kwargs:
            if "out" in kwargs and not any("out" in getattr(o, "base", o).index for o in entry.overloads):
                return into_out(entry, args, kwargs)
            kwargs = _without_neutral(entry, kwargs)
        plan, values = prepare(entry, args, kwargs)
        if plan.cacheable and key is not None:
            entry.remember(key, plan)
    if switches.autocast and modes.autocast is not None:
        return autocast.run(plan, values)
    return execute(plan, values)


def call_op(op: Op | InPlace, args: Sequence, kwargs: dict) -> object:
    """Call one operator: how derivatives and composite bodies reach others."""
    entry = _entries.get(op)
    if entry is None:
        entry = _entries[op] = Entry(getattr(op, "base_name", op.name), (op,))
    return call(entry, args, kwargs)


def _subclass(args: Sequence) -> type | None:
    """The user's own subclass of Tensor among the operands: results are of it too."""
    for a in args:
        if isinstance(a, Tensor):
            if type(a) is not Tensor and type(a) is not Parameter:
                return type(a)
        elif isinstance(a, (list, tuple)) and (found := _subclass(a)) is not None:
            return found
    return None


def _plainly(value: object) -> object:
    if isinstance(value, Tensor):
        return value if type(value) is Parameter else subclassed(value, Tensor)
    return type(value)(map(_plainly, value)) if type(value) in (list, tuple) else value


def _as(result: object, cls: type) -> object:
    if isinstance(result, Tensor):
        return subclassed(result, cls)
    return type(result)(_as(item, cls) for item in result) if type(result) in (list, tuple) else result


def apply(op: Op | InPlace, values: list) -> object:
    """Run an operator on bound arguments."""
    return execute(make_plan(op, values), values)


_entries: dict[Op | InPlace, Entry] = {}


def execute(plan: Plan, values: list) -> object:
    """Run a plan on the bound arguments it was made for."""
    if plan.fast:
        result = _fast_result(plan, values)
        if modes.grad:
            required = 0
            for bit, at in plan.diff:
                operand = values[at]
                if operand._base is not None:
                    operand._refresh()
                if operand._requires:
                    required |= bit
            if required:
                record_one(plan, values, required, result)
        elif modes.inference:
            mark_inference(result)
        return result
    if plan.looks:
        return _view_result(plan, values)
    if plan.target is not None:
        return run_inplace(plan, values)
    if plan.op.composite:
        return composite(plan, values)
    return _execute(plan, values)


def one(entry: Entry):
    """The function that calls `entry` with a single tensor."""
    known = entry.plans.get

    def run(a: Tensor) -> object:
        plan = known((a._meta,)) if a.__class__ is Tensor or a.__class__ is Parameter else None
        if plan is None or not plan.direct or switches.autocast:
            if plan is None or not plan.arranged or switches.autocast:
                return call(entry, (a,), {})
            return execute(plan, [a, *plan.tail])
        operand = a._array
        array = plan.kernel(plan.xp, operand)
        if type(array) is not _ndarray or array.dtype is not plan.np_dtype:
            array = arrays.coerce(plan.xp, array, plan.meta.dtype)
        if array.base is not None or array is operand:
            array = unshared(array, (operand,))
        result = _new(Tensor)
        result._array = array
        result._meta = plan.meta
        if modes.grad:
            if a._base is not None:
                a._refresh()
            if a._requires and (bit := plan.bits[0]):
                record_one(plan, (a, *plan.tail), bit, result)
        elif modes.inference:
            mark_inference(result)
        return result

    return run


def two(entry: Entry):
    """The function that calls `entry` with a tensor and one more operand."""
    known = entry.plans.get
    floats_alike = entry.floats_alike

    def run(a: Tensor, b: object) -> object:
        kind = type(b)
        if kind is Tensor or kind is Parameter:
            plan = known((a._meta, b._meta))
            other = b._array
        elif kind is float and floats_alike:
            plan = known((a._meta, float))
            other = b
        elif kind is int:
            plan = known((a._meta, b))
            other = b
        else:
            plan = None
        if a.__class__ is not Tensor and a.__class__ is not Parameter:
            plan = None
        if plan is None or not plan.direct or switches.autocast:
            if plan is None or not plan.arranged or switches.autocast:
                return call(entry, (a, b), {})
            return execute(plan, [a, b, *plan.tail])
        operand = a._array
        array = plan.kernel(plan.xp, operand, other)
        if type(array) is not _ndarray or array.dtype is not plan.np_dtype:
            array = arrays.coerce(plan.xp, array, plan.meta.dtype)
        if array.base is not None or array is operand or array is other:
            array = unshared(array, (operand, other))
        result = _new(Tensor)
        result._array = array
        result._meta = plan.meta
        if modes.grad:
            if a._base is not None:
                a._refresh()
            required = plan.bits[0] if a._requires else 0
            if other is not b:
                if b._base is not None:
                    b._refresh()
                if b._requires:
                    required |= plan.bits[1]
            if required:
                record_one(plan, (a, b, *plan.tail), required, result)
        elif modes.inference:
            mark_inference(result)
        return result

    return run


def _fast_result(plan: Plan, values: list) -> Tensor:
    """One new tensor out of single tensors and numbers: most calls."""
    operands = list(values)
    for at in plan.singles:
        operands[at] = values[at]._array
    for at, _, carried in plan.casts:
        operands[at] = operands[at].astype(carried)
    if plan.count is not None:
        keywords = {name: operands[at] for name, at in plan.keywords}
        array = plan.kernel(plan.xp, *operands[: plan.count], **keywords)
    else:
        array = plan.kernel(plan.xp, *operands)
    if type(array) is not _ndarray or array.dtype is not plan.np_dtype:
        array = arrays.coerce(plan.xp, array, plan.meta.dtype)
    if array.base is not None:
        array = unshared(array, operands)
    else:
        for at in plan.singles:
            if array is operands[at]:
                array = array.copy()
    result = _new(Tensor)
    result._array = array
    result._meta = plan.meta
    if not plan.checked:
        plan.checked = True
        if array.shape != plan.meta.shape:
            raise AssertionError(f"{plan.op.name}: inferred {plan.meta}, computed {list(array.shape)}")
    return result


def _view_result(plan: Plan, values: list) -> Tensor:
    """One view of the single tensor among the operands."""
    at = plan.singles[0]
    of = values[at]
    operands = values if plan.count is None else values[: plan.count]
    operands = [*operands[:at], of._array, *operands[at + 1 :]]
    keywords = {name: values[k] for name, k in plan.keywords} if plan.keywords else plan.no_keywords
    array = plan.kernel(plan.xp, *operands, **keywords)
    meta = plan.meta
    if not plan.checked or array.dtype is not plan.np_dtype:
        plan.checked = array.flags.writeable
        if not plan.checked and of._array.flags.writeable:
            array.flags.writeable = True  # broadcast_to protects what overlaps; the engine refuses such writes itself
        if array.shape != meta.shape or array.dtype != plan.np_dtype:
            raise AssertionError(f"{plan.op.name}: inferred {meta}, computed {array.dtype}{list(array.shape)}")
    result = _new(Tensor)
    result._array = array
    result._meta = meta
    if plan.alias == "maybe" and not arrays.may_share(array, of._array):
        of = None
    if of is not None:
        make_view(result, of, plan, values, plan.alias)
    if modes.grad:
        if plan.diff and values[at].requires_grad:
            record_one(plan, values, plan.diff[0][0], result)
    elif modes.inference:
        mark_inference(result)
    return result


def _execute(plan: Plan, values: list) -> object:
    required = 0
    if modes.grad:
        required = required_bits(plan, values)
    for at, bumps in plan.mutated:
        if bumps:
            check_inplace(values[at], False)
    found, operands = run_kernel(plan, values)
    for at, bumps in plan.mutated:
        if operands[at] is not values[at]._array:
            values[at]._array[...] = operands[at]
        if bumps:
            values[at]._bump()
    op = plan.op
    extras: tuple = ()
    if op.extras:
        count = len(op.outs) or 1
        found, extras = (found[0], found[1:]) if count == 1 else (found[:count], found[count:])
    if plan.result == "host":
        return host_value(plan.host, found)
    if plan.result == "one":
        alias = plan.alias or alias_of(plan, values)
        if alias.startswith("same:"):
            return values[op.index[alias[5:]]]
        result = wrapped(plan, found, plan.meta, plan.dtypes, alias, values, operands)
        results = (result,)
    else:
        alias = plan.alias or alias_of(plan, values)
        results = many(plan, list(found), alias, values, operands)
    recorded = required and record(plan, values, required, results, extras)
    if not recorded and modes.inference:
        for result in results:
            mark_inference(result)
    if plan.grad_at is not None and values[plan.grad_at]:
        for result in results:
            if not result._meta.dtype.differentiable:
                raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
            result.requires_grad = True
    if plan.result == "one":
        return results[0]
    return _tuple_of(op, plan, results)


def _tuple_of(op: Op, plan: Plan, results: Sequence) -> object:
    """Several results as torch returns them: a named tuple where the fields have names, unless a plain one is
    declared."""
    if op.outs and op.returns == "tensor":
        return result_class(op.base_name, op.outs)(results)
    return plan.many(results)


def _without_neutral(entry: Entry, kwargs: dict) -> dict:
    """Keywords that every creation operator of torch takes and that change nothing here, unless declared."""
    found = kwargs
    for name in ("layout", "pin_memory"):
        if name in kwargs and not any(name in getattr(o, "base", o).index for o in entry.overloads):
            found = {k: v for k, v in found.items() if k != name}
    return found


def composite(plan: Plan, values: list) -> object:
    """A body in other operators: it takes care of history itself."""
    positional = values if plan.count is None else values[: plan.count]
    found = plan.kernel(*positional, **{name: values[at] for name, at in plan.keywords})
    return _tuple_of(plan.op, plan, found) if plan.result == "outs" else found
