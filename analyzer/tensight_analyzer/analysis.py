"""Analysing one program: read, interpret, and what came of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from tensight_runtime.ops import Table, table

from tensight_analyzer.interp.abstract import AbstractDomain
from tensight_analyzer.interp.frame import Frame, Place
from tensight_analyzer.interp.machine import Budget, Machine
from tensight_analyzer.interp.project import Project, Source
from tensight_analyzer.interp.roots import run_roots
from tensight_analyzer.interp.signals import OverBudget
from tensight_analyzer.interp.values import ModuleValue


@dataclass
class Result:
    """What one analysis found: places with their facts, and notes with how often they came up."""

    places: list[Place] = field(default_factory=list)
    notes: dict[str, int] = field(default_factory=dict)
    steps: int = 0
    complaints: list = field(default_factory=list)


def analyse(
    path: str,
    roots: tuple[str, ...] = (),
    read: Callable[[str], object] | None = None,
    ops: Table | None = None,
    budget: Budget | None = None,
    listeners: tuple[Callable, ...] = (),
    extra_builtins: dict[str, object] | None = None,
    numbers: dict | None = None,
    watch_names: bool = False,
    modules: dict[str, str] | None = None,
) -> Result:
    """Interpret the program at `path`.

    `roots` are the user's own files and folders, whose facts are kept; modules are looked for beside the program and in
    the roots.  Nothing is executed.  `extra_builtins` are names every module sees (the tests' `given`); `numbers` stand in
    for symbols when a witness is replayed.  With `watch_names` the reads of names are kept as well, for hovers.
    `modules` are files that plugins give for packages.
    """
    from tensight_analyzer.source.files import read_file

    path = os.path.abspath(path)
    own = tuple(os.path.abspath(r) for r in roots) or (path,)
    folders = dict.fromkeys([os.path.dirname(path), *(o if os.path.isdir(o) else os.path.dirname(o) for o in own)])
    project = Project(read or read_file, tuple(folders), own)
    project.modules.update(modules or {})
    domain = AbstractDomain()
    machine = Machine(domain, project, ops or table(), budget, listeners, numbers)
    machine.builtins.update(extra_builtins or {})
    if watch_names:
        machine.watch_names()
    result = Result()
    source = project.load(path)
    if source is None:
        return result
    module = ModuleValue(machine.trail.names(), "__main__", path)
    module.fields["__name__"] = "__main__"
    module.fields["__file__"] = path
    frame = project.entry_frame = Frame(module.fields, None, module, None)
    machine.modules["__main__"] = module
    try:
        machine.run_units(source.places, frame)
        own_modules = [
            m for m in machine.modules.values() if isinstance(m, ModuleValue) and m.path and project.is_own(m.path)
        ]
        run_roots(machine, own_modules, frame)
    except OverBudget as over:
        machine.note(f"{path}: {over}")
    result.places = [p for s in project.by_path.values() if project.is_own(s.path) for p in s.places]
    result.notes = machine.notes
    result.steps = machine.steps
    result.complaints = list(getattr(source.program, "complaints", ()))
    return result


__all__ = ["Result", "Source", "analyse"]
