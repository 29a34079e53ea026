"""What stands between a text and libcst: splitting into chunks, and limits.

libcst ends the process on deep nesting and takes seconds for long chains, so the guard counts tokens first.  Splitting
looks at brackets, strings and lines that start in column 0 only, so an open bracket or quote costs the statements up to
the next `def` or `class` at most.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from keyword import iskeyword
from typing import NamedTuple

from tensight_analyzer.source.tokens import Tokens

MAX_BRACKETS = 200
MAX_INDENTS = 100
MAX_CHAIN = 300  # operators or calls that belong to one another, and `elif` branches
MAX_COPIED = 1_000_000  # tokens copied while such chains are parsed: about a second
MAX_STRINGS = 1_000  # adjacent
MAX_TOKENS = 20_000
MAX_PATTERN_BRACKETS = 10  # in a `case`: each level doubles libcst's time


class Piece(NamedTuple):
    """A chunk of a file: whole lines, from the comments above a top-level statement to its last line."""

    line: int
    text: str


def split(text: str) -> list[Piece]:
    """The top-level statements of a text; blank lines between them belong to none."""
    starts = _statement_starts(text)
    pieces = []
    line = 1
    previous = 0
    for start, end in zip(starts, starts[1:] + [len(text)], strict=True):
        line += text.count("\n", previous, start)
        previous = start
        body = text[start:end].rstrip(" \t\f\n")
        if body:
            blank = len(body) - len(body.lstrip(" \t\f\n"))
            head = body.rfind("\n", 0, blank) + 1
            pieces.append(Piece(line + body.count("\n", 0, head), body[head:] + "\n"))
    return pieces


# -- splitting ---------------------------------------------------------------------------------------------------------

_STRONG = re.compile(r"\f?(?:(?:def|class|import|from|async[ \t]+def|if[ \t]+__name__)\b|@)")
_BLOCK = re.compile(r"\n(?=(?:async[ \t]+)?def[ \t]+\w|class[ \t]+\w|@\w)")
_COMMENT = re.compile(r"\f?#[^\n]*\s*")
_CONTINUES = re.compile(r"\f?(?:[)\]}]|(?:else|elif|except|finally)\b)")
_MARK = re.compile(
    r'"""(?:[^"\\]*+(?:(?:\\.|"(?!""))[^"\\]*+)*+""")?+'
    r"|'''(?:[^'\\]*+(?:(?:\\.|'(?!''))[^'\\]*+)*+''')?+"
    r'|"(?:[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"|[^\n]*)'
    r"|'(?:[^'\\\n]*+(?:\\.[^'\\\n]*+)*+'|[^\n]*)"
    r"|#[^\n]*"
    r"|[(\[{]|[)\]}]"
    r"|\\\n"
    r"|\n(?=\f?[^ \t\n\f])",
    re.DOTALL,
)


def _statement_starts(text: str) -> list[int]:
    """Offsets at which the chunks start; the comments in column 0 above a statement belong to it."""
    lines = _outer_lines(text)
    starts = [0]
    comments: int | None = None  # where the comments above the next statement begin
    decorated = False
    blank_until = 0  # behind a comment: where the blank lines after it end
    for start in lines:
        if start != blank_until:
            comments = None  # an indented line came in between
        c = text[start : start + 2].lstrip("\f")[:1]
        if c == "#":
            if comments is None:
                comments = start
            blank_until = _COMMENT.match(text, start).end()
            continue
        if start and (decorated or _CONTINUES.match(text, start)):
            pass
        elif start:
            starts.append(start if comments is None else comments)
        comments = None
        decorated = c == "@"
    if comments:
        starts.append(comments)
    return starts


def _outer_lines(text: str) -> list[int]:
    """Offsets of the lines that start in column 0 outside strings and brackets."""
    lines = [0]
    depth = 0
    inside: list[int] = []  # such lines within brackets: statements after all if a bracket turns out to be open
    pos: int | None = 0
    while pos is not None:
        restart = None
        for m in _MARK.finditer(text, pos):
            s = m.start()
            c = text[s]
            if c == "\n":
                if not depth:
                    lines.append(s + 1)
                elif _STRONG.match(text, s + 1):
                    lines += inside
                    lines.append(s + 1)
                    inside.clear()
                    depth = 0
                else:
                    inside.append(s + 1)
            elif c in "([{":
                depth += 1
            elif c in ")]}":
                if depth:
                    depth -= 1
                    if not depth:
                        inside.clear()
            elif m.end() == s + 3 and (c == '"' or c == "'") and text.startswith(c * 3, s):
                block = _BLOCK.search(text, s)
                restart = block.start() if block else None
                break
        lines += inside
        inside.clear()
        depth = 0
        pos = restart
    return lines


# -- limits ------------------------------------------------------------------------------------------------------------

_SMALL = 200  # a statement of fewer tokens is within the limits


def oversized(tokens: Tokens) -> Iterator[tuple[int, str]]:
    """The logical lines over a limit, with the reason."""
    texts, lines = tokens.texts, tokens.lines
    branches = 0
    for k, start in enumerate(lines):
        end = tokens.line_end(k)
        why = _judge(texts, start, end) if end - start >= _SMALL else None
        head = texts[start]
        if head == "case":
            why = why or _judge_pattern(texts, start, end)
        elif head == "elif":
            branches += 1
            if branches == MAX_CHAIN + 1:
                why = f"more than {MAX_CHAIN} branches"
        elif head == "if":
            branches = 0
        if why:
            yield k, why
    if max(tokens.widths, default=0) >= MAX_INDENTS:
        yield from _too_deep(tokens)


_OPEN = frozenset("([{")
_CLOSE = frozenset(")]}")
_CHAINING = frozenset(
    "+ - * / // % @ ** << >> & | ^ ~ < > <= >= == != . and or not in is if else for lambda await yield :=".split()
)


def _judge(texts: list[str], start: int, end: int) -> str | None:
    """libcst copies what it has of a chain at each further link, so both its length and its size count."""
    if end - start > MAX_TOKENS:
        return f"more than {MAX_TOKENS:,} tokens"
    links = strings = copied = 0
    begin = start  # of the expression at this depth
    outer: list[tuple[int, int]] = []
    before = ""
    for i in range(start, end):
        word = texts[i]
        link = word in _CHAINING
        if word in _OPEN:
            link = before[:1].isalnum() or before in (")", "]", '"', "_")
            outer.append((links + link, begin))
            if len(outer) >= MAX_BRACKETS:
                return "too many nested parentheses"
            links, begin = 0, i + 1
        elif word in _CLOSE:
            if outer:
                links, begin = outer.pop()
        elif word == "," or word == ";":
            links, begin = 0, i + 1
        elif link:
            links += 1
        if link:
            copied += i - begin
        strings = strings + 1 if word == before == '"' else 0
        if links > MAX_CHAIN or copied > MAX_COPIED or strings > MAX_STRINGS:
            return "a chain of operators or calls that is too long"
        before = word
    return None


def _judge_pattern(texts: list[str], start: int, end: int) -> str | None:
    depth = 0
    for i in range(start, end):
        depth += (texts[i] in _OPEN) - (texts[i] in _CLOSE)
        if depth > MAX_PATTERN_BRACKETS:
            return "a pattern that is nested too deeply"
    return None


def _too_deep(tokens: Tokens) -> Iterator[tuple[int, str]]:
    """The headers whose blocks would be the first ones over the limit."""
    stack = [0]
    for k, width in enumerate(tokens.widths):
        while width < stack[-1]:
            stack.pop()
        if width > stack[-1]:
            stack.append(width)
            if len(stack) == MAX_INDENTS + 1:
                yield k - 1, "too many levels of indentation"


# -- statements as token ranges ----------------------------------------------------------------------------------------

CLAUSES = frozenset(("elif", "else", "except", "finally"))


def statement_lines(tokens: Tokens, k: int) -> tuple[int, int]:
    """The logical lines of the statement that line `k` belongs to: its decorators, its block and its other clauses."""
    texts, lines, widths = tokens.texts, tokens.lines, tokens.widths
    if texts[lines[k]] == "case":  # no statement can take the place of a case
        k = next((j for j in range(k - 1, -1, -1) if widths[j] < widths[k]), k)
    width = widths[k]
    first = k
    while texts[lines[first]] in CLAUSES:
        previous = first - 1
        while previous >= 0 and widths[previous] > width:
            previous -= 1
        if previous < 0 or widths[previous] != width:
            break
        first = previous
    while first and widths[first - 1] == width and texts[lines[first - 1]] == "@":
        first -= 1
    last = k + 1
    while last < len(lines) and (
        widths[last] > width
        or (widths[last] == width and (texts[lines[last]] in CLAUSES or texts[lines[last - 1]] == "@"))
    ):
        last += 1
    return first, last


def bound_names(tokens: Tokens, first: int, last: int) -> tuple[str, ...]:
    """The names that the logical lines bind, by the look of them: a cheap stand-in for parsing."""
    names: dict[str, None] = {}
    k = first
    while k < last:
        start, end = tokens.lines[k], tokens.line_end(k)
        words = tokens.texts[start:end]
        if words and words[0] == "async":
            del words[0]
        names.update(dict.fromkeys(_bound_by(words)))
        width = tokens.widths[k]
        k += 1
        if words and words[0] in ("def", "class"):
            while k < last and tokens.widths[k] > width:
                k += 1
    return tuple(name for name in names if not iskeyword(name))


_BLOCK_WORDS = frozenset("if elif else while for try except finally with case".split())


def _bound_by(words: list[str]) -> Iterator[str]:
    head = words[0] if words else ""
    if head in _BLOCK_WORDS and ":" in words:
        colon = words.index(":")
        yield from _bound_by(words[colon + 1 :])
        words = words[:colon]
    if head == "case":
        yield from _targets(words[1:])
        return
    if head in ("def", "class"):
        yield from (w for w in words[1:2] if w.isidentifier())
        return
    if head in ("import", "from"):
        yield from _imported(words)
        return
    if head == "for":
        yield from _targets(words[1 : words.index("in")] if "in" in words else words[1:2])
    depth = 0
    start = 0
    for i, word in enumerate(words):
        if word in "([{" and word:
            depth += 1
        elif word in ")]}" and word:
            depth -= 1
        elif word == ":=" and i and words[i - 1].isidentifier():
            yield words[i - 1]
        elif word == "as" and i + 1 < len(words):
            yield from _targets(words[i + 1 : i + 2])
        elif depth:
            continue
        elif word == ";":
            start = i + 1
        elif word == "=":
            yield from _targets(words[start:i])
            start = i + 1
        elif len(word) > 1 and word[-1] == "=" and word not in ("==", "!=", "<=", ">=", ":="):
            yield from _targets(words[start:i])


def _targets(words: list[str]) -> Iterator[str]:
    """The plain names of an assignment target; an annotation is left out."""
    squares = 0
    for i, word in enumerate(words):
        if word == "[" and i and (words[i - 1].isidentifier() or words[i - 1] in (")", "]")):
            squares += 1
        elif word == "]" and squares:
            squares -= 1
        elif word == ":":
            return
        elif not squares and word.isidentifier() and words[i - 1 : i] != ["."]:
            if words[i + 1 : i + 2] not in (["."], ["["], ["("], ["="]):
                yield word


def _imported(words: list[str]) -> Iterator[str]:
    after = words.index("import") + 1 if "import" in words else len(words)
    group: list[str] = []
    for word in words[after:] + [","]:
        if word == "," and group:
            yield group[-1] if "as" in group else group[0]
            group = []
        elif word.isidentifier():
            group.append(word)
