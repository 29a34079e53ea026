"""The server over its pipes: one table for each feature, and what must hold when things go wrong."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest
from lsp_client import PATHS, Client

PROGRAM = """\
import torch
from torch import nn


def scores(q, k):
    B, T, C = q.shape
    d = q.size(-1)
    s = q @ k.transpose(1, 2) / d
    pair = (s, q)
    word = "plain"
    return s.softmax(-1), pair


w = torch.zeros(3, 4, requires_grad=True)
x = torch.ones(2, 3)  # (2, 3)
y = x @ w
p, both = scores(torch.rand(2, 5, 8), torch.rand(2, 7, 8))
same = torch.zeros(y.shape)
n = w.detach().sum()


def turned(t, mask=None):
    rows = t.shape[0]
    several = [t] * rows
    return t.T


a = turned(torch.zeros(2, 3))
b = turned(torch.zeros(4, 3, requires_grad=True), a)
"""

HOVERS = [  # where (the text, and which occurrence), and what the first lines say; None: nothing
    ("w = torch", 0, "w: f32[3, 4] grad leaf", "cpu · requires grad · leaf · contiguous · 12 elements · 48 bytes"),
    ("y = x", 0, "y: f32[2, 4] grad matmul",
     "cpu · requires grad · not a leaf, made by matmul · contiguous · 8 elements · 32 bytes"),
    ("w\np, both", 0, "w: f32[3, 4] grad leaf", None),  # a name that is read
    ("@ w", 0, "x @ w: f32[2, 4] grad matmul", None),  # an operator
    ("rand(2, 7", 0, "rand: f32[2, 7, 8]", None),  # a function's name shows the result
    ("transpose(1", 0, "transpose: f32[2, 8, 7]", None),
    ("B, T", 0, "B: int = 2", None),
    ("d = q", 0, "d: int = 8", None),
    ("shape\n    d", 0, "q.shape: (2, 5, 8)", None),
    ("pair = ", 0, "pair: (f32[2, 5, 7], f32[2, 5, 8])", None),
    ("n = w", 0, "n: f32[] ", None),
    ("t, mask", 0, "t: f32[?, 3] grad?", "requires grad or no grad · leaf · contiguous · 6 or 12 elements"),
    ("t, mask", 0, "t: f32[?, 3] grad?", "either `f32[2, 3]` or `f32[4, 3] grad leaf`"),
    ("mask=", 0, "mask: f32[3, 2] or None", None),
    ("rows =", 0, "rows: int = 2 or 4", None),
    ("several", 0, "several: […]", "either `[f32[2, 3], f32[2, 3]]` or `[f32[4, 3] grad leaf, "),
    ("word", 0, None, None),
    ("import", 0, None, None),
    ("torch.ones", 0, None, None),
    ("2, 3)  #", 0, None, None),
]  # fmt: skip


def position(text: str, what: str, occurrence: int = 0) -> tuple[int, int]:
    at = -1
    for _ in range(occurrence + 1):
        at = text.index(what, at + 1)
    return text.count("\n", 0, at), at - (text.rfind("\n", 0, at) + 1)


def whole(text: str) -> dict:
    return {"text": text}


def replace(line: int, start: int, end: int, text: str, end_line: int | None = None) -> dict:
    last = {"line": line if end_line is None else end_line, "character": end}
    return {"range": {"start": {"line": line, "character": start}, "end": last}, "text": text}


def hover_text(client: Client, name: str, *where: int) -> str | None:
    found = client.hover(name, *where)
    return found["contents"]["value"] if found else None


def first_line(text: str) -> str:
    return text.split("\n")[1] if text.startswith("```") else text.split("\n")[0]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with Client(tmp_path_factory.mktemp("server"), options={"settings": {"evaluation": {"enabled": False}}}) as client:
        client.settings = {"evaluation": {"enabled": False}}
        client.open("program.py", PROGRAM)
        client.diagnostics("program.py", 1)
        yield client


@pytest.mark.parametrize("what, occurrence, first, second", HOVERS)
def test_hover(client, what, occurrence, first, second):
    text = hover_text(client, "program.py", *position(PROGRAM, what, occurrence))
    if first is None:
        assert text is None
        return
    assert text is not None
    assert first_line(text).startswith(first.strip())
    assert len(first_line(text)) <= 80
    if second:
        assert second in text


def test_hover_outside_the_text(client):
    assert client.hover("program.py", 10_000, 3) is None
    assert client.hover("program.py", 0, 10_000) is None
    assert client.hover("never opened.py", 0, 0) is None


FACT = re.compile(r".+: (\?|bool|[a-z]+\d+)\[.*\]")


def test_every_hover_of_a_tensor_states_everything(client):
    """Unknown is said, never left out."""
    for line, text in enumerate(PROGRAM.split("\n")):
        for col in range(len(text)):
            found = hover_text(client, "program.py", line, col)
            if found and FACT.match(first_line(found)):
                second = found.split("\n\n")[1].split("  \n")[0]
                assert [bool(part) for part in second.split(" · ")] == [True] * 6, found
                assert "element" in second and ("byte" in second or "iB" in second), found


def test_hints(client):
    hints = client.hints("program.py")
    lines = PROGRAM.split("\n")
    shown = {lines[h["position"]["line"]][: h["position"]["character"]].split()[-1]: h["label"] for h in hints}
    assert shown["y"] == ": f32[2, 4]"
    assert shown["s"] == ": f32[2, 5, 7]"
    assert shown["p"] == ": f32[2, 5, 7]"
    assert "w" not in shown and "x" not in shown  # a literal and a comment say it already
    assert len({h["position"]["line"] for h in hints}) == len(hints)
    assert all(len(h["label"]) <= 25 for h in hints)


def test_a_hint_resolves_to_the_whole_fact_and_inserts_a_comment(client):
    hint = next(h for h in client.hints("program.py") if h["label"] == ": f32[2, 4]")
    assert hint["textEdits"][0]["newText"] == "  # (2, 4)"
    resolved = client.ask("inlayHint/resolve", hint)
    assert resolved["tooltip"].startswith("y: f32[2, 4] grad matmul\ncpu · requires grad")


@pytest.mark.parametrize("mode, some", [("off", False), ("all", True), ("changes", True)])
def test_hints_obey_their_setting(client, mode, some):
    client.settings = {"inlayHints": {"mode": mode}, "evaluation": {"enabled": False}}
    client.tell("workspace/didChangeConfiguration", {"settings": None})
    client.seen.clear()
    deadline = time.monotonic() + 20
    while bool(client.hints("program.py")) != some and time.monotonic() < deadline:
        time.sleep(0.02)
    assert bool(client.hints("program.py")) == some


# -- diagnostics -------------------------------------------------------------------------------------------------------

MISMATCH = "import torch\n\na = torch.zeros(3, 4)\nb = torch.zeros(5, 6)\nc = a @ b\n"


def test_diagnostics_carry_the_version_and_go_when_it_is_mended(client):
    client.open("mistake.py", MISMATCH)
    [found] = client.diagnostics("mistake.py", 1)
    assert found["code"] == "shape-mismatch" and found["source"] == "tensight" and found["severity"] == 1
    assert "mat1 and mat2 shapes cannot be multiplied (3x4 and 5x6)" in found["message"]
    assert found["range"]["start"] == {"line": 4, "character": 4}
    version = client.edit("mistake.py", replace(3, 16, 17, "4"))
    assert client.diagnostics("mistake.py", version) == []
    client.close("mistake.py")


def test_a_mistake_can_be_ignored_by_a_comment(client):
    client.open("ignored.py", MISMATCH)
    found = client.diagnostics("ignored.py", 1)
    [action] = client.ask("textDocument/codeAction", {
        "textDocument": {"uri": client.uri("ignored.py")}, "range": found[0]["range"], "context": {"diagnostics": found}
    })  # fmt: skip
    [edit] = action["edit"]["changes"][client.uri("ignored.py")]
    assert edit["newText"] == "  # tensight: ignore[shape-mismatch]"
    version = client.edit("ignored.py", {"range": edit["range"], "text": edit["newText"]})
    assert client.diagnostics("ignored.py", version) == []
    client.close("ignored.py")


def test_a_syntax_error_leaves_the_other_functions_their_facts(client):
    text = "import torch\n\ndef f(:\n    pass\n\nx = torch.zeros(2, 3)\ny = x.T\n"
    client.open("broken.py", text)
    found = client.diagnostics("broken.py", 1)
    assert [d["code"] for d in found] == ["syntax-error"] and found[0]["range"]["start"]["line"] == 2
    assert first_line(hover_text(client, "broken.py", 6, 0)) == "y: f32[3, 2]"
    client.close("broken.py")


def test_closing_takes_the_diagnostics_away(client):
    client.open("closed.py", MISMATCH)
    assert client.diagnostics("closed.py", 1)
    client.close("closed.py")
    uri = client.uri("closed.py")
    client.published[uri] = []
    while not client.published[uri]:
        params = client.notes.get(timeout=20)
        client.published.setdefault(params["uri"], []).append(params)
    assert client.published[uri][-1]["diagnostics"] == []


def test_a_module_is_read_as_it_stands_in_the_editor(client):
    (client.folder / "sizes.py").write_text("WIDTH = 3\n")
    client.open("sizes.py", "WIDTH = 4\n")
    client.open("uses.py", "import torch\nimport sizes\n\nx = torch.zeros(2, sizes.WIDTH)\n")
    client.diagnostics("uses.py", 1)
    assert first_line(hover_text(client, "uses.py", 3, 0)) == "x: f32[2, 4]"
    client.edit("sizes.py", replace(0, 8, 9, "9"))
    deadline = time.monotonic() + 20
    while first_line(hover_text(client, "uses.py", 3, 0)) != "x: f32[2, 9]" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert first_line(hover_text(client, "uses.py", 3, 0)) == "x: f32[2, 9]"
    for name in ("sizes.py", "uses.py"):
        client.close(name)


# -- edits -------------------------------------------------------------------------------------------------------------


def test_what_is_shown_while_an_edit_is_being_analysed_is_marked_or_gone(client):
    """Old facts move with their lines and say that they are old; those of edited lines are gone."""
    client.open("stale.py", "import torch\na = torch.zeros(2, 3)\nb = a.T\n")
    client.diagnostics("stale.py", 1)
    for n in range(2, 12):
        client.edit("stale.py", replace(1, 0, 0, f"k{n} = 1\n"))
        text = hover_text(client, "stale.py", n, 0)
        if text is not None and "from before the last edit" not in text:
            assert first_line(text) in ("a: f32[2, 3]", "b: f32[3, 2]")
    assert client.diagnostics("stale.py", 11) == []
    assert first_line(hover_text(client, "stale.py", 12, 0)) == "b: f32[3, 2]"
    client.close("stale.py")


TEXT = "import torch\ns = '😀'; a = torch.zeros(2, 3)\nü = a.T\n\x0c\nb = a.T\n"


@pytest.mark.parametrize("encoding, before", [("utf-16", 10), ("utf-8", 12), ("utf-32", 9)])
def test_columns_in_the_units_of_the_client(tmp_path, encoding, before):
    with Client(tmp_path, encoding) as client:
        client.open("t.py", TEXT)
        client.diagnostics("t.py", 1)
        found = client.hover("t.py", 1, before)
        assert first_line(found["contents"]["value"]) == "a: f32[2, 3]"
        assert found["range"]["start"] == {"line": 1, "character": before}
        assert first_line(hover_text(client, "t.py", 4, 0)) == "b: f32[3, 2]"  # a form feed ends no line
        start = before + len("a = torch.zeros(2, ")
        version = client.edit("t.py", replace(1, start, start + 1, "7"))
        client.diagnostics("t.py", version)
        assert first_line(hover_text(client, "t.py", 4, 0)) == "b: f32[7, 2]"
        [hint] = [h for h in client.hints("t.py") if h["position"]["line"] == 2]
        assert hint["position"]["character"] == (2 if encoding == "utf-8" else 1)


@pytest.mark.parametrize("changes, expected", [
    ([replace(0, 0, 0, "a\r\nb\r"), replace(1, 1, 1, "!")], "a\r\nb!\rx = 1\ny = 2\n"),
    ([replace(0, 4, 400, "3")], "x = 3\ny = 2\n"),
    ([replace(500, 0, 0, "z")], "x = 1\ny = 2\nz"),
    ([replace(0, 5, 0, "; ", end_line=1)], "x = 1; y = 2\n"),
    ([whole("new"), replace(0, 3, 3, "er")], "newer"),
    ([replace(1, 0, 0, "\u2028\x85\x0b"), replace(1, 3, 4, "q")], "x = 1\n\u2028\x85\x0bq = 2\n"),
])  # fmt: skip
def test_incremental_edits(changes, expected):
    from lsprotocol import types
    from pygls.protocol import default_converter
    from tensight_server.convert import Converter
    from tensight_server.documents import Documents
    from tensight_server.settings import Client as Dialect

    documents = Documents()
    document = documents.open("file:///t.py", "/t.py", 1, "x = 1\ny = 2\n")
    structured = default_converter().structure(
        {"textDocument": {"uri": "file:///t.py", "version": 2}, "contentChanges": changes},
        types.DidChangeTextDocumentParams,
    )
    document.change(Converter(Dialect(), documents).changes(structured.content_changes), "utf-16", 2)
    assert document.source.text == expected


# -- clients that can do less, and trouble -----------------------------------------------------------------------------


def test_a_plain_client_gets_plain_text(tmp_path):
    capabilities = {"textDocument": {"hover": {"contentFormat": ["plaintext"]}}}
    with Client(tmp_path, capabilities=capabilities) as client:
        client.open("t.py", "import torch\na = torch.zeros(2, 3)\n")
        client.diagnostics("t.py", 1)
        found = client.hover("t.py", 1, 0)["contents"]
        assert found["kind"] == "plaintext"
        assert found["value"].startswith("a: f32[2, 3]\ncpu · no grad · leaf · contiguous · 6 elements · 24 bytes")
        assert not set("`*\\") & set(found["value"])


def children(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in found.stdout.split()]


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_nothing_is_left_running(tmp_path):
    client = Client(tmp_path)
    client.initialize()
    client.open("t.py", "import torch\n")
    client.diagnostics("t.py", 1)
    helpers = children(client.process.pid)
    assert helpers
    assert client.stop() == 0
    assert not any(os.path.exists(f"/proc/{pid}") for pid in helpers)


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_helpers_end_with_a_server_that_is_killed(tmp_path):
    client = Client(tmp_path)
    client.initialize()
    client.open("t.py", "import torch\n")
    client.diagnostics("t.py", 1)
    helpers = children(client.process.pid)
    client.process.kill()
    client.process.wait()
    deadline = time.monotonic() + 30
    while any(os.path.exists(f"/proc/{pid}") for pid in helpers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(os.path.exists(f"/proc/{pid}") for pid in helpers)


@pytest.mark.skipif(sys.platform != "linux", reason="finds the process by its parent")
def test_the_analysis_process_is_started_again(tmp_path):
    with Client(tmp_path, options={"trusted": False}) as client:
        client.open("t.py", "import torch\na = torch.zeros(2, 3)\n")
        client.diagnostics("t.py", 1)
        [helper] = children(client.process.pid)
        os.kill(helper, signal.SIGKILL)
        version = client.edit("t.py", replace(1, 19, 20, "8"))
        client.diagnostics("t.py", version)
        assert first_line(hover_text(client, "t.py", 1, 0)) == "a: f32[2, 8]"


def test_over_tcp(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-P", "-m", "tensight_server", "--tcp", str(port)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(PATHS)}, stderr=subprocess.PIPE, cwd=tmp_path,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while True:
        try:
            connection = socket.create_connection(("127.0.0.1", port))
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    with connection:
        for message in (
            {"id": 1, "method": "initialize", "params": {"processId": None, "rootUri": None, "capabilities": {}}},
            {"id": 2, "method": "shutdown"},
            {"method": "exit"},
        ):
            body = json.dumps({"jsonrpc": "2.0", **message}).encode()
            connection.sendall(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert b"hoverProvider" in connection.recv(4096)
        assert server.wait(60) == 0
    assert b"Traceback" not in server.stderr.read()


def test_exit_right_behind_shutdown(tmp_path):
    client = Client(tmp_path)
    client.initialize()
    client.start("shutdown", None)
    client.tell("exit", None)
    assert client.process.wait(60) == 0


def test_a_failure_of_ours_is_told_in_the_file(tmp_path):
    """An analysis that raises, and one that kills its process, both end in a remark at the top of the file."""
    (tmp_path / "sitecustomize.py").write_text(BREAK)
    environment = {"PYTHONPATH": os.pathsep.join([str(tmp_path), *PATHS])}
    with Client(tmp_path, environment=environment, options={"trusted": False}) as client:
        for name, why in (("raises.py", "RuntimeError: on purpose"), ("dies.py", "died, twice")):
            client.open(name, "x = 1\n")
            [found] = client.diagnostics(name, 1)
            assert found["code"] == "incomplete" and why in found["message"]
        client.open("fine.py", MISMATCH)
        assert [d["code"] for d in client.diagnostics("fine.py", 1)] == ["shape-mismatch"]
        version = client.edit("dies.py", whole("y = 1\n"))
        assert client.diagnostics("dies.py", version)


BREAK = """
import os
from tensight_analyzer import analysis

analyse = analysis.analyse

def broken(path, *rest, **more):
    if path.endswith("raises.py"):
        raise RuntimeError("on purpose")
    if path.endswith("dies.py"):
        os._exit(1)
    return analyse(path, *rest, **more)

analysis.analyse = broken
"""


def test_a_workspace_cannot_put_modules_in_our_way(tmp_path):
    for name in ("tensight_server", "pygls", "json", "libcst", "numpy"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nraise SystemExit(3)\n")
    command = [sys.executable, "-P", "-m", "tensight_server"]
    client = Client(tmp_path, command=command)
    client.initialize()
    client.open("t.py", "import torch\na = torch.zeros(2, 3)\n")
    client.diagnostics("t.py", 1)
    assert client.stop() == 0
    assert not (tmp_path / "ran").exists()


def test_the_analysis_process_needs_no_arrays():
    code = f"import sys; sys.path[:0] = {PATHS!r}; import tensight_server.analyst; " \
           "sys.exit(bool({'numpy', 'pygls', 'lsprotocol'} & set(sys.modules)))"  # fmt: skip
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# -- values ------------------------------------------------------------------------------------------------------------

EVALUATOR = """
import json, os, sys, time
for line in sys.stdin:
    asked = json.loads(line)
    if "sleep" in asked["text"]:
        time.sleep(60)
    if "die" in asked["text"]:
        os._exit(1)
    answer = {"id": asked["id"], "ok": True, "lines": [f"value {asked['id']}"], "provenance": "made up"}
    print(json.dumps(answer), flush=True)
"""


@pytest.mark.parametrize("text, lines, provenance", [
    ("x = 1", ["value 1"], "made up"),
    ("sleep", [], "stopped after 0.2 s"),
    ("die", [], "process died"),
])  # fmt: skip
def test_values_come_from_a_process_that_may_hang_or_die(tmp_path, monkeypatch, text, lines, provenance):
    from tensight_server import evaluation
    from tensight_server.documents import Documents
    from tensight_server.view import Spot

    (tmp_path / "made_up_evaluator.py").write_text(EVALUATOR)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(evaluation, "MODULE", "made_up_evaluator")
    monkeypatch.setattr(evaluation, "GRACE", 0.0 if text == "sleep" else 30.0)

    async def ask() -> list[dict]:
        values = evaluation.Evaluation()
        document = Documents().open("file:///t.py", "/t.py", 1, text)
        spot = Spot(1, 0, 1, 1, [0], "bind", "")
        found = [await values.value(document, spot, {"seconds": 0.2, "megabytes": 9, "steps": 9}) for _ in range(2)]
        values.close()
        return found

    first, second = asyncio.run(ask())
    assert first == second  # computed once
    assert first["lines"] == lines and provenance in first["provenance"]


# -- the command -------------------------------------------------------------------------------------------------------


def run_hover(*arguments: str) -> subprocess.CompletedProcess:
    code = f"import sys; sys.path[:0] = {PATHS!r}; from tensight_server.hover_command import main_hover; " \
           "sys.exit(main_hover(sys.argv[1:]))"  # fmt: skip
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)


def test_hover_command(tmp_path):
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    line, col = position(PROGRAM, "y = x")
    done = run_hover("--no-value", f"{file}:{line + 1}:{col + 1}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:2] == [
        "y: f32[2, 4] grad matmul",
        "cpu · requires grad · not a leaf, made by matmul · contiguous · 8 elements · 32 bytes",
    ]
    assert run_hover("--no-value", f"{file}:1:1").returncode == 1
    assert run_hover("--no-value", f"{tmp_path / 'missing.py'}:1:1").returncode == 2
    assert run_hover("nonsense").returncode == 2
