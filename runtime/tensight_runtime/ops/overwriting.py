"""A view written over: select_scatter, slice_scatter, diagonal_scatter (in a copy), fill_diagonal_ (in place)."""

from tensight_runtime.ops.indexing import with_zeros
from tensight_runtime.ops.layout import integer
from tensight_runtime.ops.selecting import slice_size
from tensight_runtime.ops.slicing import along, diagonal_array, diagonal_size, two_dims, within
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import eq
from tensight_runtime.spec.kind import Bool, Int, Num, OptInt, Tensor
from tensight_runtime.spec.op import op
from tensight_runtime.spec.require import Refused, require
from tensight_runtime.spec.shape import axis


def _fits(src, slot):
    """The source has exactly the sizes of the view it is written to."""
    message = "expected src to have a size equal to the slice of self. src size = {}, slice size = {}"
    if len(src.shape) != len(slot):
        require(False, message, src.shape, slot)
    for have, want in zip(src.shape, slot, strict=True):
        require(eq(have, want), message, src.shape, slot)


def _written(input, where, src):
    out = input.copy()
    out[where] = src
    return out


def _select_dims(input, src, dim, index):
    shape, at = input.shape, axis(dim, input.ndim)
    within(
        integer(index),
        shape[at],
        "select(): index {} out of range for tensor of size {} at dimension {}",
        index,
        shape,
        at,
    )
    _fits(src, shape[:at] + shape[at + 1 :])
    return shape


@op(
    "torch.select_scatter", "Tensor.select_scatter",
    dtype=promote.same(), shape=_select_dims,
    accepts=["select_scatter(f32[3, 5], f32[5], 0, 1)", "select_scatter(f32[3, 5], f64[3], -1, -2)"],
    rejects={"select_scatter(f32[3, 5], f32[4], 0, 1)": "expected src to have a size equal to the slice of self. src",
             "select_scatter(f32[3, 5], f32[5], 0, 3)": "select(): index 3 out of range for tensor of size [3, 5] at"},
)  # fmt: skip
def select_scatter(xp, input: Tensor, src: Tensor, dim: Int, index: Int):
    """`src` written over `input.select(dim, index)`, in a copy."""
    return _written(input, along(axis(int(dim), input.ndim), int(index)), src)


@select_scatter.vjp("input")
def _(g, dim, index):
    return with_zeros(g, along(axis(int(dim), g.dim()), int(index)))


@select_scatter.vjp("src")
def _(g, dim, index):
    return g.select(dim, index)


def _slice_dims(input, src, dim, start, end, step):
    shape, at = input.shape, axis(dim, input.ndim)
    _fits(src, (*shape[:at], slice_size(shape[at], slice(start, end, step)), *shape[at + 1 :]))
    return shape


@op(
    "torch.slice_scatter", "Tensor.slice_scatter",
    dtype=promote.same(), shape=_slice_dims,
    accepts=["slice_scatter(f32[3, 5], f32[2, 5], 0, 1)", "slice_scatter(f32[3, 5], f32[3, 3], 1, 0, 5, 2)",
             "slice_scatter(f32[3, 5], f32[1, 5], start=-1)"],
    rejects={"slice_scatter(f32[3, 5], f32[1, 5], 0, 1)": "expected src to have a size equal to the slice of self."},
)  # fmt: skip
def slice_scatter(
    xp, input: Tensor, src: Tensor, dim: Int = 0, start: OptInt = None, end: OptInt = None, step: Int = 1
):
    """`src` written over a slice of dim `dim`, in a copy."""
    return _written(input, along(axis(int(dim), input.ndim), slice(start, end, step)), src)


@slice_scatter.vjp("input")
def _(g, dim, start, end, step):
    return with_zeros(g, along(axis(int(dim), g.dim()), slice(start, end, step)))


@slice_scatter.vjp("src")
def _(g, dim, start, end, step):
    return g[along(axis(int(dim), g.dim()), slice(start, end, step))]


def _diagonal_dims(input, src, offset, dim1, dim2):
    shape = input.shape
    a, b = two_dims(len(shape), dim1, dim2)
    _fits(
        src, (*[s for d, s in enumerate(shape) if d not in (a, b)], diagonal_size(shape[a], shape[b], integer(offset)))
    )
    return shape


@op(
    "torch.diagonal_scatter", "Tensor.diagonal_scatter",
    dtype=promote.same(), shape=_diagonal_dims,
    accepts=["diagonal_scatter(f32[3, 5], f32[3])", "diagonal_scatter(f32[2, 3, 5], f32[3, 1], -1, 0, 2)",
             "diagonal_scatter(f32[3, 5], f32[3], 1)"],
    rejects={"diagonal_scatter(f32[3, 5], f32[2])": "expected src to have a size equal to the slice of self. src size"},
)  # fmt: skip
def diagonal_scatter(xp, input: Tensor, src: Tensor, offset: Int = 0, dim1: Int = 0, dim2: Int = 1):
    """`src` written over a diagonal, in a copy."""
    out = input.copy()
    diagonal_array(xp, out, int(offset), *two_dims(out.ndim, int(dim1), int(dim2)))[...] = src
    return out


@diagonal_scatter.vjp("input")
def _(g, src_shape, offset, dim1, dim2):
    return g.diagonal_scatter(g.new_zeros(src_shape), offset, dim1, dim2)


@diagonal_scatter.vjp("src")
def _(g, offset, dim1, dim2):
    return g.diagonal(offset, dim1, dim2)


def _square_dims(input):
    shape = input.shape
    if len(shape) < 2:
        raise Refused("dimensions must larger than 1")
    if len(shape) > 2:
        for size in shape[1:]:
            require(eq(size, shape[0]), "all dimensions of input must be of equal length")
    return shape


@op(
    "Tensor.fill_diagonal_",
    alias="same:input", mutates=("input",), dtype=promote.same(), shape=_square_dims,
    accepts=["fill_diagonal(f32[3, 5], 7)", "fill_diagonal(f32[3, 3, 3], 1.5)",
             "fill_diagonal(f32[7, 3], 2, wrap=True)"],
    rejects={"fill_diagonal(f32[3], 1)": "dimensions must larger than 1",
             "fill_diagonal(f32[4, 3, 5], 1)": "all dimensions of input must be of equal length"},
)  # fmt: skip
def fill_diagonal_(xp, input: Tensor, fill_value: Num, wrap: Bool = False):
    """A number written over the main diagonal, in place; `wrap` goes on below a tall matrix."""
    xp.fill_diagonal(input, fill_value, bool(wrap))
    return input


@fill_diagonal_.vjp("input")
def _(g, wrap):
    return g.clone().fill_diagonal_(0, wrap)
