"""The invariants of ARCHITECTURE.md, each under its number."""

from __future__ import annotations

import ast
import builtins
import operator
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tensight_runtime.ops import table
from tensight_runtime.spec.dtype import BY_NAME

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {"runtime": "tensight_runtime", "analyzer": "tensight_analyzer", "server": "tensight_server"}
RUNTIME, ANALYZER, SERVER = (ROOT / folder / package for folder, package in PACKAGES.items())
PATH = [str(ROOT / folder) for folder in PACKAGES]


def python(*arguments: str, folder: Path = ROOT) -> str:
    """What a new Python prints, which finds the three packages."""
    script = f"import sys; sys.path[:0] = {PATH!r}; {arguments[0]}"
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def sources(*folders: Path) -> Iterator[Path]:
    return (path for folder in folders for path in sorted(folder.rglob("*.py")))


# -- 1 to 3: who imports whom ------------------------------------------------------------------------------------------


def test_import_contracts():
    """The contracts of pyproject.toml."""
    script = "from importlinter.cli import lint_imports_command; lint_imports_command(['--no-cache'])"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {PATH!r}; {script}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


LIGHT = {
    "tensight_analyzer.check, tensight_analyzer.builtin": {"numpy", "cupy", "libcst", "pygls", "lsprotocol", "rich"},
    "tensight_runtime, tensight_runtime.ops; tensight_runtime.ops.table()": {
        "numpy",
        "cupy",
        "tensight_runtime.engine",
    },
    "tensight_server.app": {"numpy", "libcst", "tensight_analyzer.interp", "tensight_runtime.engine"},
    "tensight_server.analyst": {"numpy", "libcst", "pygls", "lsprotocol"},
}


@pytest.mark.parametrize("modules", LIGHT)
def test_importing_loads_nothing_heavy(modules):
    heavy = LIGHT[modules]
    assert python(f"import {modules}; print(sorted({heavy!r} & set(sys.modules)))").strip() == "[]"


def test_analysing_loads_no_arrays(tmp_path):
    """Also the lazy imports of a whole check."""
    (tmp_path / "p.py").write_text(
        "import torch\nfrom torch import nn\nx = nn.Linear(3, 4)(torch.zeros(2, 3))\ny = x @ x\n"
    )
    check = "from tensight_analyzer.cli import main; status = main(['check', 'p.py', '--format', 'concise'])"
    said = python(
        f"{check}; print(status, sorted({{'numpy', 'cupy', 'torch', 'pygls'}} & set(sys.modules)))", folder=tmp_path
    )
    assert said.splitlines()[-1] == "1 []"


# -- 4: no layer, loss or optimizer by name ----------------------------------------------------------------------------


def without_docstrings(path: Path) -> str:
    """The text of a file, its classes' docstrings blanked."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef) and ast.get_docstring(node) is not None:
            for line in range(node.body[0].lineno - 1, node.body[0].end_lineno):
                lines[line] = ""
    return "\n".join(lines)


def test_no_layer_loss_or_optimizer_is_known_by_name():
    """`tests/data/torch_names.txt` holds the classes of torch.nn and torch.optim."""
    names = set((ROOT / "tests/data/torch_names.txt").read_text().split())
    rules = ANALYZER / "rules"
    found = []
    for path in sources(ANALYZER, SERVER):
        text = without_docstrings(path) if path.parent == rules else path.read_text(encoding="utf-8")
        for number, line in enumerate(text.splitlines(), 1):
            found += [f"{path.relative_to(ROOT)}:{number}: {n}" for n in re.findall(r"\w+", line) if n in names]
    assert found == []


# -- 5: no operator by name --------------------------------------------------------------------------------------------

# words that are operators' names and something else besides, or that are needed although they are one: file -> words
OTHERWISE = {
    "interp/abstract.py": {"remainder", "floor_divide", "div", "bitwise_and", "bitwise_or", "bitwise_xor"},  # `a %= b`
    "interp/frame.py": {"chunk"},  # a slot: the chunk of text
    "interp/methods.py": {"numel", "is_complex", "is_floating_point", "is_signed"},  # of torch.Size and torch.dtype
    "interp/roots.py": {"normal"},  # a kind of parameters
    "interp/trail.py": {"log"},  # a slot: the undo log
    "engine/plan.py": {"diff", "numpy"},  # a slot: differentiable inputs; the array library
    "engine/refusal.py": {"numpy"},  # the array library
    "engine/tape.py": {"torch.stack"},  # `is_grads_batched` asks for the rows' gradients as one tensor
}  # fmt: skip


def vocabulary() -> set[str]:
    """What is not said of operators: Python's own names, dtypes, devices, and the words operators are declared in."""
    python_own = {
        name for kind in (builtins, operator, str, list, dict, set, tuple, float, complex) for name in dir(kind)
    }
    words = {"cpu", "cuda", "item", "size", *BY_NAME, *("short", "int", "long", "float", "double")}
    declared = {word for op in table().ops for word in (op.returns, op.alias) if isinstance(word, str)}
    parameters = {param.name for op in table().ops for param in op.params}
    return python_own | words | declared | parameters


def constants(path: Path) -> Iterator[str]:
    """The strings of a file that are no docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            yield node.value


def test_engine_and_interpreter_know_no_operator_by_name():
    """Neither alone nor as a full name, but for Python's own protocol (`__getitem__`)."""
    public = {name for name in table().by_name if not name.rpartition(".")[2].startswith("__")}
    last = {name.rpartition(".")[2] for name in public} - vocabulary()
    found: dict[str, set[str]] = {}
    for path in sources(RUNTIME / "engine", ANALYZER / "interp"):
        words = {text for text in constants(path) if text in public | last}
        if words:
            found["/".join(path.parts[-2:])] = words
    assert found == OTHERWISE  # an exception that is no longer needed fails as well


def test_operators_are_never_compared_by_name():
    """`op.name == "matmul"` would be a second place that knows what matmul is."""
    found = []
    for path in sources(RUNTIME / "engine", ANALYZER / "interp", SERVER / "evaluator"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare) and isinstance(left := node.left, ast.Attribute):
                owner = left.value.id if isinstance(left.value, ast.Name) else getattr(left.value, "attr", "")
                if left.attr in ("name", "base_name") and owner in ("op", "base", "overload"):
                    found.append(f"{path.name}:{node.lineno}: {ast.unparse(node)}")
    assert found == []


# -- 8: what is shipped ------------------------------------------------------------------------------------------------


def ours(folder: Path) -> set[str]:
    """The files of a folder but for what tools leave there."""
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and not {"__pycache__", ".ruff_cache"} & set(path.parts) and path.suffix != ".pyc"
    }


def test_each_folder_holds_one_package():
    for folder, package in PACKAGES.items():
        names = {p.name for p in (ROOT / folder).iterdir()} - {"__pycache__", "README.md"}
        assert names == {package}
        assert (ROOT / folder / package / "py.typed").is_file()


def test_the_wheel_is_the_tree(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == {
        f"{package}/{name}" for folder, package in PACKAGES.items() for name in ours(ROOT / folder / package)
    }


# -- 9: generated files ------------------------------------------------------------------------------------------------


def test_the_stub_of_tensor_is_fresh():
    """Else: python -m tensight_runtime.engine.stub > runtime/tensight_runtime/engine/methods.pyi"""
    from tensight_runtime.engine.stub import stub

    assert (RUNTIME / "engine/methods.pyi").read_text(encoding="utf-8") == stub()


def test_the_pages_are_fresh():
    """Else: python -m tensight_analyzer.report.pages"""
    from tensight_analyzer.builtin import plugin
    from tensight_analyzer.plugin import Registry
    from tensight_analyzer.report.pages import pages

    docs = ROOT / "docs"
    made = pages(Registry([plugin]))
    stale = [
        path for path, text in made.items() if not (docs / path).is_file() or (docs / path).read_text("utf-8") != text
    ]
    assert stale == []
    assert {path for path in ours(docs / "rules")} == {path.removeprefix("rules/") for path in made if path != "ops.md"}


# -- 10: the page itself -----------------------------------------------------------------------------------------------


def test_files_are_short():
    """A file that needs more than 450 lines holds two things."""
    long = {str(p.relative_to(ROOT)): n for p in sources(RUNTIME, ANALYZER, SERVER) if (n := lines(p)) > 450}
    assert long == {}


def lines(path: Path) -> int:
    return path.read_text(encoding="utf-8").count("\n")


def test_every_invariant_names_a_test_that_exists():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert text.count("\n") <= 250
    named = re.findall(r"`(test_\w+\.py)::(\w+)`", text)
    assert named
    for file, test in named:
        assert f"def {test}(" in (ROOT / "tests" / file).read_text(encoding="utf-8"), f"{file}::{test}"
    numbers = [int(n) for n in re.findall(r"^(\d+)\. \*\*", text, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1)) and numbers


def test_every_folder_of_a_package_has_its_paragraph():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    for package in (RUNTIME, ANALYZER, SERVER):
        folders = [p.name for p in package.iterdir() if p.is_dir() and (p / "__init__.py").is_file()]
        assert [name for name in folders if f"`{name}/`" not in text] == []
