"""Findings for programs: JSON, GitHub's workflow commands, SARIF 2.1.0."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import PurePath

from tensight_analyzer.check import Report
from tensight_analyzer.facts.finding import Finding, Where
from tensight_analyzer.plugin import Registry
from tensight_analyzer.rule import page, summary

LEVELS = {"error": "error", "warning": "warning", "note": "note"}


def as_json(report: Report) -> str:
    """A list of findings; lines count from 1, columns from 0."""
    return json.dumps([finding.as_dict() for finding in report.findings], indent=2, ensure_ascii=False)


def github(report: Report) -> Iterator[str]:
    """Annotations of a pull request."""
    for finding in report.findings:
        w = finding.where
        kind = {"note": "notice"}.get(finding.severity, finding.severity)
        end = f",endColumn={w.end_col + 1}" if w.end_line == w.line else ""
        yield (
            f"::{kind} file={_property(w.file)},line={w.line},endLine={w.end_line},col={w.col + 1}{end},"
            f"title={_property(f'{finding.name} ({finding.code})')}::{_data(finding.message)}"
        )


def sarif(report: Report, registry: Registry, version: str) -> str:
    """A log for code scanning."""
    rules = [
        {
            "id": rule.code, "name": rule.name, "shortDescription": {"text": summary(rule)},
            "fullDescription": {"text": summary(rule)}, "help": {"text": page(rule), "markdown": page(rule)},
            "defaultConfiguration": {"level": LEVELS[rule.severity]},
        }
        for rule in registry.rules.values()
    ]  # fmt: skip
    driver = {"name": "tensight", "version": version, "rules": rules}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(f) for f in report.findings],
    }
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False)


def _result(finding: Finding) -> dict:
    result = {
        "ruleId": finding.code, "level": LEVELS[finding.severity], "message": {"text": finding.message},
        "locations": [_location(finding.where)],
    }  # fmt: skip
    if finding.notes:
        related = [_location(n.where) | {"id": i, "message": {"text": n.message}} for i, n in enumerate(finding.notes)]
        result["relatedLocations"] = related
    return result


def _location(where: Where) -> dict:
    region = {
        "startLine": where.line,
        "startColumn": where.col + 1,
        "endLine": where.end_line,
        "endColumn": where.end_col + 1,
    }
    return {"physicalLocation": {"artifactLocation": {"uri": _uri(where.file)}, "region": region}}


def _uri(file: str) -> str:
    from urllib.parse import quote

    path = PurePath(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
