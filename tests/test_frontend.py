"""The front end: text -> chunks -> IR, with `ast` as the judge of spans, and broken text as the normal case."""

import ast
import os
import pickle
import sysconfig
import time
from collections import Counter
from pathlib import Path

import pytest
from tensight_analyzer.ir import nodes, program
from tensight_analyzer.ir.cache import DiskCache, open_cache
from tensight_analyzer.ir.literals import number, string
from tensight_analyzer.ir.program import read_program
from tensight_analyzer.ir.show import show
from tensight_analyzer.source.guard import split
from tensight_analyzer.source.text import SourceError, SourceText, decode
from tensight_analyzer.source.tokens import scan

# -- spans -------------------------------------------------------------------------------------------------------------

RENAMED = {
    **dict.fromkeys(("ListComp", "SetComp", "DictComp", "GeneratorExp"), "Comprehension"),
    **dict.fromkeys(("Global", "Nonlocal"), "Scope"),
    **dict.fromkeys(("FunctionDef", "AsyncFunctionDef", "ClassDef"), "Code"),  # the nodes of this name span the name
    **dict.fromkeys(
        ("MatchValue MatchSingleton MatchSequence MatchMapping MatchClass MatchStar MatchAs MatchOr").split(), "Pattern"
    ),
    "Constant": "Const",
    "JoinedStr": "FString",
    "AsyncFor": "For",
    "AsyncWith": "With",
    "Expr": "ExprStmt",
    "TryStar": "Try",
    "TypeAlias": "OpaqueStmt",
    "ExceptHandler": "Handler",
    "keyword": "Keyword",
}
WITHOUT_AST_SPAN = {"FunctionDef", "ClassDef", "Alias", "Param", "Clause", "WithItem", "Case", "Chunk"}


def ast_spans(text: str) -> Counter:
    """The spans of everything but the insides of f-strings, which `ast` gets right from Python 3.12 on only."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    spans = Counter()
    stack = [ast.parse(text)]
    while stack:
        n = stack.pop()
        name = type(n).__name__
        if hasattr(n, "lineno") and name not in ("alias", "arg", "TypeVar", "TypeVarTuple", "ParamSpec"):
            start = len(lines[n.lineno - 1].encode()[: n.col_offset].decode())
            end = len(lines[n.end_lineno - 1].encode()[: n.end_col_offset].decode())
            spans[RENAMED.get(name, name), n.lineno, start, n.end_lineno, end] += 1
        if name not in ("JoinedStr", "TypeAlias"):
            for field, value in ast.iter_fields(n):
                if field != "type_params":
                    items = value if isinstance(value, list) else [value]
                    stack += (item for item in items if isinstance(item, ast.AST))
    return spans


def ir_spans(read: program.Program) -> Counter:
    spans = Counter()
    for unit in read.units:
        stack = [unit.chunk]
        while stack:
            n = stack.pop()
            name = type(n).__name__
            line, col, end_line, end_col = n.span
            if name not in WITHOUT_AST_SPAN:
                spans[name, line + unit.line - 1, col, end_line + unit.line - 1, end_col] += 1
            if name == "Lambda":  # its body has a `Return` that `ast` has not
                stack += (p.default for p in n.code.params if p.default)
                stack.append(n.code.body[0].value)
            elif name != "FString" and not (name == "Pattern" and n.kind == "singleton"):
                stack += nodes.children(n)
    return spans


def check_spans(text: str) -> None:
    read = read_program(text)
    assert read.complaints == ()
    theirs, ours = ast_spans(text), ir_spans(read)
    assert (theirs - ours, ours - theirs) == (Counter(), Counter())


SNIPPETS = """
x = (a, (b, c)), ((d))[1, 2:, ::3], e[(1), *f], g[1,]
(a) + (b * c) - d ** -e @ (not f)
y = (a and b and (c and d)) or e or not f in g is not h < i
print(x, *a, sep="", **k)(z for z in w)(*b)
total = sum((i for i in x), start=(yield_))
f((a), b=(c), *d, e=1, **{})
[i async for i in x if a if b for j in (k)]
{**a, 'b': (c), "d" "e": f"{g}" 'h'}
{1, *a}; {i: j for i, j in k}; {i for i in j}
lambda: (yield)
lambda a, /, b=(1), *c, d, e=2, **f: a if b else c if d else e
a = b, = c = d.e[f:g] = *h, i = j
(p.q).r((s)).t[u]
if (n := len(a)) > 1: pass; q = 1
α = "é" + f"{β!r:>{w}}" + 'ü'; ω = α
x: int = 3; y.z: (str)
a //= (b); c **= d
del (a), b[0], (c, d)
@dec(a, b).c
def f(a: (int), /, b: str = (1), *args: *Ts, c, d=2, **kw) -> (x): return
class A(B, (C), metaclass=(M), **kw): "doc"
async def g():
    async with (a) as b, c as (d, e): await f
    async for i in j: yield
    else: return (yield from k)
with (a as b, c): pass
with (a, b): pass
with (a): pass
try: a
except (b, c) as d: e
except f: raise g from (h)
else: i
finally: assert (j), k
try: a
except* b: c
for a, (b, *c) in d, e: continue
else: break
while (a): b
if a: b
elif (c): d
elif e: f
else: g
match x, y:
    case (1 | 2) as a, [b, *_], {"k": c, **rest} if d: e
    case A.B | C(d, (e), f=(g)) | -1 + 2j | None | (h): pass
    case (a, b): pass
    case _: pass
global u, v; import a.b as c, d.e; from ..f import (g as h, i,); from . import *; from ... import q
s = '''a
b''' "c" \\
  'd'; t = 1
...; 0xFF; 1_0.5e-3j; b'x' rb'y'
"""


def test_spans_of_snippets():
    check_spans(SNIPPETS)


def stdlib() -> list[Path]:
    lib = Path(sysconfig.get_path("stdlib"))
    names = ["argparse", "ast", "dataclasses", "functools", "inspect", "tempfile", "typing", "turtle"]
    return [lib / f"{name}.py" for name in names] + sorted((lib / "asyncio").glob("*.py"))


@pytest.mark.parametrize("path", stdlib(), ids=lambda p: p.stem)
def test_spans_of_the_standard_library(path):
    check_spans(path.read_text(encoding="utf-8"))


TRUTH = Path("/work/shared/truth/programs/visible/own")


@pytest.mark.skipif(not TRUTH.is_dir(), reason="no truth programs here")
def test_spans_of_the_truth_programs():
    for path in TRUTH.glob("*.py"):
        check_spans(path.read_text(encoding="utf-8"))


def test_f_strings():
    (unit,) = read_program("x = f\"a{{{b + 1!r:>{w}}c{d=}\" 'e'\n").units
    assert show(unit.chunk.body[0].value).splitlines() == [
        "FString @1:4-33",
        "  parts[0]: Const value='a{' @1:6-9",
        "  parts[1]: Format conversion='r' @1:9-23",
        "    value: BinOp op='+' @1:10-15",
        "      left: Name id='b' @1:10-11",
        "      right: Const value=1 @1:14-15",
        "    spec: FString @1:18-22",
        "      parts[0]: Const value='>' @1:18-19",
        "      parts[1]: Format @1:19-22",
        "        value: Name id='w' @1:20-21",
        "  parts[2]: Const value='cd=' @1:23-27",
        "  parts[3]: Format conversion='r' @1:24-28",
        "    value: Name id='d' @1:25-26",
        "  parts[4]: Const value='e' @1:30-33",
    ]


NEWER_SYNTAX = """
type X[T: int = str, *U, **P] = dict[T, P]
def f[T](x: T) -> T: return x
class A[T](B): pass
x = f"{a["b"]}{f"{1}"}"
t = t"{a}b"
try: a
except A, B: pass
"""


def test_syntax_that_this_python_may_not_know():
    read = read_program(NEWER_SYNTAX)
    assert read.complaints == ()
    kinds = [type(u.chunk.body[0]).__name__ for u in read.units]
    assert kinds == ["OpaqueStmt", "FunctionDef", "ClassDef", "Assign", "Assign", "Try"]
    assert read.units[0].chunk.body[0].names == ("X",)


# -- scopes and values -------------------------------------------------------------------------------------------------

FUNCTION = """def f(a, *b, c=(d := 1), **e):
    "doc"
    global g; nonlocal h
    g = h = i = [j := k for l in m]
    import n.o, p as q
    from r import *
    for s, (t.u, v[w], *x) in y: del z
    with A as B: C += 1
    try: D: int
    except E as F: yield
    match G:
        case [H, *I, {"J": J, **K}] | L(M=M) as N: pass
    def O(P=(Q := 1)): R = 1
    class S: T = 1
    lambda U: (V := U)
"""


def test_names_of_a_function():
    (unit,) = read_program(FUNCTION).units
    code = unit.chunk.body[0].code
    assert code.local_names == set("a b c e i j n q s x z B C D F H I J K M N O Q S".split())
    assert (code.global_names, code.nonlocal_names, code.is_generator, code.doc) == ({"g"}, {"h"}, True, "doc")
    assert [(p.name, p.kind) for p in code.params] == [
        ("a", "normal"),
        ("b", "args"),
        ("c", "keyword"),
        ("e", "kwargs"),
    ]
    assert code.body[3].value.local_names == {"l"}


@pytest.mark.parametrize(
    "text",
    [
        r"'a\n\x41\101\u00e9\U0001F600\N{BULLET}\'\0'",
        r"r'\n\''",
        r"b'\x00\277\n\''",
        r"Rb'\x'",
        "''",
        '""',
        "'''a\nb\"'''",
        "'a\\\nb'",
        "u'x'",
        '""""a"""',
    ],
)
def test_strings(text):
    assert string(text) == ast.literal_eval(text)


@pytest.mark.parametrize("text", "0 00 1_000 0x_ff 0b1 0O17 1. .5 1e3 1_0.2_5E-1_0 3j 1.5J".split())
def test_numbers(text):
    assert repr(number(text)) == repr(ast.literal_eval(text))


def test_nothing_is_evaluated(monkeypatch):
    read_program("warm = up")  # imports libcst
    program._memory.clear()
    with monkeypatch.context() as patch:
        for name in ("eval", "exec", "compile"):
            patch.setattr(f"builtins.{name}", lambda *a, **k: 1 / 0)
        complaints = read_program(SNIPPETS).complaints
    assert complaints == ()


def test_comments():
    text = "x = 1  # type: int\n# tensight: ignore\n# else\ny = [1,  # shape: [B]\n 2]\n# => 3\n"
    comments = [(u.line + line - 1, c) for u in read_program(text).units for line, c in u.chunk.comments]
    assert comments == [(1, "# type: int"), (2, "# tensight: ignore"), (4, "# shape: [B]"), (6, "# => 3")]


# -- texts -------------------------------------------------------------------------------------------------------------


def test_decoding():
    assert decode(b"\xef\xbb\xbfx = 1") == "x = 1"
    assert decode(b"#!x\n# -*- coding: latin-1 -*-\nx = '\xe9'").endswith("'é'")
    assert decode(b"x\n# coding: latin-1\n'\xc3\xa9'").endswith("'é'")  # a comment after a statement says nothing


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("x".encode("utf-16"), "UTF-16"),
        (b"a\0b", "NUL"),
        (b"a\nb\xff", "line 2"),
        (b"# coding: klingon\n", "klingon"),
        (b"# coding: rot13\n", "not a text encoding"),
        (b"\xef\xbb\xbf# coding: latin-1\n", "byte order mark"),
        (b"x" * 101, "101 bytes"),
        (b"\n" * 11, "11 lines"),
    ],
)
def test_what_cannot_be_decoded(data, message):
    with pytest.raises(SourceError, match=message):
        decode(data, max_bytes=100, max_lines=10)


def test_lines_and_columns():
    text = SourceText("a\r\nb\rc\u2028d\n😀é")
    places = [(1, 0), (2, 1), (3, 3), (4, 2)]
    assert text.lines() == ["a", "b", "c\u2028d", "😀é"]
    assert [text.position(text.offset(*p)) for p in places] == places
    assert text.position(2) == (1, 1) and text.offset(1, 99) == 1 and text.offset(9, 0) == len(text.text)
    for encoding, units in (("utf-8", [0, 4, 6]), ("utf-16", [0, 2, 3]), ("utf-32", [0, 1, 2])):
        assert [text.to_units(4, col, encoding) for col in range(3)] == units
        assert [text.from_units(4, unit, encoding) for unit in units] == [0, 1, 2]
    assert text.from_units(4, 1, "utf-16") == 0


# -- chunks ------------------------------------------------------------------------------------------------------------


def test_splitting():
    text = "# a\nimport b\n\n\n# c\n@d\n# e\ndef f():\n  g\n# h\n\n  i\nif j: k\nelse: l\nm = (\nn\n)\n\n# o\n"
    firsts = [(p.line, p.text.split("\n", 1)[0]) for p in split(text)]
    assert firsts == [(1, "# a"), (5, "# c"), (13, "if j: k"), (15, "m = ("), (19, "# o")]


def test_a_chunk_that_moves_is_the_same_object():
    text = "import a\n\ndef f(x):\n    return x + 1\n"
    before, after = read_program(text), read_program("# new\nb = 1\n\n" + text)
    assert [u.line for u in before.units] == [1, 3] and [u.line for u in after.units] == [1, 4, 6]
    assert [u.chunk for u in before.units] == [u.chunk for u in after.units[1:]]


def test_the_cache_gives_what_was_put(tmp_path):
    cache = DiskCache(tmp_path)
    text = SNIPPETS + "x = (1\n"
    fresh = show(read_program(text, cache)), show(read_program("\n" + text))
    program._memory.clear()
    assert (show(read_program(text, cache)), show(read_program("\n" + text, cache))) == fresh


def test_a_cache_that_fails_is_no_cache(tmp_path, monkeypatch):
    (tmp_path / "ir.sqlite3").write_bytes(b"no database" * 1000)
    for directory in (tmp_path / "ir.sqlite3", Path("/proc/none"), tmp_path):
        cache = DiskCache(directory)
        cache.put("k", b"v")
        assert cache.get("k") is None
        cache.close()
    after = DiskCache(tmp_path)  # the damaged file is gone
    after.put("k", b"v")
    assert after.get("k") == b"v"
    monkeypatch.setenv("TENSIGHT_CACHE", "0")
    assert open_cache() is None


def test_the_cache_is_bounded(tmp_path):
    cache = DiskCache(tmp_path, max_bytes=100_000)
    noise = Path(ast.__file__).read_bytes()
    for i in range(1_001):
        cache.put(str(i), noise[i * 10 : i * 10 + 1_000])
    assert cache.get("0") is None and cache.get("1000") is not None


def test_the_cache_runs_nothing():
    class Bad:
        def __reduce__(self):
            return os._exit, (1,)

    class Cache:
        get = staticmethod(lambda key: pickle.dumps(Bad()))
        put = staticmethod(lambda key, value: None)

    assert len(read_program("x = 1", Cache()).units) == 1


# -- bad input ---------------------------------------------------------------------------------------------------------


def outline(text: str) -> list[str]:
    """The statements at the top and in the bodies of functions and classes, one word each."""
    words: list[str] = []

    def add(body: tuple[nodes.Stmt, ...]) -> None:
        for statement in body:
            if isinstance(statement, nodes.OpaqueStmt):
                words.append("?" + ",".join(statement.names))
            elif isinstance(statement, nodes.FunctionDef | nodes.ClassDef):
                words.append(statement.name + ":")
                add(statement.code.body)
            else:
                words.append(type(statement).__name__)

    for unit in read_program(text).units:
        add(unit.chunk.body)
    return words


def messages(text: str) -> list[str]:
    return [c.message for c in read_program(text).complaints]


def blocks(depth: int) -> str:
    return "".join(" " * i + "if x:\n" for i in range(depth)) + " " * depth + "y = 1\n"


OVER_LIMITS = {
    "blocks": (blocks(120) + "z = 2\n", ["If", "Assign"]),
    "parentheses": ("x = " + "(" * 2000 + "1" + ")" * 2000 + "\ny = 1\n", ["?x", "Assign"]),
    "calls": ("def f():\n  a = b" + ".c()" * 2000 + "\n  return a\n", ["f:", "?a", "Return"]),
    "sum": ("def f():\n  a = 1\n  b = " + "a + " * 4000 + "a\n  return b\n", ["f:", "Assign", "?b", "Return"]),
    "list": ("x = [" + "1, " * 100_000 + "]\ny = 1\n", ["?x", "Assign"]),
    "strings": ("x = (" + "'a'\n" * 5_000 + ")\ny = 1\n", ["?x", "Assign"]),
    "branches": ("if a: b\n" + "elif c: d = 1\n" * 500 + "e = 1\n", ["?d", "Assign"]),
    "pattern": ("match x:\n case " + "[" * 30 + "a" + "]" * 30 + ":\n  b = 1\nc = 1\n", ["?a,b", "Assign"]),
}


@pytest.mark.parametrize("name", OVER_LIMITS)
def test_over_the_limits(name):
    text, expected = OVER_LIMITS[name]
    start = time.process_time()
    assert outline(text) == expected
    assert [c.kind for c in read_program(text).complaints] == ["limit"]
    assert time.process_time() - start < 2


def test_within_the_limits():
    calls = "x = " + "f(" * 199 + "1" + ")" * 199 + "\n"
    chain = "x = " + "a + " * 299 + "a\n"
    table = "x = [" + "-1, a.b(c), " * 1_000 + "]\n"
    assert messages(blocks(90) + calls + chain + table) == []


BROKEN = [
    ('x = 1\ns = """abc\n\ndef f():\n  return\n', "Assign ?s f: Return", "unterminated triple-quoted"),
    ('x = f(\na = 1\nb = """\ndef f(): a\n', "?x Assign ?b f: ExprStmt", "'(' was never closed"),
    ("x = 'abc\ny = 1\n", "?x Assign", "unterminated string literal"),
    ("x = f'{a\ny = 1\n", "?x Assign", "unterminated f-string literal"),
    ("def f():\n  y = g(1, (2)\n  return y\n\ndef h(): a\n", "f: ?y Return h: ExprStmt", "'(' was never closed"),
    ("class A:\n  def f(s):\n    x = [1\n  def g(s): y\n", "A: f: ?x g: ExprStmt", "'[' was never closed"),
    ("x = (1, 2]\ny = 1\n", "?x Assign", "']' does not match opening parenthesis '('"),
    ("x = 1)\ny = 1\n", "?x Assign", "unmatched ')'"),
    ("if x:\n  y\n z = 1\nw = 1\n", "If Assign", "unindent does not match"),
    ("def f():\n  y = 1\n    z = 1\n  w = 1\n", "f: Assign ?z Assign", "unexpected indent"),
    ("def f():\n\tx = 1\n        y = 1\n\tz = 1\n", "f: Assign ?y Assign", "inconsistent use of tabs"),
    ("def f():\n\ndef g():\n", "f: ? g: ?", "expected an indented block after function definition"),
    ("def f():\n  if x\n    y\n  z = 1\n", "f: If Assign", "expected ':'"),
    ("def f():\n  try:\n    y\n  z = 1\n", "f: If Assign", "expected 'except' or 'finally' block"),
    ("def f(x):\n  y = x.\n  return y\n", "f: ?y Return", "invalid syntax"),
    ("def f(x):\n  return x\ndef g(a, ", "f: Return ?g", "'(' was never closed"),
    ("def f():\n  print 'a'\n  x = 1\n  print x\n", "f: ? Assign ?", "Missing parentheses in call to 'print'"),
    ("def f():\n  x = 0777\n  y = 1\n", "f: ?x Assign", "leading zeros"),
    ("f() = 1\nx = 1\n", "? Assign", "cannot assign"),
    ("class A:\n  x = $\n  y = 1\n", "A: ?x Assign", "invalid character '$'"),
    ("x = 1\0\ny = 1\n", "?x Assign", "U+0000"),
    ("else:\n  x = 1\ny = 1\n", "?x Assign", "invalid syntax"),
    ("match x:\n case 1 2:\n  a = 1\nb = 1\n", "?a Assign", "invalid syntax"),
]


@pytest.mark.parametrize(("text", "expected", "message"), BROKEN)
def test_broken_text(text, expected, message):
    assert " ".join(outline(text)) == expected
    assert message in messages(text)[0]
    assert all(c.kind == "syntax" for c in read_program(text).complaints)


UNUSUAL = {
    "form feeds": "\x0cclass A:\n    x = 1\n\x0c\n\x0c    def f(self): pass\n\x0c@d\n\x0c# c\ndef g(): pass\n",
    "tabs": "def f():\n\tx = 1\n\tif x:\n\t\ty = (1,\n2)\n",
    "CRLF": "def f():\r\n    x = '''a\r\nb'''\r\n\r\nz = 2\r\n",
    "CR": "def f():\r    x = 1\r\rz = 2\r",
    "continuation": "x = 1 ; \\\n y = 2",
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_but_right(name):
    check_spans(UNUSUAL[name])


@pytest.mark.parametrize(
    "text",
    ["", "\n", " \n\t", "\\", "\ufeffx = 1\n", "x = '\ud800'\n", "\x0c", "(", '"""', "@", "#", "x = \\"],
    ids=ascii,
)
def test_little_texts(text):
    assert show(read_program(text))


def test_every_prefix_of_a_program():
    for end in range(0, len(SNIPPETS), 7):
        read = read_program(SNIPPETS[:end])
        opaque = sum(isinstance(n, nodes.OpaqueStmt) for u in read.units for n in u.chunk.body)
        assert show(read) and opaque <= 2


def test_tokens_agree_with_the_text():
    tokens = scan(SNIPPETS)
    lines = SNIPPETS.split("\n")
    for text, (line, col), end in zip(tokens.texts, tokens.starts, tokens.ends, strict=True):
        if text and text != '"':
            assert lines[line - 1][col : end[1]] == text and end[0] == line
