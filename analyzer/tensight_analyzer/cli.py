"""The command line: `tensight check`, `infer`, `explain`, `rules`, `ir`, and what other packages run: `run`, `hover`,
`server`.

Exit status: 0 all is well, 1 there are findings, 2 it could not run.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from tensight_analyzer.config import ConfigError, Settings, load
from tensight_analyzer.plugin import PluginError, installed

T = TypeVar("T")

STACK = 256 << 20  # the interpreter recurses as deeply as the programs it reads
FORMATS = ("full", "concise", "json", "github", "sarif")

# commands of the other packages: name -> (module, function taking the arguments, what it does)
DELEGATES: Final = {
    "server": ("tensight_server.__main__", "main", "the language server, for editors"),
    "hover": ("tensight_server.hover_command", "main_hover", "what the editor would show at FILE:LINE:COL"),
    "run": ("tensight_runtime.run", "main", "run a program with tensight_runtime in place of torch"),
}  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments and arguments[0] in DELEGATES:
            return delegate(arguments[0], arguments[1:])
        options = parser().parse_args(arguments)
        if options.command is None:
            parser().print_help()
            return 0
        return options.run(options)
    except (ConfigError, PluginError) as error:
        return fail(str(error))
    except KeyboardInterrupt:
        print("tensight: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `tensight check | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="tensight", description="Sees tensors in PyTorch code, without running it.")
    top.add_argument("--version", action="version", version=f"tensight {version()}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int], help: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
        made.set_defaults(run=run)
        return made

    check = command("check", run_check, "report what will go wrong")
    check.add_argument("paths", nargs="+", metavar="PATH", help="files, and folders with all files below them")
    check.add_argument("--format", choices=FORMATS, default="full")
    check.add_argument("--select", type=names, metavar="RULES", help="apply only these rules (names or codes, a,b,c)")
    check.add_argument("--ignore", type=names, metavar="RULES", help="do not apply these rules")
    check.add_argument("--seconds", type=positive(float), help="time for one file")
    check.add_argument("--megabytes", type=positive(float), help="memory for one file")
    check.add_argument("--steps", type=positive(int), help="expressions evaluated for one file")
    infer = command("infer", run_infer, "print what is known of every expression")
    infer.add_argument("program", metavar="PROGRAM")
    infer.add_argument("--jsonl", action="store_true", help="one JSON object a line (the only format so far)")
    infer.add_argument("--root", action="append", default=[], metavar="PATH", help="the user's own files and folders")
    explain = command("explain", run_explain, "print the page of a rule")
    explain.add_argument("rule", metavar="RULE")
    command("rules", run_rules, "list the rules")
    ir = command("ir", run_ir, "print the program as the interpreter sees it")
    ir.add_argument("file", metavar="FILE")
    for name, (_, _, help) in DELEGATES.items():
        commands.add_parser(name, help=help, add_help=False)
    return top


# -- commands ----------------------------------------------------------------------------------------------------------


def run_check(options: argparse.Namespace) -> int:
    from tensight_analyzer.check import check
    from tensight_analyzer.report import progress

    registry = installed()
    first = options.paths[0]
    settings = load(first if os.path.isdir(first) else os.path.dirname(first)).updated(
        select=options.select, ignore=options.ignore, seconds=options.seconds, megabytes=options.megabytes,
        steps=options.steps,
    )  # fmt: skip
    settings.check_rules(registry.rules)
    watch = progress.Watch()
    report = with_large_stack(lambda: check(options.paths, settings, registry, watch.tell), watch.show)
    for problem in (*report.problems, *report.notes):
        print(f"tensight: {problem.path}: {problem.message}", file=sys.stderr)
    emit(written(report, options.format, registry, settings))
    return report.status


def written(report, format: str, registry, settings: Settings) -> Iterator[str]:
    """The report in one of the formats, line by line."""
    from tensight_analyzer.check import Reader
    from tensight_analyzer.report import machine, text

    if format == "json":
        yield machine.as_json(report)
    elif format == "sarif":
        yield machine.sarif(report, registry, version())
    elif format == "github":
        yield from machine.github(report)
    elif format == "concise":
        yield from text.concise(report)
    else:
        yield from text.full(report, Reader(settings).lines)
        if report.files:
            yield text.outcome(report)


def run_infer(options: argparse.Namespace) -> int:
    import json

    from tensight_analyzer.analysis import analyse
    from tensight_analyzer.check import Reader, explained
    from tensight_analyzer.report.infer import records
    from tensight_analyzer.source.text import SourceError

    settings = load(os.path.dirname(options.program))
    reader = Reader(settings)
    try:
        reader.text(options.program)
    except (SourceError, OSError) as error:
        return fail(f"{options.program}: {explained(error)}")
    roots = tuple(options.root) or (options.program,)

    def lines() -> list[str]:
        registry = installed()
        result = analyse(options.program, roots, reader.program_or_none, registry.table, settings.budget,
                         modules=registry.modules)  # fmt: skip
        for note in result.notes:
            if "stopped" in note:
                print(f"tensight: {note}", file=sys.stderr)
        return [json.dumps(record, ensure_ascii=False) for record in records(result.places)]

    emit(with_large_stack(lines))
    return 0


def run_explain(options: argparse.Namespace) -> int:
    from tensight_analyzer.report import pages

    text = pages.explain(installed(), options.rule)
    if text is None:
        return fail(f"there is no rule {options.rule!r}: {pages.similar(installed(), options.rule)}")
    emit([text.rstrip()])
    return 0


def run_rules(options: argparse.Namespace) -> int:
    from tensight_analyzer.report import pages

    emit(pages.listing(installed()))
    return 0


def run_ir(options: argparse.Namespace) -> int:
    from tensight_analyzer.check import Reader, explained
    from tensight_analyzer.ir.show import show
    from tensight_analyzer.source.text import SourceError

    try:
        program = Reader(Settings()).program(options.file)
    except (SourceError, OSError) as error:
        return fail(f"{options.file}: {explained(error)}")
    emit([with_large_stack(lambda: show(program)).rstrip()])
    return 0


def delegate(command: str, arguments: list[str]) -> int:
    """Hand the arguments to the package that has the command; found by name, so that nothing depends on it."""
    module, function, _ = DELEGATES[command]
    try:
        found = getattr(importlib.import_module(module), function)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            return fail(f"{command}: the package {error.name!r} is missing: install tensight with its dependencies")
        return fail(f"{command}: {module} is not part of this installation")
    return found(arguments) or 0


# -- helpers -----------------------------------------------------------------------------------------------------------


def with_large_stack(work: Callable[[], T], meanwhile: Callable[[threading.Thread], None] | None = None) -> T:
    """Do the work in a thread with a large stack; `meanwhile(thread)` runs here until it is done."""
    outcome: list = []

    def run() -> None:
        try:
            outcome.append((work(), None))
        except BaseException as error:  # raised again below
            outcome.append((None, error))

    gc.set_threshold(50_000, 20, 50)  # an analysis makes many objects and few cycles: an eighth of its time otherwise
    previous = threading.stack_size(STACK)
    try:
        thread = threading.Thread(target=run, name="tensight-analysis", daemon=True)
        thread.start()
    finally:
        threading.stack_size(previous)
    if meanwhile is not None:
        meanwhile(thread)
    thread.join()
    result, error = outcome[0]
    if error is not None:
        raise error
    return result


def emit(lines: Sequence[str] | Iterator[str]) -> None:
    """Print lines; what the terminal's encoding does not have is replaced."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    for line in lines:
        print(line)
    sys.stdout.flush()


def fail(message: str) -> int:
    print(f"tensight: {message}", file=sys.stderr)
    return 2


def names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def positive(kind: type) -> Callable[[str], object]:
    def convert(text: str) -> object:
        value = kind(text)
        if value <= 0:
            raise ValueError
        return value

    convert.__name__ = f"positive {kind.__name__}"  # argparse: "invalid positive int value: '0'"
    return convert


def version() -> str:
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as of

    try:
        return of("tensight")
    except PackageNotFoundError:
        return "(not installed)"
