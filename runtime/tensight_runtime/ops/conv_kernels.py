"""Kernels of convolutions: windows by strides, a copy of a few samples at a time, a product of matrices.

Arrays are batched, (N, C, *spatial); weights are (out, C/groups, *kernel).
"""

from math import prod

from tensight_runtime.ops.windows import padded, spread, taps, window_count, windows


class Geometry:
    """Numbers of one convolution: per spatial dim the kernel, stride, left padding and dilation."""

    def __init__(self, kernel, stride, padding, dilation, groups):
        n = len(kernel)
        self.kernel, self.groups = tuple(kernel), groups
        self.stride, self.dilation = spread(stride, n), spread(dilation, n)
        self.right = None
        if padding == "same":
            total = [d * (k - 1) for k, d in zip(kernel, self.dilation, strict=True)]
            self.left = tuple(t // 2 for t in total)
            self.right = tuple(t - t // 2 for t in total)
        else:
            self.left = spread(0 if padding == "valid" else padding, n)

    def count(self, spatial):
        right = self.right or self.left
        return tuple(
            window_count(size, k, s, lo + hi, d)
            for size, k, s, lo, hi, d in zip(
                spatial, self.kernel, self.stride, self.left, right, self.dilation, strict=True
            )
        )

    def pads(self, spatial, count):
        """(left, right) so that exactly `count` windows fit; the right side may be negative, a cut."""
        return tuple(
            (lo, (c - 1) * s + d * (k - 1) + 1 - lo - size)
            for size, c, k, s, lo, d in zip(
                spatial, count, self.kernel, self.stride, self.left, self.dilation, strict=True
            )
        )

    def full(self, spatial, pads):
        """The padded size; a negative right side cuts what no window meets."""
        return tuple(s + lo + max(hi, 0) for s, (lo, hi) in zip(spatial, pads, strict=True))

    def mirrored(self, spatial, count):
        """The convolution of `spatial` gradients that gives `count` inputs; for strides of 1."""
        left = tuple(d * (k - 1) - lo for k, lo, d in zip(self.kernel, self.left, self.dilation, strict=True))
        found = Geometry(self.kernel, self.stride, left, self.dilation, self.groups)
        found.right = tuple(hi for _, hi in found.pads(spatial, count))
        return found

    @property
    def pointwise(self) -> bool:
        return all(k == 1 for k in self.kernel) and all(s == 1 for s in self.stride) and not any(self.left)


BUDGET = 1 << 20  # bytes of windows that are copied at a time: they stay in a core's second-level cache


def at_a_time(xp, bytes_each: int, count: int, budget: int = BUDGET) -> int:
    """How many samples to work on together; all of them on a GPU."""
    return max(count, 1) if xp.__name__ != "numpy" else max(1, min(count, budget // max(bytes_each, 1)))


def columns(xp, x, geometry: Geometry, count):
    """Yields (samples, their windows as (some, groups, C/groups * kernel, area)); the array is reused."""
    n, c = x.shape[:2]
    groups, k, area = geometry.groups, prod(geometry.kernel), prod(count)
    if geometry.pointwise:
        yield slice(0, n), x.reshape(n, groups, c // groups, area)
        return
    x = padded(xp, x, geometry.pads(x.shape[2:], count))
    view = windows(xp, x, geometry.kernel, geometry.stride, geometry.dilation, count)
    some = at_a_time(xp, c * k * area * x.itemsize, n)
    buffer = xp.empty((some, c, *geometry.kernel, *count), dtype=x.dtype)
    for start in range(0, n, some):
        part = buffer[: min(some, n - start)]
        part[...] = view[start : start + some]
        yield slice(start, start + some), part.reshape(part.shape[0], groups, c // groups * k, area)


def convolve(xp, x, w, geometry: Geometry):
    """(N, C, *spatial) with (out, C/groups, *kernel)."""
    count, groups, out = geometry.count(x.shape[2:]), geometry.groups, w.shape[0]
    if w.dtype.char == "e":
        return convolve(xp, x.astype("float32"), w.astype("float32"), geometry).astype("float16")
    y = xp.empty((x.shape[0], groups, out // groups, prod(count)), dtype=xp.result_type(x, w))
    rows = w.reshape(groups, out // groups, -1)
    for samples, cols in columns(xp, x, geometry, count):
        xp.matmul(rows, cols, out=y[samples])
    return y.reshape(x.shape[0], out, *count)


def input_gradient(xp, g, w, geometry: Geometry, spatial):
    """What reaches each input element from (N, out, *count); the convolution's adjoint in its input."""
    n, groups, out, count = g.shape[0], geometry.groups, g.shape[1], g.shape[2:]
    if w.dtype.char == "e":
        return input_gradient(xp, g.astype("float32"), w.astype("float32"), geometry, spatial).astype("float16")
    channels, area = w.shape[1] * groups, prod(count)
    if all(s == 1 for s in geometry.stride) and not geometry.pointwise and out <= 2 * channels:
        return convolve(xp, g, flipped(xp, w, groups), geometry.mirrored(count, spatial))
    rows = w.reshape(groups, out // groups, -1).swapaxes(1, 2)
    g = g.reshape(n, groups, out // groups, area)
    if geometry.pointwise:
        return xp.matmul(rows, g).reshape(n, channels, *spatial)
    pads = geometry.pads(spatial, count)
    total = xp.zeros((n, channels, *geometry.full(spatial, pads)), dtype=g.dtype)
    some = at_a_time(xp, rows.shape[0] * rows.shape[1] * area * g.itemsize, n)
    for start in range(0, n, some):
        cols = xp.matmul(rows, g[start : start + some])
        add_windows(total[start : start + some], cols.reshape(-1, channels, *geometry.kernel, *count), geometry)
    return inside(xp, total, spatial, pads)


def flipped(xp, w, groups: int):
    """(out, C/groups, *kernel) as (C, out/groups, *kernel) with the kernel turned around: the weight of the adjoint."""
    turned = w[(slice(None), slice(None), *(slice(None, None, -1),) * (w.ndim - 2))]
    turned = turned.reshape(groups, w.shape[0] // groups, *w.shape[1:]).swapaxes(1, 2)
    return xp.ascontiguousarray(turned.reshape(groups * w.shape[1], w.shape[0] // groups, *w.shape[2:]))


def add_windows(total, cols, geometry: Geometry) -> None:
    """Add the windows (N, C, *kernel, *count) to the padded images they were taken from."""
    count = cols.shape[2 + len(geometry.kernel) :]
    for index, where in taps(geometry.kernel, geometry.stride, geometry.dilation, count):
        total[(..., *where)] += cols[(slice(None), slice(None), *index)]


def inside(xp, total, spatial, pads):
    """Padded images without their padding."""
    where = tuple(slice(lo, lo + s) for s, (lo, _) in zip(spatial, pads, strict=True))
    result = total[(..., *where)]
    return result if result.shape == total.shape else xp.ascontiguousarray(result)


def gathered(xp, cols, geometry: Geometry, spatial):
    """Sum the windows (N, C, *kernel, *count) back into (N, C, *spatial)."""
    pads = geometry.pads(spatial, cols.shape[2 + len(spatial) :])
    total = xp.zeros((*cols.shape[:2], *geometry.full(spatial, pads)), dtype=cols.dtype)
    add_windows(total, cols, geometry)
    return inside(xp, total, spatial, pads)


def weight_gradient(xp, g, x, geometry: Geometry):
    """Sum over samples and places of gradient times window: the convolution's adjoint in its weight."""
    groups, count, out = geometry.groups, g.shape[2:], g.shape[1]
    if g.dtype.char == "e":
        return weight_gradient(xp, g.astype("float32"), x.astype("float32"), geometry).astype("float16")
    width = x.shape[1] // groups * prod(geometry.kernel)
    rows = g.reshape(x.shape[0], groups, out // groups, prod(count)).swapaxes(-1, -2)
    w = xp.zeros((groups, width, out // groups), dtype=g.dtype)
    for samples, cols in columns(xp, x, geometry, count):
        part = rows[samples]
        some = at_a_time(xp, w.nbytes, cols.shape[0], 1 << 22)
        for start in range(0, cols.shape[0], some):  # products of many samples at once may be larger than the windows
            w += xp.matmul(cols[start : start + some], part[start : start + some]).sum(axis=0)
    return xp.ascontiguousarray(w.swapaxes(1, 2)).reshape(out, x.shape[1] // groups, *geometry.kernel)
