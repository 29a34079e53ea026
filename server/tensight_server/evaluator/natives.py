"""What models of torch's engine and of the standard library answer when there is only one answer.

The analyzer's models say what may come out.  Here torch's generator gives numbers, `random` has a seed, the command
line is empty, there is no GPU, and what was saved can be loaded; files, input, clocks and the network stay unknown.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

import tensight_runtime
import tensight_runtime.engine.hooks
from tensight_analyzer.interp.project import Project
from tensight_analyzer.interp.signals import Raised
from tensight_analyzer.interp.values import (
    ClassValue,
    Fields,
    Instance,
    ListValue,
    Native,
    StaticMethod,
    Unknown,
)
from tensight_analyzer.natives import engine as models
from tensight_analyzer.natives.tensors import copy_value
from tensight_runtime.engine import Buffer, Parameter, Tensor, tape
from tensight_runtime.engine import random as generator
from tensight_runtime.engine.state import modes, switches
from tensight_runtime.spec.size import Expr

from tensight_server.evaluator.generators import Lazy
from tensight_server.evaluator.stop import Stopped

HOOKS = "tensight_runtime.engine.hooks"  # plain Python in the engine: interpreted


class ConcreteProject(Project):
    """Finds modules as the analyzer does, and replaces those models that are vague on purpose."""

    def __init__(self, *args):
        super().__init__(*args)
        self.tensor_class.new = through(Tensor)
        self.parameter_class.new = through(make_parameter)
        self.buffer_class.new = through(make_buffer)
        self.tensor_methods = {"__deepcopy__": self.tensor_methods["__deepcopy__"]}
        self.saved: dict[object, object] = {}  # path -> what the program saved there
        self.random = random.Random(0)
        self.seed: tuple | None = None  # what the program set, and where

    def engine_name(self, public: str, name: str, machine) -> object:
        function = FUNCTIONS.get((public, name))
        if function is not None:
            return Native(f"{public}.{name}", function)
        if models.FUNCTIONS.get(public, {}).get(name) is models.is_available:
            return Native(f"{public}.{name}", lambda m, args, kwargs, at: False)
        if public == "torch" and name in models.TYPED:
            return Native(f"torch.{name}", through(getattr(tensight_runtime, name)))
        return super().engine_name(public, name, machine)

    def native_module(self, name: str, machine) -> dict | None:
        if name == HOOKS:
            return None
        if name == "weakref":
            return {"__name__": name, "ref": Native("weakref.ref", reference)}
        found = super().native_module(name, machine)
        if name in PYTHON and found is not None:
            found.update({key: Native(f"{name}.{key}", call) for key, call in PYTHON[name].items()})
        if name == "itertools" and found is not None:
            found["chain"] = chain_class()
        if name == "sys" and found is not None:
            found["argv"] = machine.new_list((self.own[0],))
        return found

    def _candidates(self, name: str):
        return iter([(tensight_runtime.engine.hooks.__file__, False)]) if name == HOOKS else super()._candidates(name)


def reference(m, args, kwargs, at):
    """`weakref.ref(x)`: nothing is forgotten while the program is evaluated."""
    return Native("weakref", lambda m, none, kwargs, at: args[0])


def through(function: Callable, writes: bool = False) -> Callable:
    """A function of the engine, called with the engine's values."""
    return lambda m, args, kwargs, at: m.domain.run(function, args, kwargs, writes)


def make_parameter(data: Tensor | None = None, requires_grad: bool = True) -> Tensor:
    return Parameter(data, requires_grad)


def make_buffer(data: Tensor | None = None, persistent: bool = True) -> Tensor:
    return Buffer(data, persistent=persistent)


# -- torch -------------------------------------------------------------------------------------------------------------


def manual_seed(m, args, kwargs, at):
    made = through(generator.manual_seed)(m, args, kwargs, at)
    m.project.seed = (m.resolve(args[0]), m.at)
    m.domain.drew = False
    return made if isinstance(made, Unknown) and not args else object_of(m, generator.default_generator)


def make_generator(m, args, kwargs, at):
    return object_of(m, generator.Generator())


def object_of(m, engine_object: object) -> Instance:
    """torch.Generator: its methods go to the engine's object."""
    fields = m.trail.names({"engine object": engine_object})
    made = Instance(fields, m.types["object"])

    def seed(m, args, kwargs, at):
        through(engine_object.manual_seed)(m, args, kwargs, at)
        return made

    fields["manual_seed"] = Native("manual_seed", seed)
    fields["initial_seed"] = Native("initial_seed", through(engine_object.initial_seed))
    fields["get_state"] = Native("get_state", through(lambda: tensight_runtime.from_numpy(engine_object.get_state())))
    fields["set_state"] = Native("set_state", through(lambda state: engine_object.set_state(state.numpy())))
    fields["device"] = tensight_runtime.device("cpu")
    return made


def save(m, args, kwargs, at):
    key = m.resolve(args[1] if len(args) > 1 else kwargs.get("f"))
    m.project.saved[key if isinstance(key, str) else id(key)] = (copy_value(m, args[0], {}), key)


def load(m, args, kwargs, at):
    key = m.resolve(args[0] if args else kwargs.get("f"))
    found = m.project.saved.get(key if isinstance(key, str) else id(key))
    return Unknown("the contents of a file") if found is None else copy_value(m, found[0], {})


def described(name: str) -> Callable:
    """`torch.finfo`, `torch.iinfo`."""

    def call(m, args, kwargs, at):
        info = m.domain.guarded(getattr(tensight_runtime, name), [m.domain.lower(a) for a in args], {})
        names = [n for n in dir(info) if not n.startswith("_")]
        return Instance(m.trail.names({n: m.domain.lift(getattr(info, n)) for n in names}), m.types["object"])

    return call


def autocast(m, args, kwargs, at):
    return None if modes.autocast is None else m.lifted(dict(modes.autocast))


def set_autocast(m, args, kwargs, at):
    value = m.domain.lower(args[0])
    switches.autocast += (value is not None) - (modes.autocast is not None)
    modes.autocast = value


def typename(m, args, kwargs, at):
    return m.type_name(args[0])


RNG = ("get_rng_state", "set_rng_state", "initial_seed", "seed")
FUNCTIONS = {
    ("torch", "manual_seed"): manual_seed, ("torch.random", "manual_seed"): manual_seed,
    ("torch.engine.core", "manual_seed"): manual_seed, ("torch", "Generator"): make_generator,
    ("torch", "save"): save, ("torch", "load"): load, ("torch", "finfo"): described("finfo"),
    ("torch", "iinfo"): described("iinfo"), ("torch", "typename"): typename,
    ("torch", "set_default_dtype"): through(tensight_runtime.set_default_dtype),
    ("torch", "set_default_device"): through(tensight_runtime.set_default_device),
    ("torch", "from_numpy"): through(tensight_runtime.from_numpy),
    ("torch.autograd", "grad"): through(tape.grad), ("torch.autograd", "backward"): through(tape.backward),
    ("torch.engine.tape", "grad"): through(tape.grad), ("torch.engine.tape", "backward"): through(tape.backward),
    ("torch.cuda", "device_count"): lambda m, args, kwargs, at: 0,
    # a module of operators alone: the table answers for it before its `__getattr__` is asked
    ("torch.engine.namespace", "namespace"): lambda m, args, kwargs, at: (None, None),
    ("torch.engine.arrays", "cupy_or_none"): lambda m, args, kwargs, at: None,
    ("torch.engine.state", "_autocast"): autocast, ("torch.engine.state", "_set_autocast"): set_autocast,
} | {
    (module, name): through(getattr(tensight_runtime, name)) for module in ("torch", "torch.random") for name in RNG
}  # fmt: skip


# -- Python ------------------------------------------------------------------------------------------------------------


def drawn(name: str) -> Callable:
    """A function of `random`."""

    def call(m, args, kwargs, at):
        values = tuple(m.resolve(a) for a in args)
        plain = [m.iterate(v) if isinstance(v, ListValue) else v for v in values]
        if any(isinstance(v, (Unknown, Expr)) for v in (*plain, *kwargs.values())):
            raise Stopped(m.depends(next(v for v in (*plain, *kwargs.values()) if isinstance(v, (Unknown, Expr)))))
        if name == "shuffle":
            items = list(plain[0])
            m.project.random.shuffle(items)
            return m.trail.set(values[0].fields, "items", tuple(items))
        kwargs = {k: m.iterate(v) if isinstance(v, ListValue) else v for k, v in kwargs.items()}
        found = m.domain.guarded(getattr(m.project.random, name), plain, kwargs)
        return m.new_list(tuple(found)) if isinstance(found, list) else found

    return call


def argument(m, args, kwargs, at):
    """An argument of the command line, which is empty: its default."""
    dest, default, kind, action, nargs, required = (m.resolve(a) for a in args)
    if action in ("store_true", "store_false") and default is None:
        return action == "store_false"
    if default is None and required:
        return Unknown("an argument of the command line", None, f"args.{dest}")
    if isinstance(default, str) and isinstance(kind, ClassValue) and kind.native in (int, float):
        return m.call(kind, (default,), {}, at)
    return default


def contextmanager(m, args, kwargs, at):
    """A generator function as a context manager."""
    function = args[0]
    cls = ClassValue(m.trail.names(), "_GeneratorContextManager", (m.types["object"],))

    def enter(m, args, kwargs, at):
        return m.pulled(args[0].fields["made"])

    def leave(m, args, kwargs, at):
        lazy = args[0].fields["made"].fields["items"]
        if not isinstance(lazy, Lazy):
            return None
        error = Raised(args[2]) if args[2] is not None else None
        lazy.pull(error)
        return error is not None

    cls.fields["__enter__"] = Native("__enter__", enter)
    cls.fields["__exit__"] = Native("__exit__", leave)
    return Native("contextmanager", lambda m, args, kwargs, at: Instance(
        m.trail.names(made=m.call(function, args, kwargs, at)), cls))  # fmt: skip


def count(m, args, kwargs, at):
    start = m.domain.lower(args[0] if args else kwargs.get("start", 0))
    step = m.domain.lower(args[1] if len(args) > 1 else kwargs.get("step", 1))
    return m.lazily(itertools.count(start, step))


def islice(m, args, kwargs, at):
    return m.lazily(itertools.islice(m.items(args[0]), *map(m.domain.lower, args[1:])))


def chain(m, args, kwargs, at):
    return m.lazily(item for iterable in args for item in m.items(iterable))


def chain_class() -> ClassValue:
    """`itertools.chain`, which is called itself and has `from_iterable`."""
    made = ClassValue(Fields(), "chain", ())
    made.fields["__new__"] = StaticMethod(Native("chain", lambda m, args, kwargs, at: chain(m, args[1:], kwargs, at)))
    flat = lambda m, args, kwargs, at: m.lazily(i for each in m.items(args[0]) for i in m.items(each))
    made.fields["from_iterable"] = StaticMethod(Native("from_iterable", flat))
    return made


def cycle(m, args, kwargs, at):
    return m.lazily(itertools.cycle(m.items(args[0])))


def missing(name: str) -> Callable:
    """A function whose model is too vague to go on with."""

    def call(m, args, kwargs, at):
        raise Stopped(f"not implemented: {name}")

    return call


DRAWS = ("random uniform gauss normalvariate betavariate randint randrange choice choices sample shuffle seed "
         "getrandbits").split()  # fmt: skip
HEAPS = ("heappush", "heappop", "heapify", "heapreplace", "heappushpop")
PYTHON = {
    "random": {name: drawn(name) for name in DRAWS},
    "heapq": {name: missing(f"heapq.{name}") for name in HEAPS},
    "functools": {name: missing(f"functools.{name}") for name in ("singledispatch", "total_ordering")},
    "_argparse": {"parsed": argument},
    "contextlib": {"contextmanager": contextmanager, "suppress": missing("contextlib.suppress")},
    "itertools": {"count": count, "islice": islice, "cycle": cycle},
}
