"""Values in the editor: computed as a run would, within the budget, and without running anything of the user's."""

import builtins
import json
import math
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

pytest.importorskip("numpy")

import numpy as np
import tensight_runtime as torch
from tensight_analyzer.interp.values import TensorValue
from tensight_runtime.engine.random import manual_seed
from tensight_server.evaluator.answer import Evaluator
from tensight_server.evaluator.session import Session
from tensight_server.evaluator.show import histogram, lines_of, statistics

ROOT = Path(__file__).resolve().parents[1]
BUDGET = {"seconds": 60.0, "megabytes": 256.0, "steps": 3_000_000}
HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"


def on_large_stack(work):
    """In a thread as the evaluation process has it."""
    found = []
    previous = threading.stack_size(256 << 20)
    try:
        thread = threading.Thread(target=lambda: found.append(work()))
        thread.start()
    finally:
        threading.stack_size(previous)
    thread.join()
    assert found, "the thread has failed"
    return found[0]


def ask(marked, folder=Path("/nowhere"), **budget):
    """The answers for the places that «…» mark, from one evaluator, in their order."""

    def work():
        evaluator = Evaluator()
        return [evaluator.answer(r) for r in requests(marked, folder, BUDGET | budget)]

    return on_large_stack(work)


def requests(marked, folder, budget):
    found, text = [], ""
    for part in re.split("[«»]", marked):
        line, col = text.count("\n") + 1, len(text) - (text.rfind("\n") + 1)
        text += part
        found.append({"line": line, "col": col, "end_line": line, "end_col": col + len(part)})
    same = {"id": 7, "path": str(folder / "program.py"), "text": text, "budget": budget}
    return [same | span for span in found[1::2]]


# -- equal to a run ----------------------------------------------------------------------------------------------------

PROGRAMS = {
    "arithmetic": """
torch.manual_seed(3)
x = torch.randn(4, 5)
y = (x @ x.T).softmax(-1)
x[1:3] += 10
n, flag, text = x.shape[0] * 2, bool((x > 5).any()), f"{3 + 4:03d}"
total = sum(float(v) for v in x.sum(1))
""",
    "gradients": """
torch.manual_seed(0)
w = torch.randn(3, requires_grad=True)
seen = []
h = w.register_hook(lambda g: seen.append(g.clone()))
for step in range(3):
    loss = (w ** 2).sum()
    loss.backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
    last = w.grad.clone()
    w.grad = None
count, first = len(seen), seen[0]
(g2,) = torch.autograd.grad((w ** 3).sum(), w)
""",
    "training": """
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(1)
x = torch.randn(40, 4)
data = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=8, shuffle=True)
net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 1))
opt = torch.optim.Adam(net.parameters(), lr=0.01)
for epoch in range(2):
    for a, b in data:
        opt.zero_grad()
        loss = F.mse_loss(net(a), b)
        loss.backward()
        opt.step()
torch.save(net.state_dict(), "somewhere.pt")
net.eval()
with torch.no_grad():
    out = net(x[:3])
again = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 1))
again.load_state_dict(torch.load("somewhere.pt"))
mean = again[1].running_mean
grad_on = torch.is_grad_enabled()
""",
    "python": """
import random, itertools, copy
from contextlib import contextmanager
random.seed(5)
def squares():
    for i in itertools.count(1):
        yield i * i
found = []
for s in squares():
    if s > 50:
        break
    found.append(s)
a, b = found[-1], random.randint(0, 100)
order = []
@contextmanager
def around():
    order.append("in")
    yield 5
    order.append("out")
with around() as five:
    order.append("body")
trace = "-".join(order)
try:
    torch.zeros(2, 3) @ torch.zeros(4, 5)
    message = ""
except RuntimeError as error:
    message = "caught"
finally:
    done = True
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
f15 = fib(15)
t = torch.arange(3.0)
c = copy.deepcopy(t)
t.data.mul_(2)
best = max([torch.tensor(1.0), torch.tensor(3.0)])
drawn = []
class Noisy:
    def __len__(self):
        return 3
    def __getitem__(self, i):
        return torch.rand(1)
from torch.utils.data import DataLoader
for i, (batch,) in enumerate(zip(DataLoader(Noisy(), batch_size=1))):
    drawn.append(float(batch) + float(torch.rand(1)))  # in turn with the batches
sum_drawn = sum(drawn)
both = sum(p * q for p, q in zip(itertools.islice(squares(), 3), map(float, range(3))))
k = {x: x * x for x in range(4) if x % 2}[3]
while k > 1:
    k //= 2
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_values_are_those_of_a_run(name, tmp_path):
    code = HEAD + PROGRAMS[name]
    session = Session(str(tmp_path / "program.py"), code, BUDGET)
    on_large_stack(lambda: [session.run()])
    assert session.end == ""
    held = session.machine.modules["__main__"].fields
    manual_seed(0)
    ran = {}
    from tensight_runtime.standin import install

    install()
    finders = sys.meta_path[:]
    modules = {k for k in sys.modules if k == "torch" or k.startswith("torch.")}
    hidden = {k: sys.modules.pop(k) for k in modules}  # real torch, where installed, comes back below
    try:
        code = code.replace('"somewhere.pt"', repr(str(tmp_path / "x.pt")))
        exec(compile(code, "program.py", "exec"), ran)  # natively, to compare
    finally:
        for key in [k for k in sys.modules if k == "torch" or k.startswith("torch.")]:
            del sys.modules[key]
        sys.modules.update(hidden)
        sys.meta_path[:] = [f for f in finders if type(f).__name__ != "_Finder"]
    compared = 0
    for key, value in ran.items():
        if isinstance(value, torch.Tensor):
            tensor = held[key].fields.tensor
            assert np.array_equal(tensor._array, value._array, equal_nan=True), key
            assert tensor.fact == value.fact and tensor.grad_fn.__class__ is value.grad_fn.__class__
            compared += 1
        elif type(value) in (int, float, str, bool) and not key.startswith("__"):
            assert held[key] == value, key
            compared += 1
    assert compared >= 5


def test_each_place_holds_what_it_held_last():
    code = HEAD + "«x» = torch.zeros(3)\nfor i in range(4):\n    «x» += i\n«z» = «x» * 1\n"
    before, inside, after, read = ask(code)
    assert before["lines"] == ["tensor([0., 0., 0.])"]
    assert inside["lines"] == after["lines"] == read["lines"] == ["tensor([6., 6., 6.])"]
    assert "the last of 4" in inside["provenance"] and "the last" not in before["provenance"]


def test_a_change_through_data_does_not_reach_back():
    later, earlier = ask(HEAD + "w = torch.ones(2)\n«old» = w\nw.data -= 1\nlater = «w»\n")[::-1]
    assert earlier["lines"] == ["tensor([1., 1.])"] and later["lines"] == ["tensor([0., 0.])"]


def test_inside_functions_the_call_is_named():
    (answer,) = ask(HEAD + "def f(a):\n    «b» = a + 1\n    return b\n\nf(torch.zeros(2))\nf(torch.ones(2))\n")
    assert answer["lines"] == ["tensor([2., 2.])"] and answer["provenance"] == "called in line 9; the last of 2"


def test_a_function_nobody_calls_has_no_value():
    (answer,) = ask(HEAD + "def f(a):\n    b = «a + 1»\n    return b\n")
    assert answer == {"id": 7, "ok": False, "lines": [], "provenance": "no value: the program never comes here"}


def test_provenance_says_which_random_numbers():
    (seeded,) = ask(HEAD + "torch.manual_seed(4)\n«x» = torch.randn(2)\n")
    (unseeded,) = ask(HEAD + "x = «torch.randn(2)»\n")
    assert seeded["provenance"] == "seed 4" and "sets no seed" in unseeded["provenance"]


def test_the_name_of_what_is_called_shows_the_result():
    code = HEAD + "net = nn.Linear(2, 3)\nx = torch.ones(1, 2)\ny = «net»(x).«view»(-1)\n"
    called, method = ask(code)
    assert called["lines"][0].startswith("tensor([[") and method["lines"][0].startswith("tensor([")


def test_an_imported_file_that_changes_is_read_again(tmp_path):
    helper = tmp_path / "helper.py"
    helper.write_text("import torch\ndef make():\n    return torch.ones(2)\n")
    (question,) = requests("from helper import make\nx = «make()»\n", tmp_path, BUDGET)
    evaluator = Evaluator()
    assert on_large_stack(lambda: evaluator.answer(question))["lines"] == ["tensor([1., 1.])"]
    helper.write_text("import torch\ndef make():\n    return torch.zeros(2)\n")
    os.utime(helper, (1, 1))
    assert on_large_stack(lambda: evaluator.answer(question))["lines"] == ["tensor([0., 0.])"]


# -- what stops it -----------------------------------------------------------------------------------------------------

STOPS = {
    "huge tensor": ("big = torch.zeros(10**9)\n", {}, "bytes"),
    "astronomic tensor": ("big = torch.zeros(10**9, 10**9)\n", {}, "bytes"),
    "huge product": ("a = torch.ones(50_000, 1)\nbig = a @ a.T\n", {}, "bytes"),
    "endless loop": ("while True:\n    pass\n", {"steps": 20_000}, "20,000 steps"),
    "endless work": ("t = torch.ones(200, 200)\nwhile True:\n    t = t @ t\n", {"seconds": 0.3}, "0.3 s"),
    "endless recursion": ("def f(n):\n    return f(n + 1)\nf(0)\n", {}, "RecursionError"),
    "endless generator": ("def g():\n    while True:\n        yield 1\nlist(g())\n", {"steps": 50_000}, "50,000 steps"),
    "huge list": ("l = [0] * 10**12\n", {}, "1,000,000 items"),
    "huge number": ("n = 10 ** 10 ** 10\nif n:\n    pass\n", {}, "too large"),
    "input": ("if input():\n    pass\n", {}, "typed by the user"),
    "clock": ("import time\nif time.time() > 5:\n    pass\n", {}, "depends on"),
    "file": ("for line in open('x'):\n    pass\n", {}, "an open file"),
    "unknown module": ("import pandas as pd\nif pd.read_csv('x').empty:\n    pass\n", {}, "pandas"),
    "error": ("torch.zeros(2) @ torch.zeros(3)\n", {}, "the program ends here with RuntimeError"),
    "exit": ("import sys\nsys.exit()\n", {}, "the program ends here"),
}


@pytest.mark.parametrize("name", STOPS)
def test_a_stop_is_one_calm_line(name):
    code, budget, words = STOPS[name]
    before, stopped = ask(HEAD + "«before» = torch.ones(2)\n" + code + "«after» = 1\n", **budget)
    assert not stopped["ok"] and stopped["lines"] == []
    assert stopped["provenance"].startswith("no value: ") and words in stopped["provenance"], stopped
    assert "\n" not in stopped["provenance"] and "Traceback" not in stopped["provenance"]
    assert before["ok"] and before["lines"] == ["tensor([1., 1.])"]  # what came before the stop is shown
    assert "the evaluation ended, in line" in before["provenance"]


# -- looking is safe ---------------------------------------------------------------------------------------------------


def test_nothing_happens_to_the_world(tmp_path, monkeypatch):
    (tmp_path / "precious").write_text("here")
    (tmp_path / "evil.py").write_text("import os\nos.mkdir('made_by_import')\nX = 1\n")
    code = (
        HEAD
        + f"""
import os, shutil, subprocess, evil
os.remove({str(tmp_path / "precious")!r})
shutil.rmtree({str(tmp_path)!r})
os.system("touch made")
subprocess.run(["touch", "made"])
open({str(tmp_path / "made")!r}, "w").write("x")
exec("open('made', 'w')")
eval("open('made', 'w')")
__import__("evil").X
torch.save(torch.ones(2), {str(tmp_path / "saved.pt")!r})
x = «torch.ones(2) + evil.X»
"""
    )
    monkeypatch.chdir(tmp_path)
    ask(code, tmp_path)  # modules of ours that are imported when first needed are there from now on

    def forbidden(name):
        def call(*args, **kwargs):
            raise AssertionError(f"{name} was called")

        return call

    real_import = builtins.__import__

    def known_import(name, *args, **kwargs):
        if name not in sys.modules and not args[2:3] and not name.startswith(("tensight_", "numpy")):
            raise AssertionError(f"import of {name}")
        return real_import(name, *args, **kwargs)

    with monkeypatch.context() as patch:
        for name in ("exec", "eval", "compile"):
            patch.setattr(builtins, name, forbidden(name))
        patch.setattr(builtins, "__import__", known_import)
        (answer,) = ask(code, tmp_path)
    assert answer["lines"] == ["tensor([2., 2.])"], answer
    assert sorted(p.name for p in tmp_path.iterdir()) == ["evil.py", "precious"]


def test_the_process_speaks_json_lines(tmp_path):
    (good,) = requests(HEAD + "«x» = torch.ones(2)\n", tmp_path, BUDGET)
    (broken,) = requests("def «f»(:\n", tmp_path, BUDGET)
    paths = [str(ROOT / part) for part in ("runtime", "analyzer", "server")]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tensight_server.evaluator"], text=True, capture_output=True, check=True,
        input="".join(json.dumps(r) + "\n" for r in (good, broken, good)),
        env={"PYTHONPATH": ":".join(paths), "PATH": ""} if sys.platform != "win32" else None,
    )  # fmt: skip
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [a["ok"] for a in answers] == [True, False, True]
    assert answers[0]["lines"] == ["tensor([1., 1.])"]


# -- how values look ---------------------------------------------------------------------------------------------------


def shown(tensor):
    return lines_of(TensorValue(type("H", (), {"tensor": tensor})(), None))


def test_a_tensor_is_shown_as_print_shows_it_after_its_statistics():
    x = torch.arange(24.0).reshape(4, 6)
    std = f"{np.arange(24.0).std(ddof=1):.4g}"
    assert shown(x) == [f"min 0, max 23, mean 11.5, std {std}, 1 zeros", *repr(x).split("\n")]


@pytest.mark.parametrize(
    "array, first",
    [
        (np.ones(10, np.float32), None),
        (np.zeros((5, 5), np.float32), "all zeros"),
        (np.full((5, 5), 2.5, np.float32), "all 2.5"),
        (np.arange(40) % 7, "min 0, max 6, 7 distinct"),
        (np.arange(40) % 4 == 0, "true 10, false 30"),
        (np.array([math.nan, math.inf, -math.inf] + [1.0] * 20), "1 NaN, 1 +Inf, 1 -Inf, min 1, max 1, mean 1, std 0"),
        (np.array([math.nan, 1.0]), "1 NaN"),
        (np.full(20, math.nan), "20 NaN"),
    ],
)
def test_statistics(array, first):
    found = statistics(array)
    assert (found[0] if found else None) == first


@pytest.mark.parametrize(
    "values, present",
    [
        (np.linspace(0, 1, 50), False), (np.linspace(0, 1, 51), True), (np.ones(100), False),
        (np.r_[np.zeros(90), np.linspace(1, 2, 10)], True), (np.r_[np.zeros(99), 1.0], False),
        (np.r_[-1e308, 1e308, np.zeros(60)], False),
    ],
)  # fmt: skip
def test_histogram_only_where_it_informs(values, present):
    assert bool(histogram(values)) == present


def test_plain_values_are_shown_as_python_shows_them():
    code = "«a» = (3,)\n«b» = [1, 'x', None]\n«c» = {'k': torch.ones(1)}\n«d» = torch.zeros(2, 3).shape\n"
    answers = ask(HEAD + code)
    assert [a["lines"] for a in answers] == [["(3,)"], ["[1, 'x', None]"], ["'k': tensor([1.])"], ["(2, 3)"]]


def test_mostly_zeros_are_said_apart():
    assert histogram(np.r_[np.zeros(90), np.linspace(1, 2, 10)]) == "90% zeros; the rest 1 |██████████| 2"


def test_large_tensors_are_sampled_and_that_is_said():
    line = statistics(np.arange(3_000_000, dtype=np.float32))[0]
    assert line.endswith("(of a sample of 1,000,000)")
