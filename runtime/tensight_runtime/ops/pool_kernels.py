"""Kernels of pools: every window is met element by element, as strided slices of the input.  No operators here."""

from math import prod

from tensight_runtime.ops.conv_kernels import at_a_time
from tensight_runtime.ops.windows import padded, pooled_size, spread, taps


class Pool:
    """Numbers of one pool over the last dims of `spatial`."""

    def __init__(self, spatial, kernel_size, stride, padding, dilation, ceil_mode: bool):
        n = len(spatial)
        self.spatial = tuple(spatial)
        self.kernel = spread(kernel_size, n)
        self.stride = self.kernel if stride is None or stride == () or stride == [] else spread(stride, n)
        self.padding, self.dilation = spread(padding, n), spread(dilation, n)
        self.count = tuple(
            pooled_size(*args, ceil_mode)
            for args in zip(self.spatial, self.kernel, self.stride, self.padding, self.dilation, strict=True)
        )

    def padded(self, xp, x, value=0):
        """`x` with its padding, and on the right as much as the last window needs."""
        return padded(xp, x, self.pads, value)

    @property
    def pads(self):
        return tuple(
            (p, max((c - 1) * s + d * (k - 1) + 1 - p - size, 0))
            for size, c, k, s, p, d in zip(
                self.spatial, self.count, self.kernel, self.stride, self.padding, self.dilation, strict=True
            )
        )

    def taps(self):
        return taps(self.kernel, self.stride, self.dilation, self.count)

    def inside(self):
        return tuple(slice(p, p + s) for p, s in zip(self.padding, self.spatial, strict=True))


def lowest(xp, dtype):
    return -xp.inf if dtype.kind == "f" else xp.iinfo(dtype).min


def in_parts(xp, pool, work, results, *arrays):
    """Call `work(parts of arrays..., parts of results...)` for a few planes at a time: they stay in the cache."""
    n = len(pool.spatial)
    flat = [a.reshape(-1, *a.shape[a.ndim - n :]) for a in (*arrays, *results)]
    planes = flat[0].shape[0]
    some = at_a_time(xp, prod(flat[0].shape[1:]) * flat[0].itemsize, planes, 1 << 19)
    for start in range(0, planes, some):
        work(*[a[start : start + some] for a in flat])


def greatest(xp, x, pool: Pool):
    """The greatest of each window of the padded `x`, one dim after the other."""
    n = len(pool.count)
    for i, (k, s, d, c) in enumerate(zip(pool.kernel, pool.stride, pool.dilation, pool.count, strict=True)):
        rest = (slice(None),) * (n - 1 - i)
        y = None
        for j in range(k):
            part = x[(..., slice(j * d, j * d + (c - 1) * s + 1, s), *rest)]
            y = part.copy() if y is None else xp.maximum(y, part, out=y)
        x = y
    return x


def max_pool(xp, x, pool: Pool):
    """The greatest of each window."""
    y = xp.empty(x.shape[: x.ndim - len(pool.count)] + pool.count, dtype=x.dtype)

    def work(x, y):
        y[...] = greatest(xp, pool.padded(xp, x, lowest(xp, x.dtype)), pool)

    in_parts(xp, pool, work, [y], x)
    return y


def max_pool_indices(xp, x, pool: Pool):
    """The greatest of each window and its flat index in the unpadded spatial dims; the first of equals."""
    filled = pool.padded(xp, x, lowest(xp, x.dtype))
    places = xp.arange(prod(pool.spatial), dtype="int64").reshape(pool.spatial)
    places = padded(xp, places, pool.pads, -1)
    y = at = None
    for _, where in pool.taps():
        part, here = filled[(..., *where)], places[where]
        if y is None:
            y, at = part.copy(), xp.broadcast_to(here, part.shape).copy()
            continue
        better = (part > y) | (part != part)
        better |= (at < 0) & (here >= 0)  # a window of -inf alone still points into the input
        y = xp.where(better, part, y)
        at = xp.where(better, here, at)
    return y, at


def max_pool_gradient(xp, g, x, pool: Pool):
    """Each window's gradient goes to its first greatest element, or to a NaN."""
    result = xp.empty(x.shape, dtype=g.dtype)

    def work(x, g, result):
        filled = pool.padded(xp, x, lowest(xp, x.dtype))
        y = greatest(xp, filled, pool)
        nan = y != y
        nan = nan if nan.any() else None
        total, left = xp.zeros(filled.shape, dtype=g.dtype), g.copy()
        for _, where in pool.taps():
            part = filled[(..., *where)]
            hit = part == y
            if nan is not None:
                hit |= nan & (part != part)
            share = left * hit
            total[(..., *where)] += share
            left -= share
        result[...] = total[(..., *pool.inside())]

    in_parts(xp, pool, work, [result], x, g)
    return result


def window_sums(xp, x, pool: Pool):
    """The sum of each window, one dim after the other."""
    y = xp.empty(x.shape[: x.ndim - len(pool.count)] + pool.count, dtype=x.dtype)
    n = len(pool.count)

    def work(x, y):
        x = pool.padded(xp, x)
        for i, (k, s, c) in enumerate(zip(pool.kernel, pool.stride, pool.count, strict=True)):
            rest = (slice(None),) * (n - 1 - i)
            total = None
            for j in range(k):
                part = x[(..., slice(j, j + (c - 1) * s + 1, s), *rest)]
                total = part.copy() if total is None else xp.add(total, part, out=total)
            x = total
        y[...] = x

    in_parts(xp, pool, work, [y], x)
    return y


def spread_windows(xp, g, pool: Pool):
    """The adjoint of `window_sums`."""
    result = xp.empty(g.shape[: g.ndim - len(pool.count)] + pool.spatial, dtype=g.dtype)
    full = tuple(s + lo + hi for s, (lo, hi) in zip(pool.spatial, pool.pads, strict=True))

    def work(g, result):
        total = xp.zeros((g.shape[0], *full), dtype=g.dtype)
        for _, where in pool.taps():
            total[(..., *where)] += g
        result[...] = total[(..., *pool.inside())]

    in_parts(xp, pool, work, [result], g)
    return result


def window_sizes(xp, pool: Pool, count_include_pad: bool, dtype):
    """By how much each window of an average divides: its elements inside the input, or inside the padded input."""
    result = None
    each = zip(pool.spatial, pool.kernel, pool.stride, pool.padding, pool.count, strict=True)
    for axis, (size, k, s, p, count) in enumerate(each):
        widths = []
        for i in range(count):
            start = i * s - p
            end = min(start + k, size + p)
            widths.append(end - start if count_include_pad else min(end, size) - max(start, 0))
        column = xp.asarray(widths, dtype=dtype).reshape(-1, *(1,) * (len(pool.count) - axis - 1))
        result = column if result is None else result * column
    return result


def divisor(xp, pool: Pool, count_include_pad: bool, divisor_override, dtype):
    """A number where all windows have the same size, else an array over the windows."""
    if divisor_override is not None:
        return divisor_override
    full = all(
        (c - 1) * s + k <= size + 2 * p
        for c, s, k, size, p in zip(pool.count, pool.stride, pool.kernel, pool.spatial, pool.padding, strict=True)
    )
    if full and (count_include_pad or not any(pool.padding)):
        return prod(pool.kernel)
    return window_sizes(xp, pool, count_include_pad, dtype)
