"""Sliding windows over the last dims: what convolution, pooling and unfold share.  No operators here.

A window of `kernel` elements, `dilation` apart, moves in steps of `stride` over dims padded on both sides.
"""

from itertools import product as every

from tensight_runtime.spec.cond import ge, gt
from tensight_runtime.spec.require import RankUnknown, Refused, require
from tensight_runtime.spec.shape import pair
from tensight_runtime.spec.size import ceil_div, smin


def window_count(size, kernel, stride, padding, dilation):
    """How many windows fit; `padding` is the sum of both sides."""
    return (size + padding - dilation * (kernel - 1) - 1) // stride + 1


def pooled_size(size, kernel, stride, padding, dilation, ceil_mode: bool):
    """The output size of a pool; in ceil mode a last window may hang over, but must start inside the input."""
    if not ceil_mode:
        return window_count(size, kernel, stride, 2 * padding, dilation)
    windows = ceil_div(size + 2 * padding - dilation * (kernel - 1) - 1, stride) + 1
    return smin(windows, ceil_div(size + padding, stride))


def listed(sizes, between=" x ") -> str:
    return between.join(map(str, sizes))


def positive(sizes, message: str) -> None:
    for size in sizes:
        require(gt(size, 0), message)


def not_negative(sizes, message: str) -> None:
    for size in sizes:
        require(ge(size, 0), message)


def known_flag(value) -> bool:
    """A bool argument; a shape cannot be told from one nobody knows."""
    if not isinstance(value, bool):
        raise RankUnknown
    return value


def spread(value, n: int, name: str = "", what: str = "") -> tuple:
    """A number or a list of them as n numbers; refused if the list has another length."""
    values = pair(value, n)
    if len(values) != n:
        raise Refused(what or f"{name} must have {n} elements, but got {len(values)}")
    return values


# --- kernels: `x` is (..., *spatial), n spatial dims ------------------------------------------------------------------


def padded(xp, x, pads, value=0):
    """`x` with (left, right) elements of `value` around its last dims; negative numbers cut."""
    n = len(pads)
    if all(left == 0 and right == 0 for left, right in pads):
        return x
    spatial = x.shape[x.ndim - n :]
    shape = x.shape[: x.ndim - n] + tuple(s + left + right for s, (left, right) in zip(spatial, pads, strict=True))
    result = xp.full(shape, value, dtype=x.dtype) if value else xp.zeros(shape, dtype=x.dtype)
    sides = list(zip(spatial, pads, strict=True))
    to = tuple(slice(max(lo, 0), max(lo, 0) + s + min(lo, 0) + min(hi, 0)) for s, (lo, hi) in sides)
    of = tuple(slice(max(-lo, 0), s - max(-hi, 0)) for s, (lo, hi) in sides)
    result[(..., *to)] = x[(..., *of)]
    return result


def windows(xp, x, kernel, stride, dilation, count):
    """A view (..., *kernel, *count) of the padded `x`: element [k, o] is x[o * stride + k * dilation]."""
    n = len(kernel)
    lead, strides = x.ndim - n, x.strides
    steps = strides[lead:]
    shape = x.shape[:lead] + tuple(kernel) + tuple(count)
    moves = strides[:lead] + tuple(s * d for s, d in zip(steps, dilation, strict=True))
    moves += tuple(s * d for s, d in zip(steps, stride, strict=True))
    return xp.lib.stride_tricks.as_strided(x, shape, moves)


def taps(kernel, stride, dilation, count):
    """For each element of the kernel, in row-major order: its index and the slices of the padded input it meets."""
    for index in every(*map(range, kernel)):
        yield (
            index,
            tuple(
                slice(k * d, k * d + (c - 1) * s + 1, s)
                for k, s, d, c in zip(index, stride, dilation, count, strict=True)
            ),
        )
