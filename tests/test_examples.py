"""The examples: checked, they show exactly the planted mistakes; run, they train, with the numbers of torch."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tensight_analyzer.builtin import RULES
from tensight_analyzer.check import check
from tensight_analyzer.config import Settings
from tensight_analyzer.plugin import installed

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
MISTAKES = sorted((EXAMPLES / "mistakes").glob("*.py"))
PROGRAMS = ["mlp_regression", "cnn", "attention"]
PLANTED = re.compile(r"# error: \[([a-z-]+)\]")

needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")


def planted(file):
    lines = file.read_text(encoding="utf-8").splitlines()
    return [(str(file), number, found[1]) for number, line in enumerate(lines, 1) if (found := PLANTED.search(line))]


def test_the_planted_mistakes_are_found_and_nothing_else():
    report = check([str(EXAMPLES)], Settings(), installed())
    assert not report.problems and not report.notes
    found = [(os.path.abspath(f.where.file), f.where.line, f.name) for f in report.findings]
    assert sorted(found) == sorted(p for file in EXAMPLES.rglob("*.py") for p in planted(file))


def test_every_rule_has_its_file_with_one_mistake():
    assert {rule.name: [rule.name] for rule in RULES} == {
        file.stem.replace("_", "-"): [name for _, _, name in planted(file)] for file in MISTAKES
    }


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_trains(name, tmp_path):
    losses = numbers(run_with("tensight_runtime.run", EXAMPLES / f"{name}.py", tmp_path), r"(?:train|loss) (\d+\.\d+)")
    assert len(losses) >= 4
    assert losses[-1] < 0.7 * losses[0]


@needs_torch
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_prints_what_it_prints_under_torch(name, tmp_path):
    if name == "mlp_regression":
        pytest.importorskip("torch.utils.tensorboard")
    file = EXAMPLES / f"{name}.py"
    ours = run_with("tensight_runtime.run", file, tmp_path / "ours")
    theirs = run_with(None, file, tmp_path / "theirs")
    assert re.sub(r"-?\d+\.\d+", "#", ours) == re.sub(r"-?\d+\.\d+", "#", theirs)
    assert numbers(ours) == pytest.approx(numbers(theirs), rel=1e-4, abs=2e-4)


RUN_ALL = """
import runpy, sys, traceback
for path in sys.argv[1:]:
    try:
        runpy.run_path(path, run_name="__main__")
        print(path, None, "", sep="|")
    except Exception as error:
        line = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path][-1]
        print(path, line, str(error).splitlines()[0], sep="|")
"""


@needs_torch
def test_a_mistake_is_one_under_torch_too(tmp_path):
    """The two silent ones run to their end; the one about devices needs a GPU."""
    result = python(["-c", RUN_ALL, *map(str, MISTAKES)], tmp_path)
    assert result.returncode == 0, result.stderr
    for told in (line.split("|") for line in result.stdout.splitlines() if line.count("|") == 2):
        path, line, message = told
        file = Path(path)
        if "CUDA" in message:
            continue
        silent = file.stem in ("missing_zero_grad", "softmax_before_cross_entropy")
        assert line == ("None" if silent else str(planted(file)[0][1])), told


def numbers(text, pattern=r"(-?\d+\.\d+)"):
    return [float(found) for found in re.findall(pattern, text)]


def run_with(module, file, folder):
    """What the program prints, executed by `module`, or by Python itself."""
    code = f"import sys; from {module} import main; sys.exit(main(sys.argv[1:]))"
    result = python(["-c", code, str(file)] if module else [str(file)], folder)
    assert result.returncode == 0, result.stderr
    return result.stdout


def python(arguments, folder):
    folder.mkdir(exist_ok=True)
    paths = [str(ROOT / part) for part in ("runtime", "analyzer", "server")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8"
    )
