"""Slices written or added where an index or a mask says: index_add, index_copy, index_fill, put, masked_scatter."""

from tensight_runtime.ops.gathering import as_vector, bounded, flat_places, integral, long
from tensight_runtime.ops.slicing import along, placed
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import eq
from tensight_runtime.spec.dtype import bool_, int64
from tensight_runtime.spec.kind import Bool, Int, Num, Tensor
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import Refused, require
from tensight_runtime.spec.shape import axis, broadcast_dims

# --- index_add, index_copy, index_fill -------------------------------------------------------------------------------


def added(input, dim, index, source, name="index_add_()"):
    """The input's dims; the source has as many slices as the index has elements, and otherwise the input's sizes."""
    if len(index.shape) > 1:
        kind = scalar_name(index.dtype) if index.dtype else "Long"
        raise Refused(f"{name}: Index is supposed to be a vector, but got dim: {len(index.shape)} with type: {kind} "
                      f"and size: "
                      f"[{', '.join(map(str, index.shape))}]", IndexError)  # fmt: skip
    integral(
        index,
        f"{name}: Expected dtype int32/int64 for index but got: {scalar_name(index.dtype) if index.dtype else ''}",
    )
    if input.dtype and source.dtype and input.dtype is not source.dtype:
        raise Refused(
            f"{name}: self ({scalar_name(input.dtype)}) and source ({scalar_name(source.dtype)}) must have the same "
            f"scalar type"
        )
    shape, other, count = input.shape, source.shape, as_vector(index.shape)[0]
    at = axis(dim, len(shape))
    if other and at >= len(other):
        raise Refused(f"{name}: Indexing dim {at} is out of bounds of the source tensor with dim {len(other)}")
    message = (
        "source tensor shape must match self tensor shape, excluding the specified dimension. "
        "Got self.shape = {} source.shape = {}"
    )
    if len(shape) != len(other):
        require(False, message, shape, other)
    for d, (have, want) in enumerate(zip(shape, other, strict=True)):
        if d != at:
            require(eq(have, want), message, shape, other)
    if other:
        require(eq(count, other[at]), name + ": Number of indices ({}) should be equal to source.size(dim): ({}), "
                                             "for dim: {}", count,
                other[at], at)  # fmt: skip
    return shape


@op(
    "torch.index_add", "Tensor.index_add",
    dtype=promote.same(), shape=lambda input, dim, index, source: added(input, dim, index, source), inplace=True,
    accepts=["index_add(f32[3, 5], 0, i64[4]{0..2}, f32[4, 5])",
             "index_add(f32[3, 5], -1, i32[2]{0..4}, f32[3, 2], alpha=2)",
             "index_add(i64[3], 0, i64[4]{0..2}, i64[4])", "index_add(f32[3], 0, i64[]{0..2}, f32[1])",
             "index_add(f32[], 0, i64[]{0..0}, f32[])"],
    rejects={"index_add(f32[3, 5], 0, i64[2]{0..1}, f32[3, 5])": "index_add_(): Number of indices (2) should be equal",
             "index_add(f32[3, 5], 0, i64[2]{0..1}, f32[2, 4])": "source tensor shape must match self tensor shape,",
             "index_add(f32[3, 5], 0, i64[2]{0..1}, f64[2, 5])": "index_add_(): self (Float) and source (Double) must",
             "index_add(f32[3, 5], 0, i64[2]{7..7}, f32[2, 5])": "index 7 is out of bounds for dimension 0 with size"},
)  # fmt: skip
def index_add(xp, input: Tensor, dim: Int, index: Tensor, source: Tensor, *, alpha: Num = 1):
    """The slices of `source` (times alpha) added to those of the input that `index` names, in a copy."""
    out = input.copy()
    if input.ndim == 0:
        out += source * alpha
        return out
    at = axis(int(dim), input.ndim)
    bounded(xp, index, input.shape[at], f"index {{}} is out of bounds for dimension 0 with size {input.shape[at]}")
    rows = xp.moveaxis(source, at, 0)
    add_rows(xp, xp.moveaxis(out, at, 0), index.reshape(-1), rows if alpha == 1 else (rows * alpha).astype(input.dtype))
    return out


def add_rows(xp, out, index, rows) -> None:
    """out[index[k]] += rows[k] for all k: sorted and summed by groups where that is worth it."""
    if rows.ndim == 1 or index.size < 512:
        xp.add.at(out, index, rows)
        return
    order = xp.argsort(index, kind="stable")
    ordered = index[order]
    starts = xp.flatnonzero(xp.concatenate((xp.ones(1, bool), ordered[1:] != ordered[:-1])))
    out[ordered[starts]] += xp.add.reduceat(rows[order], starts, axis=0)


@index_add.vjp("input")
def _(g):
    return g


@index_add.vjp("source")
def _(g, source, dim, index, source_shape, alpha):
    part = g.index_select(dim, index) if source_shape else g
    return (part if alpha == 1 else part * alpha).reshape(source_shape)


def copied(input, dim, index, source):
    if len(index.shape) > 1:
        raise Refused(f"index_copy_(): Index should have dimension 1 or 0 (got {len(index.shape)})", IndexError)
    long(index, "index_copy_(): Expected a long tensor for index, but got {}")
    if input.dtype and source.dtype and input.dtype is not source.dtype:
        raise Refused("index_copy_(): self and source expected to have the same dtype, but got (self) "
                      f"{scalar_name(input.dtype)} and (source) {scalar_name(source.dtype)}")  # fmt: skip
    shape, other, count = input.shape, source.shape, as_vector(index.shape)[0]
    at = axis(dim, len(shape))
    if shape and other and len(shape) != len(other):
        raise Refused(
            "index_copy_(): When source and destination are not scalars, their dimensionality must match. "
            f"Source dimensionality ({len(other)}), destination dimensionality ({len(shape)})",
            IndexError,
        )
    if shape and other:
        mine, theirs = shape[:at] + shape[at + 1 :], other[:at] + other[at + 1 :]
        for have, want in zip(mine, theirs, strict=True):
            require(
                eq(have, want),
                "index_copy_(): Source/destination tensor must have same slice shapes. Destination slice shape: "
                "{} at dimension {} and source slice shape: {} at dimension 0.",
                _spaced(mine), at, _spaced(theirs),
            )  # fmt: skip
    if other:
        require(
            eq(count, other[at]),
            "index_copy_(): Number of indices ({}) should be equal to source.size(dim) ({})",
            count, other[at], error=IndexError,
        )  # fmt: skip
    return shape


def _spaced(dims) -> str:
    return " ".join(map(str, dims))


@op(
    "torch.index_copy", "Tensor.index_copy",
    dtype=promote.same(), shape=copied, inplace=True,
    accepts=["index_copy(f32[3, 5], 0, i64[1]{2..2}, f32[1, 5])", "index_copy(f32[3, 5], 1, i64[]{0..2}, f32[3, 1])",
             "index_copy(f32[3], 0, i64[]{0..2}, f32[])"],
    rejects={"index_copy(f32[3, 5], 0, i64[2]{0..1}, f32[3, 5])": "index_copy_(): Number of indices (2) should be",
             "index_copy(f32[3, 5], 0, i64[2]{0..1}, f32[2])": "index_copy_(): When source and destination are not",
             "index_copy(f32[3, 5], 0, i32[2]{0..1}, f32[2, 5])": "index_copy_(): Expected a long tensor for index,",
             "index_copy(f32[3], 0, i64[2]{7..7}, f32[2])": "index_copy_(): index 7 is out of bounds for dimension 0"},
)  # fmt: skip
def index_copy(xp, input: Tensor, dim: Int, index: Tensor, source: Tensor):
    """The slices of `source` written over those of the input that `index` names, in a copy."""
    at = axis(int(dim), input.ndim)
    size = as_vector(input.shape)[at]
    bounded(
        xp, index, size, f"index_copy_(): index {{}} is out of bounds for dimension {at} with size {size}", IndexError
    )
    out = input.copy()
    view = out.reshape(as_vector(out.shape))
    view[along(at, index.reshape(-1))] = source
    return out


@index_copy.vjp("input")
def _(g, dim, index):
    return g.index_fill(dim, index, 0)


@index_copy.vjp("source")
def _(g, source, dim, index, source_shape):
    return g.index_select(dim, index).reshape(source_shape)


def _fill_dims(input, dim, index, value=None):
    if index.dtype not in (None, int64):
        raise Refused("index_fill_(): Expected dtype int64 for index.", IndexError)
    if len(index.shape) > 1:
        raise Refused("Index has to be a vector/scalar")
    if getattr(value, "fact", None) is not None and value.shape:
        raise Refused(
            f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {len(value.shape)} "
            f"dimension(s)."
        )
    axis(dim, input.ndim)
    return input.shape


def _filled(xp, input, dim, index, value):
    at = axis(int(dim), input.ndim)
    size = as_vector(input.shape)[at]
    bounded(xp, index, size, f"index {{}} is out of bounds for dimension {at} with size {size}", IndexError, -size)
    out = input.copy()
    out.reshape(as_vector(out.shape))[along(at, index.reshape(-1))] = value
    return out


@op(
    "torch.index_fill", "Tensor.index_fill",
    dtype=promote.same(), shape=_fill_dims, inplace=True, grad_name="IndexFillBackward1",
    accepts=["index_fill(f32[3, 5], 0, i64[2]{0..2}, f32[])"],
    rejects={"index_fill(f32[3, 5], 0, i64[2]{0..2}, f32[1])": "index_fill_ only supports a 0-dimensional value"},
)  # fmt: skip
def index_fill(xp, input: Tensor, dim: Int, index: Tensor, value: Tensor):
    """A 0-dim tensor written over the slices that `index` names, in a copy."""
    return _filled(xp, input, dim, index, value)


@index_fill.vjp("input")
def _(g, dim, index):
    return g.index_fill(dim, index, 0)


@index_fill.vjp("value")
def _(g, dim, index):
    return g.index_select(dim, index.unique()).sum()


@op(
    "torch.index_fill", "Tensor.index_fill",
    name="index_fill", overload="number", dtype=promote.same(), inplace=True,
    shape=lambda input, dim, index: _fill_dims(input, dim, index),
    accepts=["index_fill(f32[3, 5], 0, i64[2]{-1..2}, 1.5)", "index_fill(i64[3, 5], -1, i64[]{0..2}, 7)"],
    rejects={"index_fill(f32[3, 5], 0, i64[2, 2]{0..1}, 1)": "Index has to be a vector/scalar",
             "index_fill(f32[3, 5], 0, i32[2]{0..1}, 1)": "index_fill_(): Expected dtype int64 for index.",
             "index_fill(f32[3, 5], 0, i64[1]{5..5}, 1)": "index 5 is out of bounds for dimension 0 with size 3"},
)  # fmt: skip
def index_fill_number(xp, input: Tensor, dim: Int, index: Tensor, value: Num):
    """A number written over the slices that `index` names, in a copy."""
    return _filled(xp, input, dim, index, value)


@index_fill_number.vjp("input")
def _(g, dim, index):
    return g.index_fill(dim, index, 0)


# --- put, masked_scatter ---------------------------------------------------------------------------------------------


def _put_dims(input, index, source):
    long(index, "put_(): Expected a long tensor for index, but got {}")
    if input.dtype and source.dtype and input.dtype is not source.dtype:
        raise Refused("put_(): self and source expected to have the same dtype, but got self.dtype = "
                      f"{scalar_name(input.dtype)} and source.dtype = {scalar_name(source.dtype)}")  # fmt: skip
    require(eq(source.numel, index.numel), "put_(): Expected source and index to have the same number of elements, "
                                           "but got "
            "source.numel() = {}, index.numel() = {}", source.numel, index.numel, error=IndexError)  # fmt: skip
    return input.shape


@op(
    "torch.put", "Tensor.put",
    dtype=promote.same(), shape=_put_dims, inplace=True,
    accepts=["put(f32[3, 5], i64[2, 2]{-3..0}, f32[4], True)", "put(f32[3, 5], i64[1]{0..14}, f32[])"],
    rejects={"put(f32[3], i64[2]{0..2}, f32[3])": "put_(): Expected source and index to have the same number of",
             "put(f32[3], i64[1]{15..15}, f32[1])": "out of range: tried to access index 15 on a tensor of 3"},
)  # fmt: skip
def put(xp, input: Tensor, index: Tensor, source: Tensor, accumulate: Bool = False):
    """Elements of `source` written (or added) at places of the flattened input, in a copy."""
    out = input.copy()
    flat, where = out.reshape(-1), flat_places(xp, index, input.size).reshape(-1)
    if accumulate:
        xp.add.at(flat, where, source.reshape(-1))
    else:
        flat[where] = source.reshape(-1)
    return out.reshape(input.shape)


@put.vjp("input")
def _(g, index, accumulate):
    return g if accumulate else g.put(index, g.new_zeros(index.shape))


@put.vjp("source")
def _(g, source, index, source_shape):
    return g.take(index).reshape(source_shape)


def _masked_dims(input, mask, source):
    if mask.dtype not in (None, bool_):
        raise Refused(f"masked_scatter_ only supports boolean masks, but got mask with dtype {scalar_name(mask.dtype)}")
    if input.dtype and source.dtype and input.dtype is not source.dtype:
        raise Refused("masked_scatter: expected self and source to have same dtypes but got"
                      f"{scalar_name(input.dtype)} and {scalar_name(source.dtype)}")  # fmt: skip
    return broadcast_dims(mask.shape, input.shape)


@op(
    "torch.masked_scatter", "Tensor.masked_scatter",
    dtype=promote.same(), shape=_masked_dims, inplace=True,
    accepts=["masked_scatter(f32[3, 5], bool[3, 5], f32[15])", "masked_scatter(f32[3, 5], bool[5], f32[4, 5])",
             "masked_scatter(f32[5], bool[3, 1], f32[15])"],
    rejects={"masked_scatter(f32[3, 5], bool[3], f32[15])": "The size of tensor a (3) must match the size of tensor b",
             "masked_scatter(f32[3, 5], i64[3, 5], f32[15])": "masked_scatter_ only supports boolean masks, but got",
             "masked_scatter(f32[3, 5], bool[5], f32[1])": "Number of elements of source < number of ones in mask"},
)  # fmt: skip
def masked_scatter(xp, input: Tensor, mask: Tensor, source: Tensor):
    """The elements where the mask is True replaced, in order, by those of `source`, in a copy."""
    array, where = xp.broadcast_arrays(input, mask)
    out = array.copy()
    count = int(where.sum())
    if count > source.size:
        raise RuntimeError("Number of elements of source < number of ones in mask")
    out[where] = source.reshape(-1)[:count]
    return out


@masked_scatter.vjp("input")
def _(g, mask):
    return g.masked_fill(mask, 0)


@masked_scatter.vjp("source")
def _(g, mask, source_shape):
    part = g.masked_select(mask)
    flat = 1
    for n in source_shape:
        flat *= n
    return placed(part, (flat,), (slice(part.shape[0]),)).reshape(source_shape)
