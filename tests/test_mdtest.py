"""The pages under tests/mdtest, each block before three judges: the analyzer, our runtime, and torch if installed."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from support import judges, mdtest

PAGES = sorted((Path(__file__).parent / "mdtest").glob("*.md"))
BLOCKS = [block for page in PAGES for block in mdtest.read_page(page)]
EXECUTED = {"runtime": "tensight_runtime", "torch": "torch"}


@pytest.mark.parametrize("block", BLOCKS, ids=[block.id for block in BLOCKS])
def test_block(block, tmp_path):
    wrong = [f"analyzer: {text}" for text in mdtest.judge_analyzer(block, tmp_path)]
    mdtest.seen["analyzer"] += 1
    for name, module in EXECUTED.items():
        if find_spec(module) is None:
            mdtest.left_out[f"{name}, which is not installed"] = (
                mdtest.left_out.get(f"{name}, which is not installed", 0) + 1
            )
            continue
        mdtest.seen[name] += 1
        wrong += [f"{name}: {text}" for text in judges.judge(block, module)]
    assert not wrong, "\n".join(wrong)


# -- the runner itself -------------------------------------------------------------------------------------------------

BAD = [
    ("x = torch.zeros(2, 3)  # => f32[2, 4]", "analyzer: line 4: f32[2, 3], not f32[2, 4]"),
    ("x = torch.zeros(2, 3)  # => f32[2, 4]", "runtime: line 4: float32[2, 3]"),
    ("x = torch.zeros(2, 3)  # => f64[2, 3]", "runtime: line 4: float32[2, 3]"),
    ("x = torch.zeros(2)  # => f32[2] grad", "runtime: line 4"),
    ("x = torch.zeros(2)  # todo-=> f32[2]", "no `todo` any more"),
    ("x = torch.zeros(2)  # error", "analyzer: line 4: nothing is found"),
    ("x = torch.zeros(2)  # error", "runtime: line 4: nothing is raised"),
    ("x = torch.zeros(2) @ torch.zeros(3)", "analyzer: line 4: unexpected [shape-mismatch]"),
    ("x = torch.zeros(2) @ torch.zeros(3)", "runtime: line 4: raises RuntimeError"),
    ("x = torch.zeros(2) @ torch.zeros(3)  # error: [dtype-mismatch]", "analyzer: line 4: [shape-mismatch]"),
    ('x = torch.zeros(2) @ torch.zeros(3)  # error: "no such words"', "runtime: line 4: raises"),
    ("x = torch.zeros(2) @ torch.zeros(3)  # todo-error", "no `todo` any more"),
    ('x = given("f32[B, C]")\ny = x.T  # => f32[B, C]', "runtime: line 5: float32[4, 3]"),
]  # fmt: skip


@pytest.mark.parametrize("code, complaint", BAD)
def test_the_judges_disagree(code, complaint, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n\n## Block\n\n```python\n{code}\n```\n", encoding="utf-8")
    (block,) = mdtest.read_page(page)
    wrong = [f"analyzer: {text}" for text in mdtest.judge_analyzer(block, tmp_path)]
    wrong += [f"runtime: {text}" for text in judges.judge(block, "tensight_runtime")]
    assert any(complaint in text for text in wrong), wrong


def test_blocks_of_a_heading_are_one_file(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# P\n\n## A\n\n```python\nx = 1\n```\n\n```python\ny = x + 1  # => 2\n```\n\n## B\n\n```python\nz = 1\n```\n"
    )
    blocks = mdtest.read_page(page)
    assert [block.title for block in blocks] == ["A", "A (2)", "B"]
    assert blocks[1].program.endswith("x = 1\ny = x + 1  # => 2\n") and "x" not in blocks[2].program.split("F\n")[1]
    assert mdtest.judge_analyzer(blocks[1], tmp_path) == [] and judges.judge(blocks[1], "tensight_runtime") == []
