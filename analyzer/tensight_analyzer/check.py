"""`tensight check`, on one screen.

    paths ─► files ─► program ─► interpretation ─► events ─► rules ─► claims ─► witnesses ─► findings
                         └► complaints of the front end ─► syntax findings

Each file is a root of its own: its module body runs as if it were the program.  What is found in a file it imports
belongs to that file; a mistake met in several contexts is one finding.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from tensight_analyzer.analysis import Result, analyse
from tensight_analyzer.config import SKIPPED, Settings
from tensight_analyzer.facts.finding import Finding, Where, in_order
from tensight_analyzer.facts.origin import Scene
from tensight_analyzer.facts.suppress import suppressed
from tensight_analyzer.facts.witness import Claim, Numbers, claim, confirmed
from tensight_analyzer.plugin import Registry
from tensight_analyzer.rule import Rule
from tensight_analyzer.source.files import disk_cache
from tensight_analyzer.source.paths import Problem, collect
from tensight_analyzer.source.text import SourceError, SourceText


@dataclass
class Report:
    """What came of a check.  `problems` are paths that could not be checked; `notes` are remarks on single files."""

    findings: list[Finding] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    files: int = 0

    @property
    def status(self) -> int:
        """The exit status: 2 could not run, 1 findings, 0 clean."""
        return 2 if self.problems else 1 if self.findings else 0


def check(paths: Iterable[str], settings: Settings, registry: Registry,
          progress: Callable[[int, int, str], None] = lambda done, total, file: None) -> Report:  # fmt: skip
    """Check files and folders; `progress(done, total, file)` is told before each file."""
    paths = list(paths)
    files, problems = collect(paths, (*SKIPPED, *settings.exclude))
    report = Report(problems=list(problems))
    rules = [rule() for rule in chosen(registry, settings)]
    reader = Reader(settings)
    for done, file in enumerate(files):
        progress(done, len(files), file)
        try:
            reader.program(file)
        except (SourceError, OSError) as error:
            report.problems.append(Problem(file, explained(error)))
            continue
        result, findings = check_file(file, (*paths, file), rules, settings, registry, reader)
        report.findings += findings
        report.notes += [Problem(file, note.rpartition(": ")[2]) for note in result.notes if "stopped" in note]
        report.files += 1
    shown = {os.path.abspath(file): file for file in files}
    found = in_order([shorter_paths(f, shown) for f in report.findings])
    report.findings = [f for f in found if not suppressed(f, reader.comments)]
    return report


def check_file(file: str, roots: tuple[str, ...], rules: list[Rule], settings: Settings, registry: Registry,
               reader: Reader, **more: object) -> tuple[Result, list[Finding]]:  # fmt: skip
    """One root: what was seen, and the findings in absolute paths."""
    scene = Scene(reader.lines)

    def run(numbers: Numbers | None) -> tuple[Result, list[Claim]]:
        listener = Listener(rules, scene)
        result = analyse(file, roots, reader.program_or_none, registry.table, settings.budget, (listener,),
                         numbers=numbers, modules=registry.modules, **more)  # fmt: skip
        return result, listener.claims

    result, claims = run(None)
    findings = confirmed(claims, lambda numbers: {c.finding.place for c in run(numbers)[1]})
    findings += syntax_findings(os.path.abspath(file), result.complaints)
    return result, findings


class Listener:
    """Hands the interpreter's events to the rules that listen to them and keeps what they claim."""

    def __init__(self, rules: list[Rule], scene: Scene):
        self.scene = scene
        self.rules: dict[type, list[Rule]] = {}
        for rule in rules:
            for kind in rule.listens:
                self.rules.setdefault(kind, []).append(rule)
        self.claims: list[Claim] = []
        self.seen: set[tuple] = set()

    def __call__(self, event: object) -> None:
        for rule in self.rules.get(type(event), ()):
            if getattr(event, "supposed", False):
                continue
            for finding in rule.visit(event, self.scene):
                if finding is not None and finding.place not in self.seen:
                    self.seen.add(finding.place)
                    self.claims.append(claim(finding, event))


def chosen(registry: Registry, settings: Settings) -> list[type[Rule]]:
    """The rules that the settings ask for."""
    settings.check_rules(registry.rules)
    asked = {registry.rule(name) for name in settings.select} or set(registry.rules.values())
    asked -= {registry.rule(name) for name in settings.ignore}
    return [rule for rule in registry.rules.values() if rule in asked]


def syntax_findings(file: str, complaints: Iterable) -> list[Finding]:
    """What the front end says of a text that is no Python, or is over its limits."""
    return [
        Finding(Where(file, c.line, c.col, c.end_line, c.end_col), "TS001" if c.kind == "syntax" else "TS002",
                "syntax-error" if c.kind == "syntax" else "over-limit", "syntax",
                "error" if c.kind == "syntax" else "warning", c.message)
        for c in complaints
    ]  # fmt: skip


def shorter_paths(finding: Finding, shown: dict[str, str]) -> Finding:
    """With the files named as the user did."""

    def named(where: Where) -> Where:
        return replace(where, file=shown.get(where.file, where.file))

    notes = tuple(replace(note, where=named(note.where)) for note in finding.notes)
    return replace(finding, where=named(finding.where), notes=notes)


def explained(error: Exception) -> str:
    """Why a file cannot be read, in one line."""
    return getattr(error, "message", None) or f"cannot be read: {getattr(error, 'strerror', None) or error}"


class Reader:
    """Reads files once, within the limits of the settings, with the disk cache."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.programs: dict[str, object] = {}
        self.texts: dict[str, SourceText] = {}

    def program(self, path: str) -> object:
        """The IR of a file.  Raises `SourceError` or OSError for one that cannot be read."""
        from tensight_analyzer.ir.program import read_program

        path = os.path.abspath(path)
        if path not in self.programs:
            self.programs[path] = read_program(self.text(path).text, disk_cache())
        return self.programs[path]

    def program_or_none(self, path: str) -> object | None:
        """For imports: a module that cannot be read is an unknown one."""
        try:
            return self.program(path)
        except (SourceError, OSError):
            return None

    def text(self, path: str) -> SourceText:
        path = os.path.abspath(path)
        if path not in self.texts:
            limit = self.settings.max_bytes
            if os.path.exists(path) and not os.path.isfile(path):  # opening a pipe would wait for its writer
                raise SourceError("is not a file: leave it out")
            with open(path, "rb") as file:
                data = file.read(limit + 1)
            if len(data) > limit:
                size = max(len(data), os.path.getsize(path))
                raise SourceError(f"the file has {size:,} bytes, the limit is {limit:,}: exclude it, or split it")
            self.texts[path] = SourceText.from_bytes(data, max_bytes=limit, max_lines=self.settings.max_lines)
        return self.texts[path]

    def lines(self, path: str) -> list[str]:
        return self.text(path).lines()

    def comments(self, path: str) -> dict[int, str]:
        """The suppression comments of a file by line."""
        program = self.program_or_none(path)
        return {
            unit.line + line - 1: text for unit in getattr(program, "units", ()) for line, text in unit.chunk.comments
        }
