"""The samples of operators, read: `scatter(f32[3, 5], 0, i64[2, 5]{0..2}, 1.5)` as a call, and values for its tensors.

A sample is a call expression over facts, `f32[2, 3]`; numbers, strings, lists, tuples, slices, `...`; dtypes,
`torch.float32`.  After a fact `{low..high}` bounds its values, both included.  Nothing is evaluated.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
from tensight_runtime.spec.dtype import BY_NAME, BY_SHORT, DType
from tensight_runtime.spec.fact import Fact

INTEGERS = (-4, 9)  # the values of integers without bounds, from 0 on where there is no sign


class Given(NamedTuple):
    """A tensor of a sample: what is said of it, and its place among the sample's tensors."""

    at: int
    dtype: DType
    dims: tuple[int, ...]
    bounds: tuple[float, float] | None

    @property
    def fact(self) -> Fact:
        return Fact(self.dtype, self.dims)

    @property
    def array(self) -> np.ndarray:
        """Its values, always the same; bfloat16 as float32."""
        random = np.random.default_rng([self.at, len(self.dims), *self.dims])
        if self.dtype.category == 0:
            return np.asarray(random.random(self.dims) < 0.5)
        if self.dtype.category == 1:
            low, high = self.bounds or (INTEGERS[0] if self.dtype.signed else 0, INTEGERS[1])
            return np.asarray(random.integers(int(low), int(high) + 1, self.dims)).astype(self.dtype.name)
        values = random.uniform(*self.bounds, self.dims) if self.bounds else random.standard_normal(self.dims)
        if self.dtype.category == 3:
            values = values + 1j * random.standard_normal(self.dims)
        return np.asarray(values).astype("float32" if self.dtype.name == "bfloat16" else self.dtype.name)


class Call(NamedTuple):
    """A sample: arguments in which tensors are `Given` and dtypes `DType`."""

    name: str
    args: tuple
    kwargs: dict[str, object]
    text: str

    @property
    def givens(self) -> tuple[Given, ...]:
        return tuple(item for item in leaves((self.args, self.kwargs)) if isinstance(item, Given))

    def filled(self, tensor: Callable[[Given], object], dtype: Callable[[DType], object] = lambda d: d):
        """(args, kwargs) with what `tensor` and `dtype` make of each."""

        def fill(value: object) -> object:
            return tensor(value) if isinstance(value, Given) else dtype(value) if isinstance(value, DType) else value

        return mapped(self.args, fill), mapped(self.kwargs, fill)

    def widened(self) -> Call:
        """The same call in double precision."""
        wide = {d: BY_NAME["complex128" if d.category == 3 else "float64"] for d in BY_NAME.values() if d.category >= 2}

        def widen(value: object) -> object:
            if isinstance(value, Given):
                return value._replace(dtype=wide.get(value.dtype, value.dtype))
            return wide.get(value, value) if isinstance(value, DType) else value

        return Call(self.name, mapped(self.args, widen), mapped(self.kwargs, widen), self.text)


@cache
def read(sample: str) -> Call:
    """A sample as a call; ValueError names what does not belong into one."""
    text = re.sub(r"\b([a-z]+\d+|bool)\[\]", r"\1[()]", sample)
    text = re.sub(r"\{(-?[\d.]+?)\.\.(-?[\d.]+)\}", r" @ (\1, \2)", text)
    tree = ast.parse(text, mode="eval").body
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
        raise ValueError(f"not a call: {sample}")
    reader = _Reader()
    args = tuple(map(reader.value, tree.args))
    return Call(tree.func.id, args, {k.arg or "": reader.value(k.value) for k in tree.keywords}, sample)


class _Reader:
    def __init__(self):
        self.count = 0

    def value(self, node: ast.expr) -> object:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Tuple(elts=items):
                return tuple(map(self.value, items))
            case ast.List(elts=items):
                return list(map(self.value, items))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.value(operand)
            case ast.BinOp(left=left, op=ast.Add(), right=right):  # a complex number
                return self.value(left) + self.value(right)
            case ast.Name(id="inf" | "nan" as name):
                return float(name)
            case ast.Attribute(value=ast.Name(id="torch"), attr=name) if name in BY_NAME:
                return BY_NAME[name]
            case ast.Call(func=ast.Name(id="float"), args=[ast.Constant(value=str(text))]):
                return float(text)
            case ast.Call(func=ast.Name(id="slice"), args=bounds):
                return slice(*map(self.value, bounds))
            case ast.Subscript(value=ast.Name(id=short), slice=dims) if short in BY_SHORT:
                return self.given(short, dims, None)
            case ast.BinOp(left=ast.Subscript(value=ast.Name(id=short), slice=dims), op=ast.MatMult(), right=bounds):
                return self.given(short, dims, self.value(bounds))
        raise ValueError(f"not part of a sample: {ast.unparse(node)}")

    def given(self, short: str, dims: ast.expr, bounds: object) -> Given:
        sizes = self.value(dims)
        self.count += 1
        return Given(self.count, BY_SHORT[short], sizes if isinstance(sizes, tuple) else (sizes,), bounds)


def mapped(value: object, change: Callable[[object], object]) -> object:
    """Nested lists, tuples, dicts and slices with each leaf changed."""
    if isinstance(value, Given):
        return change(value)
    if isinstance(value, (list, tuple)):
        return type(value)(mapped(item, change) for item in value)
    if isinstance(value, dict):
        return {name: mapped(item, change) for name, item in value.items()}
    if isinstance(value, slice):
        return slice(*(mapped(item, change) for item in (value.start, value.stop, value.step)))
    return change(value)


def leaves(value: object) -> Iterator[object]:
    """What nested lists, tuples, dicts and slices hold."""
    if isinstance(value, dict):
        value = list(value.values())
    elif isinstance(value, slice):
        value = [value.start, value.stop, value.step]
    if isinstance(value, (list, tuple)) and not isinstance(value, Given):
        for item in value:
            yield from leaves(item)
    else:
        yield value
