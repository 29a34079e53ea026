"""Linear maps along single axes, as small matrices: averages over cells and interpolation.  No operators here."""

from math import floor


def along(xp, x, axis: int, matrix):
    """`matrix` (out, in) applied to one axis of `x`."""
    axis %= x.ndim
    if axis == x.ndim - 1:
        return xp.matmul(x, matrix.T)
    rest = 1
    for size in x.shape[axis + 1 :]:
        rest *= size
    lead = 1
    for size in x.shape[:axis]:
        lead *= size
    y = xp.matmul(matrix, x.reshape(lead, x.shape[axis], rest))
    return y.reshape(*x.shape[:axis], matrix.shape[0], *x.shape[axis + 1 :])


def cells(size: int, count: int):
    """`count` cells that cover `size` elements, as (start, end); neighbours may share elements."""
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


def averaging(xp, size: int, count: int, dtype):
    """The mean of each cell."""
    matrix = xp.zeros((count, size), dtype=dtype)
    for i, (start, end) in enumerate(cells(size, count)):
        matrix[i, start:end] = 1 / (end - start)
    return matrix


class Sampling:
    """Where the outputs of an interpolation lie along one axis: `count` outputs over `size` inputs.

    `scale` is the user's factor, or None if the sizes alone decide.  `taps(xp, dtype)` gives (indices, weights), arrays
    of shape (reach, count); weights are None for nearest.
    """

    def __init__(self, mode: str, size: int, count: int, scale, align_corners: bool, antialias: bool = False):
        self.mode, self.size, self.count, self.antialias = mode, size, count, antialias
        self.align = bool(align_corners)
        if self.align and mode not in ("nearest", "nearest-exact"):
            self.step = (size - 1) / (count - 1) if count > 1 else 0.0
        else:
            self.step = 1 / scale if scale else size / count if count else 0.0

    def places(self, xp, dtype):
        at, step = xp.arange(self.count, dtype=dtype), dtype.type(self.step)
        if self.mode == "nearest":
            return xp.floor(at * step)
        if self.mode == "nearest-exact":
            return xp.floor((at + dtype.type(0.5)) * step)
        return at * step if self.align else (at + dtype.type(0.5)) * step - dtype.type(0.5)

    def taps(self, xp, dtype):
        if self.mode in ("nearest", "nearest-exact"):
            single = xp.dtype("float32") if dtype != "float64" or self.mode == "nearest" else dtype
            return xp.minimum(self.places(xp, single).astype("int64"), self.size - 1)[None], None
        place = self.places(xp, dtype)
        if self.mode == "bicubic":
            first = xp.floor(place)
            t = place - first
            index = first.astype("int64") + xp.arange(-1, 3)[:, None]
            return xp.clip(index, 0, self.size - 1), cubic_weights(xp, t)
        place = xp.maximum(place, dtype.type(0))
        low = xp.minimum(place.astype("int64"), self.size - 1)
        high = xp.minimum(low + 1, self.size - 1)
        t = xp.clip(place - low.astype(dtype), 0, 1)
        return xp.stack([low, high]), xp.stack([1 - t, t])

    def matrix(self, xp, dtype):
        """(count, size): what every output takes of every input."""
        if self.antialias:
            return self.smooth(xp, dtype)
        matrix = xp.zeros((self.count, self.size), dtype=dtype)
        index, weight = self.taps(xp, dtype)
        rows = xp.arange(self.count)
        for i in range(index.shape[0]):
            part = xp.zeros_like(matrix)
            part[rows, index[i]] = 1 if weight is None else weight[i]
            matrix += part
        return matrix

    def smooth(self, xp, dtype):
        """Antialiased: the filter is as wide as the inputs an output stands for."""
        reach, filter_ = (2, _cubic_filter) if self.mode == "bicubic" else (1, lambda x: max(0.0, 1 - abs(x)))
        wide = max(self.step, 1.0)
        rows = []
        for i in range(self.count):
            center = self.step * (i + 0.5)
            start = max(int(center - reach * wide + 0.5), 0)
            end = min(int(center + reach * wide + 0.5), self.size)
            weights = [filter_((j - center + 0.5) / wide) for j in range(start, end)]
            total = sum(weights) or 1.0
            rows.append([0.0] * start + [w / total for w in weights] + [0.0] * (self.size - end))
        return xp.asarray(rows, dtype=dtype).reshape(self.count, self.size)

    def apply(self, xp, x, axis: int):
        if self.antialias:
            return along(xp, x, axis, self.matrix(xp, x.dtype))
        index, weight = self.taps(xp, x.dtype)
        if weight is None:
            return xp.take(x, index[0], axis=axis)
        spread = (-1,) + (1,) * (-axis - 1)
        y = xp.take(x, index[0], axis=axis) * weight[0].reshape(spread)
        for i in range(1, index.shape[0]):
            y += xp.take(x, index[i], axis=axis) * weight[i].reshape(spread)
        return y


def cubic_weights(xp, t, a: float = -0.75):
    """Weights of the elements at -1, 0, 1, 2 around a place t past element 0 (Keys' kernel with a = -0.75)."""
    far, near = t + 1, 1 - t
    farther = near + 1
    outer = lambda x: ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    inner = lambda x: ((a + 2) * x - (a + 3)) * x * x + 1
    return xp.stack([outer(far), inner(t), inner(near), outer(farther)])


def _cubic_filter(x: float, a: float = -0.5) -> float:
    x = abs(x)
    if x < 1:
        return ((a + 2) * x - (a + 3)) * x * x + 1
    return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a if x < 2 else 0.0


def scaled_size(size, scale):
    """floor(size * scale), exact also for a symbolic size where the factor is a fraction that floats hold."""
    from fractions import Fraction

    from tensight_runtime.spec.size import UNKNOWN

    if not isinstance(scale, (int, float)):
        return size * scale
    if isinstance(size, int):
        return floor(float(size) * scale)
    ratio = Fraction(scale)
    return size * ratio.numerator // ratio.denominator if ratio.denominator <= 1024 else UNKNOWN
