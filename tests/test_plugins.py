"""Plugins: a second package is installed, and its operator, rule and module are as good as ours."""

import base64
import hashlib
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from tensight_analyzer.builtin import plugin as builtin
from tensight_analyzer.plugin import GROUP, Plugin, PluginError, Registry, installed
from tensight_analyzer.rule import Rule, examples

HERE = Path(__file__).parent
EXAMPLE = HERE / "plugin_example"
PROGRAM = """\
import torch
import widgets

x = torch.zeros(2, 3).double_last()
y = x.double_last()
z = widgets.make(4) @ x
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder into which pip has installed the example, from a wheel made as its pyproject.toml says."""
    target = tmp_path_factory.mktemp("site")
    wheel = make_wheel(EXAMPLE, tmp_path_factory.mktemp("wheel"))
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile",
               "--disable-pip-version-check", "--target", str(target), str(wheel)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return target


def make_wheel(project: Path, folder: Path) -> Path:
    """A wheel of a pure Python project; it needs no build backend and no network."""
    settings = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    name, version = settings["name"].replace("-", "_"), settings["version"]
    info = f"{name}-{version}.dist-info"
    points = [line for group, entries in settings["entry-points"].items()
              for line in (f"[{group}]", *(f"{k} = {v}" for k, v in entries.items()))]  # fmt: skip
    files = {str(p.relative_to(project)): p.read_bytes() for p in sorted((project / name).rglob("*.py"))}
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {settings['name']}\nVersion: {version}\n".encode()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/entry_points.txt"] = "\n".join(points).encode()
    record = [f"{n},sha256={_digest(data)},{len(data)}" for n, data in files.items()] + [f"{info}/RECORD,,"]
    files[f"{info}/RECORD"] = "\n".join(record).encode()
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, data in files.items():
            archive.writestr(file, data)
    return path


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def tensight(site: Path, *arguments: str) -> subprocess.CompletedProcess:
    """The command line in a process that sees the installed plugin."""
    root = HERE.parent
    path = [str(site), *(str(root / folder) for folder in ("runtime", "analyzer", "server"))]
    script = f"import sys; sys.path[:0] = {path!r}; from tensight_analyzer.cli import main; sys.exit(main())"
    return subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=120)


def test_an_installed_plugin_takes_part(site, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = tensight(site, "check", str(program), "--format", "concise")
    assert done.returncode == 1, done.stderr
    first, second = done.stdout.splitlines()
    assert ":5:5: warning[double-twice] the last dimension is doubled twice" in first
    assert ":6:5: error[shape-mismatch] mat1 and mat2 shapes cannot be multiplied (4x7 and 2x6)" in second


def test_its_rule_has_a_page(site):
    assert "double-twice" in tensight(site, "rules").stdout
    assert "One `repeat` does the same." in tensight(site, "explain", "EX001").stdout


def test_without_it_nothing_of_it_is_known(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = tensight(tmp_path, "check", str(program), "--format", "concise")
    assert (done.returncode, done.stdout) == (0, "")


def test_its_examples_are_its_tests(site, tmp_path, monkeypatch):
    from support.analyzer import findings_in

    monkeypatch.syspath_prepend(str(site))
    import plugin_example

    registry = Registry([builtin, plugin_example.plugin])
    for rule in plugin_example.plugin.rules:
        for example in examples(rule):
            found = findings_in(example.code, tmp_path, registry)
            assert [(f.where.line, f.name) for f in found] == [(line, rule.name) for line in example.errors]


# -- the registry ------------------------------------------------------------------------------------------------------


class Other(Rule):
    """Another rule."""

    code, name = "XX001", "other-rule"


class SameName(Other):
    code = "XX002"


class SameCode(Other):
    name = "third-rule"


def test_ours_is_just_an_entry():
    assert installed().plugins[0] is builtin
    settings = tomllib.loads((HERE.parent / "pyproject.toml").read_text())
    assert settings["project"]["entry-points"][GROUP] == {"builtin": "tensight_analyzer.builtin:plugin"}


@pytest.mark.parametrize(
    "plugins, message",
    [
        ((Plugin("a", rules=(Other,)), Plugin("b", rules=(SameName,))), "rule 'other-rule' is declared by both"),
        ((Plugin("a", rules=(Other,)), Plugin("b", rules=(SameCode,))), "rule code 'XX001' is declared by both"),
        ((Plugin("a", rules=(Other, SameName)),), "rule 'other-rule' is declared twice by the plugin 'a'"),
        ((builtin, Plugin("b", ops=(builtin.ops[0],))), "is declared by both plugins 'builtin' and 'b'"),
        ((Plugin("a"), Plugin("a")), "plugin 'a' is declared by both plugins 'a' and 'a'"),
        ((Plugin("a", modules={"m": "1"}), Plugin("b", modules={"m": "2"})), "module 'm' is declared by both"),
    ],
)  # fmt: skip
def test_a_name_declared_twice_is_an_error_that_names_both(plugins, message):
    with pytest.raises(PluginError, match=message):
        Registry(plugins)


def test_two_registries_live_in_one_process(tmp_path):
    from support.analyzer import findings_in

    code = "import torch\na = torch.zeros(2, 3) @ torch.zeros(4)\n"
    quiet = Registry([Plugin("ops", ops=builtin.ops)])
    assert findings_in(code, tmp_path, quiet) == []
    assert len(findings_in(code, tmp_path, Registry([builtin]))) == 1


def test_a_plugin_that_cannot_be_loaded_is_named(tmp_path):
    info = tmp_path / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nbroken = no_such_module:plugin\n")
    done = tensight(tmp_path, "rules")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "tensight: plugin 'broken' (no_such_module:plugin) cannot be loaded" in done.stderr
