"""RNN, GRU and LSTM over a PackedSequence, step by step: at step t only the first batch_sizes[t] sequences go on."""

import tensight_runtime as torch
from tensight_runtime.nn import functional as F
from tensight_runtime.nn.utils.rnn import PackedSequence


def run_packed(rnn, packed, hx):
    """Output (packed) and last states, as the module returns them."""
    lstm = rnn.mode == "LSTM"
    steps = packed.data.split(packed.batch_sizes.tolist())
    batch = steps[0].shape[0]
    if packed.data.shape[-1] != rnn.input_size:
        raise RuntimeError(
            f"input.size(-1) must be equal to input_size. Expected {rnn.input_size}, got {packed.data.shape[-1]}"
        )
    width = rnn.proj_size if rnn.proj_size > 0 else rnn.hidden_size
    if hx is None:
        h = rnn._zeros(packed.data, batch, width)
        c = rnn._zeros(packed.data, batch, rnn.hidden_size) if lstm else None
    else:
        h, c = hx if lstm else (hx, None)
        if packed.sorted_indices is not None:
            h = h.index_select(1, packed.sorted_indices)
            c = c.index_select(1, packed.sorted_indices) if lstm else None
    directions = 2 if rnn.bidirectional else 1
    last_h, last_c = [], []
    for layer in range(rnn.num_layers):
        outputs = []
        for direction in range(directions):
            at = layer * directions + direction
            weights = rnn.all_weights[at]
            state = (h[at], c[at]) if lstm else (h[at],)
            output, state = _run_direction(rnn, weights, steps, state, direction == 1)
            outputs.append(output)
            last_h.append(state[0])
            if lstm:
                last_c.append(state[1])
        steps = outputs[0] if directions == 1 else [torch.cat(pair, -1) for pair in zip(*outputs, strict=False)]
        if rnn.dropout > 0 and layer < rnn.num_layers - 1:
            dropped = F.dropout(torch.cat(list(steps)), rnn.dropout, rnn.training)
            steps = dropped.split(packed.batch_sizes.tolist())
    h = torch.stack(last_h)
    c = torch.stack(last_c) if lstm else None
    if packed.unsorted_indices is not None:
        h = h.index_select(1, packed.unsorted_indices)
        c = c.index_select(1, packed.unsorted_indices) if lstm else None
    data = torch.cat(list(steps))
    output = PackedSequence(data, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices)
    return output, ((h, c) if lstm else h)


def _run_direction(rnn, weights, steps, state, backwards):
    """One layer in one direction.  Sequences that ended (or, backwards, have not begun) keep their state."""
    outputs = []
    for x in reversed(steps) if backwards else steps:
        active = x.shape[0]
        now = _step(rnn, weights, x, [s[:active] for s in state])
        state = [torch.cat([new, old[active:]]) for new, old in zip(now, state, strict=False)]
        outputs.append(now[0])
    return (outputs[::-1] if backwards else outputs), state


def _step(rnn, weights, x, state):
    w_ih, w_hh = weights[0], weights[1]
    b_ih, b_hh = (weights[2], weights[3]) if rnn.bias else (None, None)
    projection = weights[-1] if rnn.proj_size > 0 else None
    from_input, from_state = F.linear(x, w_ih, b_ih), F.linear(state[0], w_hh, b_hh)
    if rnn.mode == "LSTM":
        i, f, g, o = (from_input + from_state).chunk(4, -1)
        c = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return (h if projection is None else F.linear(h, projection)), c
    if rnn.mode == "GRU":
        r_i, z_i, n_i = from_input.chunk(3, -1)
        r_h, z_h, n_h = from_state.chunk(3, -1)
        z = torch.sigmoid(z_i + z_h)
        n = torch.tanh(n_i + torch.sigmoid(r_i + r_h) * n_h)
        return ((state[0] - n) * z + n,)
    total = from_input + from_state
    return (torch.tanh(total) if rnn.mode == "RNN_TANH" else torch.relu(total),)
