"""Scaled dot product attention."""

from math import sqrt

from tensight_runtime.ops.dropout import dropout
from tensight_runtime.ops.linalg import agreed, cpp_name
from tensight_runtime.spec.cond import divides, eq
from tensight_runtime.spec.kind import Bool, Num, OptNum, OptTensor, Tensor, UnknownLike
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import RankUnknown, Refused, require
from tensight_runtime.spec.shape import broadcast_dims, broadcastable
from tensight_runtime.spec.size import product


def attention_dims(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, enable_gqa=False):
    q, k, v = query.shape, key.shape, value.shape
    if min(len(q), len(k), len(v)) < 2:
        raise Refused(
            f"Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: {len(q)} key.dim:"
            f" {len(k)} "
            f"and value.dim: {len(v)} instead."
        )
    _check_dtypes(query, key, value, attn_mask)
    if isinstance(dropout_p, (int, float)) and not 0 <= dropout_p <= 1:
        raise Refused(f"dropout probability has to be between 0 and 1, but got {dropout_p}")
    if isinstance(enable_gqa, UnknownLike):
        raise RankUnknown
    if enable_gqa:
        for side in (k, v):
            require(divides(side[-3], q[-3]), "Number of heads in key and value must divide the number of heads in ")
        k, v = (*k[:-3], q[-3], *k[-2:]), (*v[:-3], q[-3], *v[-2:])
    batch = broadcast_dims(q[:-2], k[:-2])
    message = "Expected size for first two dimensions of batch2 tensor to be: [{}, {}] but got: [{}, {}]."
    require(eq(q[-1], k[-1]), message, product(batch), q[-1], product(batch), k[-1])
    if attn_mask is not None:
        if is_causal is True:
            raise Refused("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
        _check_mask(attn_mask.shape, (*batch, q[-2], k[-2]))
    batch = broadcast_dims(batch, v[:-2])
    require(eq(k[-2], v[-2]), message, product(batch), k[-2], product(batch), v[-2])
    return (*batch, q[-2], v[-1])


def _check_dtypes(query, key, value, attn_mask) -> None:
    dtypes = [t.dtype for t in (query, key, value)]
    if all(dtypes) and len(set(dtypes)) > 1:
        names = [cpp_name(dtype) for dtype in dtypes]
        raise Refused(
            "Expected query, key, and value to have the same dtype, but got query.dtype: {} key.dtype: {} and"
            " value.dtype: {} "
            "instead.".format(*names)
        )
    if query.dtype and query.dtype.category < 2:
        raise Refused(f"expected scalar type Float but found {scalar_name(query.dtype)}")
    mask = attn_mask.dtype if attn_mask is not None else None
    if mask and query.dtype and mask.category != 0 and mask is not query.dtype and mask.name != "float32":
        raise Refused(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
            f"{cpp_name(mask)} and  query.dtype: {cpp_name(query.dtype)} instead."
        )


def _check_mask(mask, scores) -> None:
    """The mask is added in place: it may not make the scores larger."""
    if len(mask) > len(scores):
        joined = broadcast_dims(scores, mask)
        raise Refused("output with shape [{}] doesn't match the broadcast shape [{}]".format(
            ", ".join(map(str, scores)), ", ".join(map(str, joined))))  # fmt: skip
    offset = len(scores) - len(mask)
    message = "The size of tensor a ({}) must match the size of tensor b ({}) at non-singleton dimension {}"
    for i, size in enumerate(mask):
        want = scores[offset + i]
        require(eq(size, 1) if eq(want, 1) is True else broadcastable(size, want), message, want, size, offset + i)


@op("torch.nn.functional.scaled_dot_product_attention", composite=True, shape=attention_dims,
    dtype=agreed("query", "key", "value"),
    random=lambda dropout_p: dropout_p != 0, autocast="lower",
    accepts=["scaled_dot_product_attention(f32[2, 3, 4, 8], f32[2, 3, 5, 8], f32[2, 3, 5, 6])",
             "scaled_dot_product_attention(f32[2, 4, 8], f32[2, 4, 8], f32[2, 4, 8], is_causal=True)",
             "scaled_dot_product_attention(f32[2, 4, 8], f32[2, 5, 8], f32[2, 5, 8], attn_mask=f32[4, 5])",
             "scaled_dot_product_attention(f32[2, 3, 4, 8], f32[2, 3, 5, 8], f32[2, 3, 5, 8], attn_mask=bool[2, 1, 4,"
             " 5], scale=0.3)",
             "scaled_dot_product_attention(f32[2, 4, 3, 8], f32[2, 2, 5, 8], f32[2, 2, 5, 8], enable_gqa=True)",
             "scaled_dot_product_attention(f32[1, 3, 4, 8], f32[2, 3, 5, 8], f32[2, 3, 5, 8])",
             "scaled_dot_product_attention(f32[4, 8], f32[6, 8], f32[6, 9], is_causal=True)"],
    rejects={"scaled_dot_product_attention(f32[8], f32[8], f32[8])": "Expected query, key, and value to all be  at"
             " least 2 dimensional",
             "scaled_dot_product_attention(f32[2, 4, 8], f32[2, 5, 7], f32[2, 5, 8])": "Expected size for first two"
             " dimensions of batch2"
             " tensor to be: [2, 8] but got: [2, 7].",
             "scaled_dot_product_attention(f32[2, 4, 8], f32[2, 5, 8], f32[2, 6, 8])": "Expected size for first two"
             " dimensions of batch2"
             " tensor to be: [2, 5] but got: [2, 6].",
             "scaled_dot_product_attention(f32[2, 4, 8], f64[2, 5, 8], f32[2, 5, 8])": "Expected query, key, and"
             " value to have the same dtype",
             "scaled_dot_product_attention(f32[2, 4, 8], f32[2, 5, 8], f32[2, 5, 8], f32[4, 5], is_causal=True)":
             "_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True",
             "scaled_dot_product_attention(f32[2, 4, 8], f32[2, 5, 8], f32[2, 5, 8], f32[4, 6])":
             "The size of tensor a (5) must match the"
             " size of tensor b (6) at non-singleton dimension 2"})  # fmt: skip
def scaled_dot_product_attention(query: Tensor("... L E"), key: Tensor("... S E"), value: Tensor("... S Ev"),
                                 attn_mask: OptTensor = None,
                                 dropout_p: Num = 0.0, is_causal: Bool = False, *, scale: OptNum = None,
                                 enable_gqa: Bool = False):  # fmt: skip
    """softmax(query key^T * scale + mask) value, (..., L, Ev); scale is 1/sqrt(E) unless given, True may look."""
    if enable_gqa:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
        value = value.repeat_interleave(query.shape[-3] // value.shape[-3], -3)
    factor = 1 / sqrt(query.shape[-1]) if scale is None else scale
    root = sqrt(abs(factor))  # half of it on either side, which keeps float16 in its range
    scores = (query * (root if factor > 0 else -root)) @ (key * root).mT
    if is_causal:
        allowed = query.new_ones((query.shape[-2], key.shape[-2])).tril().bool()
        scores = scores.masked_fill(allowed.logical_not(), float("-inf"))
    elif attn_mask is not None and attn_mask.dtype.is_floating_point:
        scores = scores + attn_mask.to(scores.dtype)
    elif attn_mask is not None:
        scores = scores.masked_fill(attn_mask.logical_not(), float("-inf"))
    hidden = None if attn_mask is None else _hidden(attn_mask)
    if hidden is None:
        weights = scores.softmax(-1)
    else:
        weights = scores.masked_fill(hidden, 0.0).softmax(-1).masked_fill(hidden, 0.0)
    if dropout_p > 0:
        weights = dropout(weights, dropout_p, True)
    return weights @ value


def _hidden(mask):
    """Which rows of the scores may look at nobody, and so get zeros; None if there are none."""
    barred = mask == float("-inf") if mask.dtype.is_floating_point else mask.logical_not()
    rows = barred.all(-1, keepdim=True)
    return rows if bool(rows.any()) else None
