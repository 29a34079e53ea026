"""What the analysis process said of a file, as this side looks things up in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from tensight_analyzer.source.text import SourceText


class Spot(NamedTuple):
    """A span of the text and what is known of it; lines from 1, columns from 0 in characters.

    `facts` are numbers of `View.facts`: one, or what several have in common and then each of them.
    """

    line: int
    col: int
    end_line: int
    end_col: int
    facts: list[int]
    role: str
    operator: str

    def covers(self, line: int, col: int) -> bool:
        return (self.line, self.col) <= (line, col) <= (self.end_line, self.end_col)

    @property
    def extent(self) -> tuple[int, int]:
        return self.end_line - self.line, self.end_col - self.col


class Hint(NamedTuple):
    """See `tensight_server.hints`."""

    line: int
    col: int
    label: str
    spot: int
    changed: bool
    insert: str


@dataclass
class View:
    """A file's facts, hints and findings, for one version of its text."""

    version: int
    source: SourceText
    facts: list[dict] = field(default_factory=list)
    spots: list[Spot] = field(default_factory=list)
    hints: list[Hint] = field(default_factory=list)
    findings: list[dict] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    stale: bool = False
    _by_line: dict[int, list[Spot]] | None = field(default=None, repr=False)

    @classmethod
    def of(cls, version: int, source: SourceText, said: dict) -> View:
        return cls(
            version, source, said["facts"], [Spot(*s) for s in said["spots"]], [Hint(*h) for h in said["hints"]],
            said["findings"], said["files"], said["problems"],
        )  # fmt: skip

    def at(self, line: int, col: int) -> Spot | None:
        """The innermost spot at a position, None if it shows nothing.  A name's end still counts as the name."""
        if self._by_line is None:
            self._by_line = {}
            for spot in self.spots:
                for number in range(spot.line, min(spot.end_line, spot.line + 200) + 1):
                    self._by_line.setdefault(number, []).append(spot)
        found = [spot for spot in self._by_line.get(line, ()) if spot.covers(line, col)]
        inside = [spot for spot in found if (line, col) < (spot.end_line, spot.end_col)]
        best = min(inside or found, key=lambda spot: spot.extent, default=None)
        return best if best is not None and best.facts else None

    def moved(self, source: SourceText) -> View:
        """For a newer text: spots of lines that were not edited, where those lines are now."""
        old, new = self.source.lines(), source.lines()
        shortest = min(len(old), len(new))
        before = 0
        while before < shortest and old[before] == new[before]:
            before += 1
        after = 0
        while after < shortest - before and old[-1 - after] == new[-1 - after]:
            after += 1
        added = len(new) - len(old)
        first_after = len(old) - after + 1

        def where(line: int, end_line: int) -> int | None:
            if end_line <= before:
                return 0
            return added if line >= first_after else None

        spots, numbers = [], {}
        for number, spot in enumerate(self.spots):
            by = where(spot.line, spot.end_line)
            if by is not None:
                numbers[number] = len(spots)
                spots.append(spot._replace(line=spot.line + by, end_line=spot.end_line + by))
        hints = [
            hint._replace(line=hint.line + where(hint.line, hint.line), spot=numbers[hint.spot])
            for hint in self.hints if hint.spot in numbers
        ]  # fmt: skip
        return View(self.version, source, self.facts, spots, hints, [], self.files, self.problems, stale=True)
