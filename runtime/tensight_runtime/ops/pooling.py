"""Pools over windows: max_pool and avg_pool.  Source: the pages of torch.nn.MaxPool2d and torch.nn.AvgPool2d."""

from math import prod

from tensight_runtime.ops.pool_kernels import (
    Pool,
    divisor,
    max_pool,
    max_pool_gradient,
    max_pool_indices,
    spread_windows,
    window_sums,
)
from tensight_runtime.ops.windows import known_flag, listed, pooled_size, spread
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import ge, gt, le, ne
from tensight_runtime.spec.dtype import int64
from tensight_runtime.spec.kind import Bool, Ints, Kind, OptInt, OptInts, Size, Tensor
from tensight_runtime.spec.op import Op, op, scalar_name
from tensight_runtime.spec.require import Refused, require

# `return_indices` decides how many results there are, so it chooses the overload
FalseOnly = Kind("bool", lambda value: value is False or (None if not isinstance(value, bool) else False))
TrueOnly = Kind("bool", lambda value: value is True or (None if not isinstance(value, bool) else False))
WORDS = {1: "one int", 2: "two ints", 3: "three ints"}
AXES = {1: "W", 2: "HW", 3: "TWH"}


def pooled_dims(shape, n: int, name: str, kernel_size, stride, padding, dilation, ceil_mode):
    """(..., *out) of a pool with n spatial dims, everything checked but the rank."""
    count = "two ints" if n == 2 else "three ints"
    kernel = spread(kernel_size, n, what=f"{name}: kernel_size must either be a single int, or a tuple of {count}")
    stride = () if stride is None else stride
    stride = (
        kernel
        if stride in ((), [])
        else spread(stride, n, what=f"{name}: stride must either be omitted, a single int, or a tuple of {count}")
    )
    padding = spread(padding, n, what=f"{name}: padding must either be a single int, or a tuple of {count}")
    dilation = spread(dilation, n, what=f"{name}: dilation must be either a single int, or a tuple of {count}")
    spatial = shape[len(shape) - n :]
    for s in stride:
        require(ne(s, 0), "stride should not be zero")
    for k in kernel:
        require(gt(k, 0), "kernel size should be greater than zero, but got {}", listed(kernel))
    for d in dilation:
        words = " ".join(f"dilation{axis}: {v}" for axis, v in zip("HW" if n == 2 else "TWH", dilation, strict=False))
        require(gt(d, 0), f"dilation should be greater than zero, but got {words}")
    for p, k, d in zip(padding, kernel, dilation, strict=True):
        require(ge(p, 0), "pad must be non-negative, but got pad: {}", p)
        message = "pad should be at most half of effective kernel size, but got pad={}, kernel_size={} and dilation={}"
        require(le(p, ((k - 1) * d + 1) // 2), message, p, k, d)
    ceil = known_flag(ceil_mode)
    out = tuple(pooled_size(*args, ceil) for args in zip(spatial, kernel, stride, padding, dilation, strict=True))
    for size in out:
        planes = shape[len(shape) - n - 1]
        message = "Given input size: ({}x{}). Calculated output size: ({}x{}). Output size is too small"
        require(ge(size, 1), message, planes, listed(spatial, "x"), planes, listed(out, "x"))
    return (*shape[: len(shape) - n], *out)


def _max_pool_rank(shape, n: int) -> None:
    if n == 1:
        if len(shape) not in (2, 3) or False in [ne(s, 0) for s in shape[-2:]]:
            raise Refused(
                "max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but got:"
                f"[{listed(shape, ', ')}]"
            )
    elif len(shape) not in (n + 1, n + 2):
        raise Refused(f"non-empty {n + 1}D or {n + 2}D (batch mode) tensor expected for input")
    for size in shape[-n - 1 :]:
        message = (
            f"Expected {n + 1}D or {n + 2}D (batch mode) tensor with optional 0 dim batch size for input, but got:{{}}"
        )
        require(ne(size, 0), message, shape)


def max_pool_dims(n: int):
    name = f"max_pool{n}d"

    def rule(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
        _max_pool_rank(input.shape, n)
        if n > 1:
            if input.dtype and input.dtype.category in (0, 3):
                raise Refused(f"\"{name}\" not implemented for '{scalar_name(input.dtype)}'", NotImplementedError)
            return pooled_dims(input.shape, n, name, kernel_size, stride, padding, dilation, ceil_mode)
        (k,), (p,), (d,) = (spread(v, 1, what=f"{name}() {w} must be an int, or a single element tuple")
                            for v, w in ((kernel_size, "kernel_size"), (padding, "padding"), (dilation,
                                "dilation")))  # fmt: skip
        (s,) = (k,) if stride is None or stride in ((), []) else spread(stride, 1)
        require(gt(k, 0), "max_pool1d() kernel_size must be greater than zero, but got {}", k)
        require(gt(s, 0), "max_pool1d() stride must be greater than zero, but got {}", s)
        require(ge(p, 0), "max_pool1d() padding must be non-negative, but got {}", p)
        require(
            le(p, k // 2),
            "max_pool1d() padding should be at most half of kernel size, but got padding={} and kernel_size={}",
            p,
            k,
        )
        require(gt(d, 0), "max_pool1d() dilation must be greater than zero, but got {}", d)
        out = pooled_size(input.shape[-1], k, s, p, d, known_flag(ceil_mode))
        require(gt(out, 0), "max_pool1d() Invalid computed output size: {}", out)
        return (*input.shape[:-1], out)

    return rule


def _pool(x, n: int, kernel_size, stride, padding, dilation, ceil_mode) -> Pool:
    return Pool(x.shape[x.ndim - n :], kernel_size, stride, padding, dilation, ceil_mode)


def maximum_pool(n: int, x: Kind, accepts, rejects) -> tuple[Op, Op]:
    """torch.nn.functional.max_pool{n}d, and its form with indices."""
    name, dims, grad = f"max_pool{n}d", max_pool_dims(n), f"MaxPool{n}DWithIndicesBackward0"
    grad = "SqueezeBackward1" if n == 1 else grad

    def kernel(xp, input: x, kernel_size: Ints, stride: OptInts = None, padding: Ints = 0, dilation: Ints = 1,
               ceil_mode: Bool = False, return_indices: FalseOnly = False):  # fmt: skip
        """The greatest element of each window; stride is kernel_size unless given."""
        return max_pool(xp, input, _pool(input, n, kernel_size, stride, padding, dilation, ceil_mode))

    pool = op(f"torch.nn.functional.{name}", f"torch.{name}", name=name, shape=dims, dtype=promote.same(),
              accepts=accepts,
              rejects=rejects, grad_name=grad)(kernel)  # fmt: skip

    def with_indices(xp, input: x, kernel_size: Ints, stride: OptInts = None, padding: Ints = 0, dilation: Ints = 1,
                     ceil_mode: Bool = False, return_indices: TrueOnly = True):  # fmt: skip
        """The greatest element of each window and its flat index in the unpadded spatial dims."""
        return max_pool_indices(xp, input, _pool(input, n, kernel_size, stride, padding, dilation, ceil_mode))

    samples = [call[:-1] + ", return_indices=True)" for call in accepts]
    names = (f"torch.nn.functional.{name}", f"torch.nn.functional.{name}_with_indices")
    names += ("torch.max_pool1d_with_indices",) if n == 1 else ()
    indexed = op(*names, name=name, overload="with_indices", shape=dims, dtype=lambda input: (input.dtype, int64),
                 accepts=samples,
                 outs=("output", "indices"), returns="tuple", grad_name=grad)(with_indices)  # fmt: skip

    @pool.vjp("input")
    def _(g, input, kernel_size, stride, padding, dilation, ceil_mode):
        return max_pool_input(g, input, kernel_size, stride, padding, dilation, ceil_mode, n)

    @indexed.vjp("input")
    def _(g, input, indices, input_shape):
        return unpooled(g[0], indices, tuple(input_shape[len(input_shape) - n :]))

    return pool, indexed


max_pool1d, max_pool1d_indices = maximum_pool(
    1, Tensor("N C L", "C L"),
    accepts=["max_pool1d(f32[2, 3, 8], 2)", "max_pool1d(f32[3, 8], 3, stride=2, padding=1, ceil_mode=True)"],
    rejects={"max_pool1d(f32[1, 1, 1], 2)": "max_pool1d() Invalid computed output size: 0",
             "max_pool1d(f32[1], 2)": "max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim"
             " batch size"},
)  # fmt: skip
max_pool2d, max_pool2d_indices = maximum_pool(
    2, Tensor("N C H W", "C H W"),
    accepts=["max_pool2d(f32[2, 3, 8, 7], 2)", "max_pool2d(f32[3, 7, 7], 3, stride=2, padding=1)",
             "max_pool2d(f32[1, 2, 7, 7], (2, 3), (2, 1), ceil_mode=True)",
             "max_pool2d(f32[0, 1, 8, 8], 2, dilation=2)"],
    rejects={"max_pool2d(f32[1, 1, 1, 1], 2)": "Given input size: (1x1x1). Calculated output size: (1x0x0). Output"
             " size is too small",
             "max_pool2d(f32[8, 8], 2)": "non-empty 3D or 4D (batch mode) tensor expected for input",
             "max_pool2d(f32[1, 1, 8, 8], 2, padding=2)": "pad should be at most half of effective kernel size, but"
             " got pad=2,"
             " kernel_size=2 and dilation=1"},
)  # fmt: skip
max_pool3d, max_pool3d_indices = maximum_pool(
    3, Tensor("N C D H W", "C D H W"),
    accepts=["max_pool3d(f32[1, 2, 4, 4, 4], 2)", "max_pool3d(f32[2, 5, 4, 4], 3, stride=2, padding=1)"],
    rejects={"max_pool3d(f32[1, 1, 1, 1, 1], 2)": "Given input size: (1x1x1x1). Calculated output size: (1x0x0x0)."
             " Output size is"},
)  # fmt: skip


@op(shape=lambda input: input.shape, dtype=promote.same("grad"), grad_name="MaxPoolDoubleBackward0",
    accepts=["max_pool_input(f32[2, 3, 4, 4], f32[2, 3, 8, 8], 2, None, 0, 1, False, 2)"])  # fmt: skip
def max_pool_input(xp, grad: Tensor, input: Tensor, kernel_size: Ints, stride: OptInts, padding: Ints, dilation: Ints,
                   ceil_mode: Bool, n: OptInt):  # fmt: skip
    """The gradient a max pool over the last n dims passes on: to the first greatest element of each window."""
    return max_pool_gradient(xp, grad, input, _pool(input, n, kernel_size, stride, padding, dilation, ceil_mode))


@max_pool_input.vjp("grad")
def _(g, input, kernel_size, stride, padding, dilation, ceil_mode, n):
    indexed = {1: max_pool1d_indices, 2: max_pool2d_indices, 3: max_pool3d_indices}[n]
    _, places = indexed(input, kernel_size, stride, padding, dilation, ceil_mode)
    return picked(g, places, n)


# --- moving values by flat indices ------------------------------------------------------------------------------------


@op(shape=lambda input, indices, size: input.shape[: len(input.shape) - len(size)] + tuple(size), dtype=promote.same(),
    grad_name=lambda size: "SqueezeBackward1" if len(size) == 1 else f"MaxUnpool{len(size)}DBackward0",
    accepts=["unpooled(f32[2, 3, 2, 2], i64[2, 3, 2, 2]{0..15}, (4, 4))"])  # fmt: skip
def unpooled(xp, input: Tensor, indices: Tensor, size: Size, add: Bool = True):
    """Adds each element to (or puts it in) the place its flat index names in a zero tensor (..., *size)."""
    n = len(size)
    lead = input.shape[: input.ndim - n]
    area, rows = prod(size), prod(lead)
    flat = indices.reshape(rows, prod(indices.shape[indices.ndim - n :])) + xp.arange(rows)[:, None] * area
    total = xp.zeros(rows * area, dtype=input.dtype)
    if not add:
        total[flat.ravel()] = input.ravel()
    elif input.dtype.kind == "f" and flat.size:
        total = xp.bincount(flat.ravel(), weights=input.ravel(), minlength=rows * area).astype(input.dtype)
    else:
        xp.add.at(total, flat.ravel(), input.ravel())
    return total.reshape(*lead, *size)


@unpooled.vjp("input")
def _(g, indices, size):
    return picked(g, indices, len(size))


@op(shape=lambda input, indices: indices.shape, dtype=promote.same(),
    accepts=["picked(f32[2, 3, 4, 4], i64[2, 3, 2, 2]{0..15}, 2)"])  # fmt: skip
def picked(xp, input: Tensor, indices: Tensor, n: OptInt):
    """The elements that flat indices into the last n dims name."""
    lead = input.shape[: input.ndim - n]
    rows, area = prod(lead), prod(input.shape[input.ndim - n :])
    flat = indices.reshape(rows, prod(indices.shape[indices.ndim - n :]))
    return xp.take_along_axis(input.reshape(rows, area), flat, axis=1).reshape(indices.shape)


@picked.vjp("input")
def _(g, indices, n, input_shape):
    return unpooled(g, indices, tuple(input_shape[len(input_shape) - n :]))


# --- averages ---------------------------------------------------------------------------------------------------------


def avg_pool_dims(n: int):
    name = f"avg_pool{n}d"

    def rule(input, kernel_size, stride=None, padding=0, ceil_mode=False, divisor_override=None):
        shape = input.shape
        if n == 1 and len(shape) not in (2, 3):
            raise Refused(
                f"Expected 2 to 3 dimensions, but got {len(shape)}-dimensional tensor for argument #1 'self' (while"
                f" checking "
                "arguments for avg_pool1d)"
            )
        if n == 2 and len(shape) not in (3, 4):
            raise Refused(
                "Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:"
                f"[{listed(shape, ', ')}]"
            )
        if n == 3 and len(shape) not in (4, 5):
            raise Refused("non-empty 4D or 5D (batch mode) tensor expected for input")
        if isinstance(divisor_override, int) and divisor_override == 0:
            raise Refused("divisor must be not zero")
        if n == 3:
            for size, k, p in zip(shape[-3:], spread(kernel_size, 3), spread(padding, 3), strict=True):
                sizes = " ".join(f"{a}: {s}" for a, s in zip("THW", shape[-3:], strict=True))
                kernels = " ".join(f"k{a}: {s}" for a, s in zip("THW", spread(kernel_size, 3), strict=True))
                require(ge(size + 2 * p, k), f"input image ({sizes}) smaller than kernel size ({kernels})")
        if n == 1:  # torch pools (C, 1, L)
            out = pooled_dims((*shape[:-1], 1, shape[-1]), 2, name, (1, *spread(kernel_size, 1)),
                              (1, *spread(stride, 1)) if stride not in (None, (), []) else None,
                              (0, *spread(padding, 1)), 1, ceil_mode)  # fmt: skip
            return (*out[:-2], out[-1])
        return pooled_dims(shape, n, name, kernel_size, stride, padding, 1, ceil_mode)

    return rule


def average(xp, input, n, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override=None):
    pool = _pool(input, n, kernel_size, stride, padding, 1, ceil_mode)
    total = window_sums(xp, input, pool)
    by = divisor(xp, pool, count_include_pad, divisor_override, input.dtype)
    if input.dtype.kind in "iu":
        return (total / by).astype(input.dtype)
    total /= by
    return total


def avg_pool1d_dims(input, kernel_size, stride, padding, ceil_mode):
    return avg_pool_dims(1)(input, kernel_size, stride, padding, ceil_mode)


@op("torch.nn.functional.avg_pool1d", "torch.avg_pool1d", shape=avg_pool1d_dims, dtype=promote.same(),
    grad_name="SqueezeBackward1",
    accepts=["avg_pool1d(f32[2, 3, 8], 2)",
             "avg_pool1d(f32[3, 8], 3, stride=2, padding=1, ceil_mode=True, count_include_pad=False)"],
    rejects={"avg_pool1d(f32[1, 1, 1], 2)": "Given input size: (1x1x1). Calculated output size: (1x1x0). Output size"
             " is too small",
             "avg_pool1d(f32[8], 2)": "Expected 2 to 3 dimensions, but got 1-dimensional tensor for argument #1"
             " 'self'"})  # fmt: skip
def avg_pool1d(xp, input: Tensor("N C L", "C L"), kernel_size: Ints, stride: OptInts = None, padding: Ints = 0,
               ceil_mode: Bool = False, count_include_pad: Bool = True):  # fmt: skip
    """The mean of each window; zeros of the padding count unless count_include_pad is False."""
    return average(xp, input, 1, kernel_size, stride, padding, ceil_mode, count_include_pad)


@avg_pool1d.vjp("input")
def _(g, input, input_shape, kernel_size, stride, padding, ceil_mode, count_include_pad):
    return avg_pool_input(g, input_shape[-1:], kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def average_pool(n: int, x: Kind, accepts, rejects) -> Op:
    """torch.nn.functional.avg_pool{n}d with n of 2 or 3."""

    def kernel(xp, input: x, kernel_size: Ints, stride: OptInts = None, padding: Ints = 0, ceil_mode: Bool = False,
               count_include_pad: Bool = True, divisor_override: OptInt = None):  # fmt: skip
        """The mean of each window; zeros of the padding count unless count_include_pad is False."""
        return average(xp, input, n, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)

    pool = op(f"torch.nn.functional.avg_pool{n}d", name=f"avg_pool{n}d", shape=avg_pool_dims(n), dtype=promote.same(),
              accepts=accepts, rejects=rejects, grad_name=f"AvgPool{n}DBackward0")(kernel)  # fmt: skip

    @pool.vjp("input")
    def _(g, input, input_shape, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override):
        size = input_shape[len(input_shape) - n :]
        return avg_pool_input(g, size, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)

    return pool


avg_pool2d = average_pool(
    2, Tensor("N C H W", "C H W"),
    accepts=["avg_pool2d(f32[2, 3, 8, 7], 2)", "avg_pool2d(f32[3, 7, 7], 3, stride=2, padding=1)",
             "avg_pool2d(f32[1, 2, 7, 6], 3, stride=2, padding=1, ceil_mode=True)",
             "avg_pool2d(f32[1, 2, 7, 6], 3, stride=2, padding=1, ceil_mode=True, count_include_pad=False)",
             "avg_pool2d(f32[1, 2, 7, 7], (2, 3), divisor_override=5)", "avg_pool2d(i64[1, 2, 4, 4], 2)"],
    rejects={"avg_pool2d(f32[1, 1, 1, 1], 2)": "Given input size: (1x1x1). Calculated output size: (1x0x0). Output"
             " size is too small",
             "avg_pool2d(f32[1, 1, 8, 8], 2, padding=2)": "pad should be at most half of effective kernel size, but"
             " got pad=2",
             "avg_pool2d(f32[1, 1, 8, 8], 2, divisor_override=0)": "divisor must be not zero"},
)  # fmt: skip
avg_pool3d = average_pool(
    3, Tensor("N C D H W", "C D H W"),
    accepts=["avg_pool3d(f32[1, 2, 4, 4, 4], 2)",
             "avg_pool3d(f32[2, 5, 4, 4], 3, stride=2, padding=1, count_include_pad=False)"],
    rejects={"avg_pool3d(f32[1, 1, 1], 2)": "non-empty 4D or 5D (batch mode) tensor expected for input",
             "avg_pool3d(f32[1, 1, 1, 1, 1], 2)": "input image (T: 1 H: 1 W: 1) smaller than kernel size (kT: 2 kH: 2"
             " kW: 2)"},
)  # fmt: skip


@op(shape=lambda grad, size: grad.shape[: len(grad.shape) - len(size)] + tuple(size), dtype=promote.same("grad"),
    accepts=["avg_pool_input(f32[2, 3, 4, 4], (8, 8), 2, None, 0, False, True, None)"])  # fmt: skip
def avg_pool_input(xp, grad: Tensor, size: Size, kernel_size: Ints, stride: OptInts, padding: Ints, ceil_mode: Bool,
                   count_include_pad: Bool, divisor_override: OptInt):  # fmt: skip
    """The gradient an average pool passes on: each window's share to all its elements."""
    pool = Pool(size, kernel_size, stride, padding, 1, ceil_mode)
    return spread_windows(xp, grad / divisor(xp, pool, count_include_pad, divisor_override, grad.dtype), pool)


@avg_pool_input.vjp("grad")
def _(g, size, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override):
    if len(size) == 1:
        return avg_pool1d(g, kernel_size, stride, padding, ceil_mode, count_include_pad)
    pool = avg_pool2d if len(size) == 2 else avg_pool3d
    return pool(g, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
