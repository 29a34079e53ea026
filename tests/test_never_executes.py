"""check, infer and hover execute nothing of a program: `exec`, `eval`, `compile` and `__import__` raise meanwhile.

Values of hovers are computed by the same interpreter in a process of its own, so the evaluator is called here directly.
"""

from __future__ import annotations

import builtins
import sys
from contextlib import contextmanager

import pytest
from tensight_analyzer.cli import main, with_large_stack
from tensight_server.evaluator.answer import Evaluator
from tensight_server.hover_command import analysed

HOSTILE = """\
import os
import subprocess
import sys
import torch
from torch import nn
import helper
from helper import mark

open("touched", "w").write("by open")
os.system("touch touched")
subprocess.run(["touch", "touched"])
exec("open('touched', 'w')")
eval("open('touched', 'w')")
__import__("helper")
compile("open('touched', 'w')", "x", "exec")
getattr(os, "sys" + "tem")("touch touched")
torch.save(torch.zeros(2), "touched")


class Meta(type):
    def __new__(cls, *args):
        open("touched", "w")
        return super().__new__(cls, *args)


class Odd(metaclass=Meta):
    def __del__(self):
        os.system("touch touched")

    def __repr__(self):
        open("touched", "w")


def decorated(function):
    os.remove("program.py")
    return function


@decorated
def made(n=os.system("touch touched")):
    return torch.zeros(n, 3)


x = torch.ones(2, 3)
y = nn.Linear(3, 4)(x)
value = x * 2
seen = Odd()
z = y @ torch.zeros(5, 6)
sys.exit(3)
"""
HELPER = "import os\nopen('touched', 'w').write('by import')\ndef mark():\n    os.system('touch touched')\n"
CALM = "import torch\nfrom torch import nn\nx = torch.ones(2, 3)\ny = nn.Linear(3, 4)(x)\nvalue = x * 2\n"


def refused(*args, **kwargs):
    raise AssertionError(f"called with {args!r:.200}")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a hostile program; what our own code imports lazily has been imported for the calm one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "calm.py").write_text(CALM)
    (tmp_path / "program.py").write_text(HOSTILE)
    (tmp_path / "helper.py").write_text(HELPER)
    for look in LOOKS.values():
        look("calm.py")
    return tmp_path


@contextmanager
def sealed():
    """Meanwhile nothing is executed, and nothing is imported that was not there before."""
    known = frozenset(sys.modules)
    real = builtins.__import__

    def ours(name, scope=None, *rest):
        if name not in known and f"{(scope or {}).get('__package__')}.{name}" not in known:
            refused(name)
        return real(name, scope, *rest)

    with pytest.MonkeyPatch.context() as patch:
        for name in ("exec", "eval", "compile"):
            patch.setattr(builtins, name, refused)
        patch.setattr(builtins, "__import__", ours)
        yield


def check(file: str) -> object:
    return main(["check", file, "--format", "concise"])


def infer(file: str) -> object:
    return main(["infer", "--jsonl", file])


def hover(file: str) -> object:
    view = analysed(file)
    spots = [view.at(number, 0) for number in range(1, 60)]
    return [spot for spot in spots if spot is not None]


def evaluate(file: str) -> dict:
    text = open(file, encoding="utf-8").read()
    line = text[: text.index("value = ")].count("\n") + 1
    request = {"id": 1, "path": file, "text": text, "line": line, "col": 0, "end_line": line, "end_col": 5}
    return with_large_stack(lambda: Evaluator().answer(request))


LOOKS = {"check": check, "infer": infer, "hover": hover, "evaluate": evaluate}


@pytest.mark.parametrize("look", LOOKS)
def test_nothing_of_a_program_is_executed(look, folder, capsys):
    with sealed():
        LOOKS[look]("program.py")
    assert sorted(path.name for path in folder.iterdir()) == ["calm.py", "helper.py", "program.py"]
    assert (folder / "program.py").read_text() == HOSTILE
    assert "helper" not in sys.modules


def test_the_hostile_program_is_understood_all_the_same(folder, capsys):
    with sealed():
        check("program.py")
        found = capsys.readouterr().out
        infer("program.py")
        facts = capsys.readouterr().out
        shown = hover("program.py")
        value = evaluate("program.py")
    assert "shapes cannot be multiplied (2x4 and 5x6)" in found
    assert '"name": "y"' in facts and '"shape": [2, 4]' in facts
    assert shown
    assert value["ok"], value
