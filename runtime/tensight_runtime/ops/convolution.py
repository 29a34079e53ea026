"""Convolutions of one, two and three spatial dims, and their transposes: one implementation for all.

A convolution is linear in input and weight.  With its two adjoints (the gradients) it forms a set that is closed under
differentiation, so derivatives of any order are written with these three operators.  Source of the size arithmetic: the
pages of torch.nn.Conv2d and torch.nn.ConvTranspose2d.
"""

from tensight_runtime.ops.linalg import same_dtype
from tensight_runtime.ops.windows import listed, not_negative, padded, spread, taps, window_count, windows
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import divides, eq, ge, gt, le, lt
from tensight_runtime.spec.kind import Int, Ints, IntsOrStr, OptTensor, Tensor, UnknownLike
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import RankUnknown, Refused, require

# --- shapes ------------------------------------------------------------------------------------------------------------


def conv_dims(n: int):
    """The shape rule of the convolution with n spatial dims."""

    def rule(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        x, w = _batched(input.shape, n, f"conv{n}d"), weight.shape
        if len(w) != n + 2:
            _wrong_weight(w, x, n, stride)
        stride, dilation = _numbers(stride, n, "stride"), _numbers(dilation, n, "dilation")
        same = _named_padding(padding, stride)
        padding = (0,) * n if same is not None else _numbers(padding, n, "padding")
        _check(x, w, bias, stride, padding, dilation, groups, transposed=False)
        _check_dtypes(input, weight, bias)
        if same:
            out = x[2:]
        else:
            full = tuple(size + 2 * p for size, p in zip(x[2:], padding, strict=True))
            reach = tuple(d * (k - 1) + 1 for d, k in zip(dilation, w[2:], strict=True))
            for size, width in zip(full, reach, strict=True):
                message = "Calculated padded input size per channel: ({}). Kernel size: ({}). Kernel size can't be greater than actual input size"
                require(ge(size, width), message, listed(full), listed(reach))
            out = tuple(window_count(*args) for args in zip(full, w[2:], stride, (0,) * n, dilation, strict=True))
        return (*x[:1], w[0], *out) if len(input.shape) == n + 2 else (w[0], *out)

    return rule


def conv_transpose_dims(n: int):
    """The shape rule of the transposed convolution with n spatial dims."""

    def rule(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
        x, w = _batched(input.shape, n, f"conv_transpose{n}d"), weight.shape
        if len(w) != n + 2:
            _wrong_weight(w, x, n, stride)
        stride, dilation = _numbers(stride, n, "stride"), _numbers(dilation, n, "dilation")
        padding, extra = _numbers(padding, n, "padding"), _numbers(output_padding, n, "output_padding")
        _check(x, w, bias, stride, padding, dilation, groups, transposed=True)
        _check_dtypes(input, weight, bias)
        for more, s, d in zip(extra, stride, dilation, strict=True):
            if lt(more, s) is False and lt(more, d) is False:
                raise Refused(_output_padding_words(extra, stride, dilation))
        out = tuple(
            (size - 1) * s - 2 * p + d * (k - 1) + more + 1
            for size, k, s, p, more, d in zip(x[2:], w[2:], stride, padding, extra, dilation, strict=True)
        )
        for size in out:
            message = "Given input size per channel: ({}). Calculated output size per channel: ({}). Output size is too small"
            require(gt(size, 0), message, listed(x[2:]), listed(out))
        return (*x[:1], w[1] * groups, *out) if len(input.shape) == n + 2 else (w[1] * groups, *out)

    return rule


def _batched(shape, n: int, name: str):
    """(N, C, *spatial) from a batch or from one unbatched input."""
    if len(shape) == n + 1:
        return (1, *shape)
    if len(shape) != n + 2:
        raise Refused(
            f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {name}, but got input of size: [{listed(shape, ', ')}]"
        )
    return shape


def _wrong_weight(w, x, n: int, stride) -> None:
    if len(w) > n + 2:
        raise Refused(
            f"Expected {len(w)}-dimensional input for {len(w)}-dimensional weight [{listed(w, ', ')}], but got {len(x)}-dimensional "
            f"input of size [{listed(x, ', ')}] instead"
        )
    if len(w) < 3:
        raise Refused("weight should have at least three dimensions")
    _numbers(_numbers(stride, n, "stride"), len(w) - 2, "stride")


def _numbers(value, n: int, name: str):
    words = "expected {} to be a single integer value or a list of {} values to match the convolution dimensions, but got {}=[{}]"
    return spread(value, n, what=words.format(name, n, name, listed(value, ", ") if isinstance(value, (list, tuple)) else value))


def _named_padding(padding, stride) -> bool | None:
    """True for "same", False for "valid", None for numbers."""
    if isinstance(padding, UnknownLike) and padding.python_type not in (int, tuple, list):
        raise RankUnknown
    if not isinstance(padding, str):
        return None
    if padding not in ("same", "valid"):
        raise Refused(f"Invalid padding string: '{padding}'")
    if padding == "same":
        for s in stride:
            require(eq(s, 1), "padding='same' is not supported for strided convolutions")
    return padding == "same"


def _check(x, w, bias, stride, padding, dilation, groups, transposed: bool) -> None:
    require(gt(groups, 0), "non-positive groups is not supported")
    not_negative(padding, "negative padding is not supported")
    for s in stride:
        require(gt(s, 0), "non-positive stride is not supported")
    for d in dilation:
        require(gt(d, 0), "dilation should be greater than zero, but got {}", dilation)
    message = "Given groups={}, expected weight to be divisible by {} at dimension 0, but got weight of size [{}] instead"
    require(divides(groups, w[0]), message, groups, groups, w)
    channels = w[0] if transposed else w[1] * groups
    given = "Given transposed=1" if transposed else f"Given groups={groups}"
    message = given + ", weight of size {}, expected input{} to have {} channels, but got {} channels instead"
    require(eq(x[1], channels), message, w, x, channels, x[1])
    if bias is not None:
        want = w[1] * groups if transposed else w[0]
        message = f"Given {'transposed=1, ' if transposed else ''}weight of size {{}}, expected bias to be 1-dimensional with {{}} elements, but got bias of size {{}} instead"
        b = bias.shape
        require(eq(b[0], want) if len(b) == 1 else False, message, w, want, b)


def _check_dtypes(input, weight, bias) -> None:
    floats = ("float32", "float64", "bfloat16")
    found = [t.dtype for t in (input, weight)]
    if all(found) and found[0] is not found[1]:
        if found[0].name in ("float32", "bfloat16") and found[1].name in floats:
            raise Refused(
                f"Input type ({_tensor_name(found[0])}) and weight type ({_tensor_name(found[1])}) should be the same or input "
                "should be a MKLDNN tensor and weight is a dense tensor"
            )
        same_dtype(input, weight, "expected scalar type {} but found {}", scalar_name)
    if bias is not None:
        same_dtype(input, bias, "Input type ({}) and bias type ({}) should be the same")


def _tensor_name(dtype) -> str:
    return f"CPU{scalar_name(dtype)}Type" if dtype.bits == 16 else f"torch.{scalar_name(dtype)}Tensor"


def _output_padding_words(extra, stride, dilation) -> str:
    axes = ("depth", "height", "width")[-max(len(extra), 2) :]
    if len(extra) == 1:
        extra, stride, dilation = (0, *extra), (1, *stride), (1, *dilation)
    words = [f"{what}_{a}: {v}" for what, values in (("output_padding", extra), ("stride", stride), ("dilation", dilation))
             for a, v in zip(axes, values, strict=True)]  # fmt: skip
    return f"output padding must be smaller than either stride or dilation, but got {' '.join(words)}"


# --- kernels, on batched arrays ----------------------------------------------------------------------------------------


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
