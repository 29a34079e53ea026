"""Several tensors made one: cat, stack, hstack, vstack, block_diag and their kin."""

from tensight_runtime.ops.slicing import along
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import eq
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.kind import Int, Tensors, UnknownLike
from tensight_runtime.spec.op import op
from tensight_runtime.spec.require import RankUnknown, Refused, require
from tensight_runtime.spec.shape import axis
from tensight_runtime.spec.size import UNKNOWN, product, total


def facts_of(tensors) -> list[Fact]:
    if isinstance(tensors, UnknownLike):
        raise RankUnknown
    return [t.fact for t in tensors]


# --- cat, stack ------------------------------------------------------------------------------------------------------


def joined(shapes, dim):
    """Dims of `cat`; None stands for an unknown shape.  A 1-d tensor without elements is passed over, as torch does."""
    if not shapes:
        raise Refused("torch.cat(): expected a non-empty list of Tensors", ValueError)
    for i, shape in enumerate(shapes):
        if shape == ():
            raise Refused(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
    known = [
        (i, s) for i, s in enumerate(shapes) if s is not None and not (len(s) == 1 and type(s[0]) is int and s[0] == 0)
    ]
    if not known:
        if None in shapes:
            raise RankUnknown
        axis(dim, 1)
        return (0,)
    first, ndim = len(known[0][1]), max(len(s) for _, s in known)
    for _, shape in known:
        ranks = (first, len(shape)) if len(shape) != first else (first, ndim)
        if len(shape) == 1 < ndim:  # passed over if it is empty, refused otherwise
            require(eq(shape[0], 0), "Tensors must have same number of dimensions: got {} and {}", *ranks)
        elif len(shape) != ndim:
            raise Refused("Tensors must have same number of dimensions: got {} and {}".format(*ranks))
    if not isinstance(dim, int):
        return (UNKNOWN,) * ndim
    known = [(i, s) for i, s in known if len(s) == ndim]
    at = axis(dim, ndim)
    open_ = None in shapes
    dims = []
    for d in range(ndim):
        if d == at:
            dims.append(UNKNOWN if open_ else total(s[d] for _, s in known))
            continue
        best = known[0][1][d]
        for i, shape in known[1:]:
            require(eq(best, shape[d]), "Sizes of tensors must match except in dimension {}. Expected size {} but "
                                        "got size {} for "
                    "tensor number {} in the list.", at, best, shape[d], i)  # fmt: skip
            best = shape[d] if best is UNKNOWN or type(shape[d]) is int else best
        dims.append(best)
    return tuple(dims)


def _cat_dims(tensors, dim):
    return joined([f.dims for f in facts_of(tensors)], dim)


@op(
    "torch.cat", "torch.concat", "torch.concatenate",
    dtype=promote.promoted(), shape=_cat_dims, autocast="promote",
    accepts=["cat([f32[2, 3], f32[2, 4]], 1)", "cat([f32[2, 3], f32[0], f32[1, 3]])", "cat([i32[2], bool[0]])",
             "cat((f32[2, 3], f64[2, 3]), dim=-1)", "cat([f32[0, 3], f32[2, 3]])"],
    rejects={"cat([f32[2, 3], f32[2, 4]])": "Sizes of tensors must match except in dimension 0. Expected size 3 but",
             "cat([f32[2, 3], f32[2]])": "Tensors must have same number of dimensions: got 2 and 1",
             "cat([f32[2], f32[]])": "zero-dimensional tensor (at position 1) cannot be concatenated",
             "cat([])": "torch.cat(): expected a non-empty list of Tensors"},
)  # fmt: skip
def cat(xp, tensors: Tensors, dim: Int = 0):
    """Tensors one after another along a dim; the other sizes must agree."""
    ndim = max(t.ndim for t in tensors)
    return xp.concatenate([t for t in tensors if t.ndim == ndim], int(dim))


@cat.vjp("tensors")
def _(g, tensors_shape, dim):
    at, start, parts = dim % g.dim(), 0, []
    for shape in tensors_shape:
        empty = len(shape) == 1 < g.dim()
        size = 0 if empty else shape[at]
        part = g.narrow(at, start, size)
        parts.append(part.reshape(shape) if empty else part)
        start += size
    return parts


def _stack_dims(tensors, dim):
    facts = facts_of(tensors)
    if not facts:
        raise Refused("stack expects a non-empty TensorList")
    shapes = [f.dims for f in facts if f.dims is not None]
    if not shapes:
        raise RankUnknown
    first, dims = shapes[0], list(shapes[0])
    message = "stack expects each tensor to be equal size, but got {} at entry 0 and {} at entry {}"
    for i, fact in enumerate(facts):
        if fact.dims is None:
            continue
        if len(fact.dims) != len(first):
            raise Refused(message.format(*(f"[{', '.join(map(str, s))}]" for s in (first, fact.dims)), i))
        for d, size in enumerate(fact.dims):
            require(eq(dims[d], size), message, first, fact.dims, i)
            if dims[d] is UNKNOWN or type(size) is int:
                dims[d] = size
    if not isinstance(dim, int):
        return (UNKNOWN,) * (len(dims) + 1)
    at = axis(dim, len(dims) + 1)
    return (*dims[:at], len(facts), *dims[at:])


@op(
    "torch.stack",
    dtype=promote.promoted(), shape=_stack_dims, autocast="promote",
    accepts=["stack([f32[2, 3], f32[2, 3]])", "stack([f32[2, 3], f32[2, 3]], -1)", "stack([f32[], f64[]])",
             "stack((i64[0],), dim=1)"],
    rejects={"stack([f32[2, 3], f32[2, 4]])": "stack expects each tensor to be equal size, but got [2, 3] at entry 0",
             "stack([f32[2, 3]], 3)": "Dimension out of range (expected to be in range of [-3, 2], but got 3)",
             "stack([])": "stack expects a non-empty TensorList"},
)  # fmt: skip
def stack(xp, tensors: Tensors, dim: Int = 0):
    """Tensors of one shape side by side along a new dim."""
    at = axis(int(dim), tensors[0].ndim + 1)
    return xp.concatenate([t[along(at, None)] for t in tensors], at)


@stack.vjp("tensors")
def _(g, dim):
    return g.unbind(dim)


# --- hstack, vstack, dstack, column_stack ----------------------------------------------------------------------------


def at_least(shape, ndim):
    """A shape with dims of size 1 added as `atleast_1d`, `atleast_2d`, `atleast_3d` do."""
    if shape is None or len(shape) >= ndim:
        return shape
    if not shape:
        return (1,) * ndim
    return (1, *shape) if ndim == 2 else (1, *shape, 1) if len(shape) == 1 else (*shape, 1)


def grown(tensor, ndim):
    dims = at_least(tuple(tensor.shape), ndim)
    return tensor if len(dims) == tensor.dim() else tensor.reshape(dims)


def stacked(name: str, ndim: int, dim: int):
    def dims(tensors):
        shapes = [f.dims for f in facts_of(tensors)]
        if not shapes:
            raise Refused(f"{name} expects a non-empty TensorList")
        shapes = [at_least(s, ndim) for s in shapes]
        if dim == 1:  # hstack: vectors end to end, else columns
            known = next((s for s in shapes if s is not None), None)
            if known is None:
                raise RankUnknown
            return joined(shapes, 0 if len(known) == 1 else 1)
        return joined(shapes, dim)

    return dims


@op(
    "torch.hstack",
    composite=True, dtype=promote.promoted(), shape=stacked("hstack", 1, 1),
    accepts=["hstack([f32[2, 3], f32[2, 4]])", "hstack((f32[2], f32[3]))", "hstack([f32[], f64[3]])"],
    rejects={"hstack([f32[2, 3], f32[3, 3]])": "Sizes of tensors must match except in dimension 1. Expected size 2 but",
             "hstack([f32[2], f32[2, 3]])": "Tensors must have same number of dimensions: got 1 and 2"},
)  # fmt: skip
def hstack(tensors: Tensors):
    """Side by side: along the columns, vectors end to end."""
    tensors = [grown(t, 1) for t in tensors]
    return cat(tensors, 0 if tensors[0].dim() == 1 else 1)


@op(
    "torch.vstack", "torch.row_stack",
    composite=True, dtype=promote.promoted(), shape=stacked("vstack", 2, 0),
    accepts=["vstack([f32[3], f32[2, 3]])", "vstack((f32[], f32[]))"],
    rejects={"vstack([f32[3], f32[2, 4]])": "Sizes of tensors must match except in dimension 0. Expected size 3 but"},
)  # fmt: skip
def vstack(tensors: Tensors):
    """One below the other: along the rows, vectors are rows."""
    return cat([grown(t, 2) for t in tensors], 0)


@op(
    "torch.dstack",
    composite=True, dtype=promote.promoted(), shape=stacked("dstack", 3, 2),
    accepts=["dstack([f32[3], f32[1, 3, 2]])", "dstack((f32[2, 3], f32[2, 3]))"],
    rejects={"dstack([f32[3], f32[2]])": "Sizes of tensors must match except in dimension 2. Expected size 3 but got"},
)  # fmt: skip
def dstack(tensors: Tensors):
    """One behind the other: along the third dim."""
    return cat([grown(t, 3) for t in tensors], 2)


def _as_columns(shape):
    return shape if shape is None or len(shape) > 1 else (product(shape), 1)


def _column_dims(tensors):
    shapes = [_as_columns(f.dims) for f in facts_of(tensors)]
    if not shapes:
        raise Refused("column_stack expects a non-empty TensorList")
    return joined(shapes, 1)


@op(
    "torch.column_stack",
    composite=True, dtype=promote.promoted(), shape=_column_dims,
    accepts=["column_stack([f32[3], f32[3, 2]])", "column_stack((f32[], f32[]))"],
    rejects={"column_stack([f32[3], f32[2]])": "Sizes of tensors must match except in dimension 1. Expected size 3"},
)  # fmt: skip
def column_stack(tensors: Tensors):
    """Side by side, vectors are columns."""
    return cat([t if t.dim() > 1 else t.reshape((-1, 1)) for t in tensors], 1)


# --- block_diag -----------------------------------------------------------------------------------------------


def _as_block(shape):
    return (1, *shape) if len(shape) == 1 else shape or (1, 1)


def _block_dims(tensors):
    blocks = []
    for i, fact in enumerate(facts_of(tensors)):
        if len(fact.shape) > 2:
            raise Refused(
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {len(fact.shape)} "
                f"dimensions"
            )
        blocks.append(_as_block(fact.shape))
    return (total(b[0] for b in blocks), total(b[1] for b in blocks))


@op(
    "torch.block_diag",
    varargs="tensors", dtype=promote.promoted(), shape=_block_dims,
    accepts=["block_diag(f32[2, 3], f32[2], f32[])", "block_diag(i64[2, 2], f32[1, 2])"],
    rejects={"block_diag(f32[2, 2], f32[2, 2, 2])": "torch.block_diag: Input tensors must have 2 or fewer dimensions."},
)  # fmt: skip
def block_diag(xp, tensors: Tensors):
    """Matrices along the diagonal of a larger one, zeros elsewhere; vectors are rows."""
    blocks = [t.reshape(_as_block(t.shape)) for t in tensors]
    out = xp.zeros((sum(b.shape[0] for b in blocks), sum(b.shape[1] for b in blocks)), blocks[0].dtype)
    row = column = 0
    for block in blocks:
        out[row : row + block.shape[0], column : column + block.shape[1]] = block
        row, column = row + block.shape[0], column + block.shape[1]
    return out


@block_diag.vjp("tensors")
def _(g, tensors_shape):
    parts, row, column = [], 0, 0
    for shape in tensors_shape:
        rows, columns = _as_block(tuple(shape))
        parts.append(g.narrow(0, row, rows).narrow(1, column, columns).reshape(shape))
        row, column = row + rows, column + columns
    return parts
