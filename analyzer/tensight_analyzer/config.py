"""Settings: the table `[tool.tensight]` of the nearest pyproject.toml, and what the command line says instead."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace

from tensight_analyzer.interp.machine import Budget
from tensight_analyzer.source.text import MAX_BYTES, MAX_LINES

SKIPPED = ("__pycache__", "node_modules", "site-packages", "build", "dist", "venv")


class ConfigError(Exception):
    """A setting that is wrong; the message says what, where, and what to do."""


@dataclass(frozen=True)
class Settings:
    """One setting each; the defaults are those of the command line."""

    select: tuple[str, ...] = ()  # names or codes of the only rules to apply; none: all
    ignore: tuple[str, ...] = ()  # names or codes of rules not to apply
    exclude: tuple[
        str, ...
    ] = ()  # names of folders and files that are not looked into, besides hidden ones and SKIPPED
    seconds: float = 30.0  # for one file
    megabytes: float = 2000.0  # growth of the process while one file is analysed
    steps: int = 3_000_000  # evaluated expressions of one file
    max_bytes: int = MAX_BYTES  # of a file
    max_lines: int = MAX_LINES

    @property
    def budget(self) -> Budget:
        return Budget(steps=self.steps, seconds=self.seconds, megabytes=self.megabytes)

    def updated(self, **changes: object) -> Settings:
        """With the changes that are not None."""
        return replace(self, **{name: value for name, value in changes.items() if value is not None})

    def check_rules(self, known: dict) -> None:
        """Raise if `select` or `ignore` names a rule there is not."""
        codes = {rule.code for rule in known.values()}
        for setting in ("select", "ignore"):
            for name in getattr(self, setting):
                if name not in known and name.upper() not in codes:
                    raise ConfigError(f"{setting}: there is no rule {name!r}; `tensight rules` lists them")


def load(start: str) -> Settings:
    """The settings that hold for files in the folder `start`."""
    path = _nearest(os.path.abspath(start))
    if path is None:
        return Settings()
    import tomllib

    try:
        with open(path, "rb") as file:
            table = tomllib.load(file).get("tool", {}).get("tensight", {})
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    return read(table, path)


def read(table: object, path: str) -> Settings:
    """Settings from a table; raises `ConfigError` naming the setting, its value, the file, and what it should be."""
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: [tool.tensight] should be a table")
    kinds = {field.name: field.default for field in fields(Settings)}
    values: dict[str, object] = {}
    for name, value in table.items():
        key = name.replace("-", "_")
        if key not in kinds:
            raise ConfigError(f"{path}: [tool.tensight] has no setting {name!r}; there are {', '.join(kinds)}")
        values[key] = _converted(name, value, kinds[key], path)
    return Settings(**values)


def _converted(name: str, value: object, default: object, path: str) -> object:
    where = f"{path}: [tool.tensight] {name} = {value!r}"
    if isinstance(default, tuple):
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ConfigError(f'{where}: should be a list of strings, ["..."]')
        return tuple(value)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or value <= 0 or (isinstance(default, int) and not isinstance(value, int)):
        raise ConfigError(f"{where}: should be a positive {'whole ' if isinstance(default, int) else ''}number")
    return value


def _nearest(folder: str) -> str | None:
    while True:
        path = os.path.join(folder, "pyproject.toml")
        if os.path.isfile(path):
            return path
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
