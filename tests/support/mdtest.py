"""Markdown tests: code blocks whose comments say what must be known and reported.

    # => f32[B, 10] grad            the fact of what this line binds (or of its value, if it binds nothing)
    # => f32[2] | f32[3]            one of several, where branches or calls differ
    # => f32[2]; i64[]              one for each name of a tuple of targets
    # => 32      # => B // 2        an int, a size
    # error: [rule] "text"          this finding on this line, its message with this text; both may be left out
    # todo-=> ...   # todo-error    true, but not known yet: fails when it starts to work

    # sizes: C=784                  numbers for the judges that run the block, where the program forces them

A line without a note gets no finding.  `given("f32[B, 784]")` is an argument of which only the fact is known.  The
blocks under one heading are one file; each is an item of its own.  `import torch`, `nn` and `F` are there from the
start.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

PREAMBLE = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"
SHIFT = PREAMBLE.count("\n")

_NOTE = re.compile(r"#\s*(?P<todo>todo-)?(?:(?P<fact>=>)|(?P<error>error)\b)(?P<rest>.*)$")
_ERROR = re.compile(r"\s*:?\s*(?:\[(?P<rule>[\w-]+)\])?\s*(?:\"(?P<text>.*)\")?\s*$")


@dataclass(frozen=True)
class Note:
    """What a line says of itself; `line` counts in the program, preamble included."""

    line: int
    todo: bool
    facts: tuple[tuple[str, ...], ...] = ()  # for each target, the alternatives
    error: bool = False
    rule: str = ""
    text: str = ""


@dataclass
class Block:
    """A block as a program: all blocks of its heading up to this one.  Its own notes start at line `first`."""

    page: str
    title: str
    program: str
    first: int
    notes: list[Note] = field(default_factory=list)
    earlier: list[Note] = field(default_factory=list)

    @property
    def id(self) -> str:
        return f"{self.page}: {self.title}"


def read_page(path: Path) -> list[Block]:
    """The Python blocks of a page."""
    headings: list[str] = []
    blocks: list[Block] = []
    text = ""
    notes: list[Note] = []
    lines = path.read_text(encoding="utf-8").splitlines()
    at = 0
    count = 0
    while at < len(lines):
        line = lines[at]
        if match := re.match(r"(#+)\s+(.*)", line):
            depth = len(match[1])
            headings = [*headings[: depth - 1], match[2]]
            text, notes, count = PREAMBLE, [], 0
        elif line.startswith("```"):
            end = next((i for i in range(at + 1, len(lines)) if lines[i].startswith("```")), None)
            if end is None:
                raise ValueError(f"{path.name}:{at + 1}: a block that is never closed")
            if line.strip() == "```python":
                body = lines[at + 1 : end]
                first = text.count("\n") + 1
                own = [n for i, code in enumerate(body, first) if (n := read_note(code, i))]
                text += "\n".join(body) + "\n"
                count += 1
                title = " > ".join(headings[1:] or headings) + (f" ({count})" if count > 1 else "")
                blocks.append(Block(path.stem, title, text, first, own, list(notes)))
                notes += own
            at = end
        at += 1
    return blocks


def read_note(code: str, line: int) -> Note | None:
    """The note at the end of a line."""
    match = _NOTE.search(code)
    if match is None:
        return None
    todo = bool(match["todo"])
    if match["error"]:
        error = _ERROR.match(match["rest"])
        if error is None:
            raise ValueError(f"not an error note: {code!r}")
        return Note(line, todo, error=True, rule=error["rule"] or "", text=error["text"] or "")
    facts = tuple(tuple(a.strip() for a in part.split("|")) for part in match["rest"].split(";"))
    return Note(line, todo, facts=facts)


# -- the first judge ---------------------------------------------------------------------------------------------------


def judge_analyzer(block: Block, folder) -> list[str]:
    """What the analyzer says against the notes; the disagreements."""
    from support.analyzer import facts_and_findings

    facts, findings = facts_and_findings(block.program, folder)
    wrong = []
    marked = {}
    for note in block.notes:
        if note.error:
            marked[note.line] = note
            continue
        known = facts(note.line)
        wanted = [set(map(canonical, alternatives)) for alternatives in note.facts]
        agrees = wanted == [set(alternatives) for alternatives in known]
        want = "; ".join(" | ".join(alternatives) for alternatives in note.facts)
        have = "; ".join(" | ".join(alternatives) for alternatives in known) or "nothing"
        if agrees and note.todo:
            wrong.append(f"line {note.line}: known by now, so it is no `todo` any more: {want}")
        elif not agrees and not note.todo:
            wrong.append(f"line {note.line}: {have}, not {want}")
    for finding in findings:
        if finding.where.line < block.first:
            continue
        note = marked.pop(finding.where.line, None)
        if note is None:
            wrong.append(f"line {finding.where.line}: unexpected [{finding.name}] {finding.message}")
        elif note.todo:
            wrong.append(f"line {note.line}: found by now, so it is no `todo` any more")
        elif note.rule not in ("", finding.name) or note.text not in finding.message:
            wrong.append(f"line {note.line}: [{finding.name}] {finding.message}")
    wrong += [f"line {note.line}: nothing is found" for note in marked.values() if not note.todo]
    return wrong


def canonical(text: str) -> str:
    """A fact or size as it is printed."""
    from tensight_runtime.spec.fact import parse_fact, show_fact
    from tensight_runtime.spec.size import parse_size

    if "[" in text and not text.startswith("["):
        return show_fact(parse_fact(text))
    try:
        return str(parse_size(text))
    except ValueError:
        return text


# -- the summary -------------------------------------------------------------------------------------------------------

seen = {"analyzer": 0, "runtime": 0, "torch": 0}
left_out: dict[str, int] = {}


def tell(terminalreporter) -> None:
    """How many blocks each judge saw."""
    if seen["analyzer"]:
        counts = ", ".join(f"{judge} {n}" for judge, n in seen.items())
        reasons = "".join(f"; {n} not run by {why}" for why, n in left_out.items())
        terminalreporter.write_line(f"mdtest: blocks seen by each judge: {counts}{reasons}")
