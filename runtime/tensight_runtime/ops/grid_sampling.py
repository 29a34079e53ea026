"""grid_sample and affine_grid: images looked up at places that a tensor names, (x, y[, z]) from -1 to 1."""

from itertools import product as every

from tensight_runtime.ops.axes_linear import cubic_weights
from tensight_runtime.ops.linalg import agreed, same_dtype
from tensight_runtime.ops.windows import listed
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import eq, gt
from tensight_runtime.spec.kind import OptBool, Size, Str, Tensor, UnknownLike
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import Refused, require
from tensight_runtime.spec.shape import sizes_of


def grid_sample_dims(input, grid, mode="bilinear", padding_mode="zeros"):
    x, g = input.shape, grid.shape
    if isinstance(mode, str) and mode not in ("bilinear", "nearest", "bicubic"):
        raise Refused(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'",
            ValueError,
        )
    if isinstance(padding_mode, str) and padding_mode not in ("zeros", "border", "reflection"):
        words = "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
        raise Refused(f"{words}'{padding_mode}'", ValueError)
    message = (
        "grid_sampler(): expected grid and input to have same batch size, but got input with sizes {} and grid with "
        "sizes {}"
    )
    require(eq(x[0], g[0]), message, x, g)
    if len(x) not in (4, 5) or len(x) != len(g):
        raise Refused(
            f"grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got input with"
            f" sizes [{listed(x, ', ')}] "
            f"and grid with sizes [{listed(g, ', ')}]"
        )
    message = "grid_sampler(): expected grid to have size {} in last dimension, but got grid with sizes {}"
    require(eq(g[-1], len(x) - 2), message, len(x) - 2, g)
    for i, size in enumerate(x[2:], 2):
        message = (
            "grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes {} with "
            "dimension {} being empty"
        )
        require(gt(size, 0), message, x, i)
    if mode == "bicubic" and len(x) == 5:
        raise Refused("grid_sampler(): bicubic interpolation only supports 4D input")
    same_dtype(input, grid, "expected scalar type {} but found {}", scalar_name)
    return (*x[:2], *g[1:-1])


@op("torch.nn.functional.grid_sample", composite=True, shape=grid_sample_dims, dtype=agreed("input", "grid"),
    autocast="fp32",
    accepts=["grid_sample(f32[1, 2, 4, 5], f32[1, 3, 3, 2])",
             "grid_sample(f32[1, 2, 4, 5], f32[1, 3, 3, 2], align_corners=True, padding_mode='border')",
             "grid_sample(f32[2, 2, 4, 5], f32[2, 3, 3, 2], padding_mode='reflection')",
             "grid_sample(f32[1, 2, 4, 5], f32[1, 3, 3, 2], mode='nearest')",
             "grid_sample(f32[1, 2, 4, 5], f32[1, 3, 3, 2], mode='bicubic', padding_mode='zeros')",
             "grid_sample(f32[1, 2, 3, 4, 5], f32[1, 2, 3, 3, 3])",
             "grid_sample(f32[1, 2, 4, 5], f32[1, 3, 3, 2], mode='bicubic', padding_mode='reflection',"
             " align_corners=True)"],
    rejects={"grid_sample(f32[1, 3, 4, 4], f32[1, 5, 5, 3])": "grid_sampler(): expected grid to have size 2 in last"
             " dimension, but got grid with sizes",
             "grid_sample(f32[1, 3, 4, 4], f32[2, 5, 5, 2])": "grid_sampler(): expected grid and input to have same"
             " batch size, but got input with",
             "grid_sample(f32[1, 3, 4, 4], f32[1, 5, 5, 2], mode='foo')": "nn.functional.grid_sample(): expected mode"
             " to be"})  # fmt: skip
def grid_sample(input: Tensor("N C H W", "N C D H W"), grid: Tensor("N Ho Wo two"), mode: Str = "bilinear",
                padding_mode: Str = "zeros",
                align_corners: OptBool = None):  # fmt: skip
    """input (N, C, *spatial) at the places grid (N, *out, n) names: (N, C, *out).  -1 and 1 are the edges."""
    sizes = input.shape[2:]
    places = []  # per spatial dim, (N, *out), in pixels
    for i, size in enumerate(sizes):
        place = grid[..., len(sizes) - 1 - i]
        place = (place + 1) * ((size - 1) / 2) if align_corners else ((place + 1) * size - 1) / 2
        places.append(place if mode == "bicubic" else _inside(place, size, padding_mode, align_corners))
    if mode == "nearest":
        return _pixels(input, [p.round().long() for p in places])
    corners = [p.floor() for p in places]
    parts = [p - c for p, c in zip(places, corners, strict=True)]
    if mode == "bicubic":
        return _bicubic(input, corners, parts, padding_mode, align_corners)
    total = None
    for offsets in every((0, 1), repeat=len(sizes)):
        weight = None
        for offset, part in zip(offsets, parts, strict=True):
            side = part if offset else 1 - part
            weight = side if weight is None else weight * side
        value = _pixels(input, [(c + o).long() for c, o in zip(corners, offsets, strict=True)]) * weight.unsqueeze(1)
        total = value if total is None else total + value
    return total


def _inside(place, size: int, padding_mode: str, align_corners):
    """Places outside the image are moved to its border or mirrored into it; zeros are left to the lookup."""
    if padding_mode == "zeros":
        return place
    if padding_mode == "reflection":
        low, span = (0.0, size - 1.0) if align_corners else (-0.5, float(size))
        if span == 0:
            return place * 0
        away = (place - low).abs()
        turns = (away / span).floor()
        rest = away - turns * span
        even = (turns % 2 == 0).to(place.dtype)
        place = even * (rest + low) + (1 - even) * (span - rest + low)
    return place.clamp(0, size - 1)


def _pixels(input, places):
    """input[n, :, *places[n]], zero outside the image."""
    flat, valid = None, None
    for place, size in zip(places, input.shape[2:], strict=True):
        fits = (place >= 0) & (place < size)
        valid = fits if valid is None else valid & fits
        place = place.clamp(0, size - 1)
        flat = place if flat is None else flat * size + place
    n, c = input.shape[:2]
    rows = flat.reshape(n, 1, -1).expand(n, c, -1)
    found = input.flatten(2).gather(2, rows).reshape(n, c, *flat.shape[1:])
    return found * valid.unsqueeze(1).to(input.dtype)


class _Stacked:
    """What `cubic_weights` needs of an array module: it returns the four weights as a list."""

    stack = staticmethod(list)


def _bicubic(input, corners, parts, padding_mode: str, align_corners):
    weights = [cubic_weights(_Stacked, part) for part in parts]
    total = None
    for i, j in every(range(4), range(4)):
        taken = []
        for corner, offset, size in zip(corners, (i - 1, j - 1), input.shape[2:], strict=True):
            taken.append(_inside(corner + offset, size, padding_mode, align_corners).long())
        value = _pixels(input, taken) * (weights[0][i] * weights[1][j]).unsqueeze(1)
        total = value if total is None else total + value
    return total


# --- affine_grid ------------------------------------------------------------------------------------------------------


def affine_grid_dims(theta, size):
    if isinstance(size, UnknownLike):
        return theta.like(shape=None).shape
    size = sizes_of(size)
    if theta.dtype and theta.dtype.category != 2:
        raise Refused(f"Expected theta to have floating point type, but got {theta.dtype!r}", ValueError)
    n = len(size) - 2
    if n not in (2, 3):
        raise Refused(
            f"affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size"
            f" ({listed(size, ', ')}).",
            NotImplementedError,
        )
    shape = theta.shape
    message = (
        f"Expected a batch of {n}D affine matrices of shape Nx{n}x{n + 1} for size ({listed(size, ', ')}). Got "
        f"torch.Size({{}})."
    )
    require(eq(shape[1], n) if len(shape) == 3 else False, message, shape, error=ValueError)
    require(eq(shape[2], n + 1), message, shape, error=ValueError)
    for s in size:
        require(gt(s, 0), f"Expected non-zero, positive output size. Got ({listed(size, ', ')})", error=ValueError)
    message = "Expected size for first two dimensions of batch2 tensor to be: [{}, {}] but got: [{}, {}]."
    require(eq(shape[0], size[0]), message, size[0], n + 1, shape[0], n + 1)
    return (size[0], *size[2:], n)


def _base(xp, size, align_corners, dtype):
    """The untransformed places (places, n + 1), x first, then a one."""
    lines = []
    for s in size[2:]:
        line = xp.linspace(-1, 1, s, dtype=dtype) if s > 1 else xp.zeros(1, dtype=dtype)
        lines.append(line if align_corners else line * dtype.type((s - 1) / s))
    mesh = [m.ravel() for m in xp.meshgrid(*lines, indexing="ij")]
    return xp.stack([*mesh[::-1], xp.ones_like(mesh[0])], axis=1)


@op("torch.nn.functional.affine_grid", shape=affine_grid_dims, dtype=promote.same("theta"),
    grad_name="AffineGridGeneratorBackward0",
    accepts=["affine_grid(f32[2, 2, 3], (2, 3, 4, 5))", "affine_grid(f32[1, 2, 3], (1, 3, 4, 1), align_corners=True)",
             "affine_grid(f32[1, 3, 4], (1, 1, 2, 3, 4))"],
    rejects={"affine_grid(f32[1, 2, 4], (1, 3, 4, 4))": "Expected a batch of 2D affine matrices of shape Nx2x3 for"
             " size (1, 3, 4, 4). Got torch.Size([1, 2, 4]).",
             "affine_grid(f32[2, 2, 3], (1, 3, 4, 4))": "Expected size for first two dimensions of batch2 tensor to"
             " be: [1, 3] but got: [2, 3].",
             "affine_grid(f32[1, 2, 3], (1, 3, 4))": "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine"
             " transforms, respectively."})  # fmt: skip
def affine_grid(xp, theta: Tensor("N two three"), size: Size, align_corners: OptBool = None):
    """Places for grid_sample: the pixels of an image (N, C, *spatial) under the affine maps theta (N, n, n + 1)."""
    base = _base(xp, size, align_corners, theta.dtype)
    return xp.matmul(base, theta.swapaxes(1, 2)).reshape(size[0], *size[2:], len(size) - 2)


@affine_grid.vjp("theta")
def _(g, size, align_corners):
    return affine_grid_input(g, size, align_corners)


@op(shape=lambda grad, size: (size[0], len(size) - 2, len(size) - 1), dtype=promote.same("grad"),
    accepts=["affine_grid_input(f32[2, 4, 5, 2], (2, 3, 4, 5), False)"])  # fmt: skip
def affine_grid_input(xp, grad: Tensor, size: Size, align_corners: OptBool):
    """The gradient affine_grid passes to its matrices."""
    rows = grad.reshape(size[0], -1, len(size) - 2)
    return xp.matmul(rows.swapaxes(1, 2), _base(xp, size, align_corners, grad.dtype))


@affine_grid_input.vjp("grad")
def _(g, size, align_corners):
    return affine_grid(g, size, align_corners)
