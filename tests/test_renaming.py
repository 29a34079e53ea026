"""Names mean nothing: a program with all its variables and sizes renamed has the same findings, at the same places.

Two sizes are equal only as normal forms; nothing may follow from what a size, a variable or a function is called.
"""

from __future__ import annotations

import ast
import builtins
import re

import pytest
from support.analyzer import facts_and_findings
from support.judges import fact_symbols
from tensight_analyzer.builtin import RULES
from tensight_analyzer.rule import examples
from tensight_runtime.spec.fact import parse_fact
from test_mdtest import BLOCKS

SIZES = """\
import torch
q = given("f32[B, T, C]")
k = given("f32[B, S, C]")
B, T, C = q.shape
s = q @ k.transpose(1, 2) / C
t = s @ k
heads = q.view(B, T, 4, C // 4).transpose(1, 2)
both = torch.cat([q, k], 1)
wrong = q.reshape(B * T, C) @ torch.zeros(3, 4).T
worse = both + torch.zeros(T + 1, C + 1)
def mix(first, second, scale=2):
    rows = first.shape[1] * scale
    return first.repeat(1, scale, 1) + second.new_zeros(rows)
mixed = mix(q, k)
"""
PROGRAMS = {"sizes": SIZES}
PROGRAMS |= {f"{rule.name}: {e.title}": e.code for rule in RULES for e in examples(rule) if e.errors}
PROGRAMS |= {block.id: block.program for block in BLOCKS if "given(" in block.program}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
@pytest.mark.parametrize("how", [lambda name: f"{name}_", lambda name: "z" + name[::-1]], ids=["longer", "turned"])
def test_renaming_changes_no_finding(program, how, tmp_path):
    tree = ast.parse(program)
    names = bound(tree)
    sizes = {s.name for text in given(tree) for s in fact_symbols(parse_fact(text))}
    new = {name: how(name) for name in names | sizes}
    assert not set(new.values()) & (names | sizes | set(dir(builtins)))
    assert found(ast.unparse(Renamed(new).visit(tree)), tmp_path) == found(ast.unparse(ast.parse(program)), tmp_path)


def found(program: str, folder) -> list[tuple[int, str, str]]:
    return [(f.where.line, f.name, f.severity) for f in facts_and_findings(program, folder)[1]]


def bound(tree: ast.AST) -> set[str]:
    """The names a program gives to its own things; methods and attributes keep theirs, for libraries may call them."""
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    methods = {id(node) for cls in classes for node in cls.body}
    names = {node.name for node in classes}
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                names.add(name)
            case ast.FunctionDef(name=name) if id(node) not in methods:
                names.add(name)
    imported = {
        a.asname or a.name for n in ast.walk(tree) if isinstance(n, (ast.Import, ast.ImportFrom)) for a in n.names
    }
    keywords = {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    return names - imported - keywords - set(dir(builtins))


def given(tree: ast.AST) -> list[str]:
    calls = (
        n for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "given"
    )
    return [call.args[0].value for call in calls]


class Renamed(ast.NodeTransformer):
    def __init__(self, new: dict[str, str]):
        self.new = new

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self.new.get(node.id, node.id)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg = self.new.get(node.arg, node.arg)
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self.new.get(node.name, node.name)
        return self.generic_visit(node)

    visit_ClassDef = visit_FunctionDef

    def visit_Global(self, node: ast.Global | ast.Nonlocal) -> ast.AST:
        node.names = [self.new.get(name, name) for name in node.names]
        return node

    visit_Nonlocal = visit_Global

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id == "given":
            node.args[0].value = self.fact(node.args[0].value)
            return node
        return self.generic_visit(node)

    def fact(self, text: str) -> str:
        """The sizes of a fact, which stand between its brackets."""
        dtype, _, rest = text.partition("[")
        return f"{dtype}[" + re.sub(r"[A-Za-z_]\w*(?=[^\]]*\])", lambda m: self.new.get(m[0], m[0]), rest)


def test_the_programs_show_findings(tmp_path):
    """Else renaming proves little."""
    assert found(SIZES, tmp_path)
    assert sum("given(" in program for program in PROGRAMS.values()) > 20
