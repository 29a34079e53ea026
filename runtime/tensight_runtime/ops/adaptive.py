"""Adaptive pools, lp pools and max_unpool: pools told by their output, or undone."""

from math import prod

from tensight_runtime.ops.axes_linear import along, averaging, cells
from tensight_runtime.ops.pooling import FalseOnly, TrueOnly, avg_pool1d, avg_pool2d, avg_pool3d, unpooled
from tensight_runtime.ops.windows import listed, spread
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import eq, ge, ne
from tensight_runtime.spec.dtype import int64
from tensight_runtime.spec.kind import Any, Bool, Int, Ints, Kind, Num, OptInts, Size, Tensor
from tensight_runtime.spec.op import Op, op, scalar_name
from tensight_runtime.spec.require import Refused, require


def adaptive_dims(n: int, name: str, colon: str = ""):
    def rule(input, output_size):
        shape = input.shape
        if n == 1 and len(shape) not in (2, 3):
            raise Refused(
                f"Expected 2 to 3 dimensions, but got {len(shape)}-dimensional tensor for argument #1 'self' (while"
                f" checking "
                f"arguments for {name})"
            )
        if n > 1 and isinstance(output_size, (tuple, list)) and len(shape) <= len(output_size):
            raise Refused(f"Input dimension should be at least {len(output_size) + 1}", ValueError)
        if len(shape) not in (n + 1, n + 2):
            raise Refused(f"{name}(): Expected {n + 1}D or {n + 2}D tensor, but got{colon} [{listed(shape, ', ')}]")
        wanted = spread(output_size, n, what=f"{name}: output_size must be {n}")
        spatial = shape[len(shape) - n :]
        for i, size in enumerate(shape[1:], 1):
            message = (
                f"{name}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes {{}} "
                f"with dimension {{}} being empty"
            )
            require(ne(size, 0), message, shape, i)
        out = tuple(s if w is None else w for s, w in zip(spatial, wanted, strict=True))
        for size in out:
            message = (
                f"{name}: elements of output_size must be greater than or equal to 0 but received "
                f"{{{{{listed(out, ', ')}}}}}"
            )
            require(ge(size, 0), message)
        if input.dtype and input.dtype.category < 2:
            raise Refused(f"\"{name}\" not implemented for '{scalar_name(input.dtype)}'", NotImplementedError)
        return (*shape[: len(shape) - n], *out)

    return rule


SizesWithNone = Kind(
    "int?[]",
    lambda value: (
        all(v is None or Ints.admits(v) is not False for v in value)
        if isinstance(value, (tuple, list))
        else Ints.admits(value)
    ),
)


def _targets(shape, output_size, n: int):
    """(axis, size, count) of each spatial dim that changes."""
    spatial = shape[len(shape) - n :]
    wanted = spread(output_size, n)
    return [(i - n, s, s if w is None else w) for i, (s, w) in enumerate(zip(spatial, wanted, strict=True))]


def adaptive_average(n: int, x: Kind, accepts, rejects) -> tuple[Op, Op]:
    """torch.nn.functional.adaptive_avg_pool{n}d, and the operator for more than one cell."""
    name = f"adaptive_avg_pool{n}d"

    def pooled(input: x, output_size: SizesWithNone):
        """The mean of each of output_size cells that cover the spatial dims; None keeps a dim."""
        if all(count == 1 for _, _, count in _targets(input.shape, output_size, n)):
            return overall_mean(input, n)
        return by_cells(input, output_size)

    def kernel(xp, input: x, output_size: SizesWithNone):
        """The means of cells, where there are more than one."""
        y = input
        for axis, size, count in _targets(input.shape, output_size, n):
            if count == 1:
                y = y.mean(axis=axis, keepdims=True)
            elif count != size:
                y = along(xp, y, axis, averaging(xp, size, count, input.dtype))
        return y.copy() if y is input else y

    names = (f"torch.nn.functional.{name}",) + ((f"torch.{name}",) if n == 1 else ())
    shared = {"shape": adaptive_dims(n, name), "dtype": promote.same()}
    pool = op(*names, name=name, composite=True, accepts=accepts, rejects=rejects, **shared)(pooled)
    by_cells = op(name=name, overload="cells", grad_name=f"AdaptiveAvgPool{n}DBackward0", **shared)(kernel)

    @by_cells.vjp("input")
    def _(g, input, input_shape):
        return adaptive_avg_input(g, tuple(input_shape[len(input_shape) - n :]))

    return pool, by_cells


@op(shape=lambda input, n: (*input.shape[: input.ndim - n], *(1,) * n), dtype=promote.same(), grad_name="MeanBackward1",
    accepts=["overall_mean(f32[2, 3, 8, 7], 2)"])  # fmt: skip
def overall_mean(xp, input: Tensor, n: Int):
    """The mean over the last n dims, as a product with a vector: faster than a reduction over short rows."""
    lead, area = input.shape[: input.ndim - n], prod(input.shape[input.ndim - n :])
    shares = xp.full(area, 1 / area, dtype=input.dtype)
    return xp.matmul(input.reshape(prod(lead), area), shares).reshape(*lead, *(1,) * n)


@overall_mean.vjp("input")
def _(g, input_shape, n):
    return g.expand(input_shape) / prod(input_shape[len(input_shape) - n :])


adaptive_avg_pool1d, by_cells1d = adaptive_average(
    1, Tensor("N C L", "C L"), accepts=["adaptive_avg_pool1d(f32[2, 3, 8], 3)", "adaptive_avg_pool1d(f32[3, 8], 1)"],
    rejects={"adaptive_avg_pool1d(f32[8], 2)": "Expected 2 to 3 dimensions, but got 1-dimensional tensor for argument"
             " #1 'self'"},
)  # fmt: skip
adaptive_avg_pool2d, by_cells2d = adaptive_average(
    2, Tensor("N C H W", "C H W"),
    accepts=["adaptive_avg_pool2d(f32[2, 3, 8, 7], (3, 2))", "adaptive_avg_pool2d(f32[2, 8, 8], 1)",
             "adaptive_avg_pool2d(f32[1, 2, 4, 4], (None, 7))", "adaptive_avg_pool2d(f32[1, 2, 4, 4], 0)"],
    rejects={"adaptive_avg_pool2d(f32[8, 8], 2)": "adaptive_avg_pool2d(): Expected 3D or 4D tensor, but got [8, 8]",
             "adaptive_avg_pool2d(f32[1, 2, 8, 8], (2, 2, 2))": "adaptive_avg_pool2d: output_size must be 2",
             "adaptive_avg_pool2d(f32[1, 2, 0, 8], 2)": "adaptive_avg_pool2d(): Expected input to have non-zero size"
             " for non-batch"},
)  # fmt: skip
adaptive_avg_pool3d, by_cells3d = adaptive_average(
    3, Tensor("N C D H W", "C D H W"), accepts=["adaptive_avg_pool3d(f32[1, 2, 4, 5, 6], (2, 3, 1))"],
    rejects={"adaptive_avg_pool3d(f32[2, 8], 2)": "adaptive_avg_pool3d(): Expected 4D or 5D tensor, but got [2, 8]"},
)  # fmt: skip


@op(shape=lambda grad, size: grad.shape[: len(grad.shape) - len(size)] + tuple(size), dtype=promote.same("grad"),
    accepts=["adaptive_avg_input(f32[2, 3, 3, 2], (8, 7))"])  # fmt: skip
def adaptive_avg_input(xp, grad: Tensor, size: Size):
    """The gradient an adaptive average passes on: each cell's share to its elements."""
    for i, wide in enumerate(size):
        axis = i - len(size)
        count = grad.shape[axis]
        if count == 1:
            grad = xp.repeat(grad / wide, wide, axis=axis)
        elif count != wide:
            grad = along(xp, grad, axis, averaging(xp, wide, count, grad.dtype).T)
    return grad.copy() if grad.base is not None else grad


@adaptive_avg_input.vjp("grad")
def _(g, grad_shape, size):
    pool = {1: adaptive_avg_pool1d, 2: adaptive_avg_pool2d, 3: adaptive_avg_pool3d}[len(size)]
    return pool(g, tuple(grad_shape[len(grad_shape) - len(size) :]))


def _adaptive_max(xp, x, output_size, n: int, indices: bool):
    targets = _targets(x.shape, output_size, n)
    spatial = tuple(size for _, size, _ in targets)
    shape = x.shape[: x.ndim - n] + tuple(count for _, _, count in targets)
    y = xp.empty(shape, dtype=x.dtype)
    at = xp.empty(shape, dtype="int64") if indices else None
    places = xp.arange(prod(spatial)).reshape(spatial)
    for index, where in _cells(targets):
        cell = x[(..., *where)].reshape(*x.shape[: x.ndim - n], -1)
        if indices:
            best = cell.argmax(axis=-1)
            y[(..., *index)] = xp.take_along_axis(cell, best[..., None], axis=-1)[..., 0]
            at[(..., *index)] = places[where].ravel()[best]
        else:
            y[(..., *index)] = cell.max(axis=-1)
    return (y, at) if indices else y


def _cells(targets):
    from itertools import product as every

    sides = [list(enumerate(cells(size, count))) for _, size, count in targets]
    for combination in every(*sides):
        yield tuple(i for i, _ in combination), tuple(slice(start, end) for _, (start, end) in combination)


def adaptive_maximum(n: int, x: Kind, accepts, rejects) -> tuple[Op, Op]:
    """torch.nn.functional.adaptive_max_pool{n}d, and its form with indices."""
    name = f"adaptive_max_pool{n}d"
    dims, grad = adaptive_dims(n, name, ":"), "SqueezeBackward1" if n == 1 else f"AdaptiveMaxPool{n}DBackward0"

    def kernel(xp, input: x, output_size: SizesWithNone, return_indices: FalseOnly = False):
        """The greatest element of each of output_size cells that cover the spatial dims."""
        return _adaptive_max(xp, input, output_size, n, False)

    def with_indices(xp, input: x, output_size: SizesWithNone, return_indices: TrueOnly = True):
        """The greatest element of each cell and its flat index in the spatial dims."""
        return _adaptive_max(xp, input, output_size, n, True)

    pool = op(f"torch.nn.functional.{name}", name=name, shape=dims, dtype=promote.same(), accepts=accepts,
              rejects=rejects,
              grad_name=grad)(kernel)  # fmt: skip
    names = (f"torch.nn.functional.{name}", f"torch.nn.functional.{name}_with_indices") + (
        ("torch.adaptive_max_pool1d",) if n == 1 else ()
    )
    indexed = op(*names, name=name, overload="with_indices", shape=dims, dtype=lambda input: (input.dtype, int64),
                 accepts=[call[:-1] + ", return_indices=True)" for call in accepts], outs=("output", "indices"),
                 returns="tuple",
                 grad_name=grad)(with_indices)  # fmt: skip

    @pool.vjp("input")
    def _(g, input, input_shape, output_size):
        return unpooled(g, indexed(input, output_size)[1], tuple(input_shape[len(input_shape) - n :]))

    @indexed.vjp("input")
    def _(g, input, indices, input_shape):
        return unpooled(g[0], indices, tuple(input_shape[len(input_shape) - n :]))

    return pool, indexed


adaptive_max_pool1d, adaptive_max_pool1d_indices = adaptive_maximum(
    1, Tensor("N C L", "C L"), accepts=["adaptive_max_pool1d(f32[2, 3, 8], 3)"],
    rejects={"adaptive_max_pool1d(f32[8], 2)": "Expected 2 to 3 dimensions, but got 1-dimensional tensor for argument"
             " #1 'self'"},
)  # fmt: skip
adaptive_max_pool2d, adaptive_max_pool2d_indices = adaptive_maximum(
    2, Tensor("N C H W", "C H W"), accepts=["adaptive_max_pool2d(f32[2, 3, 8, 7], (3, 2))",
                                            "adaptive_max_pool2d(f32[1, 8, 8], (2, None))"],
    rejects={"adaptive_max_pool2d(f32[8, 8], 2)": "adaptive_max_pool2d(): Expected 3D or 4D tensor, but got: [8, 8]"},
)  # fmt: skip
adaptive_max_pool3d, adaptive_max_pool3d_indices = adaptive_maximum(
    3, Tensor("N C D H W", "C D H W"), accepts=["adaptive_max_pool3d(f32[1, 2, 4, 5, 6], (2, 3, 1))"],
    rejects={"adaptive_max_pool3d(f32[8], 2)": "adaptive_max_pool3d(): Expected 4D or 5D tensor, but got: [8]"},
)  # fmt: skip


# --- lp pools and unpooling -------------------------------------------------------------------------------------------


def lp_pool(n: int, average: Op, x: Kind, accepts) -> Op:
    """torch.nn.functional.lp_pool{n}d."""

    def body(input: x, norm_type: Num, kernel_size: Ints, stride: OptInts = None, ceil_mode: Bool = False):
        """The p-norm of each window."""
        mean = average(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
        return (mean.sign() * mean.abs().relu()).mul(prod(spread(kernel_size, n))).pow(1.0 / norm_type)

    def dims(input, kernel_size, stride=None, ceil_mode=False):
        values = [input, kernel_size, stride, 0, ceil_mode, True] + ([None] if n > 1 else [])
        found = average.infer(values).dims
        return found if found is not None else input.like(shape=None).shape

    return op(
        f"torch.nn.functional.lp_pool{n}d",
        name=f"lp_pool{n}d",
        composite=True,
        shape=dims,
        dtype=promote.same(),
        accepts=accepts,
    )(body)


lp_pool1d = lp_pool(1, avg_pool1d, Tensor("N C L", "C L"), ["lp_pool1d(f32[2, 3, 8], 2, 3, stride=2)"])
lp_pool2d = lp_pool(
    2,
    avg_pool2d,
    Tensor("N C H W", "C H W"),
    ["lp_pool2d(f32[1, 2, 8, 8], 2, 2)", "lp_pool2d(f32[1, 2, 7, 7], 3.0, 3, 2, True)"],
)
lp_pool3d = lp_pool(3, avg_pool3d, Tensor("N C D H W", "C D H W"), ["lp_pool3d(f32[1, 2, 4, 4, 4], 2, 2)"])


def unpool(n: int, x: Kind, accepts, rejects) -> Op:
    """torch.nn.functional.max_unpool{n}d."""

    def size_of(shape, kernel_size, stride, padding, output_size):
        spatial = shape[len(shape) - n :]
        kernel = spread(kernel_size, n)
        stride = kernel if stride is None else spread(stride, n)
        default = tuple(
            (s - 1) * st + k - 2 * p for s, st, k, p in zip(spatial, stride, kernel, spread(padding, n), strict=True)
        )
        if output_size is None:
            return default
        wanted = tuple(output_size)[-n:]
        if len(output_size) not in (n, n + 2):
            raise Refused(
                f"output_size should be a sequence containing {n} or {n + 2} elements, but it has a length of"
                f" '{len(output_size)}'",
                ValueError,
            )
        for i, (want, have, st) in enumerate(zip(wanted, default, stride, strict=True)):
            within = isinstance(want, int) and isinstance(have, int) and isinstance(st, int)
            if within and not have - st < want < have + st:
                raise Refused(
                    f'invalid output_size "{tuple(output_size)}" (dim {i} must be between {have - st} and {have + st})',
                    ValueError,
                )
        return wanted

    def dims(input, indices, kernel_size, stride=None, padding=0, output_size=None):
        shape = input.shape
        if indices.dtype and indices.dtype is not int64:
            raise Refused(f"elements in indices should be type int64 but got: {scalar_name(indices.dtype)}")
        message = (
            "Expected shape of indices to be same as that of the input tensor ({}) but got indices tensor with "
            "shape: {}"
        )
        same = (
            [eq(a, b) for a, b in zip(shape, indices.shape, strict=False)]
            if len(shape) == len(indices.shape)
            else [False]
        )
        for each in same:
            require(each, message, shape, indices.shape)
        return (*shape[: len(shape) - n], *size_of(shape, kernel_size, stride, padding, output_size))

    def body(
        input: x, indices: Tensor, kernel_size: Ints, stride: OptInts = None, padding: Ints = 0, output_size: Any = None
    ):
        """Puts each element where its index says, in zeros of the size a pool had; the partial inverse of max_pool."""
        return unpooled(input, indices, size_of(tuple(input.shape), kernel_size, stride, padding, output_size), False)

    return op(f"torch.nn.functional.max_unpool{n}d", name=f"max_unpool{n}d", composite=True, shape=dims,
              dtype=promote.same("input"),
              accepts=accepts, rejects=rejects)(body)  # fmt: skip


max_unpool1d = unpool(1, Tensor("N C L", "C L"), ["max_unpool1d(f32[1, 1, 1], i64[1, 1, 1]{0..1}, 2)"], {})
max_unpool2d = unpool(
    2, Tensor("N C H W", "C H W"), ["max_unpool2d(f32[1, 2, 1, 1], i64[1, 2, 1, 1]{0..3}, 2, output_size=(3, 3))"],
    {"max_unpool2d(f32[1, 1, 4, 4], i32[1, 1, 4, 4], 2)": "elements in indices should be type int64 but got: Int",
     "max_unpool2d(f32[1, 1, 4, 4], i64[1, 1, 4, 3], 2)": "Expected shape of indices to be same as that of the input"
     " tensor"},
)  # fmt: skip
max_unpool3d = unpool(
    3, Tensor("N C D H W", "C D H W"), ["max_unpool3d(f32[1, 2, 1, 1, 1], i64[1, 2, 1, 1, 1]{0..7}, 2)"], {}
)
