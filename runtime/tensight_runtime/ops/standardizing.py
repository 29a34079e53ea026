"""Sums over the dims normalizations use, and the derivative of bringing values to mean 0 and variance 1.

`standardize_gradient` is an operator of its own, without a public name, so that a backward pass is one kernel and
second derivatives follow from its own derivative.
"""

from functools import lru_cache
from math import prod

from tensight_runtime.ops.reducing import floats_only, wide
from tensight_runtime.spec import promote
from tensight_runtime.spec.device import CPU
from tensight_runtime.spec.dtype import bfloat16, float16, float32
from tensight_runtime.spec.kind import Ints, Num, Tensor
from tensight_runtime.spec.op import op
from tensight_runtime.spec.require import Refused

LONGEST_DOT = 1 << 16  # beyond it a plain dot product loses more digits than a sum in blocks


def normal_dtype(kernel, *params):
    """The input's dtype; on the CPU parameters have it too, or are float32 beside a half-precision input."""

    def check(input, weights):
        floats_only(input, f"\"{kernel}\" not implemented for '{{}}'", NotImplementedError)
        given = [w for w in weights if w is not None and w.dtype is not None]
        if input.dtype is None or input.device != CPU or all(w.dtype is input.dtype for w in given):
            return input.dtype
        if any(w.dtype is not float32 for w in given):
            raise Refused("mixed dtype (CPU): expect parameter to have scalar type of Float")
        if input.dtype not in (float16, bfloat16):
            raise Refused("mixed dtype (CPU): all inputs must share same datatype.")
        return input.dtype

    if len(params) == 1:
        return lambda input, weight: check(input, (weight,))
    if len(params) == 2:
        return lambda input, weight, bias: check(input, (weight, bias))
    return lambda input, weight, bias, running_mean, running_var: check(
        input, (weight, bias, running_mean, running_var)
    )


def dot_last(xp, a, b):
    """Sums of products over the last axis."""
    vecdot = getattr(xp, "vecdot", None)  # NumPy's is three times as fast; CuPy has none
    return vecdot(a, b) if vecdot is not None else xp.einsum("...i,...i->...", a, b)


@lru_cache(maxsize=4096)
def _blocks(shape, dims):
    """(the shape as (first, kept, summed), the shape with ones for `dims`) where dims are the last ones, or 0 and the
    last ones; None where they are not, or where rows are too short to pay or too long to be exact."""
    ndim = len(shape)
    axes = sorted(d % ndim for d in dims)
    first = axes[0] == 0 and len(axes) < ndim
    tail = axes[1:] if first else axes
    if not tail or tail != list(range(ndim - len(tail), ndim)) or (first and len(tail) != ndim - 2):
        return None
    size = prod(shape[d] for d in tail)
    kept = tuple(1 if i in axes else s for i, s in enumerate(shape))
    if not 32 <= size <= LONGEST_DOT or not all(shape):
        return None
    return (shape[0] if first else 1, -1, size), kept


def _plain(x):
    """Would a dot product read `x` as it lies in memory?"""
    return x.dtype.char in "fd" and x.flags.c_contiguous


def sums(xp, x, dims):
    """Sums over `dims`, which stay as ones."""
    blocks = _blocks(x.shape, dims) if _plain(x) else None
    if blocks is None:
        return x.sum(dims, keepdims=True)
    rows = x.reshape(blocks[0])
    total = dot_last(xp, rows, xp.ones(rows.shape[-1], dtype=x.dtype))
    return (total[0] if len(total) == 1 else total.sum(0)).reshape(blocks[1])


def dots(xp, a, b, dims):
    """Sums of products over `dims`, which stay as ones."""
    blocks = _blocks(a.shape, dims) if a.shape == b.shape and _plain(a) and _plain(b) else None
    if blocks is None:
        return (a * b).sum(dims, keepdims=True)
    total = dot_last(xp, a.reshape(blocks[0]), b.reshape(blocks[0]))
    return (total[0] if len(total) == 1 else total.sum(0)).reshape(blocks[1])


def elements(shape, dims) -> int:
    n = 1
    for d in dims:
        n *= shape[d]
    return n


def centred(xp, x, dims):
    """(x - mean, mean, variance) over `dims`; the first is a new array."""
    x = wide(x)
    n = elements(x.shape, dims)
    mean = sums(xp, x, dims) / n
    away = x - mean
    return away, mean, dots(xp, away, away, dims) / n


def standardized(x, dims, eps):
    """In tensors: (x - mean) / deviation over `dims`, and 1 / deviation."""
    away = x - x.mean(dims, True)
    inverse = ((away * away).mean(dims, True) + eps).rsqrt()
    return away * inverse, inverse


def scaled(y, weight, bias):
    """y * weight + bias, where given; `y` is overwritten."""
    if weight is not None:
        y *= weight
    if bias is not None:
        y += bias
    return y


@op(shape=lambda input: input.shape, dtype=promote.same("input"))
def standardize_gradient(xp, g: Tensor, input: Tensor, mean: Tensor, inverse: Tensor, dims: Ints, eps: Num):
    """The gradient through (input - mean) / deviation: what would only shift or stretch the values is taken out."""
    y = wide(input) - mean
    y *= inverse
    n = elements(input.shape, dims)
    shift = sums(xp, g, dims) / n
    y *= dots(xp, g, y, dims) / n
    y += shift
    result = g - y
    result *= inverse
    return result


@standardize_gradient.vjp("g")
def _(h, input, mean, inverse, dims, eps):
    return standardize_gradient(h, input, mean, inverse, dims, eps)


@standardize_gradient.vjp("input")
def _(h, g, input, mean, inverse, dims, eps):
    y, inverse = standardized(input, dims, eps)

    def average(t):
        return t.mean(dims, True)

    along, beside = average(g * y), average(h * y)
    stretched = inverse * y * (average(h * g) - average(h) * average(g) - along * beside)
    bent = beside * standardize_gradient(g, input, mean, inverse, dims, eps)
    bent = bent + along * standardize_gradient(h, input, mean, inverse, dims, eps)
    return -inverse * (stretched + bent)


@op(shape=lambda input: input.shape, dtype=promote.same("input"))
def standardize(xp, input: Tensor, mean: Tensor, inverse: Tensor, dims: Ints, eps: Num):
    """(input - mean) / deviation, with the statistics that are there already."""
    y = wide(input) - mean
    y *= inverse
    return y


@standardize.vjp("input")
def _(h, input, mean, inverse, dims, eps):
    return standardize_gradient(h, input, mean, inverse, dims, eps)
