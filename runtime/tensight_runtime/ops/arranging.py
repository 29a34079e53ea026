"""Elements moved to other places: flip, roll, rot90, tril, triu, diag, pixel_shuffle and their kin."""

from tensight_runtime.ops.layout import integer, numbers
from tensight_runtime.ops.permuting import exchanged
from tensight_runtime.ops.slicing import diagonal_size, two_dims
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import divides, ge
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.kind import Int, Ints, Size, Tensor
from tensight_runtime.spec.op import op
from tensight_runtime.spec.require import RankUnknown, Refused, require
from tensight_runtime.spec.shape import axes, axis
from tensight_runtime.spec.size import UNKNOWN

# --- flip, roll, rot90 -----------------------------------------------------------------------------------------------


def flipped(input, dims):
    if isinstance(dims, (tuple, list)) and not dims:
        return input.shape
    axes(dims, input.ndim)
    return input.shape


def _kept(input, dims) -> Fact:
    """A new tensor that lies in memory as its input does."""
    return Fact(input.dtype, dims, input.device, contiguous=True if input.contiguous is True else None)


@op(
    "torch.flip", "Tensor.flip",
    varargs="dims", dtype=promote.same(),
    accepts=["flip(f32[2, 3], (0,))", "flip(f32[2, 3], (0, -1))", "flip(f32[], (0,))", "flip(f32[2, 3], ())"],
    rejects={"flip(f32[2, 3], (0, 0))": "dim 0 appears multiple times in the list of dims",
             "flip(f32[2, 3], (2,))": "Dimension out of range (expected to be in range of [-2, 1], but got 2)"},
)  # fmt: skip
def flip(xp, input: Tensor, dims: Size):
    """The elements in reverse order along `dims`, copied."""
    return xp.flip(input, numbers(dims) if input.ndim else ()).copy()


@flip.rule
def _(input, dims):
    return _kept(input, flipped(input, dims))


@flip.vjp("input")
def _(g, dims):
    return g.flip(dims)


@op(
    "torch.fliplr", "Tensor.fliplr",
    dtype=promote.same(), grad_name="FlipBackward0",
    accepts=["fliplr(f32[2, 3])"],
    rejects={"fliplr(f32[3])": "Input must be >= 2-d."},
)  # fmt: skip
def fliplr(xp, input: Tensor):
    """The columns in reverse order, copied."""
    return xp.flip(input, 1).copy()


@fliplr.rule
def _(input):
    if input.ndim < 2:
        raise Refused("Input must be >= 2-d.")
    return _kept(input, input.shape)


@fliplr.vjp("input")
def _(g):
    return g.flip(1)


@op(
    "torch.flipud", "Tensor.flipud",
    dtype=promote.same(), grad_name="FlipBackward0",
    accepts=["flipud(f32[2, 3])", "flipud(f32[3])"],
    rejects={"flipud(f32[])": "Input must be >= 1-d."},
)  # fmt: skip
def flipud(xp, input: Tensor):
    """The rows in reverse order, copied."""
    return xp.flip(input, 0).copy()


@flipud.rule
def _(input):
    if input.ndim < 1:
        raise Refused("Input must be >= 1-d.")
    return _kept(input, input.shape)


@flipud.vjp("input")
def _(g):
    return g.flip(0)


def rolled(input, shifts, dims=()):
    shape = input.shape
    shifts = shifts if isinstance(shifts, (tuple, list)) else (shifts,)
    dims = () if dims is None else dims if isinstance(dims, (tuple, list)) else (dims,)
    if not shifts:
        raise Refused("`shifts` required")
    if len(shifts) != len(dims) and (dims or len(shifts) != 1):
        raise Refused(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}")
    for d in dims:
        axis(d, len(shape))
    return shape


@op(
    "torch.roll", "Tensor.roll",
    dtype=promote.same(), shape=rolled,
    accepts=["roll(f32[2, 3], 1)", "roll(f32[4, 3], 2, 0)", "roll(f32[2, 3], (1, -1), (0, 1))",
             "roll(f32[0, 3], 1, 0)"],
    rejects={"roll(f32[2, 3], (1, 2), 0)": "shifts and dimensions must align. shifts: 2, dims:1",
             "roll(f32[2, 3], 1, 3)": "Dimension out of range (expected to be in range of [-2, 1], but got 3)"},
)  # fmt: skip
def roll(xp, input: Tensor, shifts: Ints, dims: Ints = ()):
    """The elements moved by `shifts` along `dims` (or in the flattened tensor); what falls off comes back in front."""
    at = numbers(dims) if dims not in (None, ()) else None
    shift = numbers(shifts)
    return xp.roll(input, shift if at else shift[0], at or None)


@roll.vjp("input")
def _(g, shifts, dims):
    return g.roll(tuple(-s for s in numbers(shifts)), dims)


def _rotation(ndim: int, k, dims) -> tuple[int, int]:
    dims = dims if isinstance(dims, (tuple, list)) else (dims,)
    if len(dims) != 2:
        raise Refused(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if ndim < 2:
        raise Refused(f"expected total dims >= 2, but got total dims = {ndim}")
    if not isinstance(k, int):
        raise RankUnknown
    if dims[0] == dims[1]:
        raise Refused(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    return axis(dims[0], ndim), axis(dims[1], ndim)


@op(
    "torch.rot90", "Tensor.rot90",
    dtype=promote.same(),
    accepts=["rot90(f32[2, 3])", "rot90(f32[2, 3, 4], -1, (1, 2))", "rot90(f32[2, 3], 2)", "rot90(f32[2, 3], 4)"],
    rejects={"rot90(f32[2, 3], 1, (0, 0))": "expected rotation dims to be different, but got dim0 = 0 and dim1 = 0",
             "rot90(f32[3])": "expected total dims >= 2, but got total dims = 1",
             "rot90(f32[2, 3], 1, (0,))": "expected total rotation dims == 2, but got dims = 1"},
)  # fmt: skip
def rot90(xp, input: Tensor, k: Int = 1, dims: Ints = (0, 1)):
    """Turned by `k` quarters in the plane of two dims, from the first towards the second, copied."""
    return xp.rot90(input, int(k), numbers(dims)).copy()


@rot90.rule
def _(input, k, dims):
    a, b = _rotation(input.ndim, k, dims)
    shape = input.shape
    order = exchanged(len(shape), a, b) if k % 2 else range(len(shape))
    in_order = None if k % 2 else input.contiguous or None
    return Fact(input.dtype, tuple(shape[d] for d in order), input.device, contiguous=in_order)


@rot90.vjp("input")
def _(g, k, dims):
    return g.rot90(-k, dims)


# --- triangles and diagonals -----------------------------------------------------------------------------------------


def triangle(name: str):
    def rule(input):
        if input.ndim < 2:
            raise Refused(f"{name}: input tensor must have at least 2 dimensions")
        return input.shape

    return rule


@op(
    "torch.tril", "Tensor.tril",
    dtype=promote.same(), shape=triangle("tril"), inplace=True,
    accepts=["tril(f32[3, 4])", "tril(f32[2, 3, 3], -1)", "tril(bool[3, 3], diagonal=1)", "tril(f32[0, 3])"],
    rejects={"tril(f32[3])": "tril: input tensor must have at least 2 dimensions"},
)  # fmt: skip
def tril(xp, input: Tensor, diagonal: Int = 0):
    """The lower triangle, up to `diagonal` above the main one; zero elsewhere."""
    return xp.tril(input, int(diagonal))


@tril.vjp("input")
def _(g, diagonal):
    return g.tril(diagonal)


@op(
    "torch.triu", "Tensor.triu",
    dtype=promote.same(), shape=triangle("triu"), inplace=True,
    accepts=["triu(f32[3, 4])", "triu(f32[2, 3, 3], -1)", "triu(i64[3, 3], diagonal=1)"],
    rejects={"triu(f32[3])": "triu: input tensor must have at least 2 dimensions"},
)  # fmt: skip
def triu(xp, input: Tensor, diagonal: Int = 0):
    """The upper triangle, from `diagonal` above the main one on; zero elsewhere."""
    return xp.triu(input, int(diagonal))


@triu.vjp("input")
def _(g, diagonal):
    return g.triu(diagonal)


def _square(size, offset):
    """The size of a matrix that has `size` elements on a diagonal."""
    return size + abs(offset) if type(offset) is int else UNKNOWN


def diagonal_or_matrix(input, diagonal=0):
    shape, offset = input.shape, integer(diagonal)
    if len(shape) not in (1, 2):
        raise Refused(f"diag(): Supports 1D or 2D tensors. Got {len(shape)}D")
    if len(shape) == 1:
        return (_square(shape[0], offset),) * 2
    return (diagonal_size(*shape, offset),)


@op(
    "torch.diag", "Tensor.diag",
    dtype=promote.same(), shape=diagonal_or_matrix, grad_name="DiagEmbedBackward0",
    accepts=["diag(f32[3])", "diag(f32[3], 1)", "diag(f32[3, 5], -1)", "diag(i64[2, 3], 7)"],
    rejects={"diag(f32[2, 2, 2])": "diag(): Supports 1D or 2D tensors. Got 3D"},
)  # fmt: skip
def diag(xp, input: Tensor, diagonal: Int = 0):
    """Of a vector: the matrix with it on a diagonal.  Of a matrix: the diagonal."""
    return xp.diag(input, int(diagonal)).copy()


@diag.vjp("input")
def _(g, input_shape, diagonal):
    from tensight_runtime.ops.slicing import diagonal_placed

    return g.diagonal(diagonal) if len(input_shape) == 1 else diagonal_placed(g, input_shape, diagonal, 0, 1)


def embedded(input, offset=0, dim1=-2, dim2=-1):
    shape = input.shape
    a, b = two_dims(len(shape) + 1, dim1, dim2)
    rest = iter(shape[:-1])
    size = _square(shape[-1], integer(offset))
    return tuple(size if d in (a, b) else next(rest) for d in range(len(shape) + 1))


@op(
    "torch.diag_embed", "Tensor.diag_embed",
    dtype=promote.same(), shape=embedded,
    accepts=["diag_embed(f32[2, 3])", "diag_embed(f32[2, 3], 1)", "diag_embed(f32[3], -1, 1, 0)",
             "diag_embed(f32[2, 3], 0, 0, 2)"],
    rejects={"diag_embed(f32[2, 3], 0, 0, 0)": "diagonal dimensions cannot be identical 0, 0"},
)  # fmt: skip
def diag_embed(xp, input: Tensor, offset: Int = 0, dim1: Int = -2, dim2: Int = -1):
    """Matrices with the last dim of the input on a diagonal, as dims `dim1` and `dim2`."""
    offset, ndim = int(offset), input.ndim + 1
    a, b = two_dims(ndim, int(dim1), int(dim2))
    size = input.shape[-1]
    out = xp.zeros((*input.shape[:-1], size + abs(offset), size + abs(offset)), input.dtype)
    i = xp.arange(size)
    out[..., i + max(-offset, 0), i + max(offset, 0)] = input
    return xp.ascontiguousarray(xp.moveaxis(out, (-2, -1), (a, b)))


@diag_embed.vjp("input")
def _(g, offset, dim1, dim2):
    return g.diagonal(offset, dim1, dim2)


@op(
    "torch.diagflat", "Tensor.diagflat",
    dtype=promote.same(), shape=lambda input, offset: (_square(input.numel, integer(offset)),) * 2,
    grad_name="DiagEmbedBackward0",
    accepts=["diagflat(f32[2, 3], -1)", "diagflat(f32[])", "diagflat(f32[3], 2)"],
)  # fmt: skip
def diagflat(xp, input: Tensor, offset: Int = 0):
    """A matrix with all elements of the input on a diagonal."""
    return xp.diagflat(input, int(offset))


@diagflat.vjp("input")
def _(g, input_shape, offset):
    return g.diagonal(offset).reshape(input_shape)


# --- channels and pixels ---------------------------------------------------------------------------------------------


def pixels(input, upscale_factor):
    shape = input.shape
    if len(shape) < 3:
        raise Refused(
            f"pixel_shuffle expects input to have at least 3 dimensions, but got input with {len(shape)} dimension(s)"
        )
    r = integer(upscale_factor)
    require(ge(r, 1), "pixel_shuffle expects a positive upscale_factor, but got {}", r)
    require(divides(r * r, shape[-3]), "pixel_shuffle expects its input's 'channel' dimension to be divisible by the "
                                       "square of "
            "upscale_factor, but input.size(-3)={} is not divisible by {}", shape[-3], r * r)  # fmt: skip
    return (*shape[:-3], shape[-3] // (r * r), shape[-2] * r, shape[-1] * r)


@op(
    "torch.pixel_shuffle", "torch.nn.functional.pixel_shuffle",
    dtype=promote.same(), shape=pixels,
    accepts=["pixel_shuffle(f32[1, 8, 2, 3], 2)", "pixel_shuffle(f32[9, 2, 2], 3)"],
    rejects={"pixel_shuffle(f32[1, 7, 2, 3], 2)": "pixel_shuffle expects its input's 'channel' dimension to be",
             "pixel_shuffle(f32[4, 4], 2)": "pixel_shuffle expects input to have at least 3 dimensions, but got input"},
)  # fmt: skip
def pixel_shuffle(xp, input: Tensor("N C H W", "C H W"), upscale_factor: Int):
    """Channels spread over pixels: [N, C*r*r, H, W] to [N, C, H*r, W*r]."""
    r = int(upscale_factor)
    *batch, c, h, w = input.shape
    n = len(batch)
    parts = input.reshape(*batch, c // (r * r), r, r, h, w)
    order = (*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return parts.transpose(order).reshape(*batch, c // (r * r), h * r, w * r)


@pixel_shuffle.vjp("input")
def _(g, upscale_factor):
    return pixel_unshuffle(g, upscale_factor)


def unpixeled(input, downscale_factor):
    shape = input.shape
    if len(shape) < 3:
        raise Refused(
            f"pixel_unshuffle expects input to have at least 3 dimensions, but got input with {len(shape)} dimension(s)"
        )
    r = integer(downscale_factor)
    require(ge(r, 1), "pixel_unshuffle expects a positive downscale_factor, but got {}", r)
    for name, d in (("height", -2), ("width", -1)):
        require(divides(r, shape[d]), f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but "
                                      f"input.size({d})="
                "{} is not divisible by {}", shape[d], r)  # fmt: skip
    return (*shape[:-3], shape[-3] * r * r, shape[-2] // r, shape[-1] // r)


@op(
    "torch.pixel_unshuffle", "torch.nn.functional.pixel_unshuffle",
    dtype=promote.same(), shape=unpixeled,
    accepts=["pixel_unshuffle(f32[1, 2, 4, 6], 2)", "pixel_unshuffle(f32[1, 3, 3], 3)"],
    rejects={"pixel_unshuffle(f32[1, 2, 4, 5], 2)": "pixel_unshuffle expects width to be divisible by",
             "pixel_unshuffle(f32[4, 4], 2)": "pixel_unshuffle expects input to have at least 3 dimensions, but got"},
)  # fmt: skip
def pixel_unshuffle(xp, input: Tensor("N C H W", "C H W"), downscale_factor: Int):
    """Pixels gathered in channels: [N, C, H*r, W*r] to [N, C*r*r, H, W]."""
    r = int(downscale_factor)
    *batch, c, h, w = input.shape
    n = len(batch)
    parts = input.reshape(*batch, c, h // r, r, w // r, r)
    order = (*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return parts.transpose(order).reshape(*batch, c * r * r, h // r, w // r)


@pixel_unshuffle.vjp("input")
def _(g, downscale_factor):
    return pixel_shuffle(g, downscale_factor)


def shuffled(input, groups):
    shape, groups = input.shape, integer(groups)
    if len(shape) <= 2:
        raise Refused(
            f"channel_shuffle expects input with > 2 dims, but got input with sizes [{', '.join(map(str, shape))}]"
        )
    require(ge(groups, 1), "Number of groups to divide channels in must be positive. Value of groups:{}", groups)
    require(
        divides(groups, shape[1]),
        "Number of channels must be divisible by groups. Got {} channels and {} groups.",
        shape[1],
        groups,
    )
    return shape


@op(
    "torch.channel_shuffle", "torch.nn.functional.channel_shuffle", "torch.native_channel_shuffle",
    dtype=promote.same(), shape=shuffled,
    accepts=["channel_shuffle(f32[1, 8, 2, 3], 2)", "channel_shuffle(f32[2, 6, 3], 3)"],
    rejects={"channel_shuffle(f32[1, 8, 2, 3], 3)": "Number of channels must be divisible by groups. Got 8 channels",
             "channel_shuffle(f32[8, 6], 2)": "channel_shuffle expects input with > 2 dims, but got input with sizes"},
)  # fmt: skip
def channel_shuffle(xp, input: Tensor("N C H W", "N C L"), groups: Int):
    """Channels in groups, dealt out like cards: the first of each group, the second of each, ..."""
    n, c, *rest = input.shape
    return input.reshape(n, int(groups), c // int(groups), *rest).swapaxes(1, 2).reshape(input.shape)


@channel_shuffle.vjp("input")
def _(g, groups):
    return channel_shuffle(g, g.shape[1] // groups)
