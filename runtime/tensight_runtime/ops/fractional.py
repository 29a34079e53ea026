"""Fractional max pools: windows of one size whose steps alternate at random so that a given output size comes out.

Source: B. Graham, "Fractional Max-Pooling" (2014), and the page of torch.nn.FractionalMaxPool2d.
"""

from tensight_runtime.ops.axes_linear import scaled_size
from tensight_runtime.ops.pooling import FalseOnly, TrueOnly, unpooled
from tensight_runtime.ops.windows import spread
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import le
from tensight_runtime.spec.dtype import int64
from tensight_runtime.spec.kind import Ints, Kind, OptInts, OptNums, OptTensor, Size, Tensor, UnknownLike
from tensight_runtime.spec.op import Op, op
from tensight_runtime.spec.require import RankUnknown, Refused, require


def fractional_dims(shape, n: int, kernel_size, output_size, output_ratio):
    name = f"fractional_max_pool{n}d"
    if isinstance(output_size, UnknownLike) or isinstance(output_ratio, UnknownLike):
        raise RankUnknown
    if output_size is None and output_ratio is None:
        raise Refused(f"{name} requires specifying either an output_size or an output_ratio", ValueError)
    if len(shape) not in (n + 1, n + 2):
        raise Refused(f"{name}(): Expected {n + 1}D or {n + 2}D tensor, but got: [{', '.join(map(str, shape))}]")
    spatial = shape[len(shape) - n :]
    if output_size is None:
        out = tuple(scaled_size(s, r) for s, r in zip(spatial, spread(output_ratio, n), strict=True))
    else:
        out = spread(output_size, n)
    for size, k, o, axis in zip(spatial, spread(kernel_size, n), out, "THW"[-n:], strict=True):
        words = "height" if axis == "H" else "width" if axis == "W" else "time"
        message = f"{name}(): pool {words} {{}} too large relative to input {words} {{}}"
        require(le(o + k - 1, size), message, k, size)
    return (*shape[: len(shape) - n], *out)


@op(shape=lambda input, output_size: [input.shape[: input.ndim - len(output_size)] + tuple(output_size)] * 2,
    dtype=lambda input: (input.dtype, int64), outs=("output", "indices"),
    grad_name=lambda output_size: f"FractionalMaxPool{len(output_size)}DBackward0",
    accepts=["fractional_windows(f32[2, 3, 6, 7], f32[2, 3, 2], (2, 2), (3, 3))"])  # fmt: skip
def fractional_windows(xp, input: Tensor, samples: Tensor, kernel: Size, output_size: Size):
    """Greatest element of each window and its flat index; samples (N, C, n) say where a plane's windows start."""
    n = len(output_size)
    spatial = input.shape[input.ndim - n :]
    planes = input.reshape(-1, *spatial)
    draws = samples.reshape(-1, n)[: planes.shape[0]]
    if n == 2:
        draws = draws[:, ::-1]  # torch draws the width first, but time, height, width in that order
    flat, area = None, 1
    for d in reversed(range(n)):
        size, k, count = spatial[d], kernel[d], output_size[d]
        step = (size - k) / (count - 1) if count > 1 else 0.0
        u = draws[:, d].astype("float64")[:, None]
        starts = ((xp.arange(count) + u) * step).astype("int64") - (u * step).astype("int64")
        starts[:, count - 1] = size - k
        places = (starts[:, :, None] + xp.arange(k)) * area
        places = places.reshape(
            -1, *(count if i == d else 1 for i in range(n)), *(k if i == d else 1 for i in range(n))
        )
        flat = places if flat is None else flat + places
        area *= size
    windows = flat.reshape(planes.shape[0], *output_size, -1)
    values = xp.take_along_axis(planes.reshape(planes.shape[0], -1), windows.reshape(planes.shape[0], -1), axis=1)
    values = values.reshape(windows.shape)
    best = values.argmax(axis=-1)[..., None]
    shape = input.shape[: input.ndim - n] + tuple(output_size)
    return (xp.take_along_axis(values, best, axis=-1).reshape(shape),
            xp.take_along_axis(windows, best, axis=-1).reshape(shape))  # fmt: skip


@fractional_windows.vjp("input")
def _(g, input, indices, input_shape, output_size):
    return unpooled(g[0], indices, tuple(input_shape[len(input_shape) - len(output_size) :]))


def fractional_pool(n: int, x: Kind, accepts, rejects) -> tuple[Op, Op]:
    """torch.nn.functional.fractional_max_pool{n}d, and its form with indices."""
    name = f"fractional_max_pool{n}d"

    def pooled(input, kernel_size, output_size, output_ratio, samples):
        dims = fractional_dims(tuple(input.shape), n, kernel_size, output_size, output_ratio)
        if samples is None:
            lead = input.shape[: input.dim() - n]
            samples = input.new_empty((1, *lead, n) if len(lead) == 1 else (*lead, n)).uniform_()
        return fractional_windows(input, samples, spread(kernel_size, n), dims[len(dims) - n :])

    def dims(input, kernel_size, output_size, output_ratio):
        return fractional_dims(input.shape, n, kernel_size, output_size, output_ratio)

    def body(input: x, kernel_size: Ints, output_size: OptInts = None, output_ratio: OptNums = None,
             return_indices: FalseOnly = False, _random_samples: OptTensor = None):  # fmt: skip
        """The greatest element of windows whose steps alternate at random; give the output's size or its ratio."""
        return pooled(input, kernel_size, output_size, output_ratio, _random_samples)[0]

    def with_indices(input: x, kernel_size: Ints, output_size: OptInts = None, output_ratio: OptNums = None,
                     return_indices: TrueOnly = True, _random_samples: OptTensor = None):  # fmt: skip
        """The same, and the flat index of each element in the spatial dims."""
        return tuple(pooled(input, kernel_size, output_size, output_ratio, _random_samples))

    random = lambda _random_samples: _random_samples is None
    public = f"torch.nn.functional.{name}"
    plain = op(public, name=name, composite=True, shape=dims, dtype=promote.same(), random=random, accepts=accepts,
               rejects=rejects)(body)  # fmt: skip
    indexed = op(public, f"{public}_with_indices", name=name, overload="with_indices", composite=True, shape=dims,
                 dtype=lambda input: (input.dtype, int64), outs=("output", "indices"), returns="tuple", random=random,
                 accepts=[call[:-1] + ", return_indices=True)" for call in accepts])(with_indices)  # fmt: skip
    return plain, indexed


fractional_max_pool2d, fractional_max_pool2d_indices = fractional_pool(
    2, Tensor("N C H W", "C H W"),
    accepts=["fractional_max_pool2d(f32[2, 3, 8, 7], 2, output_size=(3, 3))",
             "fractional_max_pool2d(f32[2, 3, 8, 8], 3, output_ratio=(0.5, 0.7))"],
    rejects={"fractional_max_pool2d(f32[1, 1, 8, 8], 2)": "fractional_max_pool2d requires specifying either an"
             " output_size or"
             " an output_ratio",
             "fractional_max_pool2d(f32[1, 1, 4, 4], 3, output_size=3)": "fractional_max_pool2d(): pool height 3 too"
             " large"
             " relative to input height 4"},
)  # fmt: skip
fractional_max_pool3d, fractional_max_pool3d_indices = fractional_pool(
    3, Tensor("N C D H W", "C D H W"), accepts=["fractional_max_pool3d(f32[1, 2, 6, 7, 8], 2, output_size=(3, 3, 4))"],
    rejects={"fractional_max_pool3d(f32[1, 1, 8, 8, 8], 2)": "fractional_max_pool3d requires specifying either an"
             " output_size"},
)  # fmt: skip
