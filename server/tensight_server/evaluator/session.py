"""One program evaluated within a budget, and what each place of it held last."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from tensight_analyzer.check import Reader
from tensight_analyzer.config import Settings
from tensight_analyzer.interp.frame import Frame, Place
from tensight_analyzer.interp.machine import Budget
from tensight_analyzer.interp.signals import OverBudget, Raised, Unsupported
from tensight_analyzer.interp.values import (
    DictValue,
    Iterator,
    ListValue,
    ModuleValue,
    SetValue,
    TensorValue,
    Unknown,
)
from tensight_analyzer.ir import nodes as ir
from tensight_analyzer.plugin import installed
from tensight_analyzer.source.text import SourceError, SourceText
from tensight_runtime.engine import Tensor, printing, state
from tensight_runtime.engine import random as generator
from tensight_runtime.spec.device import Device
from tensight_runtime.spec.dtype import DType, float32

from tensight_server.evaluator.domain import ConcreteDomain
from tensight_server.evaluator.machine import ConcreteMachine
from tensight_server.evaluator.natives import ConcreteProject

SHOWN = (TensorValue, int, float, complex, str, tuple, ListValue, DictValue, DType, Device, type(None))
SEED = 0  # of a program that sets none

Span = tuple[int, int, int, int]  # line, column, end line, end column; lines from 1, columns from 0


@dataclass
class Seen:
    """The last value of a place.  `written` tells whether its tensors were changed since."""

    value: object
    frame: Frame
    times: int
    written: tuple
    copy: object = None  # of the tensor's values, made at once


@dataclass
class Session:
    """Runs the program at `path`; its text is `text`, other files are read from disk."""

    path: str
    text: str
    budget: dict
    target: Span | None = None
    seen: dict[tuple[Place, ir.Node], Seen] = field(default_factory=dict)
    end: str = ""  # why the evaluation ended, "" if it came to the program's end
    end_line: int | None = None
    files: dict[str, float | None] = field(default_factory=dict)  # that the program imports -> when they were written

    def run(self) -> None:
        reader = Reader(Settings())
        self.path = os.path.abspath(self.path)
        reader.texts[self.path] = SourceText(self.text)
        folders = (os.path.dirname(self.path),)
        project = self.project = ConcreteProject(reader.program_or_none, folders, (self.path,))
        self.domain = ConcreteDomain(self.budget["megabytes"] * (1 << 20))
        limits = Budget(steps=self.budget["steps"], seconds=self.budget["seconds"], megabytes=self.budget["megabytes"])
        reset()
        machine = self.machine = ConcreteMachine(self.domain, project, installed().table, limits, seen=self.remember)
        try:
            source = project.load(self.path)
        except (SourceError, OSError) as error:
            self.end = getattr(error, "message", str(error))
            return
        if source is None:
            self.end = "the file cannot be read"
            return
        self.targets = {
            (place, node) for place in source.places for node in ir.walk(place.chunk) if place.span(node) == self.target
        }
        module = ModuleValue(machine.trail.names(), "__main__", self.path)
        module.fields.update(__name__="__main__", __file__=self.path, __doc__=docstring(source))
        frame = project.entry_frame = Frame(module.fields, None, module, None)
        machine.modules["__main__"] = module
        try:
            machine.run_units(source.places, frame)
        except (OverBudget, Unsupported, MemoryError, RecursionError, Raised) as stop:
            self.end = {MemoryError: "stopped: out of memory", RecursionError: "stopped: nested too deeply"}.get(
                type(stop), str(stop)
            )
            self.end_line = machine.at[0].span(machine.at[1])[0] if machine.at else None
        finally:
            machine.close()
            reset()
            self.files = {path: changed(path) for path in reader.texts if path != self.path}

    def outdated(self) -> bool:
        """Was a file that the program imports changed on disk?"""
        return any(changed(path) != at for path, at in self.files.items())

    # -- what is remembered -------------------------------------------------------------------------------------------

    def remember(self, place: Place, node: ir.Node, value: object, frame: Frame) -> None:
        value = self.machine.resolve(value)
        key = (place, node)
        before = self.seen.get(key)
        times = before.times + 1 if before is not None else 1
        copy = None
        if key in self.targets:
            copy = frozen(value)
        self.seen[key] = Seen(value, frame, times, self.written(value), copy)

    def written(self, value: object) -> tuple:
        return tuple(self.domain.written(t) for t in tensors_in(value))

    def fresh(self, seen: Seen) -> bool:
        """Are the tensors still what they were?"""
        return seen.copy is not None or seen.written == self.written(seen.value)

    def at(self, span: Span) -> tuple[Place, ir.Node, Seen] | None:
        """What stands at a span: the node there, or the smallest around it that holds a value."""
        start, end = span[:2], span[2:]
        found = []
        for (place, node), seen in self.seen.items():
            if place.file != self.path:
                continue
            line, col, end_line, end_col = place.span(node)
            if (line, col) <= start and end <= (end_line, end_col) and isinstance(seen.value, (*SHOWN, Unknown)):
                found.append(((end_line - line, end_col - col if end_line == line else end_col), place, node, seen))
        if not found:
            return None
        return min(found, key=lambda f: f[0])[1:]


def changed(path: str) -> float | None:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return None


def docstring(source) -> str | None:
    """The text a module begins with."""
    first = next((statement for place in source.places for statement in place.chunk.body), None)
    value = first.value if isinstance(first, ir.ExprStmt) else None
    return value.value if isinstance(value, ir.Const) and isinstance(value.value, str) else None


def reset() -> None:
    """The engine as it is in a new process; unseeded programs draw the numbers of seed 0."""
    state.set_default_dtype(float32)
    state.set_default_device(None)
    state.modes.grad, state.modes.inference, state.modes.autocast, state.modes.saved_hooks = True, False, None, ()
    state.switches.autocast = state.switches.saved_hooks = 0
    printing.options.reset()
    generator.manual_seed(SEED)


def tensors_in(value: object, depth: int = 0) -> list[Tensor]:
    if isinstance(value, TensorValue):
        return [value.fields.tensor]
    items: object = ()
    if depth < 3 and isinstance(value, tuple):
        items = value
    elif depth < 3 and isinstance(value, (ListValue, DictValue, SetValue)) and not isinstance(value, Iterator):
        items = value.fields["items"]
        items = items.values() if isinstance(items, dict) else items
    found = []
    for item in items if isinstance(items, (tuple, type({}.values()))) and len(items) <= 64 else ():
        found += tensors_in(item, depth + 1)
    return found


def frozen(value: object) -> object:
    """Copies of the tensors of a value, as they are now."""
    return [t._array.copy() for t in tensors_in(value)]
