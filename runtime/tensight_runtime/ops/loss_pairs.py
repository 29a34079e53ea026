"""Distances and similarities of vectors, and the losses made of them."""

from tensight_runtime.ops.loss import chosen, collected, loss_dims
from tensight_runtime.ops.reduction_norms import vector_norm
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import eq
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.kind import Bool, Int, Num, OptBool, Str, Tensor
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import Refused, require
from tensight_runtime.spec.shape import axis, broadcast_dims, reduced

INF = float("inf")
MISMATCH = "The size of tensor a (3) must match the size of tensor b (2) at non-singleton dimension 0"

# -- similarities and distances ---------------------------------------------------------------------------------------


def similarity_dims(x1, x2, dim):
    if x1.dtype and x2.dtype and x1.dtype.category < 2 and x2.dtype.category < 2:
        raise Refused(f"expected common dtype to be floating point, yet common dtype is {scalar_name(x1.dtype)}")
    dims = broadcast_dims(x1.shape, x2.shape)
    at = axis(dim, len(dims))
    return dims[:at] + dims[at + 1 :]


@op(
    "torch.nn.functional.cosine_similarity", "torch.cosine_similarity",
    composite=True, shape=similarity_dims, dtype=promote.promoted(), autocast="fp32",
    accepts=[
        "cosine_similarity(f32[3, 4], f32[3, 4])", "cosine_similarity(f32[3, 4], f64[4], dim=-1)",
        "cosine_similarity(f32[3], f32[3], 0)",
    ],
    rejects={
        "cosine_similarity(f32[3, 4], f32[2, 4])": MISMATCH,
        "cosine_similarity(f32[3, 4], f32[3, 4], 2)":
            "Dimension out of range (expected to be in range of [-2, 1], but got 2)",
        "cosine_similarity(i64[3, 4], i64[3, 4])":
            "expected common dtype to be floating point, yet common dtype is Long",
    },
)  # fmt: skip
def cosine_similarity(x1: Tensor, x2: Tensor, dim: Int = 1, eps: Num = 1e-8):
    """The cosine of the angle between vectors along `dim`."""
    shape = broadcast_dims(tuple(x1.shape), tuple(x2.shape))
    x1, x2 = x1.expand(shape), x2.expand(shape)
    one, other = (x / vector_norm(x, 2, dim, True).clamp(min=eps) for x in (x1, x2))
    return (one * other).sum(dim)


def distance_dims(x1, x2, keepdim):
    dims = broadcast_dims(x1.shape, x2.shape)
    return reduced(Fact(None, dims), -1, keepdim)


@op(
    "torch.nn.functional.pairwise_distance", "torch.pairwise_distance",
    composite=True, shape=distance_dims, dtype=promote.promoted(),
    accepts=[
        "pairwise_distance(f32[3, 4], f32[3, 4])", "pairwise_distance(f32[3, 4], f32[4], 1.0, keepdim=True)",
        "pairwise_distance(f32[4], f32[4])",
    ],
    rejects={"pairwise_distance(f32[3, 4], f32[2, 4])": MISMATCH},
)  # fmt: skip
def pairwise_distance(x1: Tensor, x2: Tensor, p: Num = 2.0, eps: Num = 1e-6, keepdim: Bool = False):
    """The p-norm of the difference along the last dim."""
    return vector_norm(x1 - x2 + eps, p, -1, keepdim)


def cdist_dims(x1, x2, p):
    a, b = x1.shape, x2.shape
    for name, dims in (("X1", a), ("X2", b)):
        require(len(dims) >= 2, "cdist only supports at least 2D tensors, {} got: {}D", name, len(dims))
    require(eq(a[-1], b[-1]), "X1 and X2 must have the same number of columns. X1: {} X2: {}", a[-1], b[-1])
    if isinstance(p, (int, float)):
        require(p >= 0, "cdist only supports non-negative p values")
    return (*broadcast_dims(a[:-2], b[:-2]), a[-2], b[-2])


@op(
    "torch.cdist",
    shape=cdist_dims, dtype=promote.promoted(), autocast="fp32", grad_name="CdistBackward0",
    accepts=[
        "cdist(f32[3, 4], f32[5, 4])", "cdist(f32[2, 3, 4], f32[1, 5, 4], 1.0)",
        "cdist(f32[3, 4], f32[5, 4], p=inf)", "cdist(f32[30, 4], f32[5, 4])", "cdist(f32[3, 4], f32[5, 4], 3)",
    ],
    rejects={
        "cdist(f32[3, 4], f32[3, 3])": "X1 and X2 must have the same number of columns. X1: 4 X2: 3",
        "cdist(f32[3, 4], f32[4])": "cdist only supports at least 2D tensors, X2 got: 1D",
        "cdist(f32[3, 4], f32[3, 4], -1)": "cdist only supports non-negative p values",
    },
)  # fmt: skip
def cdist(
    xp, x1: Tensor("... P M"), x2: Tensor("... R M"), p: Num = 2.0,
    compute_mode: Str = "use_mm_for_euclid_dist_if_necessary",
):  # fmt: skip
    """The p-norm distances between each row of `x1` and each row of `x2`."""
    large = max(x1.shape[-2], x2.shape[-2]) > 25
    if p == 2 and "donot" not in compute_mode and (large or "necessary" not in compute_mode):
        squares = xp.square(x1).sum(-1)[..., :, None] + xp.square(x2).sum(-1)[..., None, :]
        return xp.sqrt(xp.maximum(squares - 2 * xp.matmul(x1, xp.swapaxes(x2, -1, -2)), 0))
    size = xp.abs(x1[..., :, None, :] - x2[..., None, :, :])
    if p == 0:
        return (size != 0).sum(-1)
    if p == INF:
        return size.max(-1)
    if p == 1:
        return size.sum(-1)
    return xp.sqrt(xp.square(size).sum(-1)) if p == 2 else (size**p).sum(-1) ** (1 / p)


def distance_slope(away, out, p):
    """The derivative of the p-norms `out` (last dim 1) of `away` with respect to it; 0 where they are 0."""
    if p == 0:
        return away * 0
    if p == 1:
        return away.sgn()
    if p == INF:
        return away.sgn() * (away.abs() == out)
    if p == 2:
        return (away / out).masked_fill(out == 0, 0)
    return (away.sgn() * (away.abs() / out).pow(p - 1)).masked_fill(out == 0, 0)


@cdist.vjp("x1", "x2")
def _(g, x1, x2, out, p):
    if p == 2:
        share = (g / out).masked_fill(out == 0, 0)
        to_one = share.sum(-1, True) * x1 - share.matmul(x2)
        return to_one, share.mT.sum(-1, True) * x2 - share.mT.matmul(x1)
    share = g.unsqueeze(-1) * distance_slope(x1.unsqueeze(-2) - x2.unsqueeze(-3), out.unsqueeze(-1), p)
    return share.sum(-2), -share.sum(-3)


def pdist_dims(input, p):
    require(len(input.shape) == 2, "pdist only supports 2D tensors, got: {}D", len(input.shape))
    if isinstance(p, (int, float)):
        require(p >= 0, "pdist only supports non-negative p values")
    n = input.shape[0]
    return (n * (n - 1) // 2,)


@op(
    "torch.nn.functional.pdist", "torch.pdist",
    shape=pdist_dims, dtype=promote.same(), autocast="fp32", extras=("rows", "columns"), grad_name="PdistBackward0",
    accepts=["pdist(f32[4, 3])", "pdist(f32[4, 3], 1)", "pdist(f32[4, 3], p=inf)"],
    rejects={
        "pdist(f32[4])": "pdist only supports 2D tensors, got: 1D",
        "pdist(f32[4, 3], -1)": "pdist only supports non-negative p values",
    },
)  # fmt: skip
def pdist(xp, input: Tensor("N M"), p: Num = 2):
    """The p-norm distances between all pairs of rows: (0, 1), (0, 2), ..."""
    rows, columns = xp.triu_indices(input.shape[0], 1)
    size = xp.abs(input[rows] - input[columns])
    if p == 0:
        out = (size != 0).sum(-1)
    elif p == INF:
        out = size.max(-1) if size.size else size.sum(-1)
    else:
        out = (size**p).sum(-1) ** (1 / p)
    return out, rows, columns


@pdist.vjp("input")
def _(g, input, out, rows, columns, p):
    away = input.index_select(0, rows) - input.index_select(0, columns)
    share = g.unsqueeze(-1) * distance_slope(away, out.unsqueeze(-1), p)
    return share.new_zeros(input.shape).index_add(0, rows, share).index_add(0, columns, -share)


# -- losses -----------------------------------------------------------------------------------------------------------


def ranking_dims(input1, input2, target, size_average, reduce, reduction):
    def unreduced():
        shapes = input1.shape, input2.shape, target.shape
        require(
            len({len(s) for s in shapes}) == 1,
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: torch.Size({}), "
            "input2: torch.Size({}), target: torch.Size({}) ",
            *shapes,
        )  # fmt: skip
        return broadcast_dims(target.shape, broadcast_dims(input1.shape, input2.shape))

    return loss_dims(unreduced, chosen(reduction, size_average, reduce))


@op(
    "torch.nn.functional.margin_ranking_loss",
    composite=True, shape=ranking_dims, dtype=promote.promoted(), autocast="fp32",
    accepts=[
        "margin_ranking_loss(f32[3], f32[3], i64[3]{-1..1})",
        "margin_ranking_loss(f32[3, 2], f32[3, 1], f32[3, 2], 0.5, reduction='none')",
    ],
    rejects={
        "margin_ranking_loss(f32[3], f32[3], f32[3, 1])":
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: input1:",
        "margin_ranking_loss(f32[3], f32[2], f32[3])": MISMATCH,
    },
)  # fmt: skip
def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: Num = 0, size_average: OptBool = None,
    reduce: OptBool = None, reduction: Str = "mean",
):  # fmt: skip
    """max(0, margin - target * (input1 - input2)); a target of 1 says that input1 shall be the larger one."""
    loss = (-target * (input1 - input2) + margin).clamp(min=0)
    return collected(loss, chosen(reduction, size_average, reduce))


def cosine_embedding_dims(input1, input2, target, size_average, reduce, reduction):
    def unreduced():
        rank = len(target.shape)
        if rank > 1:
            raise Refused("0D or 1D target tensor expected, multi-target not supported")
        shapes = input1.shape, input2.shape
        require(
            len(shapes[0]) == len(shapes[1]) == rank + 1,
            f"{rank}D target tensor expects {rank + 1}D input tensors, but found inputs with sizes {{}} and {{}}.",
            *shapes,
        )  # fmt: skip
        return broadcast_dims(target.shape, broadcast_dims(*shapes)[:-1])

    return loss_dims(unreduced, chosen(reduction, size_average, reduce))


@op(
    "torch.nn.functional.cosine_embedding_loss",
    composite=True, shape=cosine_embedding_dims, dtype=promote.promoted("input1", "input2"), autocast="fp32",
    accepts=[
        "cosine_embedding_loss(f32[3, 4], f32[3, 4], i64[3]{-1..1})",
        "cosine_embedding_loss(f32[4], f32[4], i64[]{1..1})",
        "cosine_embedding_loss(f32[3, 4], f32[3, 4], f32[3], 0.3, reduction='none')",
    ],
    rejects={
        "cosine_embedding_loss(f32[3, 4], f32[2, 4], f32[3])": MISMATCH,
        "cosine_embedding_loss(f32[3, 4], f32[3, 4], f32[3, 4])":
            "0D or 1D target tensor expected, multi-target not supported",
    },
)  # fmt: skip
def cosine_embedding_loss(
    input1: Tensor("N D", "D"), input2: Tensor("N D", "D"), target: Tensor("N", ""), margin: Num = 0,
    size_average: OptBool = None, reduce: OptBool = None, reduction: Str = "mean",
):  # fmt: skip
    """1 - cos where the target is 1, max(0, cos - margin) where it is -1."""
    dot = (input1 * input2).sum(-1)
    squares = ((input1 * input1).sum(-1) + 1e-12) * ((input2 * input2).sum(-1) + 1e-12)
    cosine = dot / squares.sqrt()
    loss = (1 - cosine) * (target == 1) + (cosine - margin).clamp(min=0) * (target == -1)
    return collected(loss, chosen(reduction, size_average, reduce))


def triplet_dims(anchor, positive, negative, margin, size_average, reduce, reduction):
    if isinstance(margin, (int, float)) and margin <= 0:
        raise Refused(f"margin must be greater than 0, got {margin}", ValueError)

    def unreduced():
        shapes = anchor.shape, positive.shape, negative.shape
        a, p, n = map(len, shapes)
        require(
            a == p == n,
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            "anchor {}D, positive {}D, and negative {}D inputs", a, p, n,
        )  # fmt: skip
        return broadcast_dims(broadcast_dims(shapes[0], shapes[1])[:-1], broadcast_dims(shapes[0], shapes[2])[:-1])

    return loss_dims(unreduced, chosen(reduction, size_average, reduce))


@op(
    "torch.nn.functional.triplet_margin_loss",
    composite=True, shape=triplet_dims, dtype=promote.promoted("anchor", "positive", "negative"), autocast="fp32",
    accepts=[
        "triplet_margin_loss(f32[3, 4], f32[3, 4], f32[3, 4])",
        "triplet_margin_loss(f32[4], f32[4], f32[4], swap=True)",
        "triplet_margin_loss(f32[3, 4], f32[3, 4], f32[1, 4], 0.5, 1, reduction='none')",
    ],
    rejects={
        "triplet_margin_loss(f32[3, 4], f32[3, 4], f32[2, 4])": MISMATCH,
        "triplet_margin_loss(f32[3, 4], f32[3, 4], f32[4])":
            "The anchor, positive, and negative tensors are expected to have the same number",
        "triplet_margin_loss(f32[3], f32[3], f32[3], margin=-1)": "margin must be greater than 0, got -1",
    },
)  # fmt: skip
def triplet_margin_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: Num = 1.0, p: Num = 2, eps: Num = 1e-6,
    swap: Bool = False, size_average: OptBool = None, reduce: OptBool = None, reduction: Str = "mean",
):  # fmt: skip
    """max(0, margin + distance to the positive - distance to the negative), that from the positive if `swap`."""
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = far.minimum(pairwise_distance(positive, negative, p, eps))
    return collected((near - far + margin).clamp(min=0), chosen(reduction, size_average, reduce))
