"""Elements picked by an index tensor: gather, index_select, take, take_along_dim, masked_select, nonzero."""

from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import eq, le
from tensight_runtime.spec.dtype import bool_, int32, int64
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.kind import Bool, Int, Kind, OptInt, Tensor
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import Refused, require
from tensight_runtime.spec.shape import axis, broadcast_dims
from tensight_runtime.spec.size import UNKNOWN


def integral(index: Fact, message: str, error=RuntimeError) -> None:
    """Demand an index of int32 or int64."""
    if index.dtype not in (None, int32, int64):
        raise Refused(message, error)


def long(index: Fact, message: str, error=RuntimeError) -> None:
    """Demand an index of int64; `{}` in the message is what it is instead."""
    if index.dtype not in (None, int64):
        raise Refused(message.format(scalar_name(index.dtype)), error)


def as_vector(shape):
    """A 0-dim tensor counts as a vector of one element."""
    return shape or (1,)


def bounded(xp, index, size: int, message: str, error=RuntimeError, low: int = 0):
    """Check an index array's values; `{}` in the message is the first one that is not in [low, size)."""
    if index.size and (int(index.max()) >= size or int(index.min()) < low):
        wrong = (index < low) | (index >= size)
        raise error(message.format(int(index[wrong].reshape(-1)[0])))
    return index


def leading(array, shape, at: int):
    """The corner of an array that an index of `shape` reaches: all of dim `at`, the first elements of the others."""
    return array[tuple(slice(None) if d == at else slice(n) for d, n in enumerate(shape))]


# --- gather, take_along_dim ------------------------------------------------------------------------------------------


def gathered(input, dim, index):
    if index.dtype not in (None, int32, int64):
        require(eq(index.numel, 0), "gather(): Expected dtype int32/int64 for index")
    shape, picks = as_vector(input.shape), as_vector(index.shape)
    at = axis(dim, len(shape))
    if len(shape) != len(picks):
        require(eq(index.numel, 0), "Index tensor must have the same number of dimensions as input tensor")
        return index.shape
    for d, (have, want) in enumerate(zip(shape, picks, strict=True)):
        if d != at:
            require(le(want, have), "Size does not match at dimension {} expected index {} to be no larger than self "
                                    "{} apart from "
                    "dimension {}", d, index.shape, input.shape, at)  # fmt: skip
    return index.shape


def gather_array(xp, input, dim: int, index):
    """Kernel of `gather`."""
    if index.size == 0:
        return xp.zeros(index.shape, input.dtype)
    array, picks = input.reshape(as_vector(input.shape)), index.reshape(as_vector(index.shape))
    at = axis(dim, array.ndim)
    size = array.shape[at]
    bounded(xp, picks, size, f"index {{}} is out of bounds for dimension {at} with size {size}")
    return array[places(xp, picks, at)].reshape(index.shape)


def places(xp, picks, at: int) -> tuple:
    """An index for all dims: `picks` at dim `at`, every place of its own in the others."""
    ndim = picks.ndim
    grids = [xp.arange(n).reshape((-1,) + (1,) * (ndim - 1 - d)) for d, n in enumerate(picks.shape)]
    return tuple(picks if d == at else grid for d, grid in enumerate(grids))


@op(
    "torch.gather", "Tensor.gather",
    dtype=promote.same(), shape=gathered,
    accepts=["gather(f32[3, 5], 1, i64[2, 3]{0..4})", "gather(f32[3, 5], -2, i64[4, 5]{0..2})",
             "gather(f32[], 0, i64[]{0..0})",
             "gather(f32[3, 5], 0, i64[2, 0]{0..2})", "gather(f32[4], 0, i32[6]{0..3})"],
    rejects={"gather(f32[3, 5], 1, i64[4, 3]{0..2})": "Size does not match at dimension 0 expected index [4, 3] to be",
             "gather(f32[3, 5], 1, i64[4]{0..2})": "Index tensor must have the same number of dimensions as input",
             "gather(f32[3, 5], 1, f32[2, 3])": "gather(): Expected dtype int32/int64 for index",
             "gather(f32[3, 5], 1, i64[2, 3]{7..7})": "index 7 is out of bounds for dimension 1 with size 5"},
)  # fmt: skip
def gather(xp, input: Tensor, dim: Int, index: Tensor, *, sparse_grad: Bool = False):
    """out[i][j] = input[index[i][j]][j] for dim 0: of the index's shape, in the other dims no larger than the input."""
    return gather_array(xp, input, int(dim), index)


@gather.vjp("input")
def _(g, input, input_shape, dim, index):
    return g.new_zeros(input_shape).scatter_add(dim, index, g)


def along_dim(input, indices, dim=None):
    long(indices, "torch.take_along_dim(): dtype of indices should be Long but got {}")
    if dim is None:
        return (indices.numel,)
    shape, picks = input.shape, indices.shape
    if len(shape) != len(picks):
        raise Refused(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{len(shape)} dimensions for input, and {len(picks)} dimensions for indices"
        )
    at = axis(dim, len(shape))
    dims = broadcast_dims((*shape[:at], 1, *shape[at + 1 :]), (*picks[:at], 1, *picks[at + 1 :]))
    return (*dims[:at], picks[at], *dims[at + 1 :])


@op(
    "torch.take_along_dim", "Tensor.take_along_dim",
    dtype=promote.same(), shape=along_dim, grad_name="GatherBackward0",
    accepts=["take_along_dim(f32[3, 5], i64[3, 1]{0..4}, 1)", "take_along_dim(f32[3, 5], i64[1, 2]{0..4}, dim=-1)",
             "take_along_dim(f32[3, 5], i64[2, 2]{0..14})"],
    rejects={"take_along_dim(f32[3, 5], i64[2]{0..1}, 1)": "torch.take_along_dim(): input and indices should have the",
             "take_along_dim(f32[3, 5], i64[4, 2]{0..1}, 1)": "The size of tensor a (3) must match the size of tensor",
             "take_along_dim(f32[3, 5], i32[3, 1]{0..1}, 1)": "torch.take_along_dim(): dtype of indices should be"},
)  # fmt: skip
def take_along_dim(xp, input: Tensor, indices: Tensor, dim: OptInt = None):
    """Like `gather`, but the sizes apart from `dim` broadcast; without `dim` both are flattened."""
    if dim is None:
        return xp.take(input.reshape(-1), flat_places(xp, indices.reshape(-1), input.size))
    array, picks, at = _aligned(xp, input, indices, int(dim))
    size = array.shape[at]
    return gather_array(xp, array, at, xp.where(picks < 0, picks + size, picks))


def _aligned(xp, input, indices, dim: int):
    """Input and indices broadcast against each other apart from `dim`."""
    at = axis(dim, input.ndim)
    rest = lambda shape, n: (*shape[:at], n, *shape[at + 1 :])
    dims = broadcast_dims(rest(input.shape, 1), rest(indices.shape, 1))
    array = xp.broadcast_to(input, rest(dims, input.shape[at]))
    return array, xp.broadcast_to(indices, rest(dims, indices.shape[at])), at


@take_along_dim.vjp("input")
def _(g, input, input_shape, indices, dim):
    if dim is None:
        return g.new_zeros(input_shape).put(indices, g, True)
    at = dim % len(input_shape)
    shape = (*g.shape[:at], input_shape[at], *g.shape[at + 1 :])
    places = indices.where(indices >= 0, indices + input_shape[at]).expand(g.shape)
    return g.new_zeros(shape).scatter_add(at, places, g)


# --- index_select, take ----------------------------------------------------------------------------------------------


def selected(input, dim, index):
    integral(index, "index_select(): Expected dtype int32 or int64 for index")
    if len(index.shape) > 1:
        raise Refused("index_select(): Index is supposed to be a vector", IndexError)
    at, count = axis(dim, input.ndim), as_vector(index.shape)[0]
    shape = input.shape
    if not shape:
        require(eq(count, 1), "index_select(): Index to scalar can have only 1 value, got {} value(s)", count)
        return ()
    return (*shape[:at], count, *shape[at + 1 :])


@op(
    "torch.index_select", "Tensor.index_select",
    dtype=promote.same(), shape=selected,
    accepts=["index_select(f32[3, 5], 0, i64[4]{0..2})", "index_select(f32[3, 5], -1, i32[2]{0..4})",
             "index_select(f32[3, 5], 1, i64[]{0..4})",
             "index_select(f32[0, 5], 0, i64[0])", "index_select(f32[], 0, i64[1]{0..0})"],
    rejects={"index_select(f32[3, 5], 0, i64[2, 2]{0..1})": "index_select(): Index is supposed to be a vector",
             "index_select(f32[3, 5], 0, f32[2])": "index_select(): Expected dtype int32 or int64 for index",
             "index_select(f32[3, 5], 0, i64[2]{3..3})": "index out of range in self"},
)  # fmt: skip
def index_select(xp, input: Tensor, dim: Int, index: Tensor):
    """The slices of dim `dim` that the vector `index` names, copied."""
    if input.ndim == 0:
        return input.copy()
    at = axis(int(dim), input.ndim)
    bounded(xp, index, input.shape[at], "index out of range in self", IndexError)
    return xp.take(input, index.reshape(-1), axis=at)


@index_select.vjp("input")
def _(g, input_shape, dim, index):
    return g.new_zeros(input_shape).index_add(dim, index, g)


def taken(input, index):
    long(index, "take(): Expected a long tensor for index, but got {}")
    if eq(input.numel, 0) is True:
        require(eq(index.numel, 0), "take(): tried to take from an empty tensor", error=IndexError)
    return index.shape


@op(
    "torch.take", "Tensor.take",
    dtype=promote.same(), shape=taken,
    accepts=["take(f32[3, 5], i64[2, 2]{-15..14})", "take(f32[3], i64[]{0..2})", "take(f32[3], i64[0])"],
    rejects={"take(f32[3, 5], i64[2]{15..15})": "out of range: tried to access index 15 on a tensor of 15 elements.",
             "take(f32[3, 5], f32[2])": "take(): Expected a long tensor for index, but got Float"},
)  # fmt: skip
def take(xp, input: Tensor, index: Tensor):
    """The elements of the flattened input at `index`, in the index's shape."""
    return xp.take(input.reshape(-1), flat_places(xp, index, input.size))


def flat_places(xp, index, size: int):
    return bounded(
        xp, index, size, f"out of range: tried to access index {{}} on a tensor of {size} elements.", IndexError, -size
    )


@take.vjp("input")
def _(g, input, input_shape, index):
    return g.new_zeros(input_shape).put(index, g, True)


# --- masked_select, nonzero ------------------------------------------------------------------------------------------


def _mask_count(input, mask):
    if mask.dtype not in (None, bool_):
        raise Refused("masked_select: expected BoolTensor for mask")
    if input.dims is not None and mask.dims is not None:
        broadcast_dims(mask.shape, input.shape)
    return (UNKNOWN,)


@op(
    "torch.masked_select", "Tensor.masked_select",
    dtype=promote.same(), shape=_mask_count, syncs=True,
    accepts=["masked_select(f32[3, 5], bool[3, 5])", "masked_select(f32[3, 5], bool[5])",
             "masked_select(f32[5], bool[3, 1])"],
    rejects={"masked_select(f32[3, 5], bool[2])": "The size of tensor a (2) must match the size of tensor b (5) at",
             "masked_select(f32[3, 5], i64[3, 5])": "masked_select: expected BoolTensor for mask"},
)  # fmt: skip
def masked_select(xp, input: Tensor, mask: Tensor):
    """The elements where the mask is True, as a vector; how many depends on the values."""
    array, where = xp.broadcast_arrays(input, mask)
    return array[where]


@masked_select.vjp("input")
def _(g, input, input_shape, mask):
    return g.new_zeros(broadcast_dims(tuple(input_shape), tuple(mask.shape))).masked_scatter(mask, g)


@op(
    "torch.argwhere", "Tensor.argwhere",
    syncs=True, dtype=int64,
    accepts=["argwhere(f32[3, 5])", "argwhere(bool[])", "argwhere(i64[4]{0..1})"],
)  # fmt: skip
def argwhere(xp, input: Tensor):
    """The places of the nonzero elements, a row for each; how many depends on the values."""
    return xp.stack(xp.nonzero(input), -1) if input.ndim else xp.zeros((int(bool(input)), 0), "int64")


@argwhere.rule
def _(input):
    return _places(input)


def _places(input):
    ndim = UNKNOWN if input.dims is None else len(input.dims)
    return Fact(int64, (UNKNOWN, ndim), input.device, contiguous=None)


def _columns(input):
    """A vector per dim, of one unknown length."""
    if input.dims is None:
        return None
    return tuple(Fact(int64, (UNKNOWN,), input.device, interval=(0, size)) for size in as_vector(input.dims))


_Yes = Kind("bool", lambda value: True if value is True else False if isinstance(value, (bool, type(None))) else None)


@op(
    "torch.nonzero", "Tensor.nonzero",
    name="nonzero", overload="tuple", syncs=True, returns="tuple",
    accepts=["nonzero(f32[3, 5], as_tuple=True)", "nonzero(bool[], as_tuple=True)"],
)  # fmt: skip
def nonzero_tuple(xp, input: Tensor, *, as_tuple: _Yes):
    """The places of the nonzero elements, a vector for each dim."""
    return [xp.ascontiguousarray(places) for places in xp.nonzero(input.reshape(as_vector(input.shape)))]


@nonzero_tuple.rule
def _(input):
    return _columns(input)


@op(
    "torch.nonzero", "Tensor.nonzero",
    syncs=True, dtype=int64,
    accepts=["nonzero(f32[3, 5])", "nonzero(bool[3])", "nonzero(i64[0, 2])", "nonzero(f32[2], as_tuple=False)"],
)  # fmt: skip
def nonzero(xp, input: Tensor, *, as_tuple: Bool = False):
    """The places of the nonzero elements, a row for each; how many depends on the values."""
    return argwhere.kernel(xp, input)


@nonzero.rule
def _(input):
    return _places(input)


@op(
    "torch.where",
    name="where", overload="nonzero", syncs=True, returns="tuple",
    accepts=["where(bool[3, 5])", "where(f32[4])"],
)  # fmt: skip
def where_nonzero(xp, condition: Tensor):
    """`nonzero(condition, as_tuple=True)`."""
    return nonzero_tuple.kernel(xp, condition, as_tuple=True)


@where_nonzero.rule
def _(condition):
    return _columns(condition)
