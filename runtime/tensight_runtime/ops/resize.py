"""interpolate and its older names, affine_grid.  Every mode works axis by axis.  Source: the page of F.interpolate."""

from tensight_runtime.ops.axes_linear import Sampling, along, averaging, scaled_size
from tensight_runtime.ops.windows import listed
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import gt
from tensight_runtime.spec.kind import Bool, OptBool, OptInts, OptNums, Size, Str, Tensor, UnknownLike
from tensight_runtime.spec.op import op
from tensight_runtime.spec.require import RankUnknown, Refused, require

RANKS = {"linear": 3, "bilinear": 4, "bicubic": 4, "trilinear": 5, "lanczos": 4}
SMOOTH = ("linear", "bilinear", "bicubic", "trilinear", "lanczos")


def interpolated(
    shape,
    size=None,
    scale_factor=None,
    mode="nearest",
    align_corners=None,
    recompute_scale_factor=None,
    antialias=False,
):
    """The output's dims, and per spatial dim the factor that decides where outputs lie (None: the sizes do)."""
    if isinstance(mode, UnknownLike) or isinstance(size, UnknownLike) or isinstance(scale_factor, UnknownLike):
        raise RankUnknown
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None and not isinstance(align_corners, UnknownLike):
            raise Refused(
                "align_corners option can only be set with the interpolating modes: linear | bilinear |"
                " bicubic | trilinear",
                ValueError,
            )
    n = len(shape) - 2
    if size is not None and scale_factor is not None:
        raise Refused("only one of size or scale_factor should be defined", ValueError)
    if size is None and scale_factor is None:
        raise Refused("either size or scale_factor should be defined", ValueError)
    given = size if size is not None else scale_factor
    given = tuple(given) if isinstance(given, (tuple, list)) else (given,) * max(n, 0)
    if len(given) != n:
        _wrong_length(shape, given, size is not None)
    if size is not None:
        if recompute_scale_factor is True:
            raise Refused("recompute_scale_factor is not meaningful with an explicit size.", ValueError)
        out, factors = given, (None,) * n
    else:
        out = tuple(scaled_size(s, f) for s, f in zip(shape[2:], given, strict=True))
        factors = (None,) * n if recompute_scale_factor is True else given
    if antialias is True and not (mode in ("bilinear", "bicubic", "lanczos") and len(shape) == 4):
        raise Refused(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D"
            " tensor as input",
            ValueError,
        )
    wanted = RANKS.get(mode)
    if len(shape) not in (3, 4, 5) or (wanted is None and mode not in ("nearest", "nearest-exact", "area")):
        modes = "nearest | linear | bilinear | bicubic | trilinear | lanczos | area | nearest-exact"
        raise Refused(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {len(shape)}D) for the modes: {modes} (got"
            f" {mode})",
            NotImplementedError,
        )
    if wanted is not None and wanted != len(shape):
        raise Refused(f"Got {len(shape)}D input, but {mode} mode needs {wanted}D input", NotImplementedError)
    if mode != "area":
        for s in (*shape[2:], *out):
            axes = "DHW"[-n:] if n > 1 else "W"
            message = "Input and output sizes should be greater than 0, but got input ({}) output ({})"
            sides = [", ".join(f"{a}: {v}" for a, v in zip(axes, sizes, strict=True)) for sizes in (shape[2:], out)]
            require(gt(s, 0), message, *sides)
    return (*shape[:2], *out), factors


def _wrong_length(shape, given, is_size: bool):
    name, of, letters = ("output", "output size", "o") if is_size else ("scale_factor", "scale_factor of shape", "s")
    word = "output size of" if is_size else "scale_factor of shape"
    text = "(" + listed(given, ", ") + ("," if len(given) == 1 else "") + ")"
    raise Refused(
        f"Input and {name} must have the same number of spatial dimensions, but got input with spatial dimensions of "
        f"[{listed(shape[2:], ', ')}] and {word} {text}. Please provide input tensor in (N, C, d1, d2, ...,dK) format"
        f" and "
        f"{of if is_size else 'scale_factor'} in ({letters}1, {letters}2, ...,{letters}K) format.",
        ValueError,
    )


def interpolate_dims(
    input,
    size=None,
    scale_factor=None,
    mode="nearest",
    align_corners=None,
    recompute_scale_factor=None,
    antialias=False,
):
    return interpolated(input.shape, size, scale_factor, mode, align_corners, recompute_scale_factor, antialias)[0]


def _samplings(mode, before, after, factors, align_corners, antialias):
    """(axis, Sampling) of every spatial dim that is not left as it is."""
    n, kind = len(before), {"bilinear": "linear", "trilinear": "linear"}.get(mode, mode)
    for i, (size, count, factor) in enumerate(zip(before, after, factors, strict=True)):
        if size != count or (factor is not None and float(factor) != 1.0 and kind != "area"):
            yield i - n, Sampling(kind, size, count, factor, align_corners, antialias)


def _interpolation_name(input, mode, antialias) -> str:
    n = input.ndim - 2
    if mode == "area":
        return f"AdaptiveAvgPool{n}DBackward0"
    return f"Upsample{mode.title().replace('-', '')}{n}D{'Aa' if antialias else ''}Backward0"


@op("torch.nn.functional.interpolate", shape=interpolate_dims, dtype=promote.same(),
    grad_name=_interpolation_name,
    accepts=["interpolate(f32[1, 3, 4, 4], scale_factor=2)", "interpolate(f32[1, 3, 5], size=7, mode='linear')",
             "interpolate(f32[1, 2, 4, 5], (7, 3), mode='bilinear', align_corners=True)",
             "interpolate(f32[1, 2, 4, 5], scale_factor=(1.7, 0.6), mode='bilinear')",
             "interpolate(f32[1, 2, 4, 5], scale_factor=1.5, mode='bicubic')",
             "interpolate(f32[1, 2, 4, 5], size=(9, 3), mode='bicubic', align_corners=True)",
             "interpolate(f32[1, 2, 3, 4, 4], scale_factor=2, mode='trilinear')",
             "interpolate(f32[1, 2, 4, 5], size=(2, 3), mode='area')",
             "interpolate(f32[1, 2, 4, 5], size=(7, 3), mode='nearest-exact')",
             "interpolate(f32[1, 2, 4, 5], scale_factor=1.7, recompute_scale_factor=True, mode='bilinear')",
             "interpolate(f32[1, 2, 9, 8], size=(4, 3), mode='bilinear', antialias=True)",
             "interpolate(f32[1, 2, 9, 8], size=(4, 11), mode='bicubic', antialias=True)",
             "interpolate(u8[1, 2, 4, 5], size=(2, 3))",
             "interpolate(f32[0, 3, 4, 4], scale_factor=2, mode='bilinear')"],
    rejects={"interpolate(f32[1, 3, 4, 4])": "either size or scale_factor should be defined",
             "interpolate(f32[1, 3, 4, 4], size=3, scale_factor=2)": "only one of size or scale_factor should be"
             " defined",
             "interpolate(f32[1, 3, 4, 4], size=(3, 3, 3))": "Input and output must have the same number of spatial"
             " dimensions, but got input"
             " with spatial dimensions of [4, 4] and output size of (3, 3, 3). Please provide input tensor in (N, C,"
             " d1, d2, ...,dK) format and output size in",
             "interpolate(f32[1, 3, 4, 4], scale_factor=(3, 3, 3))": "Input and scale_factor must have the same"
             " number of spatial dimensions, but got"
             " input with spatial dimensions of [4, 4] and scale_factor of shape (3, 3, 3). Please provide input"
             " tensor in (N, C, d1, d2, ...,dK) format and scale_factor in",
             "interpolate(f32[1, 3, 4], scale_factor=2, mode='bilinear')": "Got 3D input, but bilinear mode needs 4D"
             " input",
             "interpolate(f32[3, 4], scale_factor=())": "Input Error: Only 3D, 4D and 5D input Tensors supported (got"
             " 2D) for the modes:",
             "interpolate(f32[1, 3, 4, 4], size=0)": "Input and output sizes should be greater than 0, but got input"
             " (H: 4, W: 4) output (H: 0, W: 0)",
             "interpolate(f32[1, 3, 4, 4], size=2, align_corners=True)": "align_corners option can only be set with"
             " the interpolating modes"})  # fmt: skip
def interpolate(xp, input: Tensor("N C H W", "N C L", "N C D H W"), size: OptInts = None, scale_factor: OptNums = None,
                mode: Str = "nearest",
                align_corners: OptBool = None, recompute_scale_factor: OptBool = None,
                antialias: Bool = False):  # fmt: skip
    """Resizes the spatial dims of (N, C, *spatial) to `size`, or by `scale_factor`: sizes are floor(input * factor)."""
    dims, factors = interpolated(
        input.shape, size, scale_factor, mode, align_corners, recompute_scale_factor, antialias
    )
    y = input.astype("float32") if input.dtype.char == "e" else input
    for axis, sampling in _samplings(mode, input.shape[2:], dims[2:], factors, align_corners, antialias):
        if mode == "area":
            y = along(xp, y, axis, averaging(xp, sampling.size, sampling.count, y.dtype))
        else:
            y = sampling.apply(xp, y, axis)
    return input.copy() if y is input else y.astype(input.dtype, copy=False)


@interpolate.vjp("input")
def _(g, input_shape, scale_factor, size, mode, align_corners, recompute_scale_factor, antialias):
    return interpolate_input(
        g, tuple(input_shape), size, scale_factor, mode, align_corners, recompute_scale_factor, antialias
    )


@op(shape=lambda input_size: tuple(input_size), dtype=promote.same("grad"),
    accepts=["interpolate_input(f32[1, 2, 7, 3], (1, 2, 4, 5), (7, 3), None, 'bilinear', True, None,"
             " False)"])  # fmt: skip
def interpolate_input(xp, grad: Tensor, input_size: Size, size: OptInts, scale_factor: OptNums, mode: Str,
                      align_corners: OptBool,
                      recompute_scale_factor: OptBool, antialias: Bool):  # fmt: skip
    """The gradient an interpolation passes to its input."""
    dims, factors = interpolated(
        tuple(input_size), size, scale_factor, mode, align_corners, recompute_scale_factor, antialias
    )
    y = grad.astype("float32") if grad.dtype.char == "e" else grad
    for axis, sampling in _samplings(mode, tuple(input_size)[2:], dims[2:], factors, align_corners, antialias):
        matrix = (
            averaging(xp, sampling.size, sampling.count, y.dtype) if mode == "area" else sampling.matrix(xp, y.dtype)
        )
        y = along(xp, y, axis, matrix.T)
    return grad.copy() if y is grad else y.astype(grad.dtype, copy=False)


@interpolate_input.vjp("grad")
def _(g, size, scale_factor, mode, align_corners, recompute_scale_factor, antialias):
    return interpolate(g, size, scale_factor, mode, align_corners, recompute_scale_factor, antialias)


@op("torch.nn.functional.upsample", composite=True,
    shape=lambda input, size, scale_factor, mode: interpolate_dims(input, size, scale_factor, mode),
    dtype=promote.same(), accepts=["upsample(f32[1, 2, 3, 3], scale_factor=2)"])  # fmt: skip
def upsample(
    input: Tensor,
    size: OptInts = None,
    scale_factor: OptNums = None,
    mode: Str = "nearest",
    align_corners: OptBool = None,
):
    """The older name of interpolate."""
    return interpolate(input, size, scale_factor, mode, align_corners)


@op("torch.nn.functional.upsample_nearest", composite=True,
    shape=lambda input, size, scale_factor: interpolate_dims(input, size, scale_factor),
    dtype=promote.same(), accepts=["upsample_nearest(f32[1, 2, 3, 3], scale_factor=2)"])  # fmt: skip
def upsample_nearest(input: Tensor, size: OptInts = None, scale_factor: OptNums = None):
    """interpolate with mode nearest."""
    return interpolate(input, size, scale_factor, "nearest")


@op("torch.nn.functional.upsample_bilinear", composite=True,
    shape=lambda input, size, scale_factor: interpolate_dims(input, size, scale_factor, "bilinear"),
    dtype=promote.same(),
    accepts=["upsample_bilinear(f32[1, 2, 3, 3], scale_factor=2)"])  # fmt: skip
def upsample_bilinear(input: Tensor, size: OptInts = None, scale_factor: OptNums = None):
    """interpolate with mode bilinear and corners aligned."""
    return interpolate(input, size, scale_factor, "bilinear", True)
