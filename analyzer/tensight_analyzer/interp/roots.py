"""Functions nobody calls: interpreted on their own, with parameters nobody knows.

A first pass finds the contract (the operators that take a parameter refine it, `Tensors.refine`); a second one runs with
the contract in place of the parameters, so that early places show it too.  Grad mode and `training` are unknown here.
What rests on a convention (an unbatched input would do as well) is shown, but is no ground for an error.
"""

from __future__ import annotations

from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.size import symbol

from tensight_analyzer.interp.frame import Frame
from tensight_analyzer.interp.signals import OverBudget, Raised, Unsupported
from tensight_analyzer.interp.values import (
    ClassMethod,
    ClassValue,
    Function,
    Instance,
    ModuleValue,
    Property,
    StaticMethod,
    TensorValue,
    Unknown,
)
from tensight_analyzer.ir import nodes as ir

STEPS = 200_000  # what one root may cost


def run_roots(machine, modules: list[ModuleValue], frame: Frame) -> None:
    """Interpret every function and method of `modules` that the program has not called."""
    for module in modules:
        for value in list(module.fields.values()):
            if isinstance(value, Function) and value.unit[0] is module and value.code not in machine.called:
                run_root(machine, value, None, frame)
            elif isinstance(value, ClassValue) and value.fields.get("__module__") == module.name:
                run_class(machine, value, frame)


def run_class(machine, cls: ClassValue, frame: Frame) -> None:
    """The methods of a class that nobody called, on an instance made from unknown arguments."""
    methods = [f for f in map(_function, cls.fields.values()) if isinstance(f, Function) and f.owner is cls]
    waiting = [f for f in methods if f.code not in machine.called]
    if not waiting:
        return
    known = machine.state["path"]

    def construct() -> tuple:
        made = make_instance(machine, cls, frame)
        return made, machine.state["path"]

    instance, machine.state["path"] = _guarded(machine, frame, construct) or (None, known)
    for method in waiting:
        if method.code in machine.called:
            continue
        static = isinstance(cls.fields.get(method.name), StaticMethod)
        owner = cls if isinstance(cls.fields.get(method.name), ClassMethod) else instance
        run_root(machine, method, None if static else owner or Unknown("an object nobody made", None, "self"), frame)
    machine.state["path"] = known


def make_instance(machine, cls: ClassValue, frame: Frame) -> object:
    init = cls.lookup("__init__")
    args: tuple = ()
    if isinstance(init, Function):
        args = tuple(unknown_argument(machine, p) for p in init.code.params[1:] if p.kind in ("positional", "normal"))
    made = machine.instantiate(cls, args, {}, (machine.here, frame))
    _forget_modes(machine, made, set())
    return made


def run_root(machine, function: Function, owner: object, frame: Frame) -> None:
    """Two passes over one function: what it demands, then what it computes."""
    machine.called.add(function.code)
    params = [p for p in function.code.params if p.kind in ("positional", "normal", "keyword")]
    own = params[1:] if owner is not None else params

    def once(arguments: dict[str, object]) -> None:
        args = (owner,) if owner is not None else ()
        machine.call_function(function, args, dict(arguments), (machine.here, frame))

    def find_contract(arguments: dict[str, object]) -> dict[str, object]:
        machine.silent += 1
        try:
            once(arguments)
        finally:
            machine.silent -= 1
        return {name: contract(machine, value) for name, value in arguments.items()}

    found = {p.name: unknown_argument(machine, p) for p in own}
    for _ in range(2):  # what is found to be a tensor in the first pass shows its dims in the second
        tensors = sum(isinstance(v, TensorValue) for v in found.values())
        better = _guarded(machine, frame, lambda: find_contract(found))  # noqa: B023
        if better is None:
            found = {name: contract(machine, value) for name, value in found.items()}
            break
        found = better
        if sum(isinstance(v, TensorValue) for v in found.values()) == tensors:
            break
    _guarded(machine, frame, lambda: once(found))


def contract(machine, value: object) -> object:
    """What the first pass has found an argument to be, as an argument of the second."""
    seen = machine.resolve(value)
    if isinstance(seen, TensorValue):
        fact = machine.domain.fact(seen)
        made = machine.domain.make(Fact(fact.dtype, fact.dims, fact.device, None, None, None))
        return made
    if isinstance(value, Unknown):
        return Unknown(value.why, value.python_type, value.name)
    return value


def unknown_argument(machine, param: ir.Param) -> object:
    """A parameter nobody passes: of the type its default says, a symbol if that is an int."""
    why = f"`{param.name}` is a parameter nobody passes"
    default = param.default.value if isinstance(param.default, ir.Const) else None
    kind = type(default) if isinstance(default, (bool, int, float, str)) else None
    if kind is int:
        return symbol(param.name, (param.span, "parameter"), None)
    return Unknown(why, kind, param.name)


def _function(value: object) -> object:
    if isinstance(value, (StaticMethod, ClassMethod)):
        return value.function
    return value.fget if isinstance(value, Property) else value


def _forget_modes(machine, value: object, seen: set[int]) -> None:
    """A module's `training` is whatever `train()` and `eval()` made it: unknown at a root."""
    if not isinstance(value, Instance) or id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value.fields.get("training"), bool):
        machine.trail.set(value.fields, "training", Unknown("the mode of a module", bool, "training"))
    for item in list(value.fields.values()):
        contents = getattr(item, "fields", {}).get("items") if hasattr(item, "fields") else None
        for inner in contents.values() if isinstance(contents, dict) else (item,):
            _forget_modes(machine, inner, seen)


def _guarded(machine, frame: Frame, run) -> object:
    """One root: from a state of its own, within a budget of its own; what stops it stops only it."""
    place, grad, path = frame.place, machine.state["grad"], machine.state["path"]
    limit = machine.budget.steps
    machine.budget.steps = min(limit, machine.steps + STEPS)
    machine.look_at = 0
    machine.root += 1
    machine.state["grad"] = None
    frame.place = None
    try:
        return run()
    except (Raised, Unsupported):
        return None
    except OverBudget:
        if machine.steps >= limit:
            raise
        return None
    except RecursionError:
        machine.note("nested too deeply")
        return None
    finally:
        machine.root -= 1
        machine.budget.steps = limit
        machine.look_at = 0
        machine.state["grad"], machine.state["path"] = grad, path
        frame.place = place
