"""Reductions that pick elements: max, min, argmax, median, mode, quantile."""

from tensight_runtime.ops.reducing import over, unreduced
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import ge
from tensight_runtime.spec.dtype import bool_, int64
from tensight_runtime.spec.kind import Bool, Int, Ints, OptInt, Tensor
from tensight_runtime.spec.op import op
from tensight_runtime.spec.require import Refused, require
from tensight_runtime.spec.shape import axes, axis, broadcasted, reduced

NO_IDENTITY = "Expected reduction dim to be specified for input.numel() == 0."
SPECIFY = NO_IDENTITY + " Specify the reduction dim with the 'dim' argument."


def whole(name):
    """The rule of a reduction over everything, which has no value for an empty tensor."""

    def shape(input):
        require(ge(input.numel, 1), f"{name}(): {SPECIFY}")
        return ()

    return shape


def nonempty(name, message="{}(): Expected reduction dim {} to have non-zero size."):
    """The rule of a reduction over one dim, which must not be empty."""

    def shape(input, dim, keepdim):
        dims = reduced(input, dim, keepdim)
        for d in axes(dim, len(input.shape)) if input.shape else ():
            require(ge(input.shape[d], 1), message, name, d, error=IndexError)
        return dims

    return shape


def no_complex(name, bool_too=False):
    """The dtype rule of orderings: as the input, which must not be complex."""

    def dtype(input):
        if input.dtype is not None and input.dtype.category == 3:
            raise Refused(f"{name}(): does not support complex input")
        if bool_too and input.dtype is bool_:
            raise Refused(f"{name}(): does not support bool input")
        return input.dtype

    return dtype


def selected_dtypes(name):
    """(as the input, int64) for values and indices."""
    values = no_complex(name)
    return lambda input: (values(input), int64)


def index_interval(input, dim):
    """Indices along `dim` (None: into the flattened input); None where the shape is unknown."""
    if input.dims is None or not isinstance(dim, int | None):
        return None
    if dim is None:
        return 0, input.numel
    return (0, input.dims[axis(dim, len(input.dims))]) if input.dims else (0, 1)


def scattered(g, indices, input_shape, dim, keepdim):
    """The gradient of values selected along `dim`: back to the places they came from."""
    g = g[0]
    if g is None:
        return None
    if not input_shape:
        return g
    if not keepdim:
        g, indices = g.unsqueeze(dim), indices.unsqueeze(dim)
    return g.new_zeros(input_shape).scatter(dim, indices, g)


def shared(g, chosen):
    """The gradient of an extreme: equal parts to all elements that reach it."""
    return chosen * (g / chosen.sum())


def reached(input, out):
    """Which elements equal the extreme `out`; NaN reaches NaN."""
    return (input == out).logical_or(input.isnan().logical_and(out.isnan()))


# -- max and min: of everything, of two tensors, along a dim ----------------------------------------------------------


@op(
    "torch.max", "Tensor.max",
    grad_name="MaxBackward1", shape=whole("max"), dtype=promote.same(),
    accepts=["max(f32[2, 3])", "max(i64[4])", "max(bool[3])", "max(f32[])"],
    rejects={"max(f32[0, 3])": "max(): Expected reduction dim to be specified for input.numel() == 0."},
)  # fmt: skip
def max_(xp, input: Tensor):
    """The largest element; NaN if there is one."""
    return input.max()


@op(
    "torch.min", "Tensor.min",
    grad_name="MinBackward1", shape=whole("min"), dtype=promote.same(),
    accepts=["min(f32[2, 3])", "min(i64[4])", "min(bool[3])", "min(f32[])"],
    rejects={"min(f32[0, 3])": "min(): Expected reduction dim to be specified for input.numel() == 0."},
)  # fmt: skip
def min_(xp, input: Tensor):
    """The smallest element; NaN if there is one."""
    return input.min()


@max_.vjp("input")
@min_.vjp("input")
def _(g, input, out):
    return shared(g, reached(input, out))


@op(
    "torch.max", "Tensor.max",
    name="max", overload="other", grad_name="MaximumBackward0", shape=broadcasted("input", "other"),
    dtype=promote.promoted(),
    accepts=["max(f32[2, 3], f32[3])", "max(i64[3], f32[2, 3])", "max(f32[3], i64[])"],
    rejects={
        "max(f32[2], f32[3])":
            "The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0",
    },
)  # fmt: skip
def max_other(xp, input: Tensor, other: Tensor):
    """The larger of two elements, as torch.maximum."""
    return xp.maximum(input, other)


@max_other.vjp("input")
def _(g, input, other):
    return g * ((input > other) + (input == other) / 2)


@max_other.vjp("other")
def _(g, input, other):
    return g * ((other > input) + (input == other) / 2)


@op(
    "torch.min", "Tensor.min",
    name="min", overload="other", grad_name="MinimumBackward0", shape=broadcasted("input", "other"),
    dtype=promote.promoted(),
    accepts=["min(f32[2, 3], f32[3])", "min(i64[3], f32[2, 3])"],
    rejects={
        "min(f32[2], f32[3])":
            "The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0",
    },
)  # fmt: skip
def min_other(xp, input: Tensor, other: Tensor):
    """The smaller of two elements, as torch.minimum."""
    return xp.minimum(input, other)


@min_other.vjp("input")
def _(g, input, other):
    return g * ((input < other) + (input == other) / 2)


@min_other.vjp("other")
def _(g, input, other):
    return g * ((other < input) + (input == other) / 2)


@op(
    "torch.max", "Tensor.max",
    name="max", overload="dim", shape=nonempty("max"), dtype=selected_dtypes("max"), outs=("values", "indices"),
    interval=index_interval,
    accepts=[
        "max(f32[2, 3], 1)", "max(f32[2, 3], dim=-2, keepdim=True)", "max(i64[4], 0)", "max(f32[], 0)",
        "max(f32[0, 3], 1)",
    ],
    rejects={
        "max(f32[2, 3], 2)": "Dimension out of range (expected to be in range of [-2, 1], but got 2)",
        "max(f32[0, 3], 0)": "max(): Expected reduction dim 0 to have non-zero size.",
        "max(c64[3], 0)": "max(): does not support complex input",
    },
)  # fmt: skip
def max_dim(xp, input: Tensor, dim: Int, keepdim: Bool = False):
    """(values, indices): the largest elements along `dim`, and where they are."""
    at = over(input, dim)
    return input.max(at, keepdims=keepdim), xp.argmax(input, at, keepdims=keepdim)


@op(
    "torch.min", "Tensor.min",
    name="min", overload="dim", shape=nonempty("min"), dtype=selected_dtypes("min"), outs=("values", "indices"),
    interval=index_interval,
    accepts=["min(f32[2, 3], 1)", "min(f32[2, 3], dim=-2, keepdim=True)", "min(i64[4], 0)", "min(f32[], 0)"],
    rejects={
        "min(f32[2, 3], 2)": "Dimension out of range (expected to be in range of [-2, 1], but got 2)",
        "min(f32[0, 3], 0)": "min(): Expected reduction dim 0 to have non-zero size.",
        "min(c64[3], 0)": "min(): does not support complex input",
    },
)  # fmt: skip
def min_dim(xp, input: Tensor, dim: Int, keepdim: Bool = False):
    """(values, indices): the smallest elements along `dim`, and where they are."""
    at = over(input, dim)
    return input.min(at, keepdims=keepdim), xp.argmin(input, at, keepdims=keepdim)


@max_dim.vjp("input")
@min_dim.vjp("input")
def _(g, indices, input_shape, dim, keepdim):
    return scattered(g, indices, input_shape, dim, keepdim)


# -- amax, amin, aminmax, argmax, argmin ------------------------------------------------------------------------------


def extreme_dims(name):
    """As `reduced`; over everything or over the dims given, nothing of it empty."""
    every, some = whole(name), nonempty(name)

    def shape(input, dim, keepdim):
        if dim is None or (isinstance(dim, (tuple, list)) and not dim):
            every(input)
        return some(input, dim, keepdim)

    return shape


@op(
    "torch.amax", "Tensor.amax",
    shape=extreme_dims("amax"), dtype=no_complex("amax"),
    accepts=[
        "amax(f32[2, 3])", "amax(f32[2, 3, 4], (0, 2))", "amax(i64[3], 0, True)", "amax(f32[], 0)", "amax(bool[3])",
    ],
    rejects={"amax(f32[0, 3], 0)": "amax(): Expected reduction dim 0 to have non-zero size."},
)  # fmt: skip
def amax(xp, input: Tensor, dim: Ints = (), keepdim: Bool = False):
    """The largest elements over `dim` (one or several; none: all)."""
    return input.max(over(input, dim), keepdims=keepdim)


@op(
    "torch.amin", "Tensor.amin",
    shape=extreme_dims("amin"), dtype=no_complex("amin"),
    accepts=[
        "amin(f32[2, 3])", "amin(f32[2, 3, 4], (0, 2))", "amin(i64[3], 0, True)", "amin(f32[], 0)", "amin(bool[3])",
    ],
    rejects={"amin(f32[0, 3], 0)": "amin(): Expected reduction dim 0 to have non-zero size."},
)  # fmt: skip
def amin(xp, input: Tensor, dim: Ints = (), keepdim: Bool = False):
    """The smallest elements over `dim` (one or several; none: all)."""
    return input.min(over(input, dim), keepdims=keepdim)


@amax.vjp("input")
@amin.vjp("input")
def _(g, input, out, dim, keepdim):
    shape = input.shape
    chosen = input == unreduced(out, shape, dim, keepdim)
    return chosen * (unreduced(g, shape, dim, keepdim) / chosen.sum(dim, True))


def aminmax_dims(input, dim, keepdim):
    if dim is None:
        require(
            ge(input.numel, 1),
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity.",
        )
    return nonempty("aminmax", "{}: Expected reduction dim {} to have non-zero size.")(input, dim, keepdim)


@op(
    "torch.aminmax", "Tensor.aminmax",
    shape=aminmax_dims, dtype=promote.same(), outs=("min", "max"),
    accepts=["aminmax(f32[2, 3])", "aminmax(f32[2, 3], dim=1)", "aminmax(i64[2, 3], dim=0, keepdim=True)"],
    rejects={"aminmax(f32[0, 3], dim=0)": "aminmax: Expected reduction dim 0 to have non-zero size."},
)  # fmt: skip
def aminmax(xp, input: Tensor, *, dim: OptInt = None, keepdim: Bool = False):
    """(min, max), of everything or along `dim`."""
    at = over(input, dim)
    return input.min(at, keepdims=keepdim), input.max(at, keepdims=keepdim)


@aminmax.vjp("input")
def _(g, input, min, max, dim, keepdim):
    shape, total = input.shape, None
    for part, extreme in zip(g, (min, max), strict=True):
        if part is not None:
            chosen = input == unreduced(extreme, shape, dim, keepdim)
            count = chosen.sum() if dim is None else chosen.sum(dim, True)
            share = chosen * (unreduced(part, shape, dim, keepdim) / count)
            total = share if total is None else total + share
    return total


def arg_dims(name):
    """Without a dim: into the flattened input."""
    some = nonempty(name)

    def shape(input, dim, keepdim):
        if dim is None:
            require(ge(input.numel, 1), f"{name}(): {NO_IDENTITY}", error=IndexError)
        return some(input, dim, keepdim)

    return shape


def arg_dtype(name):
    """int64, of anything ordered except bool."""
    ordered = no_complex(name, bool_too=True)

    def dtype(input):
        ordered(input)
        return int64

    return dtype


@op(
    "torch.argmax", "Tensor.argmax",
    shape=arg_dims("argmax"), dtype=arg_dtype("argmax"), interval=index_interval,
    accepts=[
        "argmax(f32[2, 3])", "argmax(f32[2, 3], 1)", "argmax(i64[2, 3], dim=-1, keepdim=True)",
        "argmax(f32[2, 3], None, True)", "argmax(f32[])",
    ],
    rejects={
        "argmax(f32[0])": "argmax(): Expected reduction dim to be specified for input.numel() == 0.",
        "argmax(f32[0, 3], 0)": "argmax(): Expected reduction dim 0 to have non-zero size.",
        "argmax(bool[3])": "argmax(): does not support bool input",
    },
)  # fmt: skip
def argmax(xp, input: Tensor, dim: OptInt = None, keepdim: Bool = False):
    """The index of the largest element, along `dim` or in the flattened input."""
    return xp.argmax(input, over(input, dim), keepdims=keepdim)


@op(
    "torch.argmin", "Tensor.argmin",
    shape=arg_dims("argmin"), dtype=arg_dtype("argmin"), interval=index_interval,
    accepts=["argmin(f32[2, 3])", "argmin(f32[2, 3], 1)", "argmin(i64[2, 3], dim=-1, keepdim=True)"],
    rejects={
        "argmin(f32[0])": "argmin(): Expected reduction dim to be specified for input.numel() == 0.",
        "argmin(bool[3])": "argmin(): does not support bool input",
    },
)  # fmt: skip
def argmin(xp, input: Tensor, dim: OptInt = None, keepdim: Bool = False):
    """The index of the smallest element, along `dim` or in the flattened input."""
    return xp.argmin(input, over(input, dim), keepdims=keepdim)
