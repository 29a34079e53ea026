"""The elementwise part of one recurrent step, fused: LSTM and GRU, with their first and second derivatives.

LSTM  i, f, o = sigmoid(a, b, d); g = tanh(e); c' = f c + i g; h = o tanh(c')        gates in the order a b e d
GRU   r, z = sigmoid; n = tanh(n1 + r n2); h' = n + z (h - n)                        gates in the order r z n
"""

from tensight_runtime.spec import promote
from tensight_runtime.spec.kind import OptTensor, Tensor
from tensight_runtime.spec.op import op


def _sigmoid(xp, x):
    y = xp.tanh(x * 0.5)  # faster than by exp
    y *= 0.5
    y += 0.5
    return y


def _gates(xp, gates, c):
    """i, f, g, o and tanh of the next state, and that state."""
    n = c.shape[1]
    gates = gates.copy()
    i, f, g, o = (gates[:, k * n : (k + 1) * n] for k in range(4))
    gates[:, : 2 * n] = _sigmoid(xp, gates[:, : 2 * n])
    o[...] = _sigmoid(xp, o)
    xp.tanh(g, out=g)
    state = f * c
    state += i * g
    return i, f, g, o, xp.tanh(state), state


@op(shape=lambda c: [c.shape, c.shape], dtype=promote.same("c"), outs=("h", "next_c"), grad_name="LstmCellBackward0",
    accepts=["lstm_step(f32[2, 12], f32[2, 3])"])  # fmt: skip
def lstm_step(xp, gates: Tensor("N g"), c: Tensor("N H")):
    """(h, c) after a step, from the sums that enter the gates (N, 4 H) and the state before."""
    _, _, _, o, t, state = _gates(xp, gates, c)
    return o * t, state


@lstm_step.vjp("gates", "c")
def _(g, gates, c):
    return lstm_step_gradient(g[0], g[1], gates, c)


@op(shape=lambda gates, c: [gates.shape, c.shape], dtype=promote.same("c"), outs=("to_gates", "to_c"),
    grad_name="LstmCellDoubleBackward0",
    accepts=["lstm_step_gradient(f32[2, 3], f32[2, 3], f32[2, 12], f32[2, 3])"])  # fmt: skip
def lstm_step_gradient(xp, gh: OptTensor, gc: OptTensor, gates: Tensor, c: Tensor):
    """What a step passes to its gates and to the state before."""
    i, f, g, o, t, _ = _gates(xp, gates, c)
    n = c.shape[1]
    to_gates = xp.empty(gates.shape, dtype=gates.dtype)
    if gh is None:
        total = gc
        to_gates[:, 3 * n :] = 0
    else:
        total = gh * o * (1 - t * t)
        if gc is not None:
            total += gc
        to_gates[:, 3 * n :] = gh * t * o * (1 - o)
    to_gates[:, :n] = total * g * i * (1 - i)
    to_gates[:, n : 2 * n] = total * c * f * (1 - f)
    to_gates[:, 2 * n : 3 * n] = total * i * (1 - g * g)
    return to_gates, total * f


@lstm_step_gradient.vjp("gh", "gc", "gates", "c")
def _(grads, gh, gc, gates, c):
    zero = c * 0
    A, B, E, D = (zero,) * 4 if grads[0] is None else grads[0].chunk(4, 1)
    C = zero if grads[1] is None else grads[1]
    gh, gc = zero if gh is None else gh, zero if gc is None else gc
    a, b, e, d = gates.chunk(4, 1)
    i, f, g, o = a.sigmoid(), b.sigmoid(), e.tanh(), d.sigmoid()
    t = (f * c + i * g).tanh()
    di, df, dg, do, dt = i * (1 - i), f * (1 - f), 1 - g * g, o * (1 - o), 1 - t * t
    total = gc + gh * o * dt
    K = A * g * di + B * c * df + E * i * dg + C * f
    X = gh * dt * (D * do - 2 * K * o * t)
    to_a = total * di * (A * g * (1 - 2 * i) + E * dg) + X * g * di
    to_b = total * df * (B * c * (1 - 2 * f) + C) + X * c * df
    to_e = total * dg * (A * di - 2 * E * i * g) + X * i * dg
    to_d = gh * do * (K * dt + D * t * (1 - 2 * o))
    return K * o * dt + D * t * do, K, _cat([to_a, to_b, to_e, to_d]), total * B * df + X * f


def _gru_gates(xp, x, y, h):
    n = h.shape[1]
    both = _sigmoid(xp, x[:, : 2 * n] + y[:, : 2 * n])
    r, z = both[:, :n], both[:, n:]
    return r, z, xp.tanh(x[:, 2 * n :] + r * y[:, 2 * n :])


@op(
    shape=lambda h: h.shape,
    dtype=promote.same("h"),
    grad_name="GruCellBackward0",
    accepts=["gru_step(f32[2, 9], f32[2, 9], f32[2, 3])"],
)
def gru_step(xp, x: Tensor("N g"), y: Tensor("N g"), h: Tensor("N H")):
    """The state after a step, from what enters the gates from the input and from the state, (N, 3 H) each."""
    _, z, n = _gru_gates(xp, x, y, h)
    return n + z * (h - n)


@gru_step.vjp("x", "y", "h")
def _(g, x, y, h):
    return gru_step_gradient(g, x, y, h)


@op(shape=lambda x, y, h: [x.shape, y.shape, h.shape], dtype=promote.same("h"), outs=("to_x", "to_y", "to_h"),
    grad_name="GruCellDoubleBackward0",
    accepts=["gru_step_gradient(f32[2, 3], f32[2, 9], f32[2, 9], f32[2, 3])"])  # fmt: skip
def gru_step_gradient(xp, g: Tensor, x: Tensor, y: Tensor, h: Tensor):
    """What a step passes to both sides of its gates and to the state before."""
    r, z, n = _gru_gates(xp, x, y, h)
    size = h.shape[1]
    to_x = xp.empty(x.shape, dtype=x.dtype)
    inner = g * (1 - z) * (1 - n * n)
    to_x[:, :size] = inner * y[:, 2 * size :] * r * (1 - r)
    to_x[:, size : 2 * size] = g * (h - n) * z * (1 - z)
    to_x[:, 2 * size :] = inner
    to_y = to_x.copy()
    to_y[:, 2 * size :] *= r
    return to_x, to_y, g * z


@gru_step_gradient.vjp("g", "x", "y", "h")
def _(grads, g, x, y, h):
    zero = h * 0
    P, Q, R = (zero,) * 3 if grads[0] is None else grads[0].chunk(3, 1)
    P2, Q2, S = (zero,) * 3 if grads[1] is None else grads[1].chunk(3, 1)
    P, Q, T = P + P2, Q + Q2, zero if grads[2] is None else grads[2]
    (r1, z1, n1), (r2, z2, n2) = x.chunk(3, 1), y.chunk(3, 1)
    r, z = (r1 + r2).sigmoid(), (z1 + z2).sigmoid()
    n = (n1 + r * n2).tanh()
    dr, dz, dn = r * (1 - r), z * (1 - z), 1 - n * n
    inner = g * (1 - z) * dn
    K = P * n2 * dr + R + S * r  # times inner; Q multiplies g (h - n) z (1 - z), and T multiplies g z
    to_g = K * (1 - z) * dn + Q * (h - n) * dz + T * z
    at_n = (-2 * K * g * (1 - z) * n - Q * g * dz) * dn
    to_r = at_n * n2 * dr + inner * dr * (P * n2 * (1 - 2 * r) + S)
    to_z = dz * (-K * g * dn + Q * g * (h - n) * (1 - 2 * z) + T * g)
    to_n2 = at_n * r + inner * P * dr
    return to_g, _cat([to_r, to_z, at_n]), _cat([to_r, to_z, to_n2]), Q * g * dz


def _cat(tensors):
    from tensight_runtime.ops.joining import cat

    return cat(tensors, 1)
