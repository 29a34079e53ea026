"""Other shapes for the same elements: view, reshape, flatten, squeeze and their kin."""

from tensight_runtime.ops.layout import INCOMPATIBLE, filled, integers, numbers, regrouped, strides_of, viewed
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import divides, eq
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.kind import DtypeKind, Int, Ints, Size, Tensor
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import RankUnknown, Refused, require
from tensight_runtime.spec.shape import axes, axis
from tensight_runtime.spec.size import product


def reshaped(input: Fact, dims) -> Fact:
    """A view where the layout allows it, otherwise a copy."""
    layout = regrouped(input, dims)
    return Fact(
        input.dtype, dims, input.device, contiguous=True if layout is False else layout, interval=input.interval
    )


def unshared(xp, input, dims):
    """A view with these dims; torch's refusal where only a copy has them."""
    try:
        return xp.reshape(input, dims, copy=False)
    except ValueError:
        raise RuntimeError(INCOMPATIBLE) from None


def as_view(input: Fact, dims) -> Fact:
    layout = regrouped(input, dims)
    if layout is False:
        raise Refused(INCOMPATIBLE)
    return Fact(input.dtype, dims, input.device, contiguous=layout, interval=input.interval)


# --- view, reshape ---------------------------------------------------------------------------------------------------


@op(
    "Tensor.view",
    alias="view", varargs="size", dtype=promote.same(),
    accepts=["view(f32[2, 6], 3, 4)", "view(f32[2, 6], (-1, 2, 2))", "view(f32[0, 3], 3, 0)", "view(f32[], 1, 1)",
             "view(i64[4], -1)"],
    rejects={"view(f32[2, 5], 3, 4)": "shape '[3, 4]' is invalid for input of size 10",
             "view(f32[2, 5], -1, -1)": "only one dimension can be inferred",
             "view(f32[0, 3], 0, -1)": "cannot reshape tensor of 0 elements into shape [0, -1]",
             "view(f32[2, 3], -2, 3)": "invalid shape dimension -2 at index 0 of shape [-2, 3]"},
)  # fmt: skip
def view(xp, input: Tensor, size: Size):
    """The same elements in another shape, sharing memory; one size may be -1.  The layout must allow it."""
    return unshared(xp, input, numbers(size))


@view.rule
def _(input, size):
    return as_view(input, filled(integers(size), input.numel))


@view.vjp("input")
def _(g, input_shape):
    return g.reshape(input_shape)


@op(
    "Tensor.view",
    name="view", overload="dtype", alias="view",
    accepts=["view(f32[2, 6], torch.int32)", "view(f32[2, 6], torch.float64)", "view(f32[2, 6], torch.int16)"],
    rejects={"view(f32[2, 5], torch.float64)": "self.size(-1) must be divisible by 2 to view Float as Double",
             "view(f32[], torch.int16)": "self.dim() cannot be 0 to view Float as Short (different element sizes)"},
)  # fmt: skip
def view_dtype(xp, input: Tensor, dtype: DtypeKind):
    """The same bytes read as another dtype; the last size follows the ratio of the element sizes."""
    return input.view(getattr(xp, "bool_" if dtype.name == "bool" else dtype.name))


@view_dtype.rule
def _(input, dtype):
    if input.dtype is None:
        return Fact(dtype, None, input.device, contiguous=None)
    old, new = input.dtype.itemsize, dtype.itemsize
    if old == new:
        return viewed(input, input.shape, strides_of(input), dtype)
    shape = input.shape
    names = f"to view {scalar_name(input.dtype)} as {scalar_name(dtype)} (different element sizes)"
    if not shape:
        raise Refused(f"self.dim() cannot be 0 {names}")
    if old < new:
        require(
            divides(new // old, shape[-1]),
            f"self.size(-1) must be divisible by {new // old} {names}, but got {{}}",
            shape[-1],
        )
    last = shape[-1] * old // new
    contiguous = True if input.contiguous is True else None
    return Fact(dtype, (*shape[:-1], last), input.device, contiguous=contiguous)


@op(
    "torch.reshape", "Tensor.reshape",
    alias="maybe", varargs="shape", dtype=promote.same(), grad_name="ViewBackward0",
    accepts=["reshape(f32[2, 6], (3, 4))", "reshape(f32[2, 6], (-1,))", "reshape(f32[0, 3], (3, 0))",
             "reshape(f32[], ())"],
    rejects={"reshape(f32[2, 5], (3, 4))": "shape '[3, 4]' is invalid for input of size 10",
             "reshape(f32[2, 5], (3, -1))": "shape '[3, -1]' is invalid for input of size 10"},
)  # fmt: skip
def reshape(xp, input: Tensor, shape: Size):
    """The elements in another shape: a view where the layout allows it, otherwise a copy.  One size may be -1."""
    return xp.reshape(input, numbers(shape))


@reshape.rule
def _(input, shape):
    return reshaped(input, filled(integers(shape), input.numel))


@reshape.vjp("input")
def _(g, input_shape):
    return g.reshape(input_shape)


@op(
    "Tensor.view_as",
    alias="view", dtype=promote.same(), any_device=True, grad_name="ViewBackward0",
    accepts=["view_as(f32[2, 6], i64[3, 4])"],
    rejects={"view_as(f32[2, 5], f32[3, 4])": "shape '[3, 4]' is invalid for input of size 10"},
)  # fmt: skip
def view_as(xp, input: Tensor, other: Tensor):
    """`input.view(other.size())`."""
    return unshared(xp, input, other.shape)


@view_as.rule
def _(input, other):
    require(
        eq(product(other.shape), input.numel), "shape '{}' is invalid for input of size {}", other.shape, input.numel
    )
    return as_view(input, other.shape)


@view_as.vjp("input")
def _(g, input_shape):
    return g.reshape(input_shape)


@op(
    "Tensor.reshape_as",
    alias="maybe", dtype=promote.same(), any_device=True, grad_name="ViewBackward0",
    accepts=["reshape_as(f32[2, 6], i64[3, 4])"],
    rejects={"reshape_as(f32[2, 5], f32[3, 4])": "shape '[3, 4]' is invalid for input of size 10"},
)  # fmt: skip
def reshape_as(xp, input: Tensor, other: Tensor):
    """`input.reshape(other.size())`."""
    return xp.reshape(input, other.shape)


@reshape_as.rule
def _(input, other):
    require(
        eq(product(other.shape), input.numel), "shape '{}' is invalid for input of size {}", other.shape, input.numel
    )
    return reshaped(input, other.shape)


@reshape_as.vjp("input")
def _(g, input_shape):
    return g.reshape(input_shape)


# --- flatten, unflatten ----------------------------------------------------------------------------------------------


def flattened(shape, start_dim=0, end_dim=-1):
    start, end = axis(start_dim, len(shape)), axis(end_dim, len(shape))
    if start > end:
        raise Refused("flatten() has invalid args: start_dim cannot come after end_dim")
    return (*shape[:start], product(shape[start : end + 1]), *shape[end + 1 :]) if shape else (1,)


def _flatten_alias(input, start_dim, end_dim):
    """`flatten` of a single dim gives the object itself."""
    dims = input.fact.dims
    if not dims or not isinstance(start_dim, int) or not isinstance(end_dim, int):
        return "maybe"
    return "same:input" if start_dim % len(dims) == end_dim % len(dims) else "maybe"


@op(
    "torch.flatten", "Tensor.flatten",
    alias=_flatten_alias, dtype=promote.same(), grad_name="ViewBackward0",
    accepts=["flatten(f32[2, 3, 4], 1)", "flatten(f32[2, 3, 4])", "flatten(f32[])", "flatten(f32[2, 3, 4], 0, -2)",
             "flatten(f32[3])", "flatten(f32[0, 3])"],
    rejects={"flatten(f32[2, 3], 1, 0)": "flatten() has invalid args: start_dim cannot come after end_dim",
             "flatten(f32[2, 3], 0, 3)": "Dimension out of range (expected to be in range of [-2, 1], but got 3)"},
)  # fmt: skip
def flatten(xp, input: Tensor, start_dim: Int = 0, end_dim: Int = -1):
    """The dims from `start_dim` to `end_dim` merged into one; a 0-dim tensor becomes `[1]`."""
    return xp.reshape(input, flattened(input.shape, int(start_dim), int(end_dim)))


@flatten.rule
def _(input, start_dim, end_dim):
    return reshaped(input, flattened(input.shape, start_dim, end_dim))


@flatten.vjp("input")
def _(g, input_shape):
    return g.reshape(input_shape)


@op(
    "torch.ravel", "Tensor.ravel",
    alias="maybe", dtype=promote.same(), grad_name="ViewBackward0",
    accepts=["ravel(f32[2, 3])", "ravel(f32[])"],
)  # fmt: skip
def ravel(xp, input: Tensor):
    """All dims merged into one."""
    return xp.reshape(input, (-1,))


@ravel.rule
def _(input):
    return reshaped(input, (input.numel,))


@ravel.vjp("input")
def _(g, input_shape):
    return g.reshape(input_shape)


def unflattened(shape, dim, sizes):
    at = axis(dim, len(shape))
    sizes = integers(sizes)
    if not sizes:
        raise Refused("unflatten: sizes must be non-empty")
    if sum(type(s) is int and s == -1 for s in sizes) > 1:
        raise Refused("only one dimension can be inferred")
    message = "unflatten: Provided sizes {} don't multiply up to the size of dim {} ({}) in the input tensor"
    rest = product([s for s in sizes if not (type(s) is int and s == -1)])
    holes = len(sizes) - sum(not (type(s) is int and s == -1) for s in sizes)
    require(divides(rest, shape[at]) if holes else eq(rest, shape[at]), message, sizes, at, shape[at])
    return (*shape[:at], *filled(sizes, shape[at]), *shape[at + 1 :])


@op(
    "torch.unflatten", "Tensor.unflatten",
    alias="view", dtype=promote.same(), grad_name="ViewBackward0",
    accepts=["unflatten(f32[2, 6], 1, (2, 3))", "unflatten(f32[2, 6], -1, (-1, 2))",
             "unflatten(f32[6, 2], 0, (2, 1, 3))"],
    rejects={"unflatten(f32[2, 5], 1, (2, 3))": "unflatten: Provided sizes [2, 3] don't multiply up to the size of dim",
             "unflatten(f32[2, 5], 1, ())": "unflatten: sizes must be non-empty"},
)  # fmt: skip
def unflatten(xp, input: Tensor, dim: Int, sizes: Ints):
    """One dim as several whose product it is; one of them may be -1."""
    return xp.reshape(input, unflattened(input.shape, int(dim), numbers(sizes)))


@unflatten.rule
def _(input, dim, sizes):
    return as_view(input, unflattened(input.shape, dim, sizes))


@unflatten.vjp("input")
def _(g, input_shape):
    return g.reshape(input_shape)


# --- squeeze, unsqueeze ----------------------------------------------------------------------------------------------


def squeezed(input: Fact, candidates) -> Fact:
    """Without those of the candidate dims that are 1; of unknown rank if that is open."""
    shape, strides = input.shape, strides_of(input)
    ones = {d: eq(shape[d], 1) for d in candidates}
    if any(not isinstance(one, bool) for one in ones.values()):
        raise RankUnknown
    kept = [d for d in range(len(shape)) if ones.get(d) is not True]
    return viewed(input, [shape[d] for d in kept], strides and [strides[d] for d in kept])


@op(
    "torch.squeeze", "Tensor.squeeze",
    name="squeeze", alias="view", dtype=promote.same(), inplace=True,
    accepts=["squeeze(f32[2, 1, 3, 1])", "squeeze(f32[1])", "squeeze(f32[])", "squeeze(f32[0, 1])"],
)  # fmt: skip
def squeeze(xp, input: Tensor):
    """Without the dims of size 1."""
    return xp.squeeze(input)


@squeeze.rule
def _(input):
    return squeezed(input, range(input.ndim))


@squeeze.vjp("input")
def _(g, input_shape):
    return g.reshape(input_shape)


@op(
    "torch.squeeze", "Tensor.squeeze",
    name="squeeze", overload="dim", alias="view", dtype=promote.same(), inplace=True, grad_name="SqueezeBackward1",
    accepts=["squeeze(f32[2, 1, 3], 1)", "squeeze(f32[2, 1, 3], dim=0)", "squeeze(f32[], -1)"],
    rejects={"squeeze(f32[2, 3], 2)": "Dimension out of range (expected to be in range of [-2, 1], but got 2)"},
)  # fmt: skip
def squeeze_dim(xp, input: Tensor, dim: Int):
    """Without dim `dim` if its size is 1."""
    return squeeze_dims.kernel(xp, input, (int(dim),))


@squeeze_dim.rule
def _(input, dim):
    return squeezed(input, axes(dim, input.ndim) if input.shape else (axis(dim, 0),)[:0])


@squeeze_dim.vjp("input")
def _(g, input_shape):
    return g.reshape(input_shape)


@op(
    "torch.squeeze", "Tensor.squeeze",
    name="squeeze", overload="dims", alias="view", dtype=promote.same(), inplace=True, grad_name="SqueezeBackward2",
    accepts=["squeeze(f32[2, 1, 3, 1], (1, 0))", "squeeze(f32[1, 3], (0, -1))", "squeeze(f32[1, 2], ())"],
    rejects={"squeeze(f32[1, 3], (0, 0))": "dim 0 appears multiple times in the list of dims"},
)  # fmt: skip
def squeeze_dims(xp, input: Tensor, dim: Ints):
    """Without those of the dims `dim` whose size is 1."""
    return xp.squeeze(input, tuple(d for d in numbers(dim) if input.ndim and input.shape[d] == 1))


@squeeze_dims.rule
def _(input, dim):
    many = tuple(dim) if isinstance(dim, (tuple, list)) else dim
    return squeezed(input, axes(many, input.ndim) if input.shape and many != () else ())


@squeeze_dims.vjp("input")
def _(g, input_shape):
    return g.reshape(input_shape)


@op(
    "torch.unsqueeze", "Tensor.unsqueeze",
    alias="view", dtype=promote.same(), inplace=True,
    accepts=["unsqueeze(f32[2, 3], 0)", "unsqueeze(f32[2, 3], -1)", "unsqueeze(f32[], 0)"],
    rejects={"unsqueeze(f32[2, 3], 3)": "Dimension out of range (expected to be in range of [-3, 2], but got 3)"},
)  # fmt: skip
def unsqueeze(xp, input: Tensor, dim: Int):
    """A dim of size 1 inserted at `dim`."""
    return xp.expand_dims(input, int(dim))


@unsqueeze.rule
def _(input, dim):
    shape, strides = input.shape, strides_of(input)
    at = axis(dim, len(shape) + 1)
    if strides is not None:
        inserted = strides[at] * shape[at] if at < len(shape) else 1
        strides = (*strides[:at], inserted, *strides[at:])
    return viewed(input, (*shape[:at], 1, *shape[at:]), strides)


@unsqueeze.vjp("input")
def _(g, dim):
    return g.squeeze(dim)
