"""A finding: what is wrong, where, and the other places that explain it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

CATEGORIES = (
    "shape", "dtype", "device", "inplace-leaf", "inplace-saved", "zero-grad", "no-grad", "graph", "optim", "mode",
    "api", "performance", "syntax",
)  # fmt: skip
SEVERITIES = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class Where:
    """A span in a file: lines from 1, columns from 0 in characters."""

    file: str
    line: int
    col: int
    end_line: int
    end_col: int


@dataclass(frozen=True, slots=True)
class Note:
    """Another place, and what it has to do with the finding."""

    where: Where
    message: str

    def as_dict(self) -> dict:
        return {"file": self.where.file, "line": self.where.line, "col": self.where.col, "message": self.message}


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` and `name` are the rule's; the first sentence of `message` stands alone."""

    where: Where
    code: str
    name: str
    category: str
    severity: str
    message: str
    notes: tuple[Note, ...] = ()
    fix: str | None = None
    also: tuple[Where, ...] = field(default=(), compare=False)  # lines on which a suppression comment counts too

    @property
    def place(self) -> tuple:
        """What makes two findings one: the rule and the span."""
        w = self.where
        return (w.file, w.line, w.col, w.end_line, w.end_col, self.name)

    def weaker(self, reason: str) -> Finding:
        """The same finding as a warning, because `reason`."""
        severity = "warning" if self.severity == "error" else self.severity
        return replace(self, severity=severity, message=f"{self.message} ({reason})")

    def as_dict(self) -> dict:
        """The format of `tensight check --format json`."""
        w = self.where
        return {
            "file": w.file, "line": w.line, "col": w.col, "end_line": w.end_line, "end_col": w.end_col,
            "code": self.code, "name": self.name, "category": self.category, "severity": self.severity,
            "message": self.message, "notes": [note.as_dict() for note in self.notes], "fix": self.fix,
        }  # fmt: skip


def in_order(findings: list[Finding]) -> list[Finding]:
    """By place; of several with one place and rule the first."""
    unique: dict[tuple, Finding] = {}
    for finding in findings:
        unique.setdefault(finding.place, finding)
    return [unique[place] for place in sorted(unique)]
