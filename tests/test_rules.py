"""Every rule's page is its test: a line marked `# error` gets this rule, and all other lines stay quiet."""

import re

import pytest
from support.analyzer import findings_in
from tensight_analyzer.builtin import RULES
from tensight_analyzer.facts.finding import CATEGORIES, SEVERITIES
from tensight_analyzer.rule import examples, page, summary

CASES = [(rule, example) for rule in RULES for example in examples(rule)]


@pytest.mark.parametrize("rule, example", CASES, ids=[f"{r.name}: {e.title}" for r, e in CASES])
def test_example(rule, example, tmp_path):
    found = findings_in(example.code, tmp_path)
    assert [(f.where.line, f.name) for f in found] == [(line, rule.name) for line in example.errors], found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_form(rule):
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", rule.name)
    assert re.fullmatch(r"TS\d{3}", rule.code)
    assert rule.category in CATEGORIES and rule.severity in SEVERITIES
    assert len(summary(rule)) < 120 and summary(rule).endswith(".")
    headings = [line[3:] for line in page(rule).splitlines() if line.startswith("## ")]
    assert headings[0] == "Why"
    assert any(e.title.startswith("Bad") and e.errors for e in examples(rule))
    assert any(e.title.startswith("Good") for e in examples(rule))
    assert all(bool(e.errors) == e.title.startswith("Bad") for e in examples(rule))


def test_names_and_codes_are_unique():
    assert len({rule.name for rule in RULES}) == len({rule.code for rule in RULES}) == len(RULES) == 12


# -- what a message says -----------------------------------------------------------------------------------------------

NET = """\
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(784, 128)
        self.out = nn.Linear(64, 10)

    def forward(self, x):
        h = self.fc(x)
        return self.out(h)

net = Net()
a = net(torch.zeros(32, 784))
b = net(torch.zeros(16, 784))
"""


def test_a_message_names_the_users_things(tmp_path):
    (finding,) = findings_in(NET, tmp_path)  # two calls, one mistake, one finding
    assert finding.where.line == 12 and finding.where.col == 15
    assert finding.message.startswith("mat1 and mat2 shapes cannot be multiplied (32x128 and 64x10): ")
    assert "`h` is f32[32, 128] grad" in finding.message and "`self.out.weight` is f32[10, 64]" in finding.message
    assert finding.message.endswith("(in Linear.forward)")
    lines = {note.where.line: note.message for note in finding.notes}
    assert "nn.Linear(64, 10)" in lines[8] and "`h`" in lines[11] and "Net.forward is called here" in lines[15]


def test_after_an_error_there_is_silence(tmp_path):
    code = "import torch\nx = torch.zeros(2, 3) @ torch.zeros(4, 5)\ny = x @ torch.zeros(7, 8)\ny.sum().backward()\n"
    assert [f.where.line for f in findings_in(code, tmp_path)] == [2]


def test_a_mistake_inside_a_helper_is_found_there(tmp_path):
    code = "import torch\ndef mul(a, b):\n    return a @ b\ny = mul(torch.zeros(2, 3), torch.zeros(4, 5))\n"
    (finding,) = findings_in(code, tmp_path)
    assert finding.where.line == 3
    assert any(note.where.line == 4 and "mul is called here" in note.message for note in finding.notes)


def test_no_alarm_for_alternatives_that_may_never_meet(tmp_path):
    code = """\
import random
import torch
if random.random() > 0.5:
    x, w = torch.zeros(2, 3), torch.zeros(3)
else:
    x, w = torch.zeros(2, 4, 5), torch.zeros(5, 6)
y = x @ w
"""
    assert findings_in(code, tmp_path) == []


def test_an_error_on_a_branch_that_may_be_taken_is_an_error(tmp_path):
    code = "import random\nimport torch\nif random.random() > 0.5:\n    y = torch.zeros(2, 3) @ torch.zeros(4)\n"
    assert [f.where.line for f in findings_in(code, tmp_path)] == [4]


def test_no_alarm_where_the_program_expects_the_error(tmp_path):
    code = "import torch\ntry:\n    torch.zeros(2, 3) @ torch.zeros(4)\nexcept RuntimeError:\n    pass\n"
    assert findings_in(code, tmp_path) == []


# -- symbols and witnesses ---------------------------------------------------------------------------------------------


def test_a_conflict_of_symbolic_sizes_has_a_witness(tmp_path):
    code = 'import torch\nx = given("f32[B, 784]")\ny = x.repeat(2, 1) @ torch.zeros(10, 784)\n'
    (finding,) = findings_in(code, tmp_path)
    assert finding.severity == "error" and "f32[2*B, 784]" in finding.message


def test_equal_symbols_raise_no_alarm(tmp_path):
    code = 'import torch\nx = given("f32[B, C]")\nw = given("f32[D, 10]")\ny = x @ w\nz = x @ w\n'
    assert findings_in(code, tmp_path) == []


def test_two_uses_that_contradict_each_other(tmp_path):
    code = 'import torch\nx = given("f32[B, C]")\na = x @ torch.zeros(3, 4)\nb = x @ torch.zeros(5, 4)\n'
    assert [f.where.line for f in findings_in(code, tmp_path)] == [4]


def test_what_a_replay_does_not_meet_is_no_finding(tmp_path):
    from tensight_analyzer.facts.witness import Claim, confirmed
    from tensight_runtime.spec.cond import ge
    from tensight_runtime.spec.knowledge import Knowledge
    from tensight_runtime.spec.size import symbol, symbols

    (finding,) = findings_in("import torch\na = torch.zeros(2, 3) @ torch.zeros(4)\n", tmp_path)
    size = symbol("B", ("here", 1), 0)
    known = Knowledge.EMPTY.assume(ge(size, 6))
    asked = []

    def replay(meets):
        return lambda numbers: asked.append(numbers) or ({finding.place} if meets else set())

    claim = Claim(finding, known, symbols(size))
    assert confirmed([claim], replay(True)) == [finding]
    assert asked[0][("here", 1)] >= 6
    assert confirmed([claim], replay(False)) == []
    assert confirmed([Claim(finding, Knowledge.EMPTY, frozenset())], replay(False)) == [
        finding
    ]  # concrete: nothing to try


# -- choosing ----------------------------------------------------------------------------------------------------------

TWO = "import torch\na = torch.zeros(2, 3) @ torch.zeros(4)\nb = torch.zeros(2) + torch.zeros(2, device='meta')\n"


def test_select_and_ignore(tmp_path):
    assert [f.name for f in findings_in(TWO, tmp_path)] == ["shape-mismatch", "device-mismatch"]
    assert [f.name for f in findings_in(TWO, tmp_path, select=("TS103",))] == ["device-mismatch"]
    assert [f.name for f in findings_in(TWO, tmp_path, ignore=("device-mismatch",))] == ["shape-mismatch"]


@pytest.mark.parametrize("comment", ["# tensight: ignore", "# tensight: ignore[shape-mismatch]",
                                     "# tensight: ignore[device-mismatch, TS101]"])  # fmt: skip
def test_suppressed(comment, tmp_path):
    assert findings_in(f"import torch\na = torch.zeros(2, 3) @ torch.zeros(4)  {comment}\n", tmp_path) == []


def test_suppressing_another_rule_changes_nothing(tmp_path):
    code = "import torch\na = torch.zeros(2, 3) @ torch.zeros(4)  # tensight: ignore[dtype-mismatch]\n"
    assert len(findings_in(code, tmp_path)) == 1
