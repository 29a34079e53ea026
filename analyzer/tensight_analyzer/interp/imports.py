"""Imports: names to modules, modules to source files, and the attributes of modules.

`torch` is the runtime package: what has a source file there (nn, optim, utils.data, ...) is interpreted from it, operators come
from the table, and what the engine does natively comes from `natives.engine`.
"""

from __future__ import annotations

from tensight_analyzer.interp.frame import Frame
from tensight_analyzer.interp.values import MISSING, REST, ModuleValue, OpFunction, Unknown


class Imports:
    """Mixin of the machine."""

    def absolute_name(self, module: str, level: int, frame: Frame) -> str:
        """`from ..x import y` inside a package, as a dotted name."""
        if not level:
            return module
        parts = frame.module.name.split(".")
        if not frame.module.is_package:
            parts = parts[:-1]
        parts = parts[: len(parts) - (level - 1)] if level > 1 else parts
        return ".".join([*parts, module] if module else parts)

    def import_module(self, name: str, frame: Frame | None) -> object:
        """The module called `name`: interpreted, modelled, or unknown."""
        name = self.project.canonical(name)
        known = self.modules.get(name)
        if known is not None:
            return known
        native = self.project.native_module(name, self)
        if native is not None:
            module = ModuleValue(self.trail.names(native), name, None, True)
            self.modules[name] = module
            return module
        source = self.project.find(name)
        if source is None:
            if "." in name:
                parent, _, last = name.rpartition(".")
                owner = self.import_module(parent, frame)
                found = self.module_attribute(owner, last) if isinstance(owner, ModuleValue) else MISSING
                if found is not MISSING:
                    return found
            if self.project.is_namespace(name):
                module = ModuleValue(self.trail.names(), name, None, True)
                self.modules[name] = module
                return module
            if self.tries and not self.project.may_exist(name):
                return self.fail("ImportError", f"No module named '{name}'")
            self.uncertain += 1
            unknown = Unknown(f"module {name} is not analysed", None, name)
            self.modules[name] = unknown
            return unknown
        if "." in name:
            self.import_module(name.rpartition(".")[0], frame)
            if name in self.modules:
                return self.modules[name]
        return self.run_module(name, source)

    def run_module(self, name: str, source) -> ModuleValue:
        """Interpret a module's file once; a cycle sees it half done, as in Python."""
        module = ModuleValue(self.trail.names(), name, source.path, source.is_package)
        module.fields["__name__"] = name
        module.fields["__file__"] = source.path
        self.modules[name] = module
        frame = Frame(module.fields, None, module, None)
        tries, self.tries = self.tries, []
        grad, self.state["grad"] = self.state["grad"], True
        path = self.path
        try:
            with self.trail.apart():  # a module runs once, for all paths: also for those beside the one that asks first
                self.run_units(source.places, frame)
        finally:
            self.tries = tries
            self.state["grad"], self.state["path"] = grad, path
        return module

    def import_from(self, name: str, attribute: str, frame: Frame) -> object:
        """`from name import attribute`."""
        module = self.import_module(name, frame)
        if isinstance(module, ModuleValue):
            found = self.module_attribute(module, attribute)
            if found is not MISSING:
                return self.resolve(found)
            if self.tries:
                return self.fail("ImportError", f"cannot import name '{attribute}' from '{name}'")
            return Unknown(f"{name} has no {attribute}", None, attribute)
        if isinstance(module, Unknown):
            return Unknown(module.why, None, attribute)
        return self.getattr(module, attribute, (None, frame))

    def import_star(self, name: str, frame: Frame) -> None:
        module = self.import_module(name, frame)
        if not isinstance(module, ModuleValue):
            self.trail.set(frame.locals, REST, Unknown(f"module {name} is not analysed"))
            return
        listed = module.fields.get("__all__", MISSING)
        plan = self.iterate(listed) if listed is not MISSING else None
        names = plan if isinstance(plan, tuple) else [n for n in module.fields if isinstance(n, str) and n[:1] != "_"]
        for each in names:
            found = self.module_attribute(module, each) if isinstance(each, str) else MISSING
            if found is not MISSING:
                self.trail.set(frame.locals, each, found)

    def module_attribute(self, module: ModuleValue, name: str) -> object:
        """`module.name`: its globals, the table, a submodule; MISSING if there is none."""
        found = module.fields.get(name, MISSING)
        if found is not MISSING:
            return found
        public = self.project.public_name(module.name)
        if public is not None:
            native = self.project.engine_name(public, name, self)
            if native is not MISSING:
                return native
            ops = self.table.lookup(f"{public}.{name}")
            if ops:
                made = OpFunction(f"{public}.{name}", ops)
                module.fields[name] = made
                return made
        full = f"{module.name}.{name}"
        if full in self.modules:
            return self.modules[full]
        if module.is_package and (self.project.find(full) is not None or self.project.is_namespace(full)):
            return self.import_module(full, None)
        if name == "__dict__":
            return self.namespace_of(module)
        if public is not None:
            return Unknown(f"{public}.{name} is not in the runtime", None, name)
        getter = module.fields.get("__getattr__", MISSING)
        if getter is not MISSING:
            return self.call(getter, (name,), {}, (None, None))
        if module.path is None and not name.startswith("__"):
            return Unknown(f"{full} is not modelled", None, name)
        return MISSING
