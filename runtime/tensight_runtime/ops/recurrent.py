"""Recurrent layers and cells as torch names them: lstm, gru, rnn_tanh, rnn_relu, for padded and for packed sequences.

Written in tensor operators; the input's products of all steps are one product.  Gates are in torch's order: i f g o
and r z n.
"""

from tensight_runtime.ops.dropout import dropout as drop
from tensight_runtime.ops.linalg import agreed
from tensight_runtime.ops.recurrent_cells import gru_step, lstm_step
from tensight_runtime.spec.cond import eq, gt
from tensight_runtime.spec.kind import Bool, Num, OptTensor, Tensor, Tensors, UnknownLike
from tensight_runtime.spec.op import Op, op
from tensight_runtime.spec.require import RankUnknown, Refused, require

# --- one step ---------------------------------------------------------------------------------------------------------


def _linear(x, weight, bias):
    y = x @ weight.mT
    return y if bias is None else y + bias


class Cell:
    """How a kind of layer steps.

    `gates` is how many its weights hold, `states` how many tensors its state has.  `step(part, state, w, b)` takes the
    input's share of the gates, the state, and the state's weight, turned, and bias; `folds` says that this bias may
    as well be added to the input's share, once for all steps.
    """

    def __init__(self, gates: int, states: int, step, folds: bool = True):
        self.gates, self.states, self.step, self.folds = gates, states, step, folds


def _sum(part, h, w, b):
    total = part + h @ w
    return total if b is None else total + b


LSTM = Cell(4, 2, lambda part, state, w, b: tuple(lstm_step(_sum(part, state[0], w, b), state[1])))
GRU = Cell(
    3,
    1,
    lambda part, state, w, b: (gru_step(part, state[0] @ w if b is None else state[0] @ w + b, state[0]),),
    folds=False,
)
TANH = Cell(1, 1, lambda part, state, w, b: (_sum(part, state[0], w, b).tanh(),))
RELU = Cell(1, 1, lambda part, state, w, b: (_sum(part, state[0], w, b).relu(),))

# --- layers -----------------------------------------------------------------------------------------------------------


def _layers(params, has_biases: bool, directions: int, projected: bool):
    """(w_ih, w_hh, b_ih, b_hh, w_hr) per layer and direction."""
    width = 2 + 2 * has_biases + projected
    for i in range(0, len(params), width):
        group = list(params[i : i + width])
        w_hr = group.pop() if projected else None
        yield (*group, *((None, None) if not has_biases else ()), w_hr)


def _project(state, w_hr):
    return state if w_hr is None else (state[0] @ w_hr.mT, *state[1:])


def _prepared(cell: Cell, x, weights):
    """The input's share of the gates of all steps, the state's weight, turned, and bias, and the projection."""
    w_ih, w_hh, b_ih, b_hh, w_hr = weights
    if cell.folds and b_ih is not None:
        b_ih, b_hh = b_ih + b_hh, None
    return _linear(x, w_ih, b_ih), w_hh.mT.contiguous(), b_hh, w_hr


def _run(cell: Cell, x, state, weights, reverse: bool):
    """One direction of one layer over (T, N, input): the outputs of all steps and the last state."""
    shares, w, b, w_hr = _prepared(cell, x, weights)
    parts = shares.unbind(0)
    outputs = [None] * len(parts)
    for t in reversed(range(len(parts))) if reverse else range(len(parts)):
        state = _project(cell.step(parts[t], state, w, b), w_hr)
        outputs[t] = state[0]
    return _stack(outputs), state


def _run_packed(cell: Cell, x, sizes, state, weights, reverse: bool):
    """The same over packed rows: step t has the sizes[t] longest sequences."""
    shares, w, b, w_hr = _prepared(cell, x, weights)
    parts = shares.split(sizes)
    outputs = [None] * len(parts)
    done = []  # states of sequences that have ended, longest last
    start = state
    state = tuple(s[: sizes[-1]] for s in start) if reverse else state
    for t in reversed(range(len(parts))) if reverse else range(len(parts)):
        have = state[0].shape[0]
        if reverse and sizes[t] > have:  # shorter sequences join
            state = tuple(_cat([s, first[have : sizes[t]]]) for s, first in zip(state, start, strict=True))
        elif not reverse and sizes[t] < have:
            done.append(tuple(s[sizes[t] :] for s in state))
            state = tuple(s[: sizes[t]] for s in state)
        state = _project(cell.step(parts[t], state, w, b), w_hr)
        outputs[t] = state[0]
    last = tuple(_cat([state[k], *(d[k] for d in reversed(done))]) for k in range(cell.states))
    return _cat(outputs), last


def _stack(tensors):
    from tensight_runtime.ops.joining import stack

    return stack(tensors, 0)


def _cat(tensors, dim: int = 0):
    from tensight_runtime.ops.joining import cat

    return tensors[0] if len(tensors) == 1 else cat(tensors, dim)


def run_layers(cell: Cell, x, states, params, has_biases, num_layers, dropout, train, bidirectional, sizes=None):
    """All layers: the top layer's outputs and the last states of all, stacked."""
    directions = 2 if bidirectional else 1
    hidden = [s.unbind(0) for s in states]
    projected = cell.states == 2 and states[0].shape[2] != states[1].shape[2]
    weights = list(_layers(params, has_biases, directions, projected))
    last = []
    for layer in range(num_layers):
        outputs = []
        for direction in range(directions):
            at = layer * directions + direction
            state = tuple(h[at] for h in hidden)
            if sizes is None:
                output, state = _run(cell, x, state, weights[at], direction == 1)
            else:
                output, state = _run_packed(cell, x, sizes, state, weights[at], direction == 1)
            outputs.append(output)
            last.append(state)
        x = _cat(outputs, -1)
        if dropout and train and layer < num_layers - 1:
            x = drop(x, dropout, True)
    return (x, *(_stack([state[k] for state in last]) for k in range(cell.states)))


# --- rules ------------------------------------------------------------------------------------------------------------


def layer_dims(cell: Cell, input, states, params, has_biases, num_layers, bidirectional, batch_first, packed: bool):
    for flag in (num_layers, bidirectional, has_biases, batch_first):
        if isinstance(flag, UnknownLike):
            raise RankUnknown
    directions = 2 if bidirectional else 1
    if cell.states == 2 and len(states) != 2:
        raise Refused("lstm expects two hidden states")
    shape = input.shape
    if len(shape) != (2 if packed else 3):
        bound = len(shape)
        raise Refused(
            f"Dimension out of range (expected to be in range of [{-bound}, {bound - 1}], but got 2)", IndexError
        )
    if not packed:
        require(gt(shape[1] if batch_first else shape[0], 0), "Expected sequence length to be larger than 0 in RNN")
    hidden = states[0].shape
    if len(hidden) != 3:
        raise Refused(f"Expected hidden to be a 3D tensor, but got {len(hidden)}D tensor")
    require(
        eq(hidden[0], num_layers * directions) if isinstance(num_layers, int) else True,
        "Expected more hidden states in stacked_rnn",
    )
    if not packed:
        batch = shape[0] if batch_first else shape[1]
        require(eq(hidden[1], batch), "Expected hidden size {}, got {}", (hidden[0], batch, hidden[2]), hidden)
    if not isinstance(params, UnknownLike) and params and params[0].dims is not None:
        w = params[0].shape
        rows = 1
        for size in shape[:-1]:
            rows = rows * size
        message = "mat1 and mat2 shapes cannot be multiplied ({}x{} and {}x{})"
        require(eq(shape[-1], w[-1]), message, rows, shape[-1], w[-1], w[0])
    output = (*shape[:-1], hidden[2] * directions)
    return [output, *(s.shape for s in states)]


def layer(names: str, cell: Cell, outs, accepts, packed_accepts) -> tuple[Op, Op]:
    """torch.<name> for padded input, and its overload for packed data."""
    many = cell.states == 2
    kind = Tensors if many else Tensor

    def as_list(hx):
        if isinstance(hx, UnknownLike):
            raise RankUnknown
        return list(hx) if many else [hx]

    def padded(input: Tensor("T N I"), hx: kind, params: Tensors, has_biases: Bool, num_layers: Num, dropout: Num,
               train: Bool,
               bidirectional: Bool, batch_first: Bool):  # fmt: skip
        """Layers over (T, N, input), or (N, T, input) if batch_first: the outputs and the last state of each layer."""
        x = input.transpose(0, 1) if batch_first else input
        y, *last = run_layers(cell, x, as_list(hx), params, has_biases, num_layers, dropout, train, bidirectional)
        return (y.transpose(0, 1) if batch_first else y, *last)

    def padded_dims(input, hx, params, has_biases, num_layers, bidirectional, batch_first):
        return layer_dims(cell, input, as_list(hx), params, has_biases, num_layers, bidirectional, batch_first, False)

    def packed(data: Tensor("S I"), batch_sizes: Tensor("T"), hx: kind, params: Tensors, has_biases: Bool,
               num_layers: Num, dropout: Num,
               train: Bool, bidirectional: Bool):  # fmt: skip
        """Layers over the data and batch_sizes of a PackedSequence."""
        sizes = [int(n) for n in batch_sizes.tolist()]
        return run_layers(cell, data, as_list(hx), params, has_biases, num_layers, dropout, train, bidirectional, sizes)

    def packed_dims(data, hx, params, has_biases, num_layers, bidirectional):
        return layer_dims(cell, data, as_list(hx), params, has_biases, num_layers, bidirectional, False, True)

    random = lambda dropout, train: not (train is False or dropout == 0)
    shared = {
        "composite": True,
        "name": names,
        "outs": outs,
        "random": random,
        "autocast": "lower",
        "returns": "tuple",
        "in_order": False,
    }
    first = op(f"torch.{names}", shape=padded_dims, dtype=agreed("input", "params", "hx"), accepts=accepts, **shared)(
        padded
    )
    second = op(
        f"torch.{names}",
        overload="data",
        shape=packed_dims,
        dtype=agreed("data", "params", "hx"),
        accepts=packed_accepts,
        **shared,
    )(packed)
    return first, second


def _samples(name: str, gates: int, two: bool):
    h = "(f32[{}, 2, 4], f32[{}, 2, 4])" if two else "f32[{}, 2, 4]"
    g = gates * 4
    one = f"f32[{g}, 3], f32[{g}, 4], f32[{g}], f32[{g}]"
    next_ = f"f32[{g}, 8], f32[{g}, 4], f32[{g}], f32[{g}]"
    state = lambda n: h.replace("{}", str(n))
    return [
        f"{name}(f32[5, 2, 3], {state(1)}, [{one}], True, 1, 0.0, False, False, False)",
        f"{name}(f32[2, 5, 3], {state(1)}, [f32[{g}, 3], f32[{g}, 4]], False, 1, 0.0, False, False, True)",
        f"{name}(f32[5, 2, 3], {state(4)}, [{one}, {one}, {next_}, {next_}], True, 2, 0.0, True, True, False)",
    ]


lstm, lstm_packed = layer(
    "lstm", LSTM, ("output", "h_n", "c_n"),
    [*_samples("lstm", 4, True), "lstm(f32[5, 2, 3], (f32[1, 2, 2], f32[1, 2, 4]), [f32[16, 3], f32[16, 2], f32[16],"
     " f32[16], f32[2, 4]], True, 1, 0.0, False, False, False)"],
    ["lstm(f32[4, 3], i64[2]{2..2}, (f32[1, 2, 4], f32[1, 2, 4]), [f32[16, 3], f32[16, 4], f32[16], f32[16]], True,"
     " 1, 0.0, False, False)"],
)  # fmt: skip
gru, gru_packed = layer(
    "gru", GRU, ("output", "h_n"), _samples("gru", 3, False),
    ["gru(f32[4, 3], i64[2]{2..2}, f32[1, 2, 4], [f32[12, 3], f32[12, 4], f32[12], f32[12]], True, 1, 0.0, False,"
     " False)"],
)  # fmt: skip
rnn_tanh, rnn_tanh_packed = layer(
    "rnn_tanh", TANH, ("output", "h_n"), _samples("rnn_tanh", 1, False),
    ["rnn_tanh(f32[4, 3], i64[2]{2..2}, f32[1, 2, 4], [f32[4, 3], f32[4, 4], f32[4], f32[4]], True, 1, 0.0, False,"
     " False)"],
)  # fmt: skip
rnn_relu, rnn_relu_packed = layer(
    "rnn_relu", RELU, ("output", "h_n"), _samples("rnn_relu", 1, False),
    ["rnn_relu(f32[4, 3], i64[2]{2..2}, f32[1, 2, 4], [f32[4, 3], f32[4, 4], f32[4], f32[4]], True, 1, 0.0, False,"
     " False)"],
)  # fmt: skip

# --- cells ------------------------------------------------------------------------------------------------------------


def cell_dims(gates: int):
    def rule(input, hx, w_ih, w_hh):
        hidden = hx[0] if isinstance(hx, (tuple, list)) else hx
        x, h, wi, wh = input.shape, hidden.shape, w_ih.shape, w_hh.shape
        if len(x) < 2:
            raise Refused(f"Dimension out of range (expected to be in range of [-1, 0], but got {len(x)})", IndexError)
        require(eq(x[1], wi[1]), "input has inconsistent input_size: got {} expected {}", x[1], wi[1])
        require(eq(h[1], wh[1]), "hidden0 has inconsistent hidden_size: got {}, expected {}", h[1], wh[1])
        require(eq(x[0], h[0]), "Input batch size {} doesn't match hidden0 batch size {}", x[0], h[0])
        return [h, h] if isinstance(hx, (tuple, list)) else h

    return rule


@op("torch.lstm_cell", composite=True, shape=cell_dims(4), dtype=agreed("input", "w_ih", "w_hh"), autocast="lower",
    outs=("h", "c"),
    returns="tuple",
    accepts=["lstm_cell(f32[2, 3], (f32[2, 4], f32[2, 4]), f32[16, 3], f32[16, 4], f32[16], f32[16])"],
    rejects={"lstm_cell(f32[2, 3], (f32[2, 5], f32[2, 4]), f32[16, 3], f32[16, 4])": "hidden0 has inconsistent"
             " hidden_size: got 5, expected 4",
             "lstm_cell(f32[2, 2], (f32[2, 4], f32[2, 4]), f32[16, 3], f32[16, 4])": "input has inconsistent"
             " input_size: got 2 expected 3"})  # fmt: skip
def lstm_cell(
    input: Tensor("N I"),
    hx: Tensors,
    w_ih: Tensor("g I"),
    w_hh: Tensor("g H"),
    b_ih: OptTensor = None,
    b_hh: OptTensor = None,
):
    """One LSTM step for (N, input) and (h, c): the next (h, c)."""
    return LSTM.step(_linear(input, w_ih, b_ih), tuple(hx), w_hh.mT, b_hh)


def _cell(names: str, cell: Cell) -> Op:
    def body(
        input: Tensor("N I"),
        hx: Tensor("N H"),
        w_ih: Tensor("g I"),
        w_hh: Tensor("g H"),
        b_ih: OptTensor = None,
        b_hh: OptTensor = None,
    ):
        """One step for (N, input) and the hidden state: the next hidden state."""
        return cell.step(_linear(input, w_ih, b_ih), (hx,), w_hh.mT, b_hh)[0]

    g = 4 * cell.gates
    return op(f"torch.{names}", name=names, composite=True, shape=cell_dims(cell.gates),
              dtype=agreed("input", "w_ih", "w_hh"),
              autocast="lower",
              accepts=[f"{names}(f32[2, 3], f32[2, 4], f32[{g}, 3], f32[{g}, 4], f32[{g}], f32[{g}])",
                       f"{names}(f32[2, 3], f32[2, 4], f32[{g}, 3], f32[{g}, 4])"],
              rejects={f"{names}(f32[2, 3], f32[2, 5], f32[{g}, 3], f32[{g}, 4])": "hidden0 has inconsistent"
                       " hidden_size: got 5, expected 4"})(body)  # fmt: skip


gru_cell = _cell("gru_cell", GRU)
rnn_tanh_cell = _cell("rnn_tanh_cell", TANH)
rnn_relu_cell = _cell("rnn_relu_cell", RELU)
