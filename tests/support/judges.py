"""The second and third judge of Markdown tests: the same lines are executed, by our runtime and by torch.

Each named size is made 1, 2 and 5, and all different.  What is noted as known must describe what comes out, and a
line that is noted as an error must raise.  Sizes that the program itself does not allow (it raises where nothing is
noted) are left out, as long as some are allowed; a line `# sizes: C=784` gives those that the program forces.
"""

from __future__ import annotations

import ast
import importlib
import re
import traceback

from tensight_runtime.spec.fact import Fact, parse_fact
from tensight_runtime.spec.size import Expr, Symbol, evaluate, parse_size, symbols

from support.mdtest import Block, Note

FILE = "<block>"
_FIXED = re.compile(r"(\w+)=(\d+)")
DIFFERENT = (3, 4, 6, 7, 8, 9)
RAISES = (RuntimeError, IndexError, ValueError, TypeError, NotImplementedError, AssertionError)


class NotAllowed(Exception):
    """The program does not run with these sizes."""


def judge(block: Block, module: str) -> list[str] | None:
    """The disagreements with `module` ("torch" or "tensight_runtime"); None if it cannot run the block."""
    names = sorted({s.name for text in given_facts(block.program) for s in fact_symbols(parse_fact(text))})
    fixed = {name: int(n) for name, n in _FIXED.findall(block.program.partition("# sizes:")[2].partition("\n")[0])}
    sizes = (
        [dict.fromkeys(names, n) for n in (1, 2, 5)] + [dict(zip(names, DIFFERENT, strict=False))] if names else [{}]
    )
    sizes = [env | fixed for env in sizes]
    wrong: list[str] = []
    refused = []
    for env in sizes:
        try:
            wrong += [f"{text} (sizes {env})" if env else text for text in Run(block, module, dict(env)).judge()]
        except NotAllowed as error:
            refused.append(f"{error} (sizes {env})" if env else str(error))
    if len(refused) == len(sizes):
        wrong += refused
    return list(dict.fromkeys(wrong))


class Run:
    """One execution of a block."""

    def __init__(self, block: Block, module: str, env: dict[str, int]):
        self.block = block
        self.torch = importlib.import_module(module)
        self.env = env
        self.module = module
        self.notes: dict[int, Note] = {n.line: n for n in (*block.earlier, *block.notes)}
        self.wrong: list[str] = []
        self.reached: set[int] = set()
        self.raised: dict[int, str] = {}

    def judge(self) -> list[str]:
        tree = ast.parse(self.block.program, FILE)
        tree = ast.fix_missing_locations(Watched(self.notes, self.module).visit(tree))
        scope = {"__name__": "block", "__watch__": self.watch, "given": self.given}
        self.torch.manual_seed(0)
        missing = False
        for statement in tree.body:
            code = compile(ast.Module([statement], []), FILE, "exec")
            try:
                exec(code, scope)
            except NameError:
                if not missing:
                    raise
            except RAISES as error:
                missing = True
                self.complain(error)
        for line, note in self.notes.items():
            if note.error and line >= self.block.first and not silent(note):
                if line not in self.raised:
                    self.wrong.append(f"line {line}: nothing is raised")
                elif note.text and "`" not in note.text and note.text not in self.raised[line]:
                    self.wrong.append(f"line {line}: raises {self.raised[line]!r}")
        return self.wrong

    def complain(self, error: BaseException) -> None:
        """An exception: expected where a line of the block that led to it says so."""
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == FILE]
        line = next((n for n in reversed(lines) if n in self.notes and self.notes[n].error), None)
        if line is None:
            raise NotAllowed(f"line {lines[-1] if lines else '?'}: raises {type(error).__name__}: {error}") from error
        self.raised[line] = str(error)

    def given(self, text: str) -> object:
        """A tensor that the fact describes."""
        torch = self.torch
        fact = parse_fact(text)
        dims = tuple(self.number(d) for d in fact.dims)
        dtype = getattr(torch, fact.dtype.name)
        if fact.dtype.category >= 2:
            made = torch.rand(dims, dtype=torch.float64).to(dtype)
        else:
            made = torch.zeros(dims, dtype=dtype)
        if fact.device is not None and str(fact.device) != "cpu":
            made = made.to(str(fact.device))
        if fact.requires_grad:
            made = made.requires_grad_()
            made = made if fact.is_leaf else made.clone()
        return made

    def number(self, size: object) -> int:
        if not isinstance(size, Expr):
            return size
        return evaluate(size, {s: self.env[s.name] for s in symbols(size)})

    # -- facts --------------------------------------------------------------------------------------------------------

    def watch(self, line: int, *values: object) -> object:
        """A value a noted line has made."""
        note = self.notes[line]
        self.reached.add(line)
        if line >= self.block.first:
            for alternatives, value in zip(note.facts, values, strict=False):
                if not any(self.describes(text, value) for text in alternatives):
                    self.wrong.append(f"line {line}: {self.shown(value)}, not {' | '.join(alternatives)}")
        return values[0] if len(values) == 1 else values

    def describes(self, text: str, value: object) -> bool:
        if isinstance(value, self.torch.Tensor):
            return "[" in text and not text.startswith("[") and self.fits(parse_fact(text), value)
        if isinstance(value, int) and not isinstance(value, bool):
            try:
                return self.same_size(parse_size(text), value)
            except ValueError:
                return False
        return text in ("?", str(value), repr(value))

    def fits(self, fact: Fact, value: object) -> bool:
        if fact.dtype is not None and str(value.dtype) != f"torch.{fact.dtype.name}":
            return False
        if fact.dims is not None:
            if len(fact.dims) != value.dim():
                return False
            if not all(self.same_size(d, n) for d, n in zip(fact.dims, value.shape, strict=True)):
                return False
        if fact.requires_grad is not None and bool(value.requires_grad) != fact.requires_grad:
            return False
        if fact.requires_grad and fact.is_leaf is not None and bool(value.is_leaf) != fact.is_leaf:
            return False
        return fact.device is None or str(value.device) == str(fact.device)

    def same_size(self, size: object, number: int) -> bool:
        """Is it this size?  A name that no `given` has stands for the number it is met with first."""
        if isinstance(size, int):
            return size == number
        if not isinstance(size, Expr):
            return True  # unknown
        unbound = [s for s in symbols(size) if s.name not in self.env]
        if unbound:
            if str(size) == unbound[0].name:
                self.env[unbound[0].name] = number
            return True
        return evaluate(size, {s: self.env[s.name] for s in symbols(size)}) == number

    def shown(self, value: object) -> str:
        if not isinstance(value, self.torch.Tensor):
            return repr(value)
        flags = ("grad " if value.requires_grad else "") + ("leaf" if value.is_leaf else "")
        return f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)} {value.device} {flags}"


class Watched(ast.NodeTransformer):
    """Noted statements tell `__watch__` what they made; torch is the module that judges."""

    def __init__(self, notes: dict[int, Note], module: str):
        self.lines = {line for line, note in notes.items() if not note.error}
        self.module = module

    def visit_Import(self, node: ast.Import) -> object:
        made: list[ast.stmt] = []
        for alias in node.names:
            if alias.name == "torch" or alias.name.startswith("torch."):
                own = self.module + alias.name[5:]
                if alias.asname:
                    made.append(ast.Import([ast.alias(own, alias.asname)]))
                else:
                    made += [ast.Import([ast.alias(own, "_")]), ast.Import([ast.alias(self.module, "torch")])]
            else:
                made.append(ast.Import([alias]))
        return [ast.copy_location(statement, node) for statement in made]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> object:
        if node.module and (node.module == "torch" or node.module.startswith("torch.")):
            node.module = self.module + node.module[5:]
        return node

    def visit(self, node: ast.AST) -> object:
        node = super().visit(node)
        line = getattr(node, "end_lineno", None)
        if not isinstance(node, ast.stmt) or line not in self.lines:
            return node
        match node:
            case ast.Assign(targets=[target, *_]) | ast.AugAssign(target=target) | ast.AnnAssign(target=target):
                parts = target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
                call = ast.Expr(_watch(line, [ast.parse(ast.unparse(p), mode="eval").body for p in parts]))
                return [node, ast.copy_location(call, node)]
            case ast.Expr(value=value) | ast.Return(value=value) if value is not None:
                node.value = ast.copy_location(_watch(line, [value]), value)
        return node


def _watch(line: int, values: list[ast.expr]) -> ast.Call:
    return ast.Call(ast.Name("__watch__", ast.Load()), [ast.Constant(line), *values], [])


def silent(note: Note) -> bool:
    """A finding about what raises nothing: torch goes on, so there is nothing to see."""
    from tensight_analyzer.builtin import RULES

    return any(rule.name == note.rule and rule.severity != "error" for rule in RULES)


def given_facts(program: str) -> list[str]:
    """The facts that a program's calls of `given` name."""
    calls = (n for n in ast.walk(ast.parse(program)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name))
    return [c.args[0].value for c in calls if c.func.id == "given"]


def fact_symbols(fact: Fact) -> set[Symbol]:
    return {s for d in fact.dims or () if isinstance(d, Expr) for s in symbols(d)}
