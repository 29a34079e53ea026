"""torch.nn.functional.multi_head_attention_forward.

L target positions, S source positions, N batch, E features, H heads, D = E/H features of a head.
"""

import math

import tensight_runtime as torch


def multi_head_attention_forward(
    query, key, value, embed_dim_to_check, num_heads, in_proj_weight, in_proj_bias, bias_k, bias_v, add_zero_attn,
    dropout_p, out_proj_weight, out_proj_bias, training=True, key_padding_mask=None, need_weights=True, attn_mask=None,
    use_separate_proj_weight=False, q_proj_weight=None, k_proj_weight=None, v_proj_weight=None, static_k=None,
    static_v=None, average_attn_weights=True, is_causal=False,
):  # fmt: skip
    """query [L, N, E], key and value [S, N, *] (or without N) -> output [L, N, E], weights [N, L, S] or None."""
    F = torch.nn.functional
    batched = _check_ranks(query, key, value, key_padding_mask, attn_mask)
    if not batched:
        query, key, value = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    length, batch, embed = query.shape
    if embed != embed_dim_to_check:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim_to_check}, but got {embed}")
    head = embed // num_heads
    if head * num_heads != embed:
        raise AssertionError(f"embed_dim {embed} not divisible by num_heads {num_heads}")
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    if key_padding_mask is not None:
        key_padding_mask = as_float_mask(key_padding_mask, query.dtype)
    if is_causal and key_padding_mask is None and not need_weights:
        attn_mask = None  # the kernel makes the mask itself
    elif attn_mask is not None:
        attn_mask = as_float_mask(attn_mask, query.dtype)
        is_causal = False

    if use_separate_proj_weight:
        if key.shape[:2] != value.shape[:2]:
            raise AssertionError(
                f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}"
            )
        q, k, v = _project(F, query, key, value, q_proj_weight, k_proj_weight, v_proj_weight, in_proj_bias)
    else:
        if key.shape != value.shape:
            raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
        q, k, v = _project_packed(F, query, key, value, in_proj_weight, in_proj_bias)

    if attn_mask is not None:
        attn_mask = _checked_mask(attn_mask, length, key.shape[0], batch * num_heads)
    if bias_k is not None and bias_v is not None:
        k = torch.cat([k, bias_k.repeat(1, batch, 1)])
        v = torch.cat([v, bias_v.repeat(1, batch, 1)])
        attn_mask, key_padding_mask = _one_more(F, attn_mask), _one_more(F, key_padding_mask)

    q = q.reshape(length, batch * num_heads, head).transpose(0, 1)
    k = static_k if static_k is not None else k.reshape(k.shape[0], batch * num_heads, head).transpose(0, 1)
    v = static_v if static_v is not None else v.reshape(v.shape[0], batch * num_heads, head).transpose(0, 1)
    if add_zero_attn:
        k = torch.cat([k, torch.zeros((batch * num_heads, 1, head), dtype=k.dtype, device=k.device)], dim=1)
        v = torch.cat([v, torch.zeros((batch * num_heads, 1, head), dtype=v.dtype, device=v.device)], dim=1)
        attn_mask, key_padding_mask = _one_more(F, attn_mask), _one_more(F, key_padding_mask)
    sources = k.shape[1]
    if key_padding_mask is not None:
        if key_padding_mask.shape[0] != batch:
            raise AssertionError(
                f"Expected key_padded_mask.shape[0] to be {batch}, but got {key_padding_mask.shape[0]}"
            )
        if key_padding_mask.shape[1] != sources:
            raise AssertionError(
                f"Expected key_padded_mask.shape[1] to be {sources}, but got {key_padding_mask.shape[1]}"
            )
        padding = key_padding_mask.view(batch, 1, 1, sources).expand(-1, num_heads, -1, -1)
        padding = padding.reshape(batch * num_heads, 1, sources)
        attn_mask = padding if attn_mask is None else attn_mask + padding
    if not training:
        dropout_p = 0.0

    if need_weights:
        q = q * math.sqrt(1.0 / float(head))
        if attn_mask is not None:
            weights = torch.baddbmm(attn_mask, q, k.transpose(-2, -1))
        else:
            weights = torch.bmm(q, k.transpose(-2, -1))
        weights = F.softmax(weights, dim=-1)
        if dropout_p > 0.0:
            weights = F.dropout(weights, p=dropout_p)
        output = torch.bmm(weights, v)
        output = output.transpose(0, 1).contiguous().view(length * batch, embed)
        output = F.linear(output, out_proj_weight, out_proj_bias).view(length, batch, embed)
        weights = weights.view(batch, num_heads, length, sources)
        if average_attn_weights:
            weights = weights.mean(dim=1)
        if not batched:
            return output.squeeze(1), weights.squeeze(0)
        return output, weights

    if attn_mask is not None:
        if attn_mask.shape[0] == 1 and attn_mask.ndim == 3:
            attn_mask = attn_mask.unsqueeze(0)
        else:
            attn_mask = attn_mask.view(batch, num_heads, -1, sources)
    q = q.reshape(batch, num_heads, length, head)
    k = k.reshape(batch, num_heads, sources, head)
    v = v.reshape(batch, num_heads, sources, head)
    output = F.scaled_dot_product_attention(q, k, v, attn_mask, dropout_p, is_causal)
    output = output.permute(2, 0, 1, 3).contiguous().view(batch * length, embed)
    output = F.linear(output, out_proj_weight, out_proj_bias).view(length, batch, embed)
    return (output if batched else output.squeeze(1)), None


def as_float_mask(mask, dtype):
    """What is added to the scores: -inf where a bool mask forbids."""
    if mask.dtype == torch.bool:
        return torch.zeros_like(mask, dtype=dtype).masked_fill_(mask, float("-inf"))
    if not mask.is_floating_point():
        raise AssertionError("only bool and floating types of attn_mask are supported")
    return mask


def _check_ranks(query, key, value, key_padding_mask, attn_mask):
    """Is there a batch?"""
    if query.ndim != 3 and query.ndim != 2:
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {query.ndim}-D query tensor"
        )
    batched = query.ndim == 3
    expected, word = (3, "batched") if batched else (2, "unbatched")
    if key.ndim != expected or value.ndim != expected:
        raise AssertionError(
            f"For {word} ({expected}-D) `query`, expected `key` and `value` to be {expected}-D "
            f"but found {key.ndim}-D and {value.ndim}-D tensors respectively"
        )
    if key_padding_mask is not None and key_padding_mask.ndim != expected - 1:
        raise AssertionError(
            f"For {word} ({expected}-D) `query`, expected `key_padding_mask` to be `None` or {expected - 1}-D "
            f"but found {key_padding_mask.ndim}-D tensor instead"
        )
    if attn_mask is not None and attn_mask.ndim != 2 and attn_mask.ndim != 3:
        raise AssertionError(
            f"For {word} ({expected}-D) `query`, expected `attn_mask` to be `None`, 2-D or 3-D "
            f"but found {attn_mask.ndim}-D tensor instead"
        )
    return batched


def _checked_mask(mask, length, sources, heads):
    """The mask as [1 or N*H, L, S]."""
    if mask.ndim == 2:
        if mask.shape != (length, sources):
            raise RuntimeError(f"The shape of the 2D attn_mask is {mask.shape}, but should be {(length, sources)}.")
        return mask.unsqueeze(0)
    if mask.shape != (heads, length, sources):
        raise RuntimeError(f"The shape of the 3D attn_mask is {mask.shape}, but should be {(heads, length, sources)}.")
    return mask


def _one_more(F, mask):
    """A mask for one more source, which all may see."""
    return None if mask is None else F.pad(mask, (0, 1))


def _project(F, query, key, value, q_weight, k_weight, v_weight, bias):
    b_q, b_k, b_v = (None, None, None) if bias is None else bias.chunk(3)
    return F.linear(query, q_weight, b_q), F.linear(key, k_weight, b_k), F.linear(value, v_weight, b_v)


def _project_packed(F, query, key, value, weight, bias):
    """One product where the inputs are one tensor, else one for each."""
    embed = query.shape[-1]
    if key is value and query is key:
        return F.linear(query, weight, bias).chunk(3, dim=-1)
    if key is value:
        w_q, w_kv = weight.split([embed, embed * 2])
        b_q, b_kv = (None, None) if bias is None else bias.split([embed, embed * 2])
        k, v = F.linear(key, w_kv, b_kv).chunk(2, dim=-1)
        return F.linear(query, w_q, b_q), k, v
    w_q, w_k, w_v = weight.chunk(3)
    return _project(F, query, key, value, w_q, w_k, w_v, bias)
