"""Which bindings deserve an inlay hint, and what it says: little, short, and never what the text says already.

A hint is [line, col, label, number of its spot, whether something changed, text to insert as a comment]; the column is
where the bound name ends.
"""

from __future__ import annotations

import re

from tensight_server.describe import BIND, PARAM

LONGEST = 25


def hints(spots: list[list], scopes: list[int], facts: list[dict], lines: list[str]) -> list[list]:
    """One for each binding of a tensor, in the order of the text."""
    found: list[list] = []
    last: dict[tuple[int, str], tuple] = {}
    for number, (line, col, end_line, end_col, shown, role, _) in enumerate(spots):
        if role not in (BIND, PARAM) or not shown or line != end_line or line > len(lines):
            continue
        fact = facts[shown[0]]
        text = lines[line - 1]
        if fact["kind"] != "tensor" or fact["dims"] is None:
            continue
        others = {facts[n]["text"] for n in shown[1:] if facts[n]["kind"] != "tensor"}
        if others - {"None"}:
            continue
        name = scopes[number], text[col:end_col]
        what = (fact["dtype"], tuple(fact["dims"]), fact["device"])
        changed = last.get(name) != what
        last[name] = what
        if not said(fact["dims"], text, end_col):
            found.append([line, end_col, label(fact, bool(others)), number, changed, comment(fact, text)])
    return found


def label(fact: dict, optional: bool) -> str:
    end = " | None" if optional else ""
    return ": " + short(fact, LONGEST - 2 - len(end)) + end


def short(fact: dict, longest: int) -> str:
    """`f32[B, 12, …, 64]`: sizes in the middle go first, never the first or the last."""
    dtype, dims = fact["dtype"] or "?", fact["dims"]
    if dims is None:
        return f"{dtype}[...]"
    for dropped in range(max(len(dims) - 1, 1)):
        if dropped:
            front = (len(dims) - dropped + 1) // 2
            parts = [*dims[:front], "…", *dims[front + dropped :]]
        else:
            parts = dims
        text = f"{dtype}[{', '.join(parts)}]"
        if len(text) <= longest:
            return text
    return f"{dtype}[{len(dims)} dims]" if len(dims) > 1 else f"{dtype}[…]"


def said(dims: list[str], text: str, end_col: int) -> bool:
    """Do a literal, a comment or an annotation on the line state the shape?"""
    rest = text[end_col:]
    if rest.lstrip().startswith(":") and any(quote in rest for quote in "\"'") and "[" in rest:
        return True  # an annotation such as Float[Tensor, "b c"]
    code, mark, remark = rest.partition("#")
    if mark and re.search(r"[(\[][^()\[\]]*[)\]]", remark):
        return True
    literal = r"\s*=\s*[\w.]+\(\s*[(\[]?\s*" + r"\s*,\s*".join(re.escape(d) for d in dims) + r"\s*[,)\]]"
    return bool(dims) and re.match(literal, code) is not None


def comment(fact: dict, text: str) -> str:
    """What accepting the hint appends to the line: a shape comment."""
    dims = fact["dims"]
    if "#" in text or "?" in dims:
        return ""
    return f"  # ({dims[0]},)" if len(dims) == 1 else f"  # ({', '.join(dims)})"
