"""Named result tuples: torch.return_types.max(values=..., indices=...)."""

from __future__ import annotations

from functools import cache


@cache
def result_class(name: str, fields: tuple[str, ...]) -> type[tuple]:
    """The tuple class of an operator's named results."""
    members = {field: property(lambda self, i=i: tuple.__getitem__(self, i)) for i, field in enumerate(fields)}

    def show(self) -> str:
        inside = ",\n".join(f"{field}={value!r}" for field, value in zip(fields, self, strict=True))
        return f"torch.return_types.{name}(\n{inside})"

    def reduce(self):
        return _rebuild, (name, fields, tuple(self))

    body = {"__slots__": (), "__repr__": show, "__reduce__": reduce, "_fields": fields, **members}
    body |= {"n_fields": len(fields), "n_sequence_fields": len(fields), "n_unnamed_fields": 0}
    return type(name, (tuple,), {**body, "__module__": "torch.return_types"})


def _rebuild(name: str, fields: tuple[str, ...], values: tuple) -> tuple:
    return result_class(name, fields)(values)
