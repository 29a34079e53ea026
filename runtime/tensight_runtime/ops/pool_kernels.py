"""Kernels of pools: every window is met element by element, as strided slices of the whole input.  No operators here."""

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
            for size, c, k, s, p, d in zip(self.spatial, self.count, self.kernel, self.stride, self.padding, self.dilation)
        )

    def taps(self):
        return taps(self.kernel, self.stride, self.dilation, self.count)

    def inside(self):
        return tuple(slice(p, p + s) for p, s in zip(self.padding, self.spatial, strict=True))


def lowest(xp, dtype):
    return -xp.inf if dtype.kind == "f" else xp.iinfo(dtype).min


def max_pool(xp, x, pool: Pool):
    """The greatest of each window."""
    x = pool.padded(xp, x, lowest(xp, x.dtype))
    y = None
    for _, where in pool.taps():
        y = x[(..., *where)].copy() if y is None else xp.maximum(y, x[(..., *where)], out=y)
    return y


def max_pool_indices(xp, x, pool: Pool):
    """The greatest of each window and where it is, as a flat index into the unpadded spatial dims; the first of equals."""
    filled = pool.padded(xp, x, lowest(xp, x.dtype))
    places = xp.arange(_product(pool.spatial), dtype="int64").reshape(pool.spatial)
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
    """Each window's gradient goes to its first greatest element."""
    filled = pool.padded(xp, x, lowest(xp, x.dtype))
    y = None
    for _, where in pool.taps():
        y = filled[(..., *where)].copy() if y is None else xp.maximum(y, filled[(..., *where)], out=y)
    total = xp.zeros(filled.shape, dtype=g.dtype)
    left = g.copy()
    for _, where in pool.taps():
        hit = filled[(..., *where)] == y
        hit |= y != y
        part = left * hit
        total[(..., *where)] += part
        left -= part
    return xp.ascontiguousarray(total[(..., *pool.inside())])


def window_sums(xp, x, pool: Pool):
    x = pool.padded(xp, x)
    y = None
    for _, where in pool.taps():
        if y is None:
            y = x[(..., *where)].copy()
        else:
            y += x[(..., *where)]
    return y


def spread_windows(xp, g, pool: Pool):
    """The adjoint of `window_sums`."""
    pads = pool.pads
    shape = g.shape[: g.ndim - len(pads)] + tuple(s + lo + hi for s, (lo, hi) in zip(pool.spatial, pads, strict=True))
    total = xp.zeros(shape, dtype=g.dtype)
    for _, where in pool.taps():
        total[(..., *where)] += g
    return xp.ascontiguousarray(total[(..., *pool.inside())])


def window_sizes(xp, pool: Pool, count_include_pad: bool, dtype):
    """By how much each window of an average divides: its elements inside the input, or inside the padded input."""
    result = None
    for axis, (size, k, s, p, count) in enumerate(zip(pool.spatial, pool.kernel, pool.stride, pool.padding, pool.count)):
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
        return _product(pool.kernel)
    return window_sizes(xp, pool, count_include_pad, dtype)


def _product(numbers) -> int:
    result = 1
    for number in numbers:
        result *= number
    return result
