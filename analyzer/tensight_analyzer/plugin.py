"""Plugins: a plugin is a value, a registry is a value; nothing is registered by importing.

A package offers a plugin under the entry-point group `tensight.plugins`:

    [project.entry-points."tensight.plugins"]
    mine = "my_package:plugin"                  # plugin = Plugin("mine", ops=(my_op,), rules=(MyRule,))

What comes with Tensight is just the entry named `builtin`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from tensight_runtime.ops import Table, table
from tensight_runtime.spec.op import Op

from tensight_analyzer.rule import Rule

GROUP = "tensight.plugins"


@dataclass(frozen=True)
class Plugin:
    """What a package adds.

    ops      operators (`tensight_runtime.spec.op.op`); the public names they declare become known
    rules    classes derived from `tensight_analyzer.rule.Rule`
    modules  dotted module name -> path of a Python file that is interpreted in its place
    """

    name: str
    ops: tuple[Op, ...] = ()
    rules: tuple[type[Rule], ...] = ()
    modules: dict[str, str] = field(default_factory=dict)


class PluginError(Exception):
    """A plugin that cannot be used; the message names it and says why."""


class Registry:
    """The operators and rules of some plugins.  A name declared by two of them is an error that names both."""

    def __init__(self, plugins: Iterable[Plugin]):
        self.plugins = tuple(plugins)
        owners: dict[tuple[str, str], Plugin] = {}
        self.rules: dict[str, type[Rule]] = {}
        self.modules: dict[str, str] = {}
        for plugin in self.plugins:
            _claim(owners, "plugin", plugin.name, plugin)
            for name in {name for op in plugin.ops for name in op.names}:  # overloads of one plugin share a name
                _claim(owners, "operator", name, plugin)
            for rule in plugin.rules:
                _claim(owners, "rule", rule.name, plugin)
                _claim(owners, "rule code", rule.code, plugin)
                self.rules[rule.name] = rule
            for module, path in plugin.modules.items():
                _claim(owners, "module", module, plugin)
                self.modules[module] = path
        self.owners = owners

    @property
    def table(self) -> Table:
        """The operator table of all plugins."""
        return _table(tuple(op for plugin in self.plugins for op in plugin.ops))

    def rule(self, name: str) -> type[Rule] | None:
        """A rule by its name or code."""
        return self.rules.get(name) or next((r for r in self.rules.values() if r.code == name.upper()), None)


def _claim(owners: dict[tuple[str, str], Plugin], kind: str, name: str, plugin: Plugin) -> None:
    first = owners.get((kind, name))
    if first is None:
        owners[kind, name] = plugin
    elif first is plugin:
        raise PluginError(f"{kind} {name!r} is declared twice by the plugin {plugin.name!r}")
    else:
        raise PluginError(f"{kind} {name!r} is declared by both plugins {first.name!r} and {plugin.name!r}")


@lru_cache(maxsize=4)
def _table(ops: tuple[Op, ...]) -> Table:
    ours = table()
    return ours if ops == ours.ops else Table(ops)


@lru_cache(maxsize=1)
def installed() -> Registry:
    """The registry of all installed plugins, `builtin` first; entry points are read once."""
    from importlib.metadata import entry_points

    plugins = []
    found = {(entry.name, entry.value): entry for entry in entry_points(group=GROUP)}
    for entry in sorted(found.values(), key=lambda e: (e.name != "builtin", e.name)):
        try:
            plugin = entry.load()
        except Exception as error:  # somebody else's code
            raise PluginError(f"plugin {entry.name!r} ({entry.value}) cannot be loaded: {error}") from error
        if not isinstance(plugin, Plugin):
            raise PluginError(f"plugin {entry.name!r} ({entry.value}) is a {type(plugin).__name__}, not a Plugin")
        plugins.append(plugin)
    if not any(plugin.name == "builtin" for plugin in plugins):  # run from a checkout that is not installed
        from tensight_analyzer.builtin import plugin

        plugins.insert(0, plugin)
    return Registry(plugins)
