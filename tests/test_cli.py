"""The command line: formats, exit status, settings."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tensight_analyzer.check import Report
from tensight_analyzer.cli import main
from tensight_analyzer.config import ConfigError, Settings, load, read

ROOT = Path(__file__).parent.parent
GOOD = "import torch\nx = torch.zeros(2, 3)\n"
BAD = "import torch\nx = torch.zeros(2, 3)\ny = x @ torch.zeros(4, 5)\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "bad.py").write_text(BAD)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys, *arguments):
    status = main(arguments)
    out, err = capsys.readouterr()
    return status, out, err


# -- check -------------------------------------------------------------------------------------------------------------


def test_exit_status(folder, capsys):
    assert run(capsys, "check", "good.py")[0] == 0
    assert run(capsys, "check", "bad.py")[0] == 1
    assert run(capsys, "check", "missing.py")[0] == 2
    assert run(capsys, "check", "bad.py", "missing.py")[0] == 2
    assert run(capsys, "check", "bad.py", "--ignore", "shape-mismatch")[0] == 0


def test_full(folder, capsys):
    _, out, _ = run(capsys, "check", ".")
    first, *rest = out.splitlines()
    assert first.startswith(
        "error[shape-mismatch] mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5): `x` is f32[2, 3], "
    )
    assert rest == [
        "  --> ./bad.py:3:5",
        "    3 | y = x @ torch.zeros(4, 5)",
        "      |     ^^^^^^^^^^^^^^^^^^^^^",
        "  note: ./bad.py:2:5: `x` is f32[2, 3], made here: `torch.zeros(2, 3)`",
        "",
        "1 error in 2 files",
    ]


def test_concise(folder, capsys):
    _, out, _ = run(capsys, "check", "bad.py", "good.py", "--format", "concise")
    assert out.startswith("bad.py:3:5: error[shape-mismatch] mat1 and mat2") and out.count("\n") == 1


def test_json(folder, capsys):
    _, out, _ = run(capsys, "check", "bad.py", "--format", "json")
    (finding,) = json.loads(out)
    assert list(finding) == ["file", "line", "col", "end_line", "end_col", "code", "name", "category", "severity",
                             "message", "notes", "fix"]  # fmt: skip
    assert {k: finding[k] for k in list(finding)[:9]} == {
        "file": "bad.py", "line": 3, "col": 4, "end_line": 3, "end_col": 25, "code": "TS101", "name": "shape-mismatch",
        "category": "shape", "severity": "error",
    }  # fmt: skip
    assert list(finding["notes"][0]) == ["file", "line", "col", "message"] and finding["notes"][0]["line"] == 2
    assert json.loads(run(capsys, "check", "good.py", "--format", "json")[1]) == []


def test_github(folder, capsys):
    _, out, _ = run(capsys, "check", "bad.py", "--format", "github")
    assert out.startswith(
        "::error file=bad.py,line=3,endLine=3,col=5,endColumn=26,title=shape-mismatch (TS101)::mat1 and mat2"
    )


def test_sarif(folder, capsys):
    _, out, _ = run(capsys, "check", "bad.py", "--format", "sarif")
    log = json.loads(out)
    (sarif,) = log["runs"]
    (result,) = sarif["results"]
    region = result["locations"][0]["physicalLocation"]
    assert log["version"] == "2.1.0" and result["ruleId"] == "TS101" and result["level"] == "error"
    assert region["artifactLocation"]["uri"] == "bad.py"
    assert region["region"] == {"startLine": 3, "startColumn": 5, "endLine": 3, "endColumn": 26}
    assert "TS101" in {rule["id"] for rule in sarif["tool"]["driver"]["rules"]}


def test_a_mistake_in_an_imported_file_belongs_to_that_file(folder, capsys):
    (folder / "lib.py").write_text("import torch\ndef f(x):\n    return x @ torch.zeros(4, 5)\n")
    (folder / "main.py").write_text("import torch\nfrom lib import f\nf(torch.zeros(2, 3))\nf(torch.zeros(7, 3))\n")
    _, out, _ = run(capsys, "check", "main.py", "lib.py", "--format", "json")
    (finding,) = json.loads(out)
    assert (finding["file"], finding["line"]) == ("lib.py", 3)
    assert any(note["file"] == "main.py" for note in finding["notes"])


def test_an_imported_file_that_was_not_asked_for_is_reported_at_the_call(folder, capsys):
    (folder / "lib.py").write_text("import torch\ndef f(x):\n    return x @ torch.zeros(4, 5)\n")
    (folder / "main.py").write_text("import torch\nfrom lib import f\nf(torch.zeros(2, 3))\n")
    _, out, _ = run(capsys, "check", "main.py", "--format", "json")
    (finding,) = json.loads(out)
    assert (finding["file"], finding["line"]) == ("main.py", 3) and finding["message"].endswith("(in f)")


def test_a_syntax_error_and_the_findings_around_it(folder, capsys):
    (folder / "broken.py").write_text(BAD + "def f(:\n    pass\nz = torch.zeros(1) @ torch.zeros(2)\n")
    status, out, _ = run(capsys, "check", "broken.py", "--format", "json")
    assert status == 1
    assert [(f["line"], f["category"]) for f in json.loads(out)] == [(3, "shape"), (4, "syntax"), (6, "shape")]


def test_order_of_paths_and_doubles_change_nothing(folder, capsys):
    one = run(capsys, "check", "bad.py", "good.py", "--format", "json")[1]
    two = run(capsys, "check", "good.py", "bad.py", "bad.py", "--format", "json")[1]
    assert one == two


# -- settings ----------------------------------------------------------------------------------------------------------


def test_settings_of_pyproject(folder, capsys):
    (folder / "pyproject.toml").write_text('[tool.tensight]\nignore = ["shape-mismatch"]\nseconds = 5\n')
    assert run(capsys, "check", "bad.py")[0] == 0
    assert load(str(folder)) == Settings(ignore=("shape-mismatch",), seconds=5)


def test_excluded(folder, capsys):
    (folder / "pyproject.toml").write_text('[tool.tensight]\nexclude = ["bad.py"]\n')
    assert run(capsys, "check", ".")[0] == 0


@pytest.mark.parametrize(
    "table, message",
    [
        ({"colour": 1}, "pyproject.toml: [tool.tensight] has no setting 'colour'; there are select, ignore"),
        ({"seconds": "fast"}, "[tool.tensight] seconds = 'fast': should be a positive number"),
        ({"seconds": True}, "seconds = True: should be a positive number"),
        ({"steps": 1.5}, "steps = 1.5: should be a positive whole number"),
        ({"steps": 0}, "steps = 0: should be a positive whole number"),
        ({"ignore": "x"}, "ignore = 'x': should be a list of strings"),
        ("x", "[tool.tensight] should be a table"),
    ],
)
def test_a_wrong_setting_is_named(table, message):
    with pytest.raises(ConfigError) as error:
        read(table, "/p/pyproject.toml")
    assert message in str(error.value)


@pytest.mark.parametrize(
    "text, message",
    [
        ("[tool.tensight\n", "pyproject.toml: cannot be read"),
        (
            '[tool.tensight]\nselect = ["no-such-rule"]\n',
            "select: there is no rule 'no-such-rule'; `tensight rules` lists them",
        ),
    ],
)
def test_wrong_settings_end_with_status_2(folder, capsys, text, message):
    (folder / "pyproject.toml").write_text(text)
    status, out, err = run(capsys, "check", "good.py")
    assert (status, out) == (2, "") and err.startswith("tensight: ") and message in err


# -- the other commands ------------------------------------------------------------------------------------------------


def test_infer(folder, capsys):
    status, out, _ = run(capsys, "infer", "--jsonl", "good.py", "--root", ".")
    lines = [json.loads(line) for line in out.splitlines()]
    assert status == 0 and {"line": 2, "name": "x", "kind": "assign", "shape": [2, 3]}.items() <= lines[-1].items()
    assert run(capsys, "infer", "--jsonl", "missing.py")[0] == 2


def test_explain_and_rules(capsys):
    status, out, _ = run(capsys, "explain", "shape-mismatch")
    assert status == 0 and out.startswith("# shape-mismatch (TS101)\n") and "## Bad" in out
    assert run(capsys, "explain", "ts101")[1] == out
    status, _, err = run(capsys, "explain", "shape-mistake")
    assert status == 2 and "did you mean 'shape-mismatch'?" in err
    assert len(run(capsys, "rules")[1].splitlines()) >= 12


def test_ir(folder, capsys):
    status, out, _ = run(capsys, "ir", "good.py")
    assert status == 0 and "Import" in out and "Call" in out


def test_help_and_version(capsys):
    assert run(capsys)[0] == 0
    for arguments in (["--help"], ["--version"], ["check", "--help"]):
        with pytest.raises(SystemExit) as end:
            main(arguments)
        assert end.value.code == 0
    assert "tensight" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", ["check", "check x --format xml", "frobnicate", "check x --seconds -1", "check x --steps many"]
)
def test_wrong_usage(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments.split())
    assert end.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_a_command_of_a_package_that_is_not_there(monkeypatch, capsys):
    from tensight_analyzer import cli

    monkeypatch.setitem(cli.DELEGATES, "server", ("tensight_nowhere.app", "main", ""))
    status, _, err = run(capsys, "server")
    assert status == 2 and err == "tensight: server: tensight_nowhere.app is not part of this installation\n"


def test_what_a_check_imports(folder):
    """No NumPy, no editor packages, and no rich unless there is progress to show."""
    script = (
        "import sys; from tensight_analyzer.cli import main; main(['check', 'bad.py']); print(*sys.modules, sep='\\n')"
    )
    path = [str(ROOT / name) for name in ("runtime", "analyzer", "server")]
    done = subprocess.run([sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}; {script}"], cwd=folder,
                          capture_output=True, text=True, timeout=120)  # fmt: skip
    loaded = {line.partition(".")[0] for line in done.stdout.splitlines()}
    assert "tensight_analyzer" in loaded, done.stderr
    assert not loaded & {"numpy", "cupy", "torch", "pygls", "lsprotocol", "rich", "tensight_server"}


def test_nothing_is_executed(folder, capsys, monkeypatch):
    import builtins

    (folder / "hostile.py").write_text("import os\nopen('made', 'w')\nos.system('touch made')\nexec('x = 1')\n" + BAD)
    status = 0

    def forbidden(*args, **kwargs):
        raise AssertionError("the analyzed program was executed")

    with monkeypatch.context() as patched:
        for name in ("exec", "eval"):
            patched.setattr(builtins, name, forbidden)
        status = main(["check", "hostile.py"])
    assert status == 1 and not (folder / "made").exists()


def test_report_status():
    assert Report().status == 0
