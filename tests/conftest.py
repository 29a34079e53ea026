"""What all tests share: what the run says at its end."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path

from support import mdtest


def pytest_terminal_summary(terminalreporter) -> None:
    """How many blocks each judge of the Markdown pages saw, and what was left out without torch."""
    mdtest.tell(terminalreporter)
    if find_spec("torch") is None and "skipped" in terminalreporter.stats:
        skipped = terminalreporter.stats.get("skipped", ())
        reasons = [(report, report.longrepr) for report in skipped if isinstance(report.longrepr, tuple)]
        about_torch = [(report, where[0]) for report, where in reasons if "torch" in where[2]]
        modules = {path for report, path in about_torch if not hasattr(report, "when") or report.when == "collect"}
        single = len([1 for report, _ in about_torch if getattr(report, "when", "collect") != "collect"])
        functions = sum(test_functions(Path(path)) for path in modules)
        terminalreporter.write_line(
            f"torch is not installed: {single + functions} tests that compare with it were skipped "
            f"({functions} of them, before their parameters, in {len(modules)} files)"
        )


def test_functions(path: Path) -> int:
    """The test functions of a file that was skipped as a whole."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return sum(isinstance(node, ast.FunctionDef) and node.name.startswith("test_") for node in ast.walk(tree))


test_functions.__test__ = False
