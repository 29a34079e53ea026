"""Suppression comments: `# tensight: ignore[shape-mismatch, dtype-mismatch]`, or `# tensight: ignore` for all rules."""

from __future__ import annotations

import re
from collections.abc import Callable

from tensight_analyzer.facts.finding import Finding

_COMMENT = re.compile(r"#\s*tensight:\s*ignore(?:\[(?P<names>[^\]]*)\])?")


def suppressed(finding: Finding, comments: Callable[[str], dict[int, str]]) -> bool:
    """Does a comment on the finding's first or last line switch its rule off?"""
    found = comments(finding.where.file)
    return any(_covers(found.get(line, ""), finding) for line in {finding.where.line, finding.where.end_line})


def _covers(comment: str, finding: Finding) -> bool:
    match = _COMMENT.search(comment)
    if match is None:
        return False
    if match["names"] is None:
        return True
    return {finding.name, finding.code} & {name.strip() for name in match["names"].split(",")} != set()
