"""The operators the engine itself needs in a graph: summing back over broadcast dims, casts, sums of gradients, writes.

Declared as any other, but not in the table.
"""

from tensight_runtime.engine import arrays
from tensight_runtime.spec.dtype import DType
from tensight_runtime.spec.kind import DtypeKind, Ints, Tensor
from tensight_runtime.spec.op import op

# no `from __future__ import annotations`: an operator's annotations are kinds


@op("internal.sum_to", shape=lambda size: tuple(size), dtype=lambda input: input.dtype, grad_name="SumBackward1")
def sum_to(xp, input: Tensor, size: Ints):
    """The sum over the dims along which `size` was broadcast to the input's shape."""
    extra = input.ndim - len(size)
    gone = tuple(i for i, n in enumerate(input.shape[extra:]) if size[i] == 1 and n != 1)
    if extra:
        input = input.sum(axis=tuple(range(extra)))
    return input.sum(axis=gone, keepdims=True) if gone else input


@sum_to.vjp("input")
def _(g, input_shape):
    return expand_to(g, input_shape)


@op("internal.expand_to", shape=lambda size: tuple(size), dtype=lambda input: input.dtype, grad_name="ExpandBackward0")
def expand_to(xp, input: Tensor, size: Ints):
    """The input broadcast to `size`, as a new tensor."""
    return xp.broadcast_to(input, tuple(size)).copy()


@expand_to.vjp("input")
def _(g, input_shape):
    return sum_to(g, input_shape)


@op("internal.cast", shape=lambda input: input.dims, dtype=lambda dtype: dtype, grad_name="ToCopyBackward0")
def cast(xp, input: Tensor, dtype: DtypeKind):
    """The input in another dtype; a complex number keeps its real part."""
    return _converted(input, dtype)


@cast.vjp("input")
def _(g, input_dtype):
    return cast(g, input_dtype)


def _converted(input, dtype: DType):
    return arrays.cast(input, dtype)


@op("internal.add", shape=lambda input: input.dims, dtype=lambda input: input.dtype, grad_name="AddBackward0")
def add(xp, input: Tensor, other: Tensor):
    """The sum of two gradients of one shape."""
    return input + other


@add.vjp("input", "other")
def _(g):
    return g, g


@op("internal.copy_", shape=lambda input: input.dims, dtype=lambda input: input.dtype,
    mutates=("input",), alias="same:input",
    grad_name="CopyBackwards")  # fmt: skip
def copy_(xp, input: Tensor, src: Tensor):
    """Write `src`, which broadcasts, into the input."""
    input[...] = src
    return input


@copy_.vjp("src")
def _(g):
    return g


@op("internal.clone", shape=lambda input: input.dims, dtype=lambda input: input.dtype, grad_name="CloneBackward0")
def clone(xp, input: Tensor):
    """A contiguous copy."""
    return xp.ascontiguousarray(input).reshape(input.shape) if not input.flags.c_contiguous else input.copy()


@clone.vjp("input")
def _(g):
    return g
