"""functools and itertools."""

from __future__ import annotations

import itertools

from tensight_runtime.spec.size import Expr

from tensight_analyzer.interp.values import (
    Function,
    Native,
    Property,
    Seq,
    Unknown,
)
from tensight_analyzer.natives.common import identity, unknown

# -- functools, itertools ---------------------------------------------------------------------------------------------------


def partial(m, args, kwargs, at):
    function, *first = args

    def call(m, more, extra, at):
        return m.call(function, (*first, *more), {**kwargs, **extra}, at)

    return Native("partial", call)


def wraps(m, args, kwargs, at):
    wrapped = args[0]

    def decorate(m, args, kwargs, at):
        function = args[0]
        if isinstance(function, Function) and isinstance(wrapped, Function):
            m.trail.set(function.fields, "__wrapped__", wrapped)
            m.trail.set(function.fields, "__name__", wrapped.name)
        return function

    return Native("wraps", decorate)


def reduce(m, args, kwargs, at):
    function, iterable, *initial = args
    plan = m.iterate(iterable)
    items = list(plan) if isinstance(plan, tuple) else [plan.element, plan.element]
    if initial:
        items = [initial[0], *items]
    if not items:
        return m.fail("TypeError", "reduce() of empty iterable with no initial value")
    result = items[0]
    for item in items[1:]:
        result = m.call(function, (result, item), {}, at)
    return result if isinstance(plan, tuple) else Unknown("a reduction of unknown length")


def cached_property(m, args, kwargs, at):
    return Property(args[0])


FUNCTOOLS = {
    "partial": partial, "wraps": wraps, "reduce": reduce, "lru_cache": identity, "cache": identity,
    "cached_property": cached_property, "total_ordering": identity, "singledispatch": identity, "update_wrapper": identity,
    "cmp_to_key": identity, "partialmethod": partial,
}  # fmt: skip


def over_tuples(name: str):
    """itertools' own function over known items: it never looks into them."""
    function = getattr(itertools, name)

    def call(m, args, kwargs, at):
        plans = [m.iterate(a) if not m.constant(a) else a for a in args]
        if all(isinstance(p, tuple) or m.constant(p) for p in plans) and all(m.constant(k) for k in kwargs.values()):
            try:
                found = tuple(itertools.islice(function(*plans, **kwargs), 4097))
                if len(found) <= 4096:
                    return m.new_iterator(found)
            except (TypeError, ValueError) as error:
                return m.fail(type(error).__name__, str(error))
        elements = [p.element if not isinstance(p, tuple) else m.join_values(list(p) or [None]) for p in plans
                    if not m.constant(p)]  # fmt: skip
        element = tuple(elements) if name in ("product", "zip_longest") else m.join_values(elements)
        if name in ("combinations", "permutations", "pairwise"):
            element = (elements[0], elements[0])
        return m.new_iterator(Seq(element, m.fresh_int("len", 0)))

    return call


def count(m, args, kwargs, at):
    start = args[0] if args else kwargs.get("start", 0)
    return m.new_iterator(Seq(m.fresh_int("i", start if isinstance(start, int) else None), m.fresh_int("len", 0)))


def endless(m, args, kwargs, at):
    plan = m.iterate(args[0])
    element = m.join_values(list(plan)) if isinstance(plan, tuple) and plan else getattr(plan, "element", None)
    return m.new_iterator(Seq(element, m.fresh_int("len", 0)))


def repeat(m, args, kwargs, at):
    times = m.resolve(args[1] if len(args) > 1 else kwargs.get("times"))
    if isinstance(times, int) and times <= 4096:
        return m.new_iterator((args[0],) * times)
    return m.new_iterator(Seq(args[0], times if isinstance(times, Expr) else m.fresh_int("len", 0)))


def from_iterable(m, args, kwargs, at):
    plan = m.iterate(args[0])
    if isinstance(plan, tuple):
        return over_tuples("chain")(m, plan, kwargs, at)
    inner = m.iterate(plan.element)
    element = m.join_values(list(inner)) if isinstance(inner, tuple) and inner else getattr(inner, "element", None)
    return m.new_iterator(Seq(element, m.fresh_int("len", 0)))


def islice(m, args, kwargs, at):
    plan = m.iterate(args[0])
    bounds = [m.resolve(a) for a in args[1:]]
    if isinstance(plan, tuple) and all(b is None or isinstance(b, int) for b in bounds):
        return m.new_iterator(plan[slice(*bounds)])
    element = m.join_values(list(plan) or [None]) if isinstance(plan, tuple) else plan.element
    length = bounds[0] if len(bounds) == 1 and isinstance(bounds[0], int) else None
    if length is not None and length <= 64:
        return m.new_iterator(tuple(m.fresh_element(element) for _ in range(length)))
    return m.new_iterator(Seq(element, m.fresh_int("len", 0)))


ITERTOOLS = {
    n: over_tuples(n) for n in ("product", "combinations", "permutations", "zip_longest", "chain", "pairwise",
                                "combinations_with_replacement", "compress", "batched") if hasattr(itertools, n)
} | {"count": count, "cycle": endless, "repeat": repeat, "islice": islice, "tee": unknown(),
     "accumulate": endless, "groupby": unknown(), "takewhile": lambda m, a, k, at: endless(m, a[1:], k, at),
     "dropwhile": lambda m, a, k, at: endless(m, a[1:], k, at), "starmap": lambda m, a, k, at: starmap(m, a, k, at)}  # fmt: skip


def starmap(m, args, kwargs, at):
    plan = m.iterate(args[1])
    if isinstance(plan, tuple):
        return m.new_iterator(tuple(m.call(args[0], tuple(m.iterate(i)), {}, at) for i in plan))
    return m.new_iterator(Seq(Unknown("an item of starmap"), m.fresh_int("len", 0)))


ITERTOOLS["chain"] = Native(
    "itertools.chain", over_tuples("chain"), {"from_iterable": Native("itertools.chain.from_iterable", from_iterable)}
)
