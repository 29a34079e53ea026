"""What reductions, normalizations and losses share: `dim` as NumPy sees it, accumulators, gradients back in shape."""

from __future__ import annotations

from tensight_runtime.spec.dtype import DType
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.kind import UnknownLike
from tensight_runtime.spec.op import scalar_name
from tensight_runtime.spec.require import RankUnknown, Refused
from tensight_runtime.spec.shape import axes


def array_dtype(dtype: DType) -> str:
    """The array dtype that carries `dtype`: bfloat16 has none of its own."""
    return "float32" if dtype.name == "bfloat16" else dtype.name


def wide(x):
    """A half-precision array in float32, to sum it without losing digits; others as they are."""
    return x.astype("float32") if x.dtype.char == "e" else x


def sum_dtype(x, dtype: DType | None) -> str | None:
    """The dtype a sum of array `x` is accumulated in; None: its own."""
    if dtype is not None:
        return array_dtype(dtype)
    return "int64" if x.dtype.kind in "biu" else "float32" if x.dtype.char == "e" else None


def over(x, dim) -> int | tuple[int, ...] | None:
    """torch's `dim` as the `axis` of an array function: None and () are all axes, and a 0-dim array has only those."""
    if dim is None or x.ndim == 0:
        return None
    return dim if isinstance(dim, int) else tuple(dim) or None


def count_over(shape, dim) -> int:
    """How many elements one result of a reduction comes from."""
    n = 1
    for d in axes(dim, len(shape)) if shape else ():
        n *= shape[d]
    return n


def unreduced(t, shape, dim, keepdim):
    """A reduction's result (or its gradient) with ones for the reduced dims, to broadcast against the input."""
    if keepdim or not shape:
        return t
    for d in sorted(axes(dim, len(shape))):
        t = t.unsqueeze(d)
    return t


def spread(g, shape, dim=None, keepdim=False):
    """The gradient of a sum: the same for every element that went into it."""
    return unreduced(g, shape, dim, keepdim).expand(shape)


def known(*values: object) -> None:
    """A rule that reads these values gives up where one of them is unknown."""
    for value in values:
        if isinstance(value, UnknownLike):
            raise RankUnknown


def given_dtype(dtype: object, otherwise: DType | None) -> DType | None:
    """The `dtype=` argument if there is one, else `otherwise`; unknown if it is an unknown value."""
    return otherwise if dtype is None else dtype if isinstance(dtype, DType) else None


def floats_only(input: Fact, message: str, error: type[Exception] = RuntimeError) -> None:
    """Refuse integers and bool; `message` has a place for torch's name of the dtype, as in "Long"."""
    if input.dtype is not None and input.dtype.category < 2:
        raise Refused(message.format(scalar_name(input.dtype)), error)


def apply(name: str, *args: object, **kwargs: object) -> object:
    """Another family's operator, by its public name, in a composite body: `apply("torch.cat", [a, b], 0)`."""
    from tensight_runtime.ops import table

    return table().lookup(name)[0](*args, **kwargs)
