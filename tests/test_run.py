"""`tensight run`: the program finds what `python FILE` would give it, and torch is ours."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numpy")

ROOT = Path(__file__).resolve().parents[1]


def run(folder, code, *arguments, name="program.py"):
    (folder / name).write_text(code, encoding="utf-8")
    paths = os.pathsep.join(str(ROOT / part) for part in ("runtime", "analyzer", "server"))
    command = [sys.executable, "-c", "import sys; from tensight_runtime.run import main; sys.exit(main(sys.argv[1:]))"]
    return subprocess.run([*command, name, *arguments], cwd=folder, env=os.environ | {"PYTHONPATH": paths},
                          capture_output=True, text=True, encoding="utf-8")  # fmt: skip


def test_the_program_is_main(tmp_path):
    (tmp_path / "beside.py").write_text("WORD = 'beside'\n")
    code = """
import os, sys, pickle, beside
class Thing: pass
assert type(pickle.loads(pickle.dumps(Thing()))) is Thing
print(__name__, sys.argv, os.path.basename(__file__), os.path.isabs(__file__), os.getcwd() == os.path.dirname(__file__))
print(sys.path[0] == os.path.dirname(os.path.realpath(__file__)), beside.WORD, sys.modules["__main__"].Thing is Thing)
"""
    result = run(tmp_path, code, "--flag", "3")
    assert result.stdout.splitlines() == [
        "__main__ ['program.py', '--flag', '3'] program.py True True", "True beside True"
    ], result.stderr  # fmt: skip


def test_every_way_to_import_torch_is_the_runtime(tmp_path):
    code = """
import torch, torch.nn as nn, torch.utils.data
from torch import nn as again, optim
from torch.utils.data import DataLoader
from torch.optim.lr_scheduler import StepLR
import torch.nn.functional as F
import tensight_runtime
assert torch is tensight_runtime and nn is again is torch.nn and torch.utils.data.DataLoader is DataLoader
print(torch.__version__, F.relu(torch.tensor([-1.0, 2.0])))
"""
    result = run(tmp_path, code)
    assert result.stdout == "2.13.0+tensight tensor([0., 2.])\n", result.stderr


@pytest.mark.parametrize(
    "code, status, error",
    [
        ("import sys\nsys.exit(7)\n", 7, ""),
        ("raise SystemExit('so long')\n", 1, "so long\n"),
        ("raise SystemExit\n", 0, ""),
        ("pass\n", 0, ""),
    ],
)
def test_the_exit_status_is_passed_through(tmp_path, code, status, error):
    result = run(tmp_path, code)
    assert (result.returncode, result.stderr) == (status, error)


def test_a_traceback_shows_the_users_frames(tmp_path):
    code = "import torch\nfrom torch import nn\ndef f(x):\n    return nn.Linear(3, 4)(x)\nf(torch.zeros(2, 5))\n"
    result = run(tmp_path, code)
    files = [line.split('"')[1] for line in result.stderr.splitlines() if line.startswith('  File "')]
    assert result.returncode == 1
    assert [Path(f).name for f in files] == ["program.py", "program.py", "module.py", "linear.py"]  # as in torch
    assert "RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x5 and 3x4)" in result.stderr


@pytest.mark.parametrize(
    "code, words",
    [
        ("import torch\ntorch.frobnicate(1)\n", "torch.frobnicate is not in tensight_runtime"),
        ("from torch import frobnicate\n", "torch.frobnicate is not in tensight_runtime"),
        ("from torch.nn import Frob\n", "torch.nn.Frob is not in tensight_runtime"),
        ("import torch.frob.nicate\n", "torch.frob is not in tensight_runtime"),
    ],
)
def test_a_name_we_do_not_have_is_said_to_be_missing(tmp_path, code, words):
    result = run(tmp_path, code)
    assert result.returncode == 1 and words in result.stderr
    assert f"{os.sep}engine{os.sep}" not in result.stderr


def test_a_program_may_ask_for_what_is_missing(tmp_path):
    code = """
import torch
try:
    import torch.frob
except ImportError:
    print("no frob")
print(hasattr(torch, "frobnicate"), getattr(torch, "frobnicate", 3))
"""
    assert run(tmp_path, code).stdout == "no frob\nFalse 3\n"


def test_files_that_cannot_be_run(tmp_path):
    assert run(tmp_path, "def f(:\n").stderr.endswith("SyntaxError: invalid syntax\n")
    result = subprocess.run(
        [sys.executable, "-c", "from tensight_runtime.run import main; raise SystemExit(main(['nowhere.py']))"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT / "runtime")}, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 2
    assert result.stderr == "tensight: nowhere.py: cannot be read: No such file or directory\n"
