"""Values written or added at the places an index tensor names: scatter and its kin.  The in-place forms are derived."""

from tensight_runtime.ops.elementwise import not_derived
from tensight_runtime.ops.gathering import as_vector, bounded, leading, places
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import eq, le
from tensight_runtime.spec.dtype import int32, int64
from tensight_runtime.spec.kind import Bool, Int, Num, Str, Tensor
from tensight_runtime.spec.op import op
from tensight_runtime.spec.require import Refused, require
from tensight_runtime.spec.shape import axis

INDEX_DTYPE = "scatter(): Expected dtype int32/int64 for index"


def scattered(input, dim, index, src=None):
    """The input's dims; the index must not be larger than the input (apart from `dim`) nor than the source."""
    if index.dtype not in (None, int32, int64):
        require(eq(index.numel, 0), INDEX_DTYPE)
    if src is not None and input.dtype and src.dtype and input.dtype is not src.dtype:
        raise Refused("scatter(): Expected self.dtype to be equal to src.dtype")
    shape, picks = as_vector(input.shape), as_vector(index.shape)
    at = axis(dim, len(shape))
    if len(picks) != len(shape):
        require(eq(index.numel, 0), "Index tensor must have the same number of dimensions as self tensor")
        return input.shape
    source = None if src is None else as_vector(src.shape)
    if source is not None and len(source) != len(picks):
        require(eq(index.numel, 0), "Index tensor must have the same number of dimensions as src tensor")
        return input.shape
    for d, (have, want) in enumerate(zip(shape, picks, strict=True)):
        if source is not None:
            message = (
                "Expected index {} to be no larger than self {} apart from dimension {} "
                "and to be no larger size than src {}"
            )
            require(le(want, source[d]), message, index.shape, input.shape, at, src.shape)
            if d != at:
                require(le(want, have), message, index.shape, input.shape, at, src.shape)
        elif d != at:
            require(
                le(want, have),
                "Expected index {} to be no larger than self {} apart from dimension {}",
                index.shape,
                input.shape,
                at,
            )
    return input.shape


def target(xp, input, dim, index):
    """A copy of the input, its corner that the index reaches, the index and the axis; values are checked."""
    out = input.copy()
    view, picks = out.reshape(as_vector(out.shape)), index.reshape(as_vector(index.shape))
    at = axis(int(dim), view.ndim)
    size = view.shape[at]
    bounded(xp, picks, size, f"index {{}} is out of bounds for dimension {at} with size {size}")
    return out, leading(view, picks.shape, at), picks, at


def source_for(src, picks):
    """The corner of the source that an index reaches."""
    return leading(src.reshape(as_vector(src.shape)), picks.shape, -1) if hasattr(src, "shape") else src


def write(xp, input, dim, index, src):
    if index.size == 0:
        return input.copy()
    out, view, picks, at = target(xp, input, dim, index)
    view[places(xp, picks, at)] = source_for(src, picks)
    return out


def padded(part, shape):
    """A gradient for a source of which only the first corner was read."""
    from tensight_runtime.ops.slicing import placed

    if tuple(part.shape) == tuple(shape):
        return part
    return placed(part, shape, tuple(slice(n) for n in part.shape))


# --- scatter ---------------------------------------------------------------------------------------------------------


@op(
    "torch.scatter", "Tensor.scatter",
    name="scatter", dtype=promote.same(), shape=scattered, inplace=True,
    accepts=["scatter(f32[3, 5], 0, i64[1, 5]{0..2}, f32[1, 5])", "scatter(i64[3, 5], 1, i64[2, 1]{0..4}, i64[3, 5])",
             "scatter(f32[], 0, i64[]{0..0}, f32[])", "scatter(i64[3], 0, i64[0], i64[3])"],
    rejects={"scatter(f32[3, 5], 0, i64[2, 5]{0..1}, f32[1, 5])": "Expected index [2, 5] to be no larger than self [3,",
             "scatter(f32[3, 5], 0, i64[2, 5]{0..1}, f64[3, 5])": "scatter(): Expected self.dtype to be equal to",
             "scatter(f32[3, 5], 0, i64[2]{0..1}, f32[3, 5])": "Index tensor must have the same number of dimensions",
             "scatter(f32[3, 5], 0, i64[2, 5]{9..9}, f32[3, 5])": "index 9 is out of bounds for dimension 0 with size"},
)  # fmt: skip
def scatter(xp, input: Tensor, dim: Int, index: Tensor, src: Tensor):
    """out[index[i][j]][j] = src[i][j] for dim 0, in a copy of the input.  Of several values for a place any may win."""
    return write(xp, input, dim, index, src)


@scatter.vjp("input")
def _(g, dim, index):
    return g.scatter(dim, index, 0)


@scatter.vjp("src")
def _(g, dim, index, src_shape):
    return padded(g.gather(dim, index), src_shape)


@op(
    "torch.scatter", "Tensor.scatter",
    name="scatter", overload="value", dtype=promote.same(), inplace=True, grad_name="ScatterBackward1",
    shape=lambda input, dim, index: scattered(input, dim, index),
    accepts=["scatter(f32[3, 5], 0, i64[2, 5]{0..2}, 1.5)", "scatter(i64[3, 5], 1, i64[3, 2]{0..4}, value=2)",
             "scatter(f32[3], 0, i64[4]{0..2}, 1)"],
    rejects={"scatter(f32[3, 5], 0, i64[2, 6]{0..2}, 1)": "Expected index [2, 6] to be no larger than self [3, 5]",
             "scatter(f32[3, 5], 0, f32[2, 5], 1)": "scatter(): Expected dtype int32/int64 for index"},
)  # fmt: skip
def scatter_value(xp, input: Tensor, dim: Int, index: Tensor, value: Num):
    """out[index[i][j]][j] = value for dim 0, in a copy of the input."""
    return write(xp, input, dim, index, value)


@scatter_value.vjp("input")
def _(g, dim, index):
    return g.scatter(dim, index, 0)


def combined(xp, input, dim, index, src, reduce: str):
    if index.size == 0:
        return input.copy()
    out, view, picks, at = target(xp, input, dim, index)
    where = places(xp, picks, at)
    values = xp.broadcast_to(xp.asarray(source_for(src, picks), input.dtype), picks.shape)
    (xp.add if reduce == "add" else xp.multiply).at(view, where, values)
    return out


def _reduce_dims(input, dim, index, reduce, src=None):
    if isinstance(reduce, str) and reduce not in ("add", "multiply"):
        raise Refused("reduce argument must be either add or multiply.")
    return scattered(input, dim, index, src)


@op(
    "torch.scatter", "Tensor.scatter",
    name="scatter", overload="reduce", dtype=promote.same(), inplace=True, grad_name="NotImplemented",
    shape=lambda input, dim, index, src, reduce: _reduce_dims(input, dim, index, reduce, src),
    accepts=["scatter(f32[3, 5], 0, i64[2, 5]{0..2}, f32[2, 5], reduce='add')"],
    rejects={"scatter(f32[3, 5], 0, i64[2, 5]{0..2}, f32[2, 5], reduce='sum')": "reduce argument must be either add"},
)  # fmt: skip
def scatter_reduced(xp, input: Tensor, dim: Int, index: Tensor, src: Tensor, *, reduce: Str):
    """Like `scatter`, but values are added to what is there, or multiplied with it."""
    return combined(xp, input, dim, index, src, reduce)


scatter_reduced.vjp("input")(not_derived("scatter"))
scatter_reduced.vjp("src")(not_derived("scatter"))


@op(
    "torch.scatter", "Tensor.scatter",
    name="scatter", overload="value_reduce", dtype=promote.same(), inplace=True, grad_name="NotImplemented",
    shape=lambda input, dim, index, reduce: _reduce_dims(input, dim, index, reduce),
    accepts=["scatter(f32[3, 5], 0, i64[2, 5]{0..2}, 2.0, reduce='multiply')"],
    rejects={"scatter(f32[3, 5], 0, i64[2, 5]{0..2}, 1, reduce='sum')": "reduce argument must be either add or"},
)  # fmt: skip
def scatter_value_reduced(xp, input: Tensor, dim: Int, index: Tensor, value: Num, *, reduce: Str):
    """Like `scatter` of a number, but it is added to what is there, or multiplied with it."""
    return combined(xp, input, dim, index, value, reduce)


scatter_value_reduced.vjp("input")(not_derived("scatter"))


@op(
    "torch.scatter_add", "Tensor.scatter_add",
    dtype=promote.same(), shape=scattered, inplace=True,
    accepts=["scatter_add(f32[3, 5], 0, i64[4, 5]{0..2}, f32[4, 5])", "scatter_add(i64[3], 0, i64[2]{0..2}, i64[4])",
             "scatter_add(f32[], 0, i64[]{0..0}, f32[])"],
    rejects={"scatter_add(f32[3, 5], 0, i64[2, 5]{0..1}, f32[1, 5])": "Expected index [2, 5] to be no larger than self",
             "scatter_add(f32[3, 5], 0, i64[2, 5]{0..1}, f64[3, 5])": "scatter(): Expected self.dtype to be equal to"},
)  # fmt: skip
def scatter_add(xp, input: Tensor, dim: Int, index: Tensor, src: Tensor):
    """out[index[i][j]][j] += src[i][j] for dim 0, in a copy of the input."""
    return combined(xp, input, dim, index, src, "add")


@scatter_add.vjp("input")
def _(g):
    return g


@scatter_add.vjp("src")
def _(g, dim, index, src_shape):
    return padded(g.gather(dim, index), src_shape)


# --- scatter_reduce --------------------------------------------------------------------------------------------------

REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")


def _reduction_dims(input, dim, index, src, reduce):
    if isinstance(reduce, str) and reduce not in REDUCTIONS:
        raise Refused(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    return scattered(input, dim, index, src)


@op(
    "torch.scatter_reduce", "Tensor.scatter_reduce",
    dtype=promote.same(), shape=_reduction_dims, inplace=True,
    accepts=["scatter_reduce(f32[3, 5], 0, i64[4, 5]{0..2}, f32[4, 5], 'sum')",
             "scatter_reduce(f32[3], 0, i64[4]{0..2}, f32[4], reduce='prod')",
             "scatter_reduce(f32[3, 5], 1, i64[3, 4]{0..4}, f32[3, 4], 'mean', include_self=False)",
             "scatter_reduce(f32[3], 0, i64[5]{0..1}, f32[5], 'amax')",
             "scatter_reduce(f32[3], 0, i64[4]{0..2}, f32[4], 'amin', include_self=False)",
             "scatter_reduce(i64[3], 0, i64[4]{0..2}, i64[4], 'mean')",
             "scatter_reduce(f32[3], 0, i64[2]{0..2}, f32[2], 'mean')"],
    rejects={"scatter_reduce(f32[3], 0, i64[2]{0..1}, f32[2], 'foo')": "reduce argument must be either sum, prod,"},
)  # fmt: skip
def scatter_reduce(xp, input: Tensor, dim: Int, index: Tensor, src: Tensor, reduce: Str, *, include_self: Bool = True):
    """What is at each place (with `include_self`) and all values for it, reduced to one, in a copy of the input."""
    if index.size == 0:
        return input.copy()
    out, view, picks, at = target(xp, input, dim, index)
    where = places(xp, picks, at)
    if not include_self:
        view[where] = _neutral(xp, input.dtype, reduce)
    values = source_for(src, picks)
    if reduce == "mean":
        counts = xp.full(view.shape, 1 if include_self else 0)
        xp.add.at(counts, where, 1)
        xp.add.at(view, where, values)
        view[...] = (xp.floor_divide if input.dtype.kind in "iu" else xp.divide)(
            view, xp.maximum(counts, 1).astype(input.dtype)
        )
    else:
        {"sum": xp.add, "prod": xp.multiply, "amax": xp.maximum, "amin": xp.minimum}[reduce].at(view, where, values)
    return out


def _neutral(xp, dtype, reduce: str):
    if reduce in ("sum", "mean"):
        return 0
    if reduce == "prod":
        return 1
    if dtype.kind == "f":
        return -xp.inf if reduce == "amax" else xp.inf
    if dtype.kind == "b":
        return reduce == "amin"
    return xp.iinfo(dtype).min if reduce == "amax" else xp.iinfo(dtype).max


@scatter_reduce.vjp("input", "src")
def _(g, input, dim, index, src, reduce, include_self, out):
    past, through = _reduce_gradients(g, input, dim, index, src, reduce, include_self, out)
    if not include_self:
        past = past.scatter(dim, index, 0)
    return past, through


def _reduce_gradients(g, input, dim, index, src, reduce, include_self, out):
    shape = tuple(src.shape)
    values = src if tuple(index.shape) == shape else src[tuple(slice(n) for n in index.shape)]
    if reduce == "sum":
        return g, padded(g.gather(dim, index), shape)
    if reduce == "mean":
        counts = (g.new_ones(g.shape) if include_self else g.new_zeros(g.shape)).scatter_add(
            dim, index, g.new_ones(index.shape)
        )
        share = g / counts.masked_fill(counts == 0, 1)
        return share, padded(share.gather(dim, index), shape)
    if reduce == "prod":
        return _prod_gradients(g, input, dim, index, values, include_self, out, shape)
    own, theirs = (input == out).to(g.dtype), (values == out.gather(dim, index)).to(g.dtype)
    if not include_self:
        own = own.scatter(dim, index, 0)
    share = g / own.scatter_add(dim, index, theirs)
    return (input == out).to(g.dtype) * share, padded(theirs * share.gather(dim, index), shape)


def _prod_gradients(g, input, dim, index, values, include_self, out, shape):
    """The product of the others: by division, and anew where the one in question is the only zero."""
    safe = input.masked_fill(input == 0, 1)
    past = g * safe.scatter_reduce(dim, index, values, "prod", include_self=include_self) / safe
    zero = values == 0
    zeros = input.new_zeros(input.shape).scatter_add(dim, index, zero.to(input.dtype)).gather(dim, index)
    alone = zero.logical_and(zeros == 1)
    others = input.scatter_reduce(dim, index, values.masked_fill(alone, 1), "prod", include_self=include_self)
    direct = (g * out).gather(dim, index) / values.masked_fill(zero, 1)
    return past, padded((g * others).gather(dim, index).where(alone, direct), shape)


@op(
    "torch.index_reduce", "Tensor.index_reduce",
    dtype=promote.same(), inplace=True,
    shape=lambda input, dim, index, source, reduce: _index_reduce_dims(input, dim, index, source, reduce),
    accepts=["index_reduce(f32[3, 5], 0, i64[2]{0..2}, f32[2, 5], 'prod')",
             "index_reduce(f32[3], 0, i64[4]{0..2}, f32[4], 'amax', include_self=False)"],
    rejects={"index_reduce(f32[3, 5], 0, i64[2]{0..2}, f32[2, 5], 'sum')": "index_reduce(): Expected reduce to be one"},
)  # fmt: skip
def index_reduce(xp, input: Tensor, dim: Int, index: Tensor, source: Tensor, reduce: Str, *, include_self: Bool = True):
    """Slices of `source` reduced with those of the input that `index` names, in a copy of the input."""
    where = index.reshape(_alone(source, dim))
    return scatter_reduce.kernel(
        xp, input, dim, xp.broadcast_to(where, source.shape), source, reduce, include_self=include_self
    )


def _alone(source, dim) -> list[int]:
    """The shape that lays an index vector along a dim of the source."""
    return [-1 if d == int(dim) % source.ndim else 1 for d in range(source.ndim)]


@index_reduce.vjp("input", "source")
def _(g, input, dim, index, source, reduce, include_self, out):
    where = index.long().reshape(_alone(source, dim)).expand(source.shape)
    past, through = _reduce_gradients(g, input, dim, where, source, reduce, include_self, out)
    return past if include_self else past.scatter(dim, where, 0), through


def _index_reduce_dims(input, dim, index, source, reduce):
    from tensight_runtime.ops.placing import added

    if isinstance(reduce, str) and reduce not in REDUCTIONS[1:]:
        raise Refused(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    return added(input, dim, index, source, "index_reduce_()")
