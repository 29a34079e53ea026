"""Rows of a table by index: embedding, embedding_bag, one_hot."""

from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import eq, ge, gt, lt
from tensight_runtime.spec.dtype import int32, int64
from tensight_runtime.spec.kind import Bool, Int, Num, OptInt, OptNum, OptTensor, Str, Tensor, UnknownLike
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import RankUnknown, Refused, require
from tensight_runtime.spec.size import UNKNOWN, product

# --- embedding --------------------------------------------------------------------------------------------------------


def check_indices(indices, rows, where: str) -> None:
    """Index tensors are int32 or int64; if all their values are known to lie outside the table, that is refused."""
    if indices.dtype and indices.dtype not in (int32, int64):
        dtype = indices.dtype
        plain = dtype.category != 0 and not (dtype.category == 2 and dtype.bits == 16)
        name = f"torch.{scalar_name(dtype)}Tensor" if plain else f"CPU{scalar_name(dtype)}Type"
        raise Refused(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"{name} instead (while checking arguments for {where})"
        )
    if indices.interval is not None and indices.dims is not None and ge(product(indices.dims), 1) is True:
        low, high = indices.interval
        for inside in (lt(low, rows), gt(high, 0)):
            require(inside, "index out of range in self", error=IndexError)


def embedding_dims(input, weight, padding_idx=None):
    w = weight.shape
    if len(w) != 2:
        raise Refused("'weight' must be 2-D")
    if isinstance(padding_idx, int):
        inside = lt(padding_idx, w[0]) if padding_idx >= 0 else ge(w[0], -padding_idx)
        require(inside, "Padding_idx must be within num_embeddings", error=AssertionError)
    check_indices(input, w[0], "embedding")
    return (*input.shape, w[1])


def rows_of(xp, weight, indices):
    """weight[indices], refused as torch refuses an index outside the table."""
    if indices.size:
        if int(indices.min()) < 0 or int(indices.max()) >= weight.shape[0]:
            raise IndexError("index out of range in self")
    return xp.take(weight, indices, axis=0)


def renormalize(xp, weight, indices, max_norm, norm_type) -> None:
    """Scale the rows that are looked up, in place, where their norm is above max_norm."""
    used = xp.unique(indices)
    rows = weight[used]
    norms = (xp.abs(rows) ** norm_type).sum(axis=1) ** (1 / norm_type)
    factor = xp.where(norms > max_norm, max_norm / (norms + 1e-7), 1).astype(weight.dtype)
    weight[used] = rows * factor[:, None]


def _renormalizes(max_norm) -> tuple[str, ...]:
    return () if max_norm is None else ("~weight",)


@op("torch.nn.functional.embedding", shape=embedding_dims, dtype=promote.same("weight"), mutates=_renormalizes,
    accepts=["embedding(i64[2, 3]{0..4}, f32[5, 4])", "embedding(i32[]{0..4}, f32[5, 4], padding_idx=-1)",
             "embedding(i64[2, 0], f32[3, 4])",
             "embedding(i64[7]{0..2}, f32[3, 4], scale_grad_by_freq=True)"],
    rejects={"embedding(i64[2], f32[3])": "'weight' must be 2-D",
             "embedding(i64[2], f32[3, 4], padding_idx=3)": "Padding_idx must be within",
             "embedding(f32[2], f32[3, 4])": "Expected tensor for argument #1 'indices' to have one of the following"
             " scalar types: Long, Int;"
             " but got torch.FloatTensor instead (while checking arguments for embedding)",
             "embedding(i64[2]{3..3}, f32[3, 4])": "index out of range in self"})  # fmt: skip
def embedding(xp, input: Tensor, weight: Tensor("num dim"), padding_idx: OptInt = None, max_norm: OptNum = None,
              norm_type: Num = 2.0,
              scale_grad_by_freq: Bool = False, sparse: Bool = False):  # fmt: skip
    """Rows of weight (num, dim) for integer indices of any shape: (*, dim).  The padding row gets no gradient."""
    if max_norm is not None:
        renormalize(xp, weight, input, max_norm, norm_type)
    return rows_of(xp, weight, input)


@embedding.vjp("weight")
def _(g, input, weight_shape, padding_idx, scale_grad_by_freq):
    return embedding_weight(g, input, weight_shape[0], _row(padding_idx, weight_shape[0]), scale_grad_by_freq)


def _row(padding_idx, rows: int) -> int:
    """A row that gets no gradient, -1 for none."""
    return -1 if padding_idx is None else padding_idx + rows if padding_idx < 0 else padding_idx


@op("torch.embedding", overload="weight_first", composite=True, dtype=promote.same("weight"),
    shape=lambda weight, indices: embedding_dims(indices, weight), accepts=["embedding(f32[5, 4], i64[2, 3]{0..4})"],
    name="embedding")  # fmt: skip
def embedding_of(
    weight: Tensor("num dim"),
    indices: Tensor,
    padding_idx: Int = -1,
    scale_grad_by_freq: Bool = False,
    sparse: Bool = False,
):
    """`torch.embedding`: the table comes first; -1 means no padding row."""
    return embedding(indices, weight, None if padding_idx < 0 else padding_idx, None, 2.0, scale_grad_by_freq, sparse)


@op(shape=lambda grad, num_weights: (num_weights, grad.shape[-1]), dtype=promote.same("grad"),
    grad_name="EmbeddingDenseBackward0",
    accepts=["embedding_weight(f32[2, 3, 4], i64[2, 3]{0..4}, 5, 2, False)"])  # fmt: skip
def embedding_weight(xp, grad: Tensor, indices: Tensor, num_weights: Int, padding_idx: Int, scale_grad_by_freq: Bool):
    """The gradient of an embedding's table: every looked-up row collects what reached it."""
    flat, rows = indices.ravel(), grad.reshape(-1, grad.shape[-1])
    if padding_idx >= 0:
        keep = flat != padding_idx
        flat, rows = flat[keep], rows[keep]
    if scale_grad_by_freq:
        counts = xp.bincount(flat, minlength=num_weights)
        rows = rows / counts[flat][:, None].astype(rows.dtype)
    return summed_by_index(xp, rows, flat, num_weights)


def summed_by_index(xp, rows, index, count: int):
    """(count, dim): row i is the sum of the rows whose index is i."""
    total = xp.zeros((count, rows.shape[1]), dtype=rows.dtype)
    if xp.__name__ != "numpy":
        xp.add.at(total, index, rows)
        return total
    order = index.argsort(kind="stable")
    index = index[order]
    starts = xp.flatnonzero(xp.concatenate([xp.ones(1, dtype=bool), index[1:] != index[:-1]])) if index.size else index
    counts = xp.diff(xp.append(starts, index.size))
    for turn in range(8):  # the first row of every index, then the second ...
        if not starts.size:
            return total
        taken = order[starts + turn]
        total[index[starts]] += rows[taken]
        starts, counts = starts[counts > turn + 1], counts[counts > turn + 1]
    for start, length in zip(starts.tolist(), counts.tolist(), strict=True):  # few rows that many share
        total[index[start]] += rows[order[start + 8 : start + length]].sum(axis=0)
    return total


@embedding_weight.vjp("grad")
def _(g, indices, num_weights, padding_idx, scale_grad_by_freq):
    result = embedding(indices, g)
    if padding_idx >= 0:
        result = result.masked_fill((indices == padding_idx).unsqueeze(-1), 0.0)
    if scale_grad_by_freq:
        counts = indices.reshape(-1).bincount(None, num_weights)
        result = result / counts[indices].unsqueeze(-1).to(result.dtype)
    return result


# --- embedding_bag ----------------------------------------------------------------------------------------------------


def bag_dims(input, weight, offsets=None, mode="mean", per_sample_weights=None, include_last_offset=False):
    shape = input.shape
    if per_sample_weights is not None:
        message = (
            "embedding_bag: If per_sample_weights (torch.Size({})) is not None, then it must have the same shape as "
            "the input (torch.Size({}))"
        )
        same = len(per_sample_weights.shape) == len(shape)
        for have, want in zip(per_sample_weights.shape, shape, strict=False) if same else ():
            require(eq(have, want), message, per_sample_weights.shape, shape, error=ValueError)
        require(same, message, per_sample_weights.shape, shape, error=ValueError)
    if len(shape) == 2:
        if offsets is not None:
            raise Refused(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length"
                " sequences. However, "
                "found offsets of type <class 'torch.Tensor'>",
                ValueError,
            )
        bags = shape[0]
    elif len(shape) == 1:
        if offsets is None:
            raise Refused("offsets has to be a 1D Tensor but got None", ValueError)
        if len(offsets.shape) != 1:
            raise Refused("offsets has to be a 1D Tensor", ValueError)
        if isinstance(include_last_offset, UnknownLike):
            raise RankUnknown
        bags = offsets.shape[0] - 1 if include_last_offset else offsets.shape[0]
    else:
        raise Refused(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {len(shape)}", ValueError)
    if isinstance(mode, str) and mode not in ("sum", "mean", "max"):
        raise Refused("mode has to be one of sum, mean or max", ValueError)
    if per_sample_weights is not None and isinstance(mode, str) and mode != "sum":
        raise Refused(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' "
            f"(got mode='{mode}'). Please open a feature request on GitHub.",
            NotImplementedError,
        )
    if len(weight.shape) != 2:
        raise Refused(
            f"Expected 2-dimensional tensor, but got {len(weight.shape)}-dimensional tensor for argument #1"
            f" 'weight' (while checking arguments for embedding_bag)"
        )
    check_indices(input, weight.shape[0], "embedding_bag")
    return (bags, weight.shape[1])


@op("torch.nn.functional.embedding_bag", composite=True, shape=bag_dims, dtype=promote.same("weight"),
    mutates=_renormalizes,
    accepts=["embedding_bag(i64[6]{0..4}, f32[5, 4], i64[3]{0..0})",
             "embedding_bag(i64[2, 3]{0..4}, f32[5, 4], mode='sum')",
             "embedding_bag(i64[2, 3]{0..4}, f32[5, 4], mode='max')",
             "embedding_bag(i64[4]{0..4}, f32[5, 4], i64[2]{0..0}, mode='max')",
             "embedding_bag(i64[2, 3]{0..4}, f32[5, 4], mode='sum', per_sample_weights=f32[2, 3])",
             "embedding_bag(i64[6]{0..4}, f32[5, 4], i64[3]{0..0}, padding_idx=2)",
             "embedding_bag(i64[6]{0..4}, f32[5, 4], i64[3]{0..0}, include_last_offset=True, mode='sum')"],
    rejects={"embedding_bag(i64[2], f32[3, 4])": "offsets has to be a 1D Tensor but got None",
             "embedding_bag(i64[2, 2, 2], f32[3, 4])": "input has to be 1D or 2D Tensor, but got Tensor of dimension 3",
             "embedding_bag(i64[2, 2], f32[3, 4], mode='foo')": "mode has to be one of sum, mean or max"})  # fmt: skip
def embedding_bag(input: Tensor("n"), weight: Tensor("num dim"), offsets: OptTensor = None, max_norm: OptNum = None,
                  norm_type: Num = 2,
                  scale_grad_by_freq: Bool = False, mode: Str = "mean", sparse: Bool = False,
                  per_sample_weights: OptTensor = None,
                  include_last_offset: Bool = False, padding_idx: OptInt = None):  # fmt: skip
    """Sum, mean or max of the rows of each bag; a bag is a row of a 2-d input or starts at an offset of a 1-d one."""
    rows = embedding(input, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)
    real = None if padding_idx is None else input != _row(padding_idx, weight.shape[0])
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.unsqueeze(-1)
    if input.dim() == 2:
        count = rows.shape[0]
        bag = input.new_zeros(input.shape) + input.new_ones((count, 1)).cumsum(0) - 1
        bag, rows, real = bag.reshape(-1), rows.reshape(-1, rows.shape[-1]), None if real is None else real.reshape(-1)
    else:
        count = offsets.shape[0] - 1 if include_last_offset else offsets.shape[0]
        _check_offsets(offsets, input.shape[0])
        place = input.new_ones(input.shape).cumsum(0) - 1
        bag = (place.unsqueeze(-1) >= offsets[:count]).sum(-1) - 1
        if include_last_offset:
            inside = place < offsets[-1]
            bag, rows, real = bag[inside], rows[inside], None if real is None else real[inside]
    if real is not None:
        bag, rows = bag[real], rows[real]
    if mode == "max":
        index = bag.unsqueeze(-1).expand_as(rows).long()
        return rows.new_zeros((count, rows.shape[-1])).scatter_reduce(0, index, rows, "amax", include_self=False)
    total = rows.new_zeros((count, rows.shape[-1])).index_add(0, bag, rows)
    if mode == "sum":
        return total
    sizes = rows.new_zeros((count,)).index_add(0, bag, rows.new_ones((rows.shape[0],))).clamp(min=1)
    return total / sizes.unsqueeze(-1)


def _check_offsets(offsets, length: int) -> None:
    if offsets.shape[0] == 0:
        return
    first, last = int(offsets[0]), int(offsets[-1])
    if first != 0:
        raise RuntimeError(
            f"offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from"
            f" position 0. However, got {first}"
        )
    if last > length:
        raise RuntimeError(f"offsets[-1] can not be greater than input's length {length} but got offsets[-1] of {last}")


# --- one_hot ----------------------------------------------------------------------------------------------------------


def one_hot_dims(input, num_classes=-1):
    if input.dtype and input.dtype is not int64:
        raise Refused("one_hot is only applicable to index tensor of type LongTensor.")
    if isinstance(num_classes, int):
        if num_classes == 0:
            raise Refused("Class values must be smaller than num_classes.")
        if num_classes < 0:
            if input.dims is not None:
                require(ge(product(input.dims), 1), "Can not infer total number of classes from empty tensor.")
            num_classes = UNKNOWN
        elif input.interval is not None and input.dims is not None and ge(product(input.dims), 1) is True:
            require(lt(input.interval[0], num_classes), "Class values must be smaller than num_classes.")
    return (*input.shape, num_classes)


@op("torch.nn.functional.one_hot", shape=one_hot_dims, dtype=int64, syncs=True, interval=lambda: (0, 2),
    accepts=["one_hot(i64[2, 3]{0..4}, 5)", "one_hot(i64[4]{0..3})", "one_hot(i64[]{0..1}, num_classes=2)",
             "one_hot(i64[0], 3)"],
    rejects={"one_hot(f32[2], 3)": "one_hot is only applicable to index tensor of type LongTensor.",
             "one_hot(i64[2]{5..5}, 3)": "Class values must be smaller than num_classes.",
             "one_hot(i64[0])": "Can not infer total number of classes from empty tensor."})  # fmt: skip
def one_hot(xp, input: Tensor, num_classes: Int = -1):
    """(*, num_classes), 1 at each class and 0 elsewhere; without num_classes, as many as the greatest class needs."""
    if input.size:
        if int(input.min()) < 0:
            raise RuntimeError("Class values must be non-negative.")
        greatest = int(input.max())
        if num_classes < 0:
            num_classes = greatest + 1
        elif greatest >= num_classes:
            raise RuntimeError("Class values must be smaller than num_classes.")
    return (input[..., None] == xp.arange(num_classes)).astype("int64")
