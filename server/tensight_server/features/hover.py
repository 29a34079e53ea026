"""Hover: the fact of what is under the cursor, what it means, and its value where that is ready.

The first line stands alone: name and fact, in the one notation.  The rest says everything the first leaves to defaults.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field

from lsprotocol import types

from tensight_server.documents import Document
from tensight_server.view import Spot, View

SHOWN = 4  # alternatives that are spelled out
LONGEST = 80  # characters of the first line
WAIT = 0.25  # seconds a hover waits for a value; it is there at the next hover
NOT_YET = {"ok": False, "lines": [], "provenance": "the value is being computed: hover again"}
STALE = "from before the last edit"


@dataclass
class Content:
    """A hover: Markdown and the terminal show the same lines.  In `facts`, backticks set off what is code."""

    title: str
    facts: list[str] = field(default_factory=list)
    sizes: list[tuple[str, str, int, str]] = field(default_factory=list)  # name, file, line, what stands there
    values: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def register(server) -> None:
    @server.feature(types.TEXT_DOCUMENT_HOVER)
    async def hover(params: types.HoverParams) -> types.Hover | None:
        document = server.documents.get(params.text_document.uri)
        if document is None:
            return None
        view = document.seen()
        line, col = server.convert.line_col(document.source, params.position)
        spot = view.at(line, col) if view is not None else None
        if spot is None:
            return None
        shown = content(view, spot, document.source.lines())
        has_value = view.facts[spot.facts[0]]["kind"] in ("tensor", "group")
        if has_value and not view.stale and server.evaluates(document):
            value = await ready(server, document, spot)
            if server.documents.get(document.uri) is not document or not document.fresh:
                return None  # the text changed meanwhile
            add_value(shown, value)
        return server.convert.hover(document.source, spot, markup(server, document, shown))


async def ready(server, document: Document, spot: Spot) -> dict | None:
    """The value, if it is there soon."""
    asked = asyncio.ensure_future(server.evaluation.value(document, spot, server.settings.budget))
    done, _ = await asyncio.wait([asked], timeout=WAIT)
    return asked.result() if done else NOT_YET


def add_value(shown: Content, value: dict | None) -> None:
    if value is None:
        return
    shown.values = [line for line in value.get("lines") or [] if isinstance(line, str)]
    if value.get("provenance"):
        shown.remarks.append(value["provenance"])


# -- what is said ------------------------------------------------------------------------------------------------------


def content(view: View, spot: Spot, lines: list[str]) -> Content:
    """All that is known of a spot."""
    facts = [view.facts[i] for i in spot.facts]
    first = facts[0]
    shown = Content(title(source_text(spot, lines), facts, spot.operator))
    if first["kind"] == "tensor":
        shown.facts.append(spelled_out(first, spot.operator))
    several = len(facts) > 1 and not first.get("common")
    if first["kind"] == "group" and not several:
        shown.facts += [f"{code(label)}: {code(text)}" for label, text in first["items"]]
    each = facts[1:] if first.get("common") else facts
    if len(each) > 1 and (first.get("common") or first["kind"] == "group"):
        more = [f"{len(each) - SHOWN} more"] if len(each) > SHOWN else []
        shown.facts.append("either " + " or ".join([*(code(fact["text"]) for fact in each[:SHOWN]), *more]))
    shown.sizes = list(dict.fromkeys(tuple(size) for fact in facts for size in fact.get("sizes", ())))
    if view.stale:
        shown.remarks.append(STALE)
    return shown


def title(name: str, facts: list[dict], operator: str) -> str:
    """`scores: f32[2, 4, 7, 7] grad softmax`, at most LONGEST characters."""
    fact = facts[0]
    text = fact["text"]
    if fact["kind"] == "tensor" and text.endswith(" grad") and operator:
        text += " " + operator
    if fact["kind"] == "group" and len(facts) > 1 and not fact.get("common"):
        text = f"{text[0]}…{text[-1]}"
    elif not fact.get("common"):
        text = " or ".join([text, *(f["text"] for f in facts[1:SHOWN])])
    if fact["kind"] == "size":
        text = "int" if text == name.rpartition(".")[2] else f"int = {text}"
    room = max(LONGEST - len(text) - 2, 12)
    name = name if len(name) <= room else name[: room - 1] + "…"
    line = f"{name}: {text}"
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def spelled_out(fact: dict, operator: str) -> str:
    """Device, gradient, leaf and producer, layout, elements and bytes: the second line, in which nothing is missing."""
    grad = says(fact["requires_grad"], "requires grad", "no grad", "grad unknown")
    leaf = says(fact["is_leaf"], "leaf", "not a leaf", "leaf status unknown")
    if operator and fact["is_leaf"] is not True:
        leaf += f", made by {operator}"
    layout = says(fact["contiguous"], "contiguous", "not contiguous", "contiguity unknown")
    elements, size = fact["elements"], fact["bytes"]
    count = "elements unknown" if elements is None else either(number, elements) + " element" + "s" * (elements != 1)
    memory = "bytes unknown" if size is None else either(bytes_text, size)
    return " · ".join((fact["device"] or "device unknown", grad, leaf, layout, count, memory))


def says(value: bool | list | None, yes: str, no: str, unknown: str) -> str:
    """A list holds what it is in one call and in another."""
    if isinstance(value, list):
        return f"{yes} or {no}"
    return unknown if value is None else yes if value else no


def either(show, values: object) -> str:
    """One value, or what it may be: two of them, or from the least to the greatest."""
    if not isinstance(values, list):
        return show(values)
    if len(values) == 2:
        return f"{show(values[0])} or {show(values[1])}"
    if all(isinstance(value, int) for value in values):
        return f"{show(min(values))} to {show(max(values))}"
    return "varying"


def number(value: int | str) -> str:
    return f"{value:,}" if isinstance(value, int) else value


def bytes_text(size: int | str) -> str:
    if isinstance(size, str):
        return f"{size} bytes"
    for unit, factor in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"


def source_text(spot: Spot, lines: list[str]) -> str:
    """The text of a spot on one line."""
    part = lines[spot.line - 1 : spot.end_line]
    if not part:
        return ""
    part[-1] = part[-1][: spot.end_col]
    part[0] = part[0][spot.col :]
    return " ".join(" ".join(part).split())


# -- how it is written -------------------------------------------------------------------------------------------------


def plain(shown: Content, here: str = "") -> list[str]:
    """Lines of text; sizes of the file `here` are given by line alone."""
    lines = [shown.title, *shown.facts]
    lines += [f"{origin(name, what)}{place(file, line, here)}" for name, file, line, what in shown.sizes]
    lines = [line.replace("`", "") for line in lines]
    return [*lines, *shown.values, *(f"({remark})" for remark in shown.remarks)]


def markup(server, document: Document, shown: Content) -> str:
    """Markdown, or plain text for a client that wants that."""
    if not server.client.markdown:
        return "\n".join(plain(shown, document.path))
    parts = ["```python\n" + shown.title + "\n```"]
    if shown.facts:
        parts.append("  \n".join(shown.facts))
    sizes = []
    for name, file, line, what in shown.sizes:
        where = place(file, line, document.path)
        where = f"[{escaped(where)}]({server.convert.uri(file)}#L{line})" if server.client.links else escaped(where)
        sizes.append(origin(name, what) + where)
    if sizes:
        parts.append("  \n".join(sizes))
    if shown.values:
        parts.append("```text\n" + "\n".join(line.replace("```", "'''") for line in shown.values) + "\n```")
    parts += [f"*{escaped(remark)}*" for remark in shown.remarks]
    return "\n\n".join(parts)


def origin(name: str, what: str) -> str:
    return f"{code(name)} is {code(what)}, " if what != name else f"{code(name)}: "


def place(file: str, line: int, here: str) -> str:
    return f"line {line}" if file == here else f"{os.path.basename(file)}:{line}"


def code(text: str) -> str:
    return "`" + text.replace("`", "'") + "`"


_SPECIAL = str.maketrans({c: "\\" + c for c in "\\`*_{}[]<>#|~"})


def escaped(text: str) -> str:
    """Text of the user in Markdown: as it stands, whatever is in it."""
    return text.translate(_SPECIAL)
