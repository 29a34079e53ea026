"""Findings for people: `full` with the source, `concise` with one line each."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tensight_analyzer.check import Report
from tensight_analyzer.facts.finding import Finding, Where

Lines = Callable[[str], list[str]]
NOTES = 4  # of a finding


def concise(report: Report) -> Iterator[str]:
    """`file:line:column: severity[rule] message`, columns from 1 as editors count them."""
    for finding in report.findings:
        yield f"{place(finding.where)}: {finding.severity}[{finding.name}] {finding.message}"


def full(report: Report, lines: Lines) -> Iterator[str]:
    """Each finding with the lines it is about and the other places."""
    for finding in report.findings:
        yield f"{finding.severity}[{finding.name}] {finding.message}"
        yield f"  --> {place(finding.where)}"
        yield from excerpt(finding.where, lines)
        for note in finding.notes[:NOTES]:
            yield f"  note: {place(note.where)}: {note.message}"
        if len(finding.notes) > NOTES:
            yield f"  note: and {len(finding.notes) - NOTES} more places"
        if finding.fix:
            yield f"  help: {finding.fix}"
        yield ""


def excerpt(where: Where, lines: Lines) -> Iterator[str]:
    """The first line of a span with carets under it; nothing if the file cannot be read any more."""
    try:
        text = lines(where.file)[where.line - 1]
    except (OSError, IndexError):
        return
    end = where.end_col if where.end_line == where.line else len(text)
    number = f"{where.line:>5}"
    indent = text[: where.col].replace("\t", "    ")
    shown = text.replace("\t", "    ")
    if len(shown) > 160:
        shown = shown[:159] + "…"
    yield f"{number} | {shown}"
    if len(indent) < 160:
        width = max(1, min(end - where.col, 160 - len(indent)))
        yield f"      | {' ' * len(indent)}{'^' * width}"


def place(where: Where) -> str:
    return f"{where.file}:{where.line}:{where.col + 1}"


def outcome(report: Report) -> str:
    """The last line: what was found in how many files."""
    files = f"{report.files} file{'s' * (report.files != 1)}"
    if not report.findings:
        return f"no findings in {files}"
    count = {kind: sum(f.severity == kind for f in report.findings) for kind in ("error", "warning", "note")}
    parts = [f"{n} {kind}{'s' * (n != 1)}" for kind, n in count.items() if n]
    return f"{', '.join(parts)} in {files}"


__all__ = ["Finding", "concise", "excerpt", "full", "outcome", "place"]
