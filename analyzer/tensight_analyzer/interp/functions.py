"""Python's builtin functions: `call(machine, args, kwargs, at)` each, in one table."""

from __future__ import annotations

import builtins as py

from tensight_runtime.spec.size import UNKNOWN, Expr, smax, smin
from tensight_runtime.spec.size import Unknown as UnknownSize

from tensight_analyzer.interp.expressions import Plan
from tensight_analyzer.interp.join import is_int
from tensight_analyzer.interp.limits import steep
from tensight_analyzer.interp.values import (
    MISSING,
    Bound,
    ClassValue,
    Function,
    Instance,
    Iterator,
    Native,
    OneOf,
    OpFunction,
    Property,
    Seq,
    TensorValue,
    Test,
    Unknown,
)

PURE = ("abs", "bin", "chr", "divmod", "hash", "hex", "oct", "ord", "pow", "repr", "round", "ascii", "format")


# -- functions ---------------------------------------------------------------------------------------------------------


def f_len(m, args, kwargs, at):
    return m.length_of(args[0], at)


def f_range(m, args, kwargs, at):
    bounds = [m.resolve(a) for a in args]
    bounds = [
        m.domain.as_index(b) if isinstance(b, TensorValue) else int(b) if isinstance(b, bool) else b for b in bounds
    ]
    start, stop, step = (0, bounds[0], 1) if len(bounds) == 1 else (*bounds, 1)[:3]
    if all(isinstance(b, int) for b in (start, stop, step)):
        return range(start, stop, step) if step else m.fail("ValueError", "range() arg 3 must not be zero")
    numbers = [m.as_size(b) if m.numeric(b) else UNKNOWN for b in (start, stop, step)]
    if any(isinstance(b, UnknownSize) for b in numbers) or not isinstance(step, int) or not step:
        return m.new_list(Seq(m.fresh_int("i", None), m.fresh_int("len", 0)))
    start, stop, _ = numbers
    length = m.path.normalize(-((start - stop) // step) if step > 0 else -((stop - start) // -step))
    low = start if isinstance(start, int) and step > 0 else None
    return m.new_list(Seq(m.fresh_int("i", low), smax(length, 0) if not isinstance(length, UnknownSize) else length))


def f_enumerate(m, args, kwargs, at):
    plan = m.iterate(args[0])
    start = args[1] if len(args) > 1 else kwargs.get("start", 0)
    if isinstance(plan, tuple):
        if isinstance(start, int):
            return m.new_iterator(tuple((start + i, item) for i, item in enumerate(plan)))
        return m.new_iterator(tuple((m.fresh_int("i", 0), item) for item in plan))
    return m.new_iterator(Seq((m.fresh_int("i", start if isinstance(start, int) else None), plan.element), plan.length))


def f_zip(m, args, kwargs, at):
    plans = [m.iterate(a) for a in args]
    if not plans:
        return m.new_iterator(())
    exact = [p for p in plans if isinstance(p, tuple)]
    if len(exact) == len(plans):
        return m.new_iterator(tuple(zip(*plans, strict=False)))
    if exact and min(map(len, exact)) <= 64:  # an unknown length is taken to be no shorter than the known ones
        n = min(map(len, exact))
        columns = [
            p[:n] if isinstance(p, tuple) else tuple(m.fresh_element(p.element) for _ in range(n)) for p in plans
        ]
        return m.new_iterator(Seq(tuple(m.join_values(list(c)) for c in columns), m.fresh_int("len", 0)) if n > 8 else
                              tuple(zip(*columns, strict=True)))  # fmt: skip
    elements = tuple(
        m.join_values(list(p)) if isinstance(p, tuple) and p else getattr(p, "element", None) for p in plans
    )
    lengths = [len(p) if isinstance(p, tuple) else p.length for p in plans]
    length = smin(*lengths) if all(map(is_int, lengths)) else m.fresh_int("len", 0)
    return m.new_iterator(Seq(elements, length))


def f_map(m, args, kwargs, at):
    function, *rest = args
    zipped = f_zip(m, rest, {}, at).fields["items"]
    if isinstance(zipped, tuple) and len(zipped) <= 4096:
        return m.new_iterator(tuple(m.call(function, item, {}, at) for item in zipped))
    element = (
        zipped.element if isinstance(zipped, Seq) else tuple(m.join_values(list(c)) for c in zip(*zipped, strict=True))
    )
    length = zipped.length if isinstance(zipped, Seq) else len(zipped)
    return m.new_iterator(Seq(m.call(function, element, {}, at), length))


def f_filter(m, args, kwargs, at):
    function, iterable = args
    plan = m.iterate(iterable)
    if isinstance(plan, tuple):
        answers = [m.truth(item if function is None else m.call(function, (item,), {}, at)) for item in plan]
        if None not in answers:
            return m.new_iterator(tuple(i for i, keep in zip(plan, answers, strict=True) if keep))
        kept = [i for i, keep in zip(plan, answers, strict=True) if keep is not False]
        return m.new_iterator(Seq(m.join_values(kept), m.fresh_int("len", 0)))
    return m.new_iterator(Seq(plan.element, m.fresh_int("len", 0)))


def f_reversed(m, args, kwargs, at):
    method = m.class_attribute(args[0], "__reversed__")
    if method is not MISSING:
        return m.call(method, (args[0],), {}, at)
    plan = m.iterate(args[0])
    return m.new_iterator(plan[::-1] if isinstance(plan, tuple) else Seq(plan.element, plan.length))


def f_sorted(m, args, kwargs, at):
    plan = m.iterate(args[0])
    return m.new_list(m.sorted_items(plan if isinstance(plan, tuple) else Seq(plan.element, plan.length), kwargs, at))


def f_sum(m, args, kwargs, at):
    start = args[1] if len(args) > 1 else kwargs.get("start", 0)
    plan = m.iterate(args[0])
    if isinstance(plan, tuple):
        total = start
        for item in plan:
            total = m.binary("+", total, item, at)
        return total
    once = m.binary("+", start, plan.element, at)
    twice = m.binary("+", once, plan.element, at)
    if is_int(once):
        return m.fresh_int("n", None)
    return m.join_values([once, twice]) if not isinstance(once, (int, float)) else Unknown("a sum", float)


def _extreme(name: str):
    def call(m, args, kwargs, at):
        plan = m.iterate(args[0]) if len(args) == 1 else args
        if isinstance(plan, Plan):
            if "default" in kwargs:
                return m.join_values([plan.element, kwargs["default"]])
            return m.generic_of(plan.element)
        items = tuple(m.resolve(i) for i in plan)
        if not items:
            return (
                kwargs["default"]
                if "default" in kwargs
                else m.fail("ValueError", f"{name}() iterable argument is empty")
            )
        key = kwargs.get("key")
        keys = items if key is None else tuple(m.resolve(m.call(key, (i,), {}, at)) for i in items)
        if all(map(m.constant_deep, keys)):
            try:
                best = getattr(py, name)(range(len(items)), key=lambda i: keys[i])
                return items[best]
            except TypeError as error:
                return m.fail("TypeError", str(error))
        if key is None and all(map(is_int, items)) and not any(isinstance(i, UnknownSize) for i in items):
            return m.path.normalize((smin if name == "min" else smax)(*items))
        if any(isinstance(i, TensorValue) for i in items):
            result = items[0]
            for item in items[1:]:
                result = m.join_values([result, item])
            return result
        kinds = {m.python_type(i) for i in items}
        if kinds == {float} or kinds == {float, int}:
            return Unknown(f"the {name} of unknown numbers", float)
        return m.join_values(list(items))

    return call


def f_any_all(name: str):
    decisive = name == "any"

    def call(m, args, kwargs, at):
        plan = m.iterate(args[0])
        if not isinstance(plan, tuple):
            truth = m.truth(plan.element)
            return Unknown("depends on the run", bool) if truth is None or truth is decisive else not decisive
        answers = [m.truth(i) for i in plan]
        if decisive in answers:
            return decisive
        return Unknown("depends on the run", bool) if None in answers else not decisive

    return call


def f_isinstance(m, args, kwargs, at):
    return m.isinstance_of(args[0], args[1])


def f_issubclass(m, args, kwargs, at):
    cls, kinds = m.resolve(args[0]), m.resolve(args[1])
    kinds = kinds if isinstance(kinds, tuple) else (kinds,)
    if isinstance(cls, ClassValue) and all(isinstance(k, ClassValue) for k in kinds):
        return any(cls.is_subclass(k) for k in kinds) or (Unknown("depends on the run", bool) if cls.open else False)
    return Unknown("depends on the run", bool)


def f_hasattr(m, args, kwargs, at):
    if not isinstance(args[1], str):
        return Unknown("depends on the run", bool)
    answer = m.has_attribute(args[0], args[1])
    return Unknown("depends on the run", bool, test=Test("hasattr", args[0], args[1])) if answer is None else answer


def f_getattr(m, args, kwargs, at):
    name = m.resolve(args[1])
    if isinstance(name, OneOf):
        return m.fork_values([lambda n=n: f_getattr(m, (args[0], n, *args[2:]), kwargs, at) for n in name.alternatives])
    if not isinstance(name, str):
        return Unknown("an attribute whose name is not known")
    if len(args) > 2:
        value = m.resolve(args[0])
        if isinstance(value, Unknown):
            return m.join_values([m.getattr(value, name, at), args[2]])
        return m.getattr(value, name, at, args[2])
    return m.getattr(args[0], name, at)


def f_setattr(m, args, kwargs, at):
    if isinstance(args[1], str):
        m.setattr(args[0], args[1], args[2], at)


def f_delattr(m, args, kwargs, at):
    if isinstance(args[1], str):
        m.delattr(args[0], args[1], at)


def f_super(m, args, kwargs, at):
    if len(args) == 2 and isinstance(m.resolve(args[0]), ClassValue):
        return m.make_super(m.resolve(args[0]), args[1])
    return m.zero_super(at[1])


def f_callable(m, args, kwargs, at):
    value = m.resolve(args[0])
    if isinstance(value, (Function, Native, Bound, OpFunction, ClassValue)):
        return True
    if isinstance(value, Instance):
        return value.cls.lookup("__call__") is not MISSING
    return Unknown("depends on the run", bool) if isinstance(value, (Unknown, OneOf)) else False


def f_iter(m, args, kwargs, at):
    value = m.resolve(args[0])
    if isinstance(value, Iterator):
        return value
    if isinstance(value, Instance) and value.cls.lookup("__next__") is not MISSING:
        method = value.cls.lookup("__iter__")
        return m.call(method, (value,), {}, at) if method is not MISSING else value
    plan = m.iterate(value)
    return m.new_iterator(plan if isinstance(plan, tuple) else Seq(plan.element, plan.length))


def f_next(m, args, kwargs, at):
    return m.next_of(args[0], args[1] if len(args) > 1 else MISSING, at)


def f_print(m, args, kwargs, at):
    return None


def f_input(m, args, kwargs, at):
    return Unknown("typed by the user", str)


def f_open(m, args, kwargs, at):
    return Unknown("an open file", None, "file")


def f_vars(m, args, kwargs, at):
    if args and isinstance(m.resolve(args[0]), (Instance, ClassValue)):
        return m.namespace_of(m.resolve(args[0]))
    return Unknown("a namespace", dict)


def f_property(m, args, kwargs, at):
    values = list(args) + [None] * 3
    return Property(kwargs.get("fget", values[0]), kwargs.get("fset", values[1]), kwargs.get("fdel", values[2]))


def f_id(m, args, kwargs, at):
    value = m.resolve(args[0])
    return id(value) if isinstance(value, (TensorValue, Instance)) else Unknown("an id", int)


def pure(name: str):
    """A function without effects: Python's own on constants."""

    def call(m, args, kwargs, at):
        args = tuple(m.resolve(a) for a in args)
        if name == "abs" and len(args) == 1:
            if isinstance(args[0], TensorValue):
                return m.domain.method(args[0], "abs", (), {}, at)
            if isinstance(args[0], Expr):
                return args[0] if m.truth(m.compare_sizes(">=", args[0], 0)) else m.fresh_int("n", 0)
        if name == "round" and isinstance(args[0], Expr):
            return args[0]
        if name in ("pow", "divmod") and len(args) == 2 and not all(map(m.constant, args)):
            if name == "pow":
                return m.binary("**", args[0], args[1], at)
            return (m.binary("//", args[0], args[1], at), m.binary("%", args[0], args[1], at))
        if all(map(m.constant_deep, (*args, *kwargs.values()))) and name not in ("hash",):
            if name == "pow" and len(args) == 2:
                return m.plain_binary("**", *args)
            if steep(name, args):
                return Unknown("too large to compute", str)
            try:
                return m.lifted(getattr(py, name)(*args, **kwargs))
            except Exception as error:  # whatever Python says of these constants
                return m.fail(type(error).__name__, str(error))
        kinds = {"abs": getattr(args[0], "python_type", None) if args else None, "round": int if len(args) < 2 else float,
                 "repr": str, "format": str, "ascii": str, "hash": int, "ord": int, "chr": str}  # fmt: skip
        method = m.class_attribute(args[0], f"__{name}__") if args else MISSING
        if method is not MISSING:
            return m.call(method, args, kwargs, at)
        return Unknown(f"{name}() of an unknown value", kinds.get(name))

    return call


FUNCTIONS = {
    "len": f_len, "reversed": f_reversed, "sorted": f_sorted, "sum": f_sum,
    "min": _extreme("min"), "max": _extreme("max"), "any": f_any_all("any"), "all": f_any_all("all"),
    "isinstance": f_isinstance, "issubclass": f_issubclass, "hasattr": f_hasattr, "getattr": f_getattr,
    "setattr": f_setattr, "delattr": f_delattr, "super": f_super, "callable": f_callable, "iter": f_iter, "next": f_next,
    "aiter": f_iter, "anext": f_next,
    "print": f_print, "input": f_input, "open": f_open, "vars": f_vars, "id": f_id,
    "dir": lambda m, a, k, at: m.new_list(Seq(Unknown("a name", str), m.fresh_int("len", 0))),
    "globals": lambda m, a, k, at: m.namespace_of(at[1].module), "locals": lambda m, a, k, at: Unknown("locals", dict),
    "eval": lambda m, a, k, at: Unknown("the result of eval()"), "exec": lambda m, a, k, at: None,
    "compile": lambda m, a, k, at: Unknown("compiled code"), "__import__": lambda m, a, k, at: Unknown("an import"),
    "exit": lambda m, a, k, at: m.leave(), "quit": lambda m, a, k, at: m.leave(), "breakpoint": f_print,
    "__build_class__": f_print,
} | {name: pure(name) for name in PURE}  # fmt: skip
