"""More of the same elements: expand (without copying), repeat, tile, repeat_interleave."""

from tensight_runtime.ops.layout import integer, integers, numbers, strided, strides_of, unsure, viewed
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import eq, ge
from tensight_runtime.spec.kind import Int, OptInt, Size, Tensor
from tensight_runtime.spec.op import op
from tensight_runtime.spec.require import Refused, require
from tensight_runtime.spec.shape import axis, expandable
from tensight_runtime.spec.size import UNKNOWN


def expanded(shape, size):
    """Dims after expanding `shape` to `size`, where -1 keeps a size."""
    size = integers(size)
    extra = len(size) - len(shape)
    if extra < 0:
        raise Refused(
            f"expand(torch.FloatTensor{{[{', '.join(map(str, shape))}]}}, size=[{', '.join(map(str, size))}]): the "
            f"number of sizes "
            f"provided ({len(size)}) must be greater or equal to the number of dimensions in the tensor ({len(shape)})"
        )
    for i, s in enumerate(size[:extra]):
        if type(s) is int and s < 0:
            raise Refused(
                f"The expanded size of the tensor ({s}) isn't allowed in a leading, non-existing dimension {i}"
            )
    kept = [_expanded_size(shape[i], size, extra + i, shape) for i in reversed(range(len(shape)))]
    return (*size[:extra], *reversed(kept))


def _expanded_size(have, size, at, shape):
    want = size[at]
    if type(want) is int and want == -1:
        return have
    one = eq(have, 1)
    if one is True:
        return want
    if unsure(want):
        return have if one is False else UNKNOWN
    same = eq(have, want)
    if same is not True:
        # undecided: `have` is 1 or the same, so the result is `want` either way
        require(
            expandable(have, want),
            "The expanded size of the tensor ({}) must match the existing size ({}) at non-singleton dimension {}.  "
            "Target sizes: {}.  Tensor sizes: {}",
            want, have, at, size, shape,
        )  # fmt: skip
    return have if type(have) is int else want


def expanded_fact(input, size):
    shape, strides = input.shape, strides_of(input)
    dims = expanded(shape, size)
    if strides is not None:
        extra = len(dims) - len(shape)
        strides = [0] * extra + [
            stride if eq(old, new) is True else 0 if eq(old, 1) is True else UNKNOWN
            for old, new, stride in zip(shape, dims[extra:], strides, strict=True)
        ]
    return viewed(input, dims, strides)


def _expanded_array(xp, input, dims):
    extra = len(dims) - input.ndim
    dims = (*dims[:extra], *[old if new == -1 else new for old, new in zip(input.shape, dims[extra:], strict=True)])
    strides = [s if new == old else 0 for old, new, s in zip(input.shape, dims[extra:], input.strides, strict=True)]
    return strided(xp, input, dims, (*[0] * extra, *strides))


@op(
    "Tensor.expand",
    alias="view", varargs="size", dtype=promote.same(),
    accepts=["expand(f32[3, 1], 3, 4)", "expand(f32[3, 1], (2, -1, 4))", "expand(f32[], 2)", "expand(f32[1, 3], 0, 3)",
             "expand(f32[2, 3], -1, -1)"],
    rejects={"expand(f32[3, 5], 4, 5)": "The expanded size of the tensor (4) must match the existing size (3) at",
             "expand(f32[3, 5], -1, 3, 5)": "The expanded size of the tensor (-1) isn't allowed in a leading,",
             "expand(f32[3, 5], 5)": "expand(torch.FloatTensor{[3, 5]}, size=[5]): the number of sizes provided (1)"},
)  # fmt: skip
def expand(xp, input: Tensor, size: Size):
    """Dims of size 1 repeated without copying, new dims in front; -1 keeps a size."""
    return _expanded_array(xp, input, numbers(size))


@expand.rule
def _(input, size):
    return expanded_fact(input, size)


@expand.vjp("input")
def _(g):
    return g


@op(
    "torch.broadcast_to", "Tensor.broadcast_to",
    alias="view", varargs="size", dtype=promote.same(), grad_name="ExpandBackward0",
    accepts=["broadcast_to(f32[3, 1], (3, 4))", "broadcast_to(f32[3], (2, 3))"],
    rejects={"broadcast_to(f32[3, 5], (4, 5))": "The expanded size of the tensor (4) must match the existing size (3)"},
)  # fmt: skip
def broadcast_to(xp, input: Tensor, size: Size):
    """`input.expand(size)`."""
    return _expanded_array(xp, input, numbers(size))


@broadcast_to.rule
def _(input, size):
    return expanded_fact(input, size)


@broadcast_to.vjp("input")
def _(g):
    return g


@op(
    "Tensor.expand_as",
    alias="view", dtype=promote.same(), any_device=True, grad_name="ExpandBackward0",
    accepts=["expand_as(f32[3, 1], i64[2, 3, 4])"],
    rejects={"expand_as(f32[3, 5], f32[4, 3])": "The expanded size of the tensor (3) must match the existing size (5)"},
)  # fmt: skip
def expand_as(xp, input: Tensor, other: Tensor):
    """`input.expand(other.size())`."""
    return _expanded_array(xp, input, other.shape)


@expand_as.rule
def _(input, other):
    return expanded_fact(input, other.shape)


@expand_as.vjp("input")
def _(g):
    return g


# --- repeat, tile ----------------------------------------------------------------------------------------------------


def repeated(shape, repeats):
    repeats = integers(repeats)
    if len(repeats) < len(shape):
        raise Refused("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    padded = (1,) * (len(repeats) - len(shape)) + tuple(shape)
    dims = tuple(s * r for s, r in zip(padded, repeats, strict=True))
    for size in dims:
        if type(size) is int and size < 0:
            raise Refused(f"Trying to create tensor with negative dimension {size}: [{', '.join(map(str, dims))}]")
    return dims


@op(
    "Tensor.repeat",
    varargs="repeats", dtype=promote.same(), shape=lambda input, repeats: repeated(input.shape, repeats),
    accepts=["repeat(f32[2, 3], 2, 1)", "repeat(f32[3], (4, 2))", "repeat(f32[], ())", "repeat(f32[2, 3], 2, 0, 2)"],
    rejects={"repeat(f32[2, 3], 2)": "Number of dimensions of repeat dims can not be smaller than number of dimensions",
             "repeat(f32[2, 3], 1, -1)": "Trying to create tensor with negative dimension -3: [2, -3]"},
)  # fmt: skip
def repeat(xp, input: Tensor, repeats: Size):
    """The tensor laid side by side `repeats[i]` times along dim i; extra repeats make new dims in front."""
    return xp.tile(input, numbers(repeats))


@repeat.vjp("input")
def _(g, input_shape, repeats):
    return folded(g, input_shape, numbers(repeats))


def folded(g, shape, repeats):
    """The gradients of all copies, added."""
    padded = (1,) * (len(repeats) - len(shape)) + tuple(shape)
    apart = [n for size, r in zip(padded, repeats, strict=True) for n in (r, size)]
    return g.reshape(apart).sum(tuple(range(0, len(apart), 2))).reshape(shape) if repeats else g


def _tiles(ndim, dims):
    dims = integers(dims)
    return (1,) * (ndim - len(dims)) + dims


@op(
    "torch.tile", "Tensor.tile",
    varargs="dims", dtype=promote.same(), grad_name="RepeatBackward0",
    shape=lambda input, dims: repeated(input.shape, _tiles(input.ndim, dims)),
    accepts=["tile(f32[2, 3], (2,))", "tile(f32[2, 3], (2, 1, 1))", "tile(f32[], ())"],
    rejects={"tile(f32[2, 3], (-1,))": "Trying to create tensor with negative dimension -3: [2, -3]"},
)  # fmt: skip
def tile(xp, input: Tensor, dims: Size):
    """Like `repeat`, but missing repeats count as 1 in front."""
    return xp.tile(input, numbers(dims))


@tile.vjp("input")
def _(g, input_shape, dims):
    return folded(g, input_shape, _tiles(len(input_shape), numbers(dims)))


# --- repeat_interleave -----------------------------------------------------------------------------------------------


def interleaved(input, repeats, dim, output_size):
    if dim is None:
        shape, at = (input.numel,), 0
    else:
        shape, at = input.shape or (1,), axis(dim, input.ndim)
    if getattr(repeats, "fact", None) is None:
        count = integer(repeats)
        require(ge(count, 0), "Repeats must be non-negative")
        total = shape[at] * count
    else:
        counts = repeats.fact
        if counts.dtype is not None and counts.dtype.category != 1:
            raise Refused("repeats has to be Long or Int tensor")
        if counts.dims is not None:
            if len(counts.dims) > 1:
                raise Refused("repeats must be 0-dim or 1-dim tensor")
            if counts.dims and eq(counts.dims[0], 1) is False:
                require(eq(counts.dims[0], shape[at]), "repeats must have the same size as input along dim, but got "
                        "repeats.size(0) = {} and input.size({}) = {}", counts.dims[0], at, shape[at])  # fmt: skip
        total = UNKNOWN if output_size is None else integer(output_size)
    return (*shape[:at], total, *shape[at + 1 :])


@op(
    "torch.repeat_interleave", "Tensor.repeat_interleave",
    name="repeat_interleave", overload="int", dtype=promote.same(), shape=interleaved, grad_name="ViewBackward0",
    accepts=["repeat_interleave(f32[2, 3], 2)", "repeat_interleave(f32[2, 3], 3, dim=1)",
             "repeat_interleave(f32[2, 3], 0, dim=-2)",
             "repeat_interleave(f32[], 2)"],
    rejects={"repeat_interleave(f32[2], -1)": "Repeats must be non-negative"},
)  # fmt: skip
def repeat_interleave_int(xp, input: Tensor, repeats: Int, dim: OptInt = None, *, output_size: OptInt = None):
    """Each element (of dim `dim`, or of the flattened tensor) repeated in place."""
    return xp.repeat(input, int(repeats), None if dim is None or input.ndim == 0 else int(dim))


@repeat_interleave_int.vjp("input")
def _(g, input_shape, repeats, dim):
    if dim is None or not input_shape:
        return g.reshape((-1, int(repeats))).sum(-1).reshape(input_shape) if int(repeats) else g.new_zeros(input_shape)
    at = dim % len(input_shape)
    return g.reshape((*input_shape[: at + 1], int(repeats), *input_shape[at + 1 :])).sum(at + 1)


@op(
    "torch.repeat_interleave", "Tensor.repeat_interleave",
    name="repeat_interleave", overload="tensor", dtype=promote.same(), shape=interleaved, syncs=True,
    grad_name="IndexSelectBackward0", extras=("places",),
    accepts=["repeat_interleave(f32[2, 3], i64[2]{1..3}, 0)", "repeat_interleave(f32[4], i64[4]{0..2})",
             "repeat_interleave(f32[2, 3], i64[1]{2..2}, dim=1)"],
    rejects={"repeat_interleave(f32[3, 5], i64[2]{1..3}, 0)": "repeats must have the same size as input along dim,"},
)  # fmt: skip
def repeat_interleave(xp, input: Tensor, repeats: Tensor, dim: OptInt = None, *, output_size: OptInt = None):
    """Element i (of dim `dim`, or of the flattened tensor) `repeats[i]` times; the size depends on the values."""
    places = _copies(xp, input.shape, repeats, dim)
    return xp.take(input, places, axis=None if dim is None else int(dim)), places


def _copies(xp, shape, repeats, dim):
    """Positions to take along dim `dim`."""
    size = 1 if not shape else shape[int(dim)] if dim is not None else 1
    if dim is None:
        for n in shape:
            size *= n
    if bool(xp.any(repeats < 0)):
        raise RuntimeError("repeats can not be negative")
    return xp.repeat(xp.arange(size), xp.broadcast_to(repeats, (size,)))


@repeat_interleave.vjp("input")
def _(g, input_shape, places, dim):
    zeros = g.new_zeros(input_shape)
    return (
        zeros.reshape(-1).index_add(0, places, g).reshape(input_shape)
        if dim is None
        else zeros.index_add(dim, places, g)
    )
