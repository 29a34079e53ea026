"""The standard library's functions that programs around tensors use.

Functions without effects run for real on constants and answer with their type otherwise; what has state is a model in
Python source under `models/`.  Nothing is imported from the analysed program's environment.
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
import os.path

from tensight_analyzer.interp.limits import steep
from tensight_analyzer.interp.values import (
    MISSING,
    ClassMethod,
    ClassValue,
    DictValue,
    Fields,
    Function,
    Instance,
    ListValue,
    Native,
    OneOf,
    OpFunction,
    Property,
    Seq,
    StaticMethod,
    TensorValue,
    Unknown,
)
from tensight_analyzer.natives.engine import copy_value
from tensight_runtime.spec.size import Expr, symbol


def unknown(kind: type | None = None, why: str = "depends on the run"):
    return lambda m, args, kwargs, at: m.fresh_int("n", None) if kind is int else Unknown(why, kind)


def nothing(m, args, kwargs, at):
    return None


def identity(m, args, kwargs, at):
    return args[0] if args else Native("decorator", lambda m, args, kwargs, at: args[0])


def pure(function, kind: type | None):
    """Python's own function on constants; a value of type `kind` otherwise."""

    def call(m, args, kwargs, at):
        values = tuple(m.resolve(a) for a in args)
        plain = tuple(tuple(m.iterate(v)) if isinstance(v, ListValue) and isinstance(m.iterate(v), tuple) else v for v in values)
        if steep(getattr(function, "__name__", ""), plain):
            return Unknown("too large to compute", kind)
        if all(map(m.constant_deep, (*plain, *kwargs.values()))):
            try:
                return m.lifted(function(*plain, **kwargs))
            except Exception as error:  # whatever Python says of these constants
                return m.fail(type(error).__name__, str(error))
        return m.fresh_int("n", None) if kind is int else Unknown(f"{getattr(function, '__name__', 'a function')}()", kind)

    return call


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
    return m.join_values(list(plan)) if len(plan) <= 4 else Unknown("chosen at random", kinds.pop() if len(kinds) == 1 else None)


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
    "sleep": nothing, "strftime": unknown(str), "time_ns": unknown(int), "localtime": unknown(), "ctime": unknown(str)}
PATH = {
    n: pure(getattr(os.path, n), str if n != "splitext" else tuple)
    for n in ("join", "basename", "dirname", "splitext", "split", "normpath")
} | {"exists": unknown(bool), "isfile": unknown(bool), "isdir": unknown(bool), "abspath": unknown(str),
     "expanduser": unknown(str), "realpath": unknown(str), "getsize": unknown(int), "getmtime": unknown(float),
     "sep": "/"}  # fmt: skip


def environ(m) -> DictValue:
    return DictValue(m.trail.fields(items={}))


def getenv(m, args, kwargs, at):
    default = args[1] if len(args) > 1 else None
    return m.one_of((Unknown("an environment variable", str), default))


def leave(m, args, kwargs, at):
    return m.leave()


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


# -- classes: typing, dataclasses, enum, collections --------------------------------------------------------------------------


def typing_name(name: str):
    """`Optional`, `List`: subscripting gives an annotation nobody evaluates."""
    return Unknown("an annotation", None, "")


def cast(m, args, kwargs, at):
    return args[1]


def namedtuple(m, args, kwargs, at):
    name, names = m.resolve(args[0]), m.resolve(args[1])
    plan = names.replace(",", " ").split() if isinstance(names, str) else m.iterate(names)
    defaults = m.iterate(kwargs["defaults"]) if kwargs.get("defaults") else ()
    return tuple_class(m, name if isinstance(name, str) else "tuple", tuple(plan), defaults, m.trail.names())


def tuple_class(m, name: str, names: tuple, defaults: tuple, fields: Fields) -> ClassValue:
    """A named tuple: a tuple whose items are attributes too."""

    def new(m, args, kwargs, at):
        values = dict(zip(names[len(names) - len(defaults) :], defaults, strict=True))
        values.update(zip(names, args, strict=False))
        values.update(kwargs)
        items = tuple(values.get(n, Unknown("a missing field")) for n in names)
        made = Instance(m.trail.names(dict(zip(names, items, strict=True))), cls, items)
        return made

    def replace(m, args, kwargs, at):
        old = args[0]
        return new(m, tuple(kwargs.get(n, old.fields.get(n)) for n in names), {}, at)

    fields["_fields"] = names
    fields["_replace"] = Native("_replace", replace)
    fields["_asdict"] = Native("_asdict", lambda m, args, kwargs, at: DictValue(
        m.trail.fields(items={n: args[0].fields[n] for n in names})))  # fmt: skip
    cls = ClassValue(fields, name, (m.types["tuple"],), tuple)
    fields["__new__"] = StaticMethod(Native(name, lambda m, args, kwargs, at: new(m, args[1:], kwargs, at)))
    return cls


def dataclass(m, args, kwargs, at):
    if args and isinstance(m.resolve(args[0]), ClassValue):
        return make_dataclass(m, m.resolve(args[0]))
    return Native("dataclass", lambda m, args, kwargs, at: make_dataclass(m, args[0]))


class FieldSpec:
    """`dataclasses.field(...)`."""

    def __init__(self, default: object, factory: object, init: bool):
        self.default, self.factory, self.init = default, factory, init


def field(m, args, kwargs, at):
    return FieldSpec(kwargs.get("default", MISSING), kwargs.get("default_factory", MISSING), kwargs.get("init", True) is not False)


def make_dataclass(m, cls: object) -> object:
    if not isinstance(cls, ClassValue):
        return cls
    specs: dict[str, FieldSpec] = {}
    for base in reversed(cls.mro):
        for name in base.fields.get("__annotations_in_order__", ()):
            value = base.fields.get(name, MISSING)
            specs[name] = value if isinstance(value, FieldSpec) else FieldSpec(value, MISSING, True)

    def init(m, args, kwargs, at):
        self, values = args[0], dict(zip((n for n, s in specs.items() if s.init), args[1:], strict=False)) | kwargs
        for name, spec in specs.items():
            if name in values:
                value = values[name]
            elif spec.factory is not MISSING:
                value = m.call(spec.factory, (), {}, at)
            elif spec.default is not MISSING:
                value = spec.default
            else:
                value = Unknown("a missing field", None, name)
            m.setattr(self, name, value, at)
        after = self.cls.lookup("__post_init__")
        if after is not MISSING:
            m.call(after, (self,), {}, at)

    if "__init__" not in cls.fields:
        m.trail.set(cls.fields, "__init__", Native("__init__", init))
    for name, spec in specs.items():
        if name in cls.fields and isinstance(cls.fields[name], FieldSpec):
            if spec.default is MISSING:
                m.trail.delete(cls.fields, name)
            else:
                m.trail.set(cls.fields, name, spec.default)
    m.trail.set(cls.fields, "__dataclass_fields__", DictValue(m.trail.fields(items=dict.fromkeys(specs, None))))
    return cls


def fields_of(m, value: object) -> tuple:
    value = m.resolve(value)
    cls = value if isinstance(value, ClassValue) else getattr(value, "cls", None)
    found = cls.lookup("__dataclass_fields__") if isinstance(cls, ClassValue) else MISSING
    return tuple(found.fields["items"]) if isinstance(found, DictValue) else ()


def asdict(m, args, kwargs, at):
    value = m.resolve(args[0])
    return DictValue(m.trail.fields(items={n: m.getattr(value, n, at) for n in fields_of(m, value)}))


def replace(m, args, kwargs, at):
    value = m.resolve(args[0])
    if not isinstance(value, Instance):
        return Unknown("a replaced dataclass")
    made = Instance(m.trail.names(dict(value.fields)), value.cls, value.payload)
    for name, item in kwargs.items():
        m.setattr(made, name, item, at)
    return made


def dataclass_fields(m, args, kwargs, at):
    made = []
    for name in fields_of(m, args[0]):
        made.append(Instance(m.trail.names(name=name), m.types["object"]))
    return tuple(made)


def deepcopy(m, args, kwargs, at):
    return copy_value(m, args[0], {})


def shallow(m, args, kwargs, at):
    value = m.resolve(args[0])
    if isinstance(value, (ListValue, DictValue)):
        return type(value)(m.trail.fields(items=value.fields["items"]))
    if isinstance(value, Instance):
        return Instance(m.trail.names(dict(value.fields)), value.cls, value.payload)
    return value


def contextmanager(m, args, kwargs, at):
    """A generator function as a context manager: what it yields first is bound; the rest runs at once."""
    function = args[0]
    cls = ClassValue(m.trail.names(), "_GeneratorContextManager", (m.types["object"],))

    def enter(m, args, kwargs, at):
        plan = m.iterate(args[0].fields["made"])
        return plan[0] if isinstance(plan, tuple) and plan else getattr(plan, "element", None)

    cls.fields["__enter__"] = Native("__enter__", enter)
    cls.fields["__exit__"] = Native("__exit__", nothing)
    return Native("contextmanager", lambda m, args, kwargs, at: Instance(
        m.trail.names(made=m.call(function, args, kwargs, at)), cls))  # fmt: skip


def nullcontext(m, args, kwargs, at):
    cls = ClassValue(m.trail.names(), "nullcontext", (m.types["object"],))
    value = args[0] if args else kwargs.get("enter_result")
    cls.fields["__enter__"] = Native("__enter__", lambda m, args, kwargs, at: value)
    cls.fields["__exit__"] = Native("__exit__", nothing)
    return Instance(m.trail.names(), cls)


def parsed(m, args, kwargs, at):
    """An argument of the command line: a symbol named after it, of the type its declaration says."""
    dest, default, kind, action, nargs, required = (m.resolve(a) for a in args)
    name = f"args.{dest}"
    if action in ("store_true", "store_false") or isinstance(default, bool):
        return Unknown("a command line flag", bool, name)
    if nargs in ("+", "*") or isinstance(nargs, int):
        plan = m.iterate(default) if default is not None else ()
        element = parsed(m, (dest, plan[0] if isinstance(plan, tuple) and plan else None, kind, None, None, True), {}, at)
        return m.new_list(Seq(element, nargs if isinstance(nargs, int) else m.fresh_int("len", 0)))
    native = kind.native if isinstance(kind, ClassValue) else None
    if native is None and kind is None:
        native = type(default) if m.constant(default) and default is not None else str
    if native is int:
        value: object = symbol(name, ("args", dest), None)
    elif native in (float, str, bool):
        value = Unknown("a command line argument", native, name)
    else:
        value = Unknown("a command line argument", None, name)
    return m.one_of((None, value)) if default is None and not required else value


class _Auto:
    pass


def enum_base(m) -> ClassValue:
    """`Enum`: assignments in the body of a subclass become members with a name and a value."""
    base = ClassValue(Fields(), "EnumBase", (m.types["object"],))

    def subclass(m, args, kwargs, at):
        cls = args[0]
        members, number = {}, 0
        for name, value in list(cls.fields.items()):
            if not isinstance(name, str) or name.startswith("_") or isinstance(value, (Function, Property, StaticMethod,
                                                                                       ClassMethod)):  # fmt: skip
                continue
            number = value if isinstance(value, int) and not isinstance(value, bool) else number + 1
            shown = number if isinstance(value, _Auto) else value
            member = Instance(m.trail.names({"name": name, "value": shown, "_name_": name, "_value_": shown}), cls)
            members[name] = member
            m.trail.set(cls.fields, name, member)
        if members:
            m.trail.set(cls.fields, "__members__", DictValue(m.trail.fields(items=members)))

    def new(m, args, kwargs, at):
        cls, value = args[0], m.resolve(args[1]) if len(args) > 1 else None
        found = cls.lookup("__members__")
        members = list(found.fields["items"].values()) if isinstance(found, DictValue) else []
        for member in members:
            if m.constant(value) and member.fields["value"] == value:
                return member
        return m.join_values(members) if members else Unknown("a member of an enum")

    base.fields["__init_subclass__"] = ClassMethod(Native("__init_subclass__", subclass))
    base.fields["__new__"] = StaticMethod(Native("Enum", new))
    return base


def fraction_unknown(m, args, kwargs, at):
    return Unknown("a value of the standard library")


def sys_names(m) -> dict:
    return {
        "argv": m.new_list(Seq(Unknown("a command line argument", str), m.fresh_int("len", 1))), "exit": leave,
        "version_info": (3, 11, 0, "final", 0), "platform": Unknown("the platform", str), "path": m.new_list(()),
        "stdout": Unknown("a stream"), "stderr": Unknown("a stream"), "stdin": Unknown("a stream"), "maxsize": 2**63 - 1,
        "modules": Unknown("the loaded modules"), "version": Unknown("the version", str), "getsizeof": unknown(int),
        "float_info": Unknown("float_info"), "executable": Unknown("the interpreter", str), "exc_info": unknown(),
        "getrecursionlimit": unknown(int), "setrecursionlimit": nothing,
    }  # fmt: skip


TYPING_FUNCTIONS = {"cast": cast, "overload": identity, "final": identity, "runtime_checkable": identity,
                    "no_type_check": identity, "TypeVar": fraction_unknown, "NewType": fraction_unknown,
                    "get_type_hints": unknown(dict), "get_args": unknown(tuple), "get_origin": unknown()}  # fmt: skip
WARNINGS = {"warn": nothing, "filterwarnings": nothing, "simplefilter": nothing, "catch_warnings": nullcontext,
            "warn_explicit": nothing}  # fmt: skip
LOGGING_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50, "WARN": 30}


def abstract_classes(m) -> dict:
    from tensight_analyzer.interp.builtins import ABSTRACT

    made = {}
    for name in ABSTRACT:
        cls = ClassValue(Fields(), name, (m.types["object"],))
        cls.fields["__abstract__"] = True
        made[name] = cls
    return made


def object_class(m, name: str) -> ClassValue:
    return ClassValue(Fields(), name, (m.types["object"],))


def contents(m) -> dict[str, dict]:
    """module name -> its globals; functions are wrapped on the way out."""
    abstract = abstract_classes(m)
    generic = object_class(m, "Generic")
    generic.fields["__class_getitem__"] = ClassMethod(Native("Generic", lambda m, args, kwargs, at: args[0]))
    protocol = object_class(m, "Protocol")
    protocol.fields["__class_getitem__"] = ClassMethod(Native("Protocol", lambda m, args, kwargs, at: args[0]))
    annotations = ("Any Union Optional List Dict Tuple Set FrozenSet Type ClassVar Final Literal Annotated Self TypeAlias Text "
                   "AnyStr IO Deque DefaultDict OrderedDict NoReturn Never Concatenate ParamSpec TypeGuard Required NotRequired "
                   "Unpack TypeVarTuple TypedDict SupportsFloat SupportsInt BinaryIO TextIO Awaitable Coroutine "
                   "ForwardRef").split()  # fmt: skip
    typing = {n: Unknown("an annotation") for n in annotations} | TYPING_FUNCTIONS | abstract | {
        "TYPE_CHECKING": False, "Generic": generic, "Protocol": protocol, "NamedTuple": named_tuple_base(m)}
    logger = Unknown("a logger", None, "logger")
    return {
        "math": MATH, "operator": OPERATOR, "random": RANDOM, "time": TIME, "os.path": PATH,
        "os": {"path": Native("os.path", nothing), "environ": environ(m), "getenv": getenv, "getcwd": unknown(str),
               "makedirs": nothing, "mkdir": nothing, "listdir": lambda m, a, k, at: m.new_list(Seq(Unknown("a file name", str),
               m.fresh_int("len", 0))), "remove": nothing, "cpu_count": unknown(int), "sep": "/", "getpid": unknown(int),
               "linesep": "\n", "name": "posix", "walk": unknown(), "system": unknown(int), "rename": nothing,
               "unlink": nothing, "scandir": unknown(), "PathLike": object_class(m, "PathLike")},
        "sys": sys_names(m), "functools": FUNCTOOLS, "itertools": ITERTOOLS, "typing": typing, "typing_extensions": typing,
        "collections.abc": abstract, "numbers": abstract, "types": {"SimpleNamespace": None, "FunctionType": m.types["function"],
                                                                    "ModuleType": m.types["module"]},
        "dataclasses": {"dataclass": dataclass, "field": field, "asdict": asdict, "replace": replace, "fields": dataclass_fields,
                        "is_dataclass": lambda m, a, k, at: bool(fields_of(m, a[0])), "astuple": unknown(tuple)},
        "abc": {"ABC": object_class(m, "ABC"), "ABCMeta": m.types["type"], "abstractmethod": identity,
                "abstractproperty": m.types["property"]},
        "copy": {"deepcopy": deepcopy, "copy": shallow}, "warnings": WARNINGS,
        "contextlib": {"contextmanager": contextmanager, "nullcontext": nullcontext, "suppress": nullcontext,
                       "ExitStack": fraction_unknown, "redirect_stdout": nullcontext, "asynccontextmanager": contextmanager},
        "logging": {"getLogger": lambda m, a, k, at: logger, "basicConfig": nothing, "Logger": object_class(m, "Logger")}
        | {n: nothing for n in ("info", "debug", "warning", "error", "critical", "exception", "log")} | LOGGING_LEVELS,
        "__future__": {n: True for n in ("annotations", "division", "print_function", "absolute_import")},
        "tempfile": {"mkdtemp": unknown(str), "gettempdir": unknown(str), "NamedTemporaryFile": unknown(),
                     "TemporaryDirectory": unknown(), "mkstemp": unknown(tuple)},
        "string": {"ascii_lowercase": "abcdefghijklmnopqrstuvwxyz", "ascii_uppercase": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                   "ascii_letters": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "digits": "0123456789",
                   "punctuation": "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "printable": Unknown("printable characters", str),
                   "whitespace": " \t\n\r\x0b\x0c"},
        "_collections": {"namedtuple": namedtuple}, "_argparse": {"parsed": parsed},
        "_enum": {"EnumBase": enum_base(m), "auto_value": lambda m, a, k, at: _Auto()},
        "gc": {"collect": unknown(int)}, "builtins": dict(m.builtins), "glob": {"glob": lambda m, a, k, at: m.new_list(
            Seq(Unknown("a path", str), m.fresh_int("len", 0)))},
        "cmath": {}, "bisect": {"bisect_left": unknown(int), "bisect_right": unknown(int), "bisect": unknown(int)},
        "heapq": {"heappush": nothing, "heappop": unknown(), "nlargest": unknown(list)},
        "json": {"dumps": unknown(str), "dump": nothing, "load": unknown(), "loads": unknown()},
        "traceback": {"print_exc": nothing, "format_exc": unknown(str)}, "shutil": {}, "inspect": {
            "isfunction": unknown(bool), "isclass": lambda m, a, k, at: isinstance(m.resolve(a[0]), ClassValue),
            "signature": unknown(), "getfullargspec": unknown(), "isgeneratorfunction": lambda m, a, k, at: bool(
                isinstance(a[0], Function) and a[0].code.is_generator)},
    }  # fmt: skip


def named_tuple_base(m) -> ClassValue:
    """`class P(NamedTuple): x: int`: the annotations are the fields."""
    base = ClassValue(Fields(), "NamedTuple", (m.types["tuple"],), tuple)

    def subclass(m, args, kwargs, at):
        cls = args[0]
        names = cls.fields.get("__annotations_in_order__", ())
        defaults = tuple(cls.fields[n] for n in names if n in cls.fields)
        made = tuple_class(m, cls.name, names, defaults, m.trail.names())
        for name in ("__new__", "_fields", "_replace", "_asdict"):
            value = made.fields[name]
            if name == "__new__":
                value = StaticMethod(Native(cls.name, _retyped(value.function, cls)))
            m.trail.set(cls.fields, name, value)

    def call(m, args, kwargs, at):
        names = tuple(i[0] for i in m.iterate(args[1]))
        return tuple_class(m, args[0], names, (), m.trail.names())

    base.fields["__init_subclass__"] = ClassMethod(Native("__init_subclass__", subclass))
    base.fields["__new__"] = StaticMethod(Native("NamedTuple", lambda m, args, kwargs, at: call(m, args[1:], kwargs, at)))
    return base


def _retyped(native: Native, cls: ClassValue):
    def call(m, args, kwargs, at):
        made = native.call(m, args, kwargs, at)
        made.cls = cls
        return made

    return call


def module_contents(name: str, machine) -> dict | None:
    """The globals of a modelled module; None if it is not modelled here."""
    table = machine.__dict__.get("_python_modules")
    if table is None:
        table = machine._python_modules = contents(machine)
    found = table.get(name)
    if found is None:
        return None
    made: dict = {"__name__": name}
    for key, value in found.items():
        made[key] = Native(f"{name}.{key}", value) if callable(value) and not isinstance(value, (Native, ClassValue)) else value
    if name == "os":
        made["path"] = machine.import_module("os.path", None)
    if name == "types":
        made["SimpleNamespace"] = machine.import_from("_namespace", "SimpleNamespace", None)
    return made


__all__ = ["OneOf", "OpFunction", "TensorValue", "functools", "module_contents", "operator"]
