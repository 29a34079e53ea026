"""Kernels of convolutions: windows by strides, one copy, one product of matrices.  No operators here.

Arrays are batched, (N, C, *spatial); weights are (out, C/groups, *kernel).
"""

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
            for size, k, s, lo, hi, d in zip(spatial, self.kernel, self.stride, self.left, right, self.dilation, strict=True)
        )

    def pads(self, spatial, count):
        """(left, right) so that exactly `count` windows fit; the right side may be negative, a cut."""
        return tuple(
            (lo, (c - 1) * s + d * (k - 1) + 1 - lo - size)
            for size, c, k, s, lo, d in zip(spatial, count, self.kernel, self.stride, self.left, self.dilation, strict=True)
        )

    @property
    def pointwise(self) -> bool:
        return all(k == 1 for k in self.kernel) and all(s == 1 for s in self.stride) and not any(self.left)


def columns(xp, x, geometry: Geometry, count, samples_last: bool = False):
    """Windows of (N, C, *spatial) as (N, groups, C/groups * kernel, count); `samples_last`: (groups, ..., N * count)."""
    n, c = x.shape[:2]
    groups, k, area = geometry.groups, _product(geometry.kernel), _product(count)
    if geometry.pointwise:
        cols = x.reshape(n, groups, c // groups, area)
        return cols.transpose(1, 2, 0, 3).reshape(groups, c // groups, n * area) if samples_last else cols
    x = padded(xp, x, geometry.pads(x.shape[2:], count))
    view = windows(xp, x, geometry.kernel, geometry.stride, geometry.dilation, count)
    if samples_last:
        view = view.transpose(1, *range(2, 2 + len(count)), 0, *range(2 + len(count), view.ndim))
        return view.reshape(groups, c // groups * k, n * area)
    return view.reshape(n, groups, c // groups * k, area)


def convolve(xp, x, w, geometry: Geometry):
    """(N, C, *spatial) with (out, C/groups, *kernel)."""
    count, groups = geometry.count(x.shape[2:]), geometry.groups
    if w.dtype.char == "e":
        return convolve(xp, x.astype("float32"), w.astype("float32"), geometry).astype("float16")
    if groups > 1 and w.shape[1] == 1 and w.shape[0] == groups:
        return _depthwise(xp, x, w, geometry, count)
    cols = columns(xp, x, geometry, count)
    y = xp.matmul(w.reshape(groups, w.shape[0] // groups, -1), cols)
    return y.reshape(x.shape[0], w.shape[0], *count)


def _depthwise(xp, x, w, geometry: Geometry, count):
    """One filter per channel: a sum of shifted inputs."""
    x = padded(xp, x, geometry.pads(x.shape[2:], count))
    spatial, y, part = (1,) * len(count), None, None
    for index, where in taps(geometry.kernel, geometry.stride, geometry.dilation, count):
        factor = w[(slice(None), 0, *index)].reshape(-1, *spatial)
        if y is None:
            y = x[(..., *where)] * factor
            part = xp.empty_like(y)
        else:
            xp.multiply(x[(..., *where)], factor, out=part)
            y += part
    return y


def input_gradient(xp, g, w, geometry: Geometry, spatial):
    """What reaches each input element from (N, out, *count); the convolution's adjoint in its input."""
    n, groups, count = g.shape[0], geometry.groups, g.shape[2:]
    if w.dtype.char == "e":
        return input_gradient(xp, g.astype("float32"), w.astype("float32"), geometry, spatial).astype("float16")
    channels, area = w.shape[1] * groups, _product(count)
    columns_of_g = g.reshape(n, groups, g.shape[1] // groups, area)
    cols = xp.matmul(w.reshape(groups, w.shape[0] // groups, -1).transpose(0, 2, 1), columns_of_g)
    if geometry.pointwise:
        return cols.reshape(n, channels, *spatial)
    return gathered(xp, cols.reshape(n, channels, *geometry.kernel, *count), geometry, spatial)


def gathered(xp, cols, geometry: Geometry, spatial):
    """Sum the windows (N, C, *kernel, *count) back into (N, C, *spatial): the adjoint of `columns`."""
    dims = len(spatial)
    count = cols.shape[2 + dims :]
    pads = geometry.pads(spatial, count)
    full = tuple(s + lo + max(hi, 0) for s, (lo, hi) in zip(spatial, pads, strict=True))
    total = xp.zeros((*cols.shape[:2], *full), dtype=cols.dtype)
    for index, where in taps(geometry.kernel, geometry.stride, geometry.dilation, count):
        total[(..., *where)] += cols[(slice(None), slice(None), *index)]
    inside = tuple(slice(lo, lo + s) for s, (lo, _) in zip(spatial, pads, strict=True))
    result = total[(..., *inside)]
    return result if result.shape == total.shape else xp.ascontiguousarray(result)


def weight_gradient(xp, g, x, geometry: Geometry):
    """Sum over samples and places of gradient times window: the convolution's adjoint in its weight."""
    groups, count, out = geometry.groups, g.shape[2:], g.shape[1]
    if g.dtype.char == "e":
        return weight_gradient(xp, g.astype("float32"), x.astype("float32"), geometry).astype("float16")
    n, per_group = x.shape[0], x.shape[1] // groups
    area, width = _product(count), per_group * _product(geometry.kernel)
    rows = g.reshape(n, groups, out // groups, area)
    if n * width * out // groups <= 1 << 16:  # small weights: one product per sample, then the sum
        cols = columns(xp, x, geometry, count)
        w = xp.matmul(rows, cols.swapaxes(-1, -2)).sum(axis=0)
    else:
        cols = columns(xp, x, geometry, count, samples_last=True)
        w = xp.matmul(rows.transpose(1, 2, 0, 3).reshape(groups, out // groups, n * area), cols.swapaxes(-1, -2))
    return w.reshape(out, per_group, *geometry.kernel)


def _product(numbers) -> int:
    result = 1
    for number in numbers:
        result *= number
    return result
