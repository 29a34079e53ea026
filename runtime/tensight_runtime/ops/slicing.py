"""A part of a tensor, as a view: narrow, select, diagonal, unfold, as_strided."""

from tensight_runtime.ops.layout import (
    address,
    greater,
    integer,
    integers,
    lesser,
    numbers,
    storage_of,
    strided,
    strides_of,
    viewed,
)
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import ge, le, lt
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.kind import Any, Int, Ints, OptInt, Tensor
from tensight_runtime.spec.op import op
from tensight_runtime.spec.require import Refused, require
from tensight_runtime.spec.shape import axis
from tensight_runtime.spec.size import UNKNOWN, lower


def with_size(input: Fact, at: int, size) -> Fact:
    """A piece of `input`: another size at dim `at`, the strides stay."""
    shape = input.shape
    return viewed(input, (*shape[:at], size, *shape[at + 1 :]), strides_of(input))


def without_dim(input: Fact, at: int) -> Fact:
    shape, strides = input.shape, strides_of(input)
    return viewed(input, shape[:at] + shape[at + 1 :], strides and strides[:at] + strides[at + 1 :])


def along(at: int, index) -> tuple:
    """What stands between [ and ] to index dim `at` alone; the Ellipsis keeps a 0-dim result a view."""
    return (*[slice(None)] * at, index, ...)


# --- narrow, select --------------------------------------------------------------------------------------------------


@op(
    "torch.narrow", "Tensor.narrow",
    alias="view", dtype=promote.same(), grad_name="SliceBackward0",
    accepts=["narrow(f32[5, 3], 0, 1, 2)", "narrow(f32[5, 3], -1, -2, 2)", "narrow(f32[5, 3], 0, 5, 0)"],
    rejects={"narrow(f32[3, 5], 0, 2, 2)": "start (2) + length (2) exceeds dimension size (3).",
             "narrow(f32[3, 5], 0, 4, 1)": "start out of range (expected to be in range of [-3, 3], but got 4)",
             "narrow(f32[3, 5], 0, 0, -1)": "narrow(): length must be non-negative.",
             "narrow(f32[], 0, 0, 1)": "narrow() cannot be applied to a 0-dim tensor."},
)  # fmt: skip
def narrow(xp, input: Tensor, dim: Int, start: Int, length: Int):
    """`length` elements along dim `dim` from `start` on, as a view."""
    at, size = axis(int(dim), input.ndim), input.shape[int(dim)]
    first = int(start) + size if int(start) < 0 else int(start)
    return input[along(at, slice(first, first + int(length)))]


@narrow.rule
def _(input, dim, start, length):
    if not input.shape:
        raise Refused("narrow() cannot be applied to a 0-dim tensor.")
    at = axis(dim, input.ndim)
    size, start, length = input.shape[at], integer(start), integer(length)
    require(ge(length, 0), "narrow(): length must be non-negative.")
    if type(start) is int and type(size) is int and not -size <= start <= size:
        raise Refused(f"start out of range (expected to be in range of [{-size}, {size}], but got {start})", IndexError)
    if lower(start) is not None and lower(start) >= 0:
        require(le(start + length, size), "start ({}) + length ({}) exceeds dimension size ({}).", start, length, size)
    elif type(start) is int:
        require(
            le(start + size + length, size),
            "start ({}) + length ({}) exceeds dimension size ({}).",
            start + size,
            length,
            size,
        )
    return with_size(input, at, length)


@narrow.vjp("input")
def _(g, input_shape, dim, start, length):
    at, first = axis(int(dim), len(input_shape)), int(start)
    first = first + input_shape[at] if first < 0 else first
    return placed(g, input_shape, along(at, slice(first, first + int(length))))


@op(
    "torch.select", "Tensor.select",
    alias="view", dtype=promote.same(),
    accepts=["select(f32[3, 5], 0, 1)", "select(f32[3, 5], -1, -2)", "select(f32[3], 0, 0)"],
    rejects={"select(f32[3, 5], 0, 3)": "select(): index 3 out of range for tensor of size [3, 5] at dimension 0",
             "select(f32[], 0, 0)": "select() cannot be applied to a 0-dim tensor."},
)  # fmt: skip
def select(xp, input: Tensor, dim: Int, index: Int):
    """The slice at `index` of dim `dim`, as a view; the dim is gone."""
    return input[along(axis(int(dim), input.ndim), int(index))]


@select.rule
def _(input, dim, index):
    if not input.shape:
        raise Refused("select() cannot be applied to a 0-dim tensor.", IndexError)
    at = axis(dim, input.ndim)
    within(integer(index), input.shape[at], "select(): index {} out of range for tensor of size {} at dimension {}",
           index, input.shape, at)  # fmt: skip
    return without_dim(input, at)


def within(index, size, message, *values):
    """Demand -size <= index < size."""
    low = lower(index)
    if low is not None and low >= 0:
        require(lt(index, size), message, *values, error=IndexError)
    elif type(index) is int:
        require(ge(size, -index), message, *values, error=IndexError)
    else:
        require(lt(index, size), message, *values, error=IndexError)
        require(ge(index, -size), message, *values, error=IndexError)


@select.vjp("input")
def _(g, input_shape, dim, index):
    return placed(g, input_shape, along(axis(int(dim), len(input_shape)), int(index)))


@op(name="placed", dtype=promote.same(), shape=lambda shape: tuple(shape), accepts=["placed(f32[3], (2, 3), (1, ...))"])
def placed(xp, input: Tensor, shape: Ints, index: Any):
    """Zeros of `shape` with `input` written to the place `index`: what flows back through a view."""
    out = xp.zeros(tuple(shape), input.dtype)
    out[index] = input
    return out


@placed.vjp("input")
def _(g, index):
    return g[index]


# --- diagonal --------------------------------------------------------------------------------------------------------


def two_dims(ndim: int, dim1, dim2) -> tuple[int, int]:
    a, b = axis(dim1, ndim), axis(dim2, ndim)
    if a == b:
        raise Refused(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return a, b


@op(
    "torch.diagonal", "Tensor.diagonal",
    alias="view", dtype=promote.same(),
    accepts=["diagonal(f32[3, 5])", "diagonal(f32[2, 3, 5], -1, 1, 2)", "diagonal(f32[3, 5], 9)",
             "diagonal(f32[2, 3, 5], 1, -1, 0)"],
    rejects={"diagonal(f32[3, 5], 0, 0, 0)": "diagonal dimensions cannot be identical 0, 0",
             "diagonal(f32[3])": "Dimension out of range (expected to be in range of [-1, 0], but got 1)"},
)  # fmt: skip
def diagonal(xp, input: Tensor, offset: Int = 0, dim1: Int = 0, dim2: Int = 1):
    """The diagonal of two dims as a view; it becomes the last dim."""
    return diagonal_array(xp, input, int(offset), *two_dims(input.ndim, int(dim1), int(dim2)))


def diagonal_array(xp, input, offset, a, b):
    if offset < 0:
        input = input[along(a, slice(-offset, None))]
    else:
        input = input[along(b, slice(offset, None))]
    rest = [d for d in range(input.ndim) if d not in (a, b)]
    shape = (*[input.shape[d] for d in rest], min(input.shape[a], input.shape[b]))
    return strided(xp, input, shape, (*[input.strides[d] for d in rest], input.strides[a] + input.strides[b]))


@diagonal.rule
def _(input, offset, dim1, dim2):
    shape, strides = input.shape, strides_of(input)
    a, b = two_dims(len(shape), dim1, dim2)
    rest = [d for d in range(len(shape)) if d not in (a, b)]
    dims = (*[shape[d] for d in rest], diagonal_size(shape[a], shape[b], integer(offset)))
    return viewed(input, dims, strides and (*[strides[d] for d in rest], strides[a] + strides[b]))


def diagonal_size(rows, columns, offset):
    """How many elements lie on a diagonal `offset` above the main one."""
    if type(offset) is not int:
        return UNKNOWN
    return greater(lesser(rows, columns - offset) if offset >= 0 else lesser(rows + offset, columns), 0)


@diagonal.vjp("input")
def _(g, input_shape, offset, dim1, dim2):
    return diagonal_placed(g, input_shape, offset, dim1, dim2)


@op(
    name="diagonal_placed", dtype=promote.same(), shape=lambda shape: tuple(shape),
    accepts=["diagonal_placed(f32[2], (2, 3), 1, 0, 1)"],
)  # fmt: skip
def diagonal_placed(xp, input: Tensor, shape: Ints, offset: Int, dim1: Int, dim2: Int):
    """Zeros of `shape` with `input` on a diagonal."""
    out = xp.zeros(tuple(shape), input.dtype)
    diagonal_array(xp, out, int(offset), *two_dims(out.ndim, int(dim1), int(dim2)))[...] = input
    return out


@diagonal_placed.vjp("input")
def _(g, offset, dim1, dim2):
    return g.diagonal(offset, dim1, dim2)


# --- windows ---------------------------------------------------------------------------------------------------------


@op(
    "Tensor.unfold",
    alias="view", dtype=promote.same(),
    accepts=["unfold(f32[3, 7], 1, 3, 2)", "unfold(f32[5], 0, 2, 1)", "unfold(f32[], 0, 1, 1)",
             "unfold(f32[3, 7], -2, 3, 1)"],
    rejects={"unfold(f32[3, 5], 1, 6, 1)": "maximum size for tensor at dimension 1 is 5 but size is 6",
             "unfold(f32[3, 5], 1, 2, 0)": "step is 0 but must be > 0"},
)  # fmt: skip
def unfold(xp, input: Tensor, dimension: Int, size: Int, step: Int):
    """Windows of `size` elements every `step` along a dim, as a view; the windows' elements are a new last dim."""
    return _windows(xp, input, int(dimension), int(size), int(step))


def _windows(xp, input, dimension, size, step):
    if input.ndim == 0:
        return input.reshape(1)[:size]
    at = axis(dimension, input.ndim)
    count = (input.shape[at] - size) // step + 1
    shape = (*input.shape[:at], count, *input.shape[at + 1 :], size)
    stride = input.strides[at]
    strides = (*input.strides[:at], stride * step, *input.strides[at + 1 :], stride)
    return strided(xp, input, shape, strides)


@unfold.rule
def _(input, dimension, size, step):
    at = axis(dimension, input.ndim)
    size, step = integer(size), integer(step)
    have = input.shape[at] if input.shape else 1
    require(ge(size, 0), "size is {} but must be >= 0", size)
    require(le(size, have), "maximum size for tensor at dimension {} is {} but size is {}", at, have, size)
    require(ge(step, 1), "step is {} but must be > 0", step)
    if not input.shape:
        return viewed(input, (size,), (1,))
    shape, strides = input.shape, strides_of(input)
    if strides is not None:
        strides = (*strides[:at], strides[at] * step, *strides[at + 1 :], strides[at])
    return viewed(input, (*shape[:at], (have - size) // step + 1, *shape[at + 1 :], size), strides)


@unfold.vjp("input")
def _(g, input_shape, dimension, size, step):
    return unfold_backward(g, input_shape, dimension, size, step)


@op(
    name="unfold_backward", dtype=promote.same(), shape=lambda shape: tuple(shape),
    accepts=["unfold_backward(f32[4, 2], (5,), 0, 2, 1)"],
)  # fmt: skip
def unfold_backward(xp, input: Tensor, shape: Ints, dimension: Int, size: Int, step: Int):
    """Windows added up where they came from."""
    out = xp.zeros(tuple(shape), input.dtype)
    if out.ndim == 0:
        return out + input.sum()
    at = axis(int(dimension), out.ndim)
    last = (input.shape[at] - 1) * int(step) + 1
    for i in range(int(size)):
        out[along(at, slice(i, i + last, int(step)))] += input[..., i]
    return out


@unfold_backward.vjp("input")
def _(g, dimension, size, step):
    return g.unfold(dimension, size, step)


@op(
    "torch.as_strided", "Tensor.as_strided",
    alias="view", dtype=promote.same(), inplace=True,
    accepts=["as_strided(f32[3, 5], (2, 2), (1, 2))", "as_strided(f32[6], (2, 3), (1, 1), 2)",
             "as_strided(f32[4], (), ())"],
    rejects={"as_strided(f32[3, 5], (2, 2), (1,))": "mismatch in length of strides and shape",
             "as_strided(f32[3, 5], (2, 2), (-1, 1))": "as_strided: Negative strides are not supported at the moment,",
             "as_strided(f32[3], (2, 2), (1, 2))": "setStorage: sizes [2, 2], strides [1, 2], storage offset 0, and"},
)  # fmt: skip
def as_strided(xp, input: Tensor, size: Ints, stride: Ints, storage_offset: OptInt = None):
    """A view of the storage: sizes and strides (in elements) as given, from `storage_offset` on."""
    size, steps = numbers(size), numbers(stride)
    memory, item = storage_of(input), input.itemsize
    own = 0 if memory is input else (address(input) - address(memory)) // item
    offset = own if storage_offset is None else int(storage_offset)
    reach = 0 if 0 in size else offset + 1 + sum((n - 1) * s for n, s in zip(size, steps, strict=True))
    if reach > memory.size:
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(steps)}, storage offset {offset}, and itemsize {item} "
            f"requiring a "
            f"storage size of {reach * item} are out of bounds for storage of size {memory.size * item}"
        )
    return strided(xp, memory, size, tuple(s * item for s in steps), offset)


@as_strided.rule
def _(input, size, stride, storage_offset):
    size, stride = integers(size), integers(stride)
    if len(size) != len(stride):
        raise Refused("mismatch in length of strides and shape")
    if any(type(s) is int and s < 0 for s in stride):
        raise Refused(
            f"as_strided: Negative strides are not supported at the moment, got strides: "
            f"[{', '.join(map(str, stride))}]"
        )
    return viewed(input, size, stride)


@as_strided.vjp("input")
def _(g, input_shape, size, stride, storage_offset):
    return as_strided_backward(g, input_shape, size, stride, storage_offset)


@op(
    name="as_strided_backward", dtype=promote.same(), shape=lambda shape: tuple(shape),
    accepts=["as_strided_backward(f32[2, 2], (3,), (2, 2), (1, 1), 0)"],
)  # fmt: skip
def as_strided_backward(xp, input: Tensor, shape: Ints, size: Ints, stride: Ints, storage_offset: OptInt):
    """Elements added up where a contiguous tensor of `shape` has them."""
    out = xp.zeros(tuple(shape), input.dtype)
    where = xp.zeros((), "int64") + int(storage_offset or 0)
    for n, step in zip(numbers(size), numbers(stride), strict=True):
        where = where[..., None] + xp.arange(n) * step
    xp.add.at(out.reshape(-1), where.reshape(-1), input.reshape(-1))
    return out


@as_strided_backward.vjp("input")
def _(g, size, stride, storage_offset):
    return g.contiguous().as_strided(size, stride, storage_offset)
