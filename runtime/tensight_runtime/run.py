"""`tensight run FILE [args]`: CPython executes the program, `tensight_runtime` stands in for torch.

The program finds what `python FILE args` would give it: `__main__`, `sys.argv`, `sys.path`, the folder it was started
in.  Its exit status is ours.  This is the one place of the project that executes a user's code, on the user's explicit
word.
"""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Sequence
from types import ModuleType, TracebackType

from tensight_runtime import standin

USAGE = "usage: tensight run FILE [args]\n\nRun a Python program with tensight_runtime in place of torch."
FOLDER = os.path.dirname(os.path.abspath(__file__))
# In torch these are not Python, so a traceback ends above them.
INSIDE = tuple(os.path.join(FOLDER, name) + os.sep for name in ("engine", "ops", "spec"))
OURS = (os.path.abspath(__file__), os.path.join(FOLDER, "__init__.py"), standin.__file__)


def main(argv: Sequence[str]) -> int:
    """Run the program that `argv` starts with; its exit status."""
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE, file=sys.stdout if argv else sys.stderr)
        return 0 if argv else 2
    try:
        with open(argv[0], "rb") as file:
            source = file.read()
    except OSError as error:
        print(f"tensight: {argv[0]}: cannot be read: {error.strerror}", file=sys.stderr)
        return 2
    status = execute(source, list(argv))
    try:
        sys.stdout.flush()
    except (OSError, ValueError):  # a pipe that nobody reads any more, or closed by the program
        pass
    return status


def execute(source: bytes, argv: list[str]) -> int:
    """Run `source` as `__main__` of `argv`."""
    path = os.path.abspath(argv[0])
    module = ModuleType("__main__")
    module.__file__ = path
    module.__dict__.update(__builtins__=builtins, __cached__=None)
    sys.modules["__main__"] = module  # pickle and multiprocessing look there
    sys.argv = argv
    if not sys.flags.safe_path and sys.path:
        sys.path[0] = os.path.dirname(os.path.realpath(path))  # until now the folder of the command itself
    standin.install()
    try:
        exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)
    except SystemExit as leaving:
        return exit_status(leaving.code)
    except KeyboardInterrupt as error:
        show(error)
        return 130
    except BaseException as error:
        show(error)
        return 1
    return 0


def exit_status(code: object) -> int:
    """What `sys.exit(code)` means to the shell."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


# -- tracebacks --------------------------------------------------------------------------------------------------------


def show(error: BaseException) -> None:
    """Report an exception nobody caught, as the interpreter would; the program may have its own `sys.excepthook`."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        pass
    for each in chain(error):
        each.__traceback__ = users_part(each.__traceback__)
        explain(each)
    sys.excepthook(type(error), error, error.__traceback__)


def chain(error: BaseException) -> list[BaseException]:
    """An exception and those it came from."""
    found: list[BaseException] = []
    left: list[BaseException | None] = [error]
    while left:
        each = left.pop()
        if each is not None and not any(each is known for known in found):
            found.append(each)
            left += [each.__cause__, each.__context__]
    return found


def users_part(trace: TracebackType | None) -> TracebackType | None:
    """A traceback without the frames that are ours: the one that started the program, and the engine's at its end."""
    frames = []
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    while frames and frames[0].tb_frame.f_code.co_filename in OURS:
        del frames[0]
    kept = [f for f in frames if not ours(f.tb_frame.f_code.co_filename)]
    for frame in reversed(kept):
        trace = TracebackType(trace, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return trace


def ours(file: str) -> bool:
    return file.startswith(INSIDE) or file in OURS


def explain(error: BaseException) -> None:
    """`from torch import x` hides our own message behind Python's: say it here."""
    home = getattr(error, "name", None)
    if type(error) is ImportError and home is not None and home.startswith("tensight_runtime"):
        _, quote, name = error.msg.partition("cannot import name '")  # only Python 3.12 has `name_from`
        if quote:
            public = home.replace("tensight_runtime", "torch", 1)
            name = name.partition("'")[0]
            error.add_note(f"{public}.{name} is not in tensight_runtime")
