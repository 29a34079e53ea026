"""math, operator, random, time and os.path."""

from __future__ import annotations

import math
import os.path

from tensight_runtime.spec.size import Expr

from tensight_analyzer.interp.values import (
    ListValue,
    Native,
    Seq,
    Unknown,
)
from tensight_analyzer.natives.common import nothing, pure, unknown

# -- math, operator -------------------------------------------------------------------------------------------------------

MATH_INTS = {"ceil", "floor", "trunc", "gcd", "lcm", "factorial", "comb", "perm", "isqrt"}
MATH_BOOLS = {"isnan", "isinf", "isfinite", "isclose"}


def math_prod(m, args, kwargs, at):
    plan = m.iterate(args[0])
    if not isinstance(plan, tuple):
        return m.fresh_int("n", None)
    total = kwargs.get("start", 1)
    for item in plan:
        total = m.binary("*", total, item, at)
    return total


def math_round(name):
    exact = pure(getattr(math, name), int)

    def call(m, args, kwargs, at):
        value = m.resolve(args[0])
        return value if isinstance(value, Expr) else exact(m, args, kwargs, at)

    return call


MATH = {
    n: pure(f, int if n in MATH_INTS else bool if n in MATH_BOOLS else float)
    for n, f in vars(math).items() if callable(f) and not n.startswith("_")
} | {n: v for n, v in vars(math).items() if isinstance(v, float)} | {
    "prod": math_prod, "ceil": math_round("ceil"), "floor": math_round("floor"), "trunc": math_round("trunc")}  # fmt: skip


def operator_function(symbol: str):
    return lambda m, args, kwargs, at: m.binary(symbol, args[0], args[1], at)


def compare_function(symbol: str):
    return lambda m, args, kwargs, at: m.compare(symbol, args[0], args[1], at)


def itemgetter(m, args, kwargs, at):
    keys = args

    def get(m, args, kwargs, at):
        found = tuple(m.getitem(args[0], k, at) for k in keys)
        return found[0] if len(keys) == 1 else found

    return Native("itemgetter", get)


def attrgetter(m, args, kwargs, at):
    def get(m, inner, kwargs, at):
        found = []
        for path in args:
            value = inner[0]
            for part in path.split(".") if isinstance(path, str) else ():
                value = m.getattr(value, part, at)
            found.append(value)
        return found[0] if len(found) == 1 else tuple(found)

    return Native("attrgetter", get)


OPERATOR = {
    "add": operator_function("+"), "sub": operator_function("-"), "mul": operator_function("*"),
    "truediv": operator_function("/"), "floordiv": operator_function("//"), "mod": operator_function("%"),
    "pow": operator_function("**"), "matmul": operator_function("@"), "and_": operator_function("&"),
    "or_": operator_function("|"), "xor": operator_function("^"), "eq": compare_function("=="), "ne": compare_function("!="),
    "lt": compare_function("<"), "le": compare_function("<="), "gt": compare_function(">"), "ge": compare_function(">="),
    "itemgetter": itemgetter, "attrgetter": attrgetter,
    "neg": lambda m, a, k, at: m.unary("-", a[0], at), "not_": lambda m, a, k, at: m.unary("not", a[0], at),
    "getitem": lambda m, a, k, at: m.getitem(a[0], a[1], at), "contains": lambda m, a, k, at: m.contains(a[0], a[1], at),
}  # fmt: skip


# -- random, time, os -----------------------------------------------------------------------------------------------------


def between(m, args, kwargs, at):
    low = m.resolve(args[0]) if len(args) > 1 else 0
    return m.fresh_int("n", low if isinstance(low, int) else None)


def choice(m, args, kwargs, at):
    plan = m.iterate(args[0])
    if not isinstance(plan, tuple):
        return m.fresh_element(plan.element)
    if not plan:
        return m.fail("IndexError", "Cannot choose from an empty sequence")
    kinds = {m.python_type(i) for i in plan}
    if kinds == {int}:
        return m.fresh_int("n", min((i for i in plan if isinstance(i, int)), default=None))
    return (
        m.join_values(list(plan))
        if len(plan) <= 4
        else Unknown("chosen at random", kinds.pop() if len(kinds) == 1 else None)
    )


def shuffle(m, args, kwargs, at):
    value = m.resolve(args[0])
    if isinstance(value, ListValue):
        items = value.fields["items"]
        if isinstance(items, tuple) and items:
            element = choice(m, (value,), {}, at)
            m.trail.set(value.fields, "items", Seq(element, len(items)))


def sample(m, args, kwargs, at):
    count = m.resolve(args[1] if len(args) > 1 else kwargs.get("k", 1))
    element = choice(m, args[:1], {}, at)
    length = count if isinstance(count, (int, Expr)) else m.fresh_int("len", 0)
    if isinstance(length, int) and length <= 64:
        return m.new_list(tuple(m.fresh_element(element) for _ in range(length)))
    return m.new_list(Seq(element, length))


RANDOM = {
    "random": unknown(float), "uniform": unknown(float), "gauss": unknown(float), "normalvariate": unknown(float),
    "betavariate": unknown(float), "randint": between, "randrange": between, "choice": choice, "shuffle": shuffle,
    "sample": sample, "choices": lambda m, a, k, at: sample(m, a[:1], k, at), "seed": nothing, "getrandbits": unknown(int),
    "getstate": unknown(), "setstate": nothing, "Random": unknown(),
}  # fmt: skip
TIME = {n: unknown(float) for n in ("time", "perf_counter", "monotonic", "process_time")} | {
    "sleep": nothing,
    "strftime": unknown(str),
    "time_ns": unknown(int),
    "localtime": unknown(),
    "ctime": unknown(str),
}
PATH = {
    n: pure(getattr(os.path, n), str if n != "splitext" else tuple)
    for n in ("join", "basename", "dirname", "splitext", "split", "normpath")
} | {"exists": unknown(bool), "isfile": unknown(bool), "isdir": unknown(bool), "abspath": unknown(str),
     "expanduser": unknown(str), "realpath": unknown(str), "getsize": unknown(int), "getmtime": unknown(float),
     "sep": "/"}  # fmt: skip
