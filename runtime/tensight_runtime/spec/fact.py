"""A fact: what is known of a tensor without its values, and the one notation for it.

    f32[B, 3, H//2, W//2] cuda:0 grad leaf

dtype and shape come first, then only what is not the default.  `?` is an unknown size, `[...]` an unknown rank,
`?[2, 3]` an unknown dtype, `f32[]` a scalar tensor.  `parse_fact(str(fact)) == fact`.
"""

from __future__ import annotations

import re

from tensight_runtime.spec.device import CPU, Device, parse_device
from tensight_runtime.spec.dtype import BY_SHORT, DType
from tensight_runtime.spec.kind import TensorLike
from tensight_runtime.spec.require import RankUnknown
from tensight_runtime.spec.size import Size, parse_size, product


class Fact(TensorLike):
    """dtype, shape, device, requires_grad and is_leaf of a tensor; None where unknown.

    `dims` is None when the rank is unknown; rules read `shape`, which then raises `RankUnknown`.  `contiguous` is a
    property of the layout (True, False, None), `interval` bounds an integer result's values as `(low, high)` sizes,
    high excluded (class indices).  Plain slots, since facts are made by the hundred thousand.
    """

    __slots__ = ("contiguous", "device", "dims", "dtype", "interval", "is_leaf", "requires_grad")

    def __init__(self, dtype: DType | None, dims: tuple[Size, ...] | None, device: Device | None = CPU,
                 requires_grad: bool | None = False, is_leaf: bool | None = True, contiguous: bool | None = True,
                 interval: tuple[Size, Size] | None = None):  # fmt: skip
        self.dtype = dtype
        self.dims = dims
        self.device = device
        self.requires_grad = requires_grad
        self.is_leaf = is_leaf
        self.contiguous = contiguous
        self.interval = interval

    @property
    def fact(self) -> Fact:
        return self

    @property
    def shape(self) -> tuple[Size, ...]:
        if self.dims is None:
            raise RankUnknown
        return self.dims

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def numel(self) -> Size:
        return product(self.shape)

    def like(self, dtype: DType | None | type[...] = ..., shape: tuple[Size, ...] | None | type[...] = ...) -> Fact:
        """A new tensor's fact on the same device, with another dtype or shape."""
        return Fact(self.dtype if dtype is ... else dtype, self.dims if shape is ... else shape, self.device)

    def with_grad(self, requires_grad: bool | None, is_leaf: bool | None) -> Fact:
        return Fact(self.dtype, self.dims, self.device, requires_grad, is_leaf, self.contiguous, self.interval)

    def with_dims(self, dims: tuple[Size, ...] | None) -> Fact:
        return Fact(self.dtype, dims, self.device, self.requires_grad, self.is_leaf, self.contiguous, self.interval)

    @property
    def key(self) -> tuple:
        return (self.dtype, self.dims, self.device, self.requires_grad, self.is_leaf, self.contiguous, self.interval)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fact) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __str__(self) -> str:
        return show_fact(self)

    __repr__ = __str__


def show_dims(dims: tuple[Size, ...] | None) -> str:
    return "[...]" if dims is None else "[" + ", ".join(map(str, dims)) + "]"


def show_fact(fact: Fact, op: str = "") -> str:
    """The notation; `op` names the operator that made a tensor with a gradient."""
    parts = [(fact.dtype.short if fact.dtype else "?") + show_dims(fact.dims)]
    if fact.device is None:
        parts.append("?device")
    elif fact.device != CPU:
        parts.append(str(fact.device))
    if fact.requires_grad:
        parts.append("grad")
        if fact.is_leaf:
            parts.append("leaf")
        elif op:
            parts.append(op)
    elif fact.requires_grad is None:
        parts.append("grad?")
    return " ".join(parts)


_FACT = re.compile(r"\s*(?P<dtype>\?|[a-z]+\d*)\[(?P<dims>.*)\](?P<rest>[^\]]*)$")


def parse_fact(text: str) -> Fact:
    """Read the notation back; ValueError names what does not fit."""
    match = _FACT.match(text)
    if not match or (match["dtype"] != "?" and match["dtype"] not in BY_SHORT):
        raise ValueError(f"not a fact: {text!r}; write like f32[B, 3] cuda:0 grad leaf")
    inside = match["dims"].strip()
    if inside == "...":
        dims = None
    else:
        dims = tuple(parse_size(part) for part in _split_dims(inside)) if inside else ()
    fact = Fact(BY_SHORT.get(match["dtype"]), dims)
    for word in match["rest"].split():
        if word == "grad":
            fact.requires_grad, fact.is_leaf = True, False
        elif word == "leaf":
            fact.is_leaf = True
        elif word == "grad?":
            fact.requires_grad = fact.is_leaf = None
        elif word == "?device":
            fact.device = None
        elif ":" in word or word in ("cpu", "cuda", "meta", "mps"):
            fact.device = parse_device(word)
    return fact


def _split_dims(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for i, char in enumerate(text):
        depth += (char in "([") - (char in ")]")
        if char == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    last = text[start:].strip()
    return [*parts, last] if last else parts
