"""Connectionist temporal classification: the loss of a label sequence whose alignment with the frames nobody knows."""

from tensight_runtime.ops.loss import chosen, collected, loss_dims
from tensight_runtime.ops.reducing import floats_only
from tensight_runtime.spec import promote
from tensight_runtime.spec.kind import Bool, Int, Ints, Kind, Str, Tensor
from tensight_runtime.spec.op import op
from tensight_runtime.spec.require import Refused, require

Lengths = Kind("Tensor|int[]", lambda value: Tensor.test(value) or Ints.test(value), holds="one")


def _numbers(xp, lengths):
    return xp.asarray(lengths).reshape(-1)


class _Lattice:
    """The states of the alignment: blanks between the labels, 2 S + 1 per sequence."""

    def __init__(self, xp, logs, targets, frames, lengths, blank):
        n, self.frames, self.lengths = logs.shape[1], _numbers(xp, frames), _numbers(xp, lengths)
        longest = int(self.lengths.max()) if n else 0
        labels = xp.full((n, 2 * longest + 1), blank)
        if targets.ndim == 1:  # one sequence after the other
            starts = xp.cumsum(self.lengths) - self.lengths
            at = xp.minimum(starts[:, None] + xp.arange(longest), max(targets.size - 1, 0))
            labels[:, 1::2] = targets[at] if targets.size else blank
        else:
            labels[:, 1::2] = targets[:, :longest]
        self.labels = labels.astype("int64")
        self.states = 2 * self.lengths + 1
        inside = xp.arange(labels.shape[1]) < self.states[:, None]
        self.skips = xp.zeros(labels.shape, dtype=bool)  # a label may follow another one without a blank between
        self.skips[:, 2:] = (labels[:, 2:] != blank) & (labels[:, 2:] != labels[:, :-2])
        emitted = xp.take_along_axis(logs, self.labels[None], 2)
        self.emitted = xp.where(inside[None], emitted, -xp.inf)

    def forwards(self, xp):
        """alpha[t]: the log-probability of all ways into each state by frame t."""
        alpha = xp.full_like(self.emitted, -xp.inf)
        alpha[0, :, :2] = self.emitted[0, :, :2]
        for t in range(1, len(alpha)):
            ways = self._joined(xp, alpha[t - 1], self.skips, 1)
            alpha[t] = ways + self.emitted[t]
        return alpha

    def backwards(self, xp):
        """beta[t]: of all ways from each state at frame t to the end, the emission at t included."""
        beta = xp.full_like(self.emitted, -xp.inf)
        states = xp.arange(beta.shape[2])
        ends = (states == self.states[:, None] - 1) | (states == self.states[:, None] - 2)
        follows = xp.zeros_like(self.skips)
        follows[:, :-2] = self.skips[:, 2:]
        for t in reversed(range(len(beta))):
            ways = self._joined(xp, beta[t + 1], follows, -1) if t + 1 < len(beta) else beta[t]
            last = (self.frames == t + 1)[:, None]
            beta[t] = xp.where(last, xp.where(ends, 0.0, -xp.inf).astype(beta.dtype), ways) + self.emitted[t]
        return beta

    @staticmethod
    def _joined(xp, stay, skips, step):
        """The ways by staying, by one step, and by two where that is allowed."""
        none = xp.full_like(stay, -xp.inf)
        one, two = none.copy(), none
        if step > 0:
            one[:, 1:], two[:, 2:] = stay[:, :-1], stay[:, :-2]
        else:
            one[:, :-1], two[:, :-2] = stay[:, 1:], stay[:, 2:]
        return xp.logaddexp(xp.logaddexp(stay, one), xp.where(skips, two, -xp.inf).astype(stay.dtype))


def _check_values(xp, log_probs, targets, frames, lengths):
    """What only the values can tell."""
    checking = "(while checking arguments for ctc_loss_allocate_outputs)"
    frames, lengths = _numbers(xp, frames), _numbers(xp, lengths)
    if frames.size and int(frames.max()) > log_probs.shape[0]:
        most, got = log_probs.shape[0], int(frames.max())
        raise RuntimeError(f"Expected input_lengths to have value at most {most}, but got value {got} {checking}")
    have, at = targets.shape[-1], targets.ndim - 1
    want = (int(lengths.sum()) if targets.ndim == 1 else int(lengths.max())) if lengths.size else 0
    if have < want or (targets.ndim == 1 and have != want):
        least = "" if targets.ndim == 1 else "at least "
        raise RuntimeError(
            f"Expected tensor to have size {least}{want} at dimension {at}, but got size {have} for argument #2 "
            f"'targets' {checking}"
        )


@op(shape=lambda log_probs: (log_probs.shape[1],), dtype=promote.same("log_probs"), grad_name="CtcLossBackward0")
def ctc_likelihood(
    xp,
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Lengths,
    target_lengths: Lengths,
    blank: Int,
    zero_infinity: Bool,
):
    """Minus the log-likelihood of each sequence."""
    _check_values(xp, log_probs, targets, input_lengths, target_lengths)
    lattice = _Lattice(xp, log_probs, targets, input_lengths, target_lengths, blank)
    alpha = lattice.forwards(xp)
    samples = xp.arange(alpha.shape[1])
    end = alpha[lattice.frames - 1, samples, lattice.states - 1]
    before = alpha[lattice.frames - 1, samples, xp.maximum(lattice.states - 2, 0)]
    loss = -xp.where(lattice.states > 1, xp.logaddexp(end, before), end)
    return xp.where(xp.isinf(loss), 0.0, loss).astype(loss.dtype) if zero_infinity else loss


@op(shape=lambda log_probs: log_probs.shape, dtype=promote.same("log_probs"))
def ctc_gradient(
    xp, g: Tensor, log_probs: Tensor, targets: Tensor, input_lengths: Lengths, target_lengths: Lengths, blank: Int,
    zero_infinity: Bool,
):  # fmt: skip
    """The probability of each class less how often the alignments pass it: torch has log_softmax in mind."""
    lattice = _Lattice(xp, log_probs, targets, input_lengths, target_lengths, blank)
    passing = lattice.forwards(xp) + lattice.backwards(xp)
    passing -= xp.where(xp.isinf(lattice.emitted), 0.0, lattice.emitted)
    top = passing[0].max(-1)
    total = xp.log(xp.exp(passing[0] - top[:, None]).sum(-1)) + top
    occupied = xp.exp(passing - total[None, :, None])
    classes = (lattice.labels[..., None] == xp.arange(log_probs.shape[2])).astype(log_probs.dtype)
    result = xp.exp(log_probs) - xp.einsum("tnl,nlc->tnc", occupied, classes)
    inside = (xp.arange(len(log_probs))[:, None] < lattice.frames)[..., None]
    if zero_infinity:
        inside = inside & xp.isfinite(total)[:, None]
    return xp.where(inside, result * g[:, None], 0.0).astype(log_probs.dtype)


@ctc_likelihood.vjp("log_probs")
def _(g, log_probs, targets, input_lengths, target_lengths, blank, zero_infinity):
    return ctc_gradient(g, log_probs, targets, input_lengths, target_lengths, blank, zero_infinity)


def ctc_dims(log_probs, targets, input_lengths, target_lengths, blank, reduction):
    floats_only(log_probs, "\"ctc_loss_cpu\" not implemented for '{}'", NotImplementedError)

    def unreduced():
        shape = log_probs.shape
        if len(shape) not in (2, 3):
            raise Refused(f"ctc_loss: log_probs must have 2 or 3 dims, got {len(shape)}")
        classes = shape[-1]
        if isinstance(blank, int) and isinstance(classes, int):
            require(0 <= blank < classes, "blank must be in label range")
        if len(shape) == 2:
            return ()
        for name, given in (("input_lengths", input_lengths), ("target_lengths", target_lengths)):
            if isinstance(given, (tuple, list)) and isinstance(shape[1], int):
                require(len(given) == shape[1], "{} must be of size batch_size", name)
        return (shape[1],)

    return loss_dims(unreduced, chosen(reduction))


@op(
    "torch.nn.functional.ctc_loss", composite=True, shape=ctc_dims, dtype=promote.same("log_probs"), autocast="fp32",
    accepts=[
        "ctc_loss(f32[6, 2, 4], i64[2, 2]{1..3}, (6, 5), (2, 1))",
        "ctc_loss(f32[6, 2, 4], i64[3]{1..3}, [6, 5], [2, 1], reduction='none')",
        "ctc_loss(f32[6, 4], i64[2]{1..3}, (6,), (2,), reduction='sum')",
        "ctc_loss(f32[2, 2, 4], i64[2, 2]{1..1}, (2, 2), (2, 1), zero_infinity=True)",
    ],
    rejects={
        "ctc_loss(f32[5, 2, 4], i64[2, 2]{1..3}, (5, 5), (2, 2), blank=4)": "blank must be in label range",
        "ctc_loss(f32[5, 2, 4], i64[2, 2]{1..3}, (5,), (2, 2))": "input_lengths must be of size batch_size",
        "ctc_loss(f32[5, 2, 4], i64[3]{1..3}, (5, 5), (2, 2))":
            "Expected tensor to have size 4 at dimension 0, but got size 3",
    },
)  # fmt: skip
def ctc_loss(
    log_probs: Tensor("T N C", "T C"), targets: Tensor("N S", "S"), input_lengths: Lengths, target_lengths: Lengths,
    blank: Int = 0, reduction: Str = "mean", zero_infinity: Bool = False,
):  # fmt: skip
    """Minus the log-likelihood of the targets under the frames' log-probabilities; its mean is per label."""
    single = log_probs.dim() == 2
    logs = log_probs.unsqueeze(1) if single else log_probs
    labels = targets.reshape((1, -1)) if single else targets
    loss = ctc_likelihood(logs, labels, input_lengths, target_lengths, blank, zero_infinity)
    if reduction == "mean":
        lengths = target_lengths if hasattr(target_lengths, "dim") else loss.detach().new_tensor(target_lengths)
        loss = loss / lengths.reshape(loss.shape).clamp(min=1)
    return collected(loss.squeeze(0) if single else loss, reduction)
