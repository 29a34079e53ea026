"""Format and lint: what `ruff format` and `ruff check` say, with the settings of pyproject.toml."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("runtime", "analyzer", "server", "tests", "benchmarks")
COMMANDS = {"format": ["format", "--check", "--quiet"], "lint": ["check", "--output-format", "concise", "--quiet"]}


@pytest.mark.parametrize("command", COMMANDS)
def test_ruff(command):
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *COMMANDS[command], *FOLDERS], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
