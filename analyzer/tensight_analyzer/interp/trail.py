"""Mutable state that can be undone, captured and joined.

All state of an analysis (locals, attributes, list contents, what the path knows) lives in `Fields` dictionaries, and
every write goes through the trail.  A branch runs after a `mark`; `capture` returns what it wrote, `undo` takes it back; `join`
merges what several branches wrote.  So reading costs nothing, and a fork costs what its branches write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from tensight_analyzer.interp.values import MISSING, Fields, Names

# (identity of the dictionary, key) -> (dictionary, key, value)
Delta = dict[tuple[int, object], tuple[Fields, object, object]]


class Trail:
    __slots__ = ("clock", "depth", "log")

    def __init__(self):
        self.log: list[tuple[Fields, object, object]] = []
        self.clock = 0
        self.depth = 0

    def fields(self, *args, **kwargs) -> Fields:
        """The state of a new value."""
        self.clock += 1
        return Fields(self.clock, *args, **kwargs)

    def names(self, *args, **kwargs) -> Names:
        """A new namespace: locals, attributes or globals."""
        self.clock += 1
        return Names(self.clock, *args, **kwargs)

    def set(self, fields: Fields, key: object, value: object) -> None:
        if self.depth:
            self.log.append((fields, key, fields.get(key, MISSING)))
        fields[key] = value

    def delete(self, fields: Fields, key: object) -> None:
        if key in fields:
            if self.depth:
                self.log.append((fields, key, fields[key]))
            del fields[key]

    # -- branches -----------------------------------------------------------------------------------------------------

    def mark(self) -> tuple[int, int]:
        """Start recording; give the mark to `release` exactly once."""
        self.depth += 1
        self.clock += 1
        return len(self.log), self.clock

    def release(self, mark: tuple[int, int]) -> None:
        """Keep what was written since the mark."""
        self.depth -= 1
        if not self.depth:
            self.log.clear()

    def capture(self, mark: tuple[int, int]) -> Delta:
        """What was written since the mark, left in place."""
        delta: Delta = {}
        for fields, key, _ in self.log[mark[0] :]:
            delta[id(fields), key] = (fields, key, fields.get(key, MISSING))
        return delta

    @contextmanager
    def apart(self) -> Iterator[None]:
        """What is written meanwhile belongs to no branch: it stays when the present one is undone."""
        log, depth = self.log, self.depth
        self.log, self.depth = [], 0
        try:
            yield
        finally:
            self.log, self.depth = log, depth

    def undo(self, mark: tuple[int, int]) -> None:
        log = self.log
        for fields, key, old in reversed(log[mark[0] :]):
            if old is MISSING:
                fields.pop(key, None)
            else:
                fields[key] = old
        del log[mark[0] :]

    def apply(self, delta: Delta) -> None:
        for fields, key, value in delta.values():
            if value is MISSING:
                self.delete(fields, key)
            else:
                self.set(fields, key, value)

    def join(
        self, deltas: Iterable[Delta], mark: tuple[int, int], join: Callable[[list, object, Fields], object]
    ) -> None:
        """Merge what several branches from the present state wrote; `join(values, key, fields)` merges one entry.

        A value created after the mark exists only in the branches that wrote to it, so the others have no say in it.
        """
        deltas = list(deltas)
        if len(deltas) == 1:
            self.apply(deltas[0])
            return
        merged: dict[tuple[int, object], tuple[Fields, object]] = {}
        for delta in deltas:
            for at, (fields, key, _) in delta.items():
                merged.setdefault(at, (fields, key))
        for at, (fields, key) in merged.items():
            base = fields.get(key, MISSING)
            values = [delta[at][2] if at in delta else base for delta in deltas]
            if fields.born > mark[1]:
                values = [v for v in values if v is not MISSING]
            first = values[0] if values else MISSING
            if all(v is first for v in values):
                value = first
            else:
                value = join(values, key, fields)
            if value is base:
                continue
            if value is MISSING:
                self.delete(fields, key)
            else:
                self.set(fields, key, value)
