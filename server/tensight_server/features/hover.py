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

LONGEST = 80  # characters of the first line
WAIT = 0.25  # seconds a hover waits for a value; it is there at the next hover
STALE = "from before the last edit"


@dataclass
class Content:
    """A hover as plain text: Markdown and the terminal show the same lines."""

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
        if not view.stale and server.evaluates(document):
            value = await ready(server, document, spot)
            if server.documents.get(document.uri) is not document or not document.fresh:
                return None  # the text changed meanwhile
            add_value(shown, value)
        return server.convert.hover(document.source, spot, markup(server, document, shown))


async def ready(server, document: Document, spot: Spot) -> dict | None:
    """The value, if it is there soon."""
    asked = asyncio.ensure_future(server.evaluation.value(document, spot, server.settings.budget))
    done, _ = await asyncio.wait([asked], timeout=WAIT)
    return asked.result() if done else {"ok": False, "lines": [], "provenance": "the value is being computed: hover again"}


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
    shown = Content(title(source_text(spot, lines), first, spot.operator))
    if first["kind"] == "tensor":
        shown.facts.append(spelled_out(first, spot.operator))
    elif first["kind"] == "group":
        shown.facts += [f"{label}: {text}" for label, text in first["items"]]
    if len(facts) > 1:
        each = facts[1:] if first["kind"] == "tensor" and first not in facts[1:] and _is_common(facts) else facts
        shown.facts.append("either " + " or ".join(fact["text"] for fact in each))
    shown.sizes = list(dict.fromkeys(tuple(size) for fact in facts for size in fact.get("sizes", ())))
    if view.stale:
        shown.remarks.append(STALE)
    return shown


def _is_common(facts: list[dict]) -> bool:
    return len(facts) > 2 and all(fact["kind"] == "tensor" for fact in facts)


def title(name: str, fact: dict, operator: str) -> str:
    """`scores: f32[2, 4, 7, 7] grad softmax`, at most LONGEST characters."""
    text = fact["text"]
    if fact["kind"] == "tensor" and text.endswith(" grad") and operator:
        text += " " + operator
    if fact["kind"] == "size":
        text = "int" if fact["text"] == name.rpartition(".")[2] else f"int = {text}"
    room = max(LONGEST - len(text) - 2, 12)
    name = name if len(name) <= room else name[: room - 1] + "…"
    line = f"{name}: {text}"
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def spelled_out(fact: dict, operator: str) -> str:
    """Device, gradient, leaf and producer, layout, elements and bytes: the second line, in which nothing is missing."""
    grad = {True: "requires grad", False: "no grad", None: "grad unknown"}[fact["requires_grad"]]
    leaf = {True: "leaf", False: "not a leaf", None: "leaf or not unknown"}[fact["is_leaf"]]
    if operator and fact["is_leaf"] is not True:
        leaf += f", made by {operator}"
    layout = {True: "contiguous", False: "not contiguous", None: "contiguity unknown"}[fact["contiguous"]]
    elements, size = fact["elements"], fact["bytes"]
    count = "elements unknown" if elements is None else "1 element" if elements == 1 else f"{number(elements)} elements"
    memory = "bytes unknown" if size is None else bytes_text(size)
    return " · ".join((fact["device"] or "device unknown", grad, leaf, layout, count, memory))


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
    for name, file, line, what in shown.sizes:
        lines.append(origin(name, what, place(file, line, here)))
    return [*lines, *shown.values, *(f"({remark})" for remark in shown.remarks)]


def markup(server, document: Document, shown: Content) -> str:
    """Markdown, or plain text for a client that wants that."""
    if not server.client.markdown:
        return "\n".join(plain(shown, document.path))
    parts = ["```python\n" + shown.title + "\n```"]
    parts += [escaped(line) for line in shown.facts]
    sizes = []
    for name, file, line, what in shown.sizes:
        where = place(file, line, document.path)
        if server.client.links:
            where = f"[{escaped(where)}]({server.convert.uri(file)}#L{line})"
        else:
            where = escaped(where)
        sizes.append(escaped(origin(name, what, "")) + where)
    if sizes:
        parts.append("  \n".join(sizes))
    if shown.values:
        parts.append("```text\n" + "\n".join(line.replace("```", "'''") for line in shown.values) + "\n```")
    parts += [f"*{escaped(remark)}*" for remark in shown.remarks]
    return "\n\n".join(parts)


def origin(name: str, what: str, where: str) -> str:
    return f"{name} is {what}, {where}" if what != name else f"{name}: {where}"


def place(file: str, line: int, here: str) -> str:
    return f"line {line}" if file == here else f"{os.path.basename(file)}:{line}"


_SPECIAL = str.maketrans({c: "\\" + c for c in "\\`*_{}[]<>#|~"})


def escaped(text: str) -> str:
    """Text of the user in Markdown: as it stands, whatever is in it."""
    return text.translate(_SPECIAL)
