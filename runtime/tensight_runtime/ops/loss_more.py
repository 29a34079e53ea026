"""Further losses between an input and a target, written in other operators."""

import math

from tensight_runtime.ops.loss import MISMATCH, chosen, collected, loss_dims, pair_dims
from tensight_runtime.ops.reducing import apply, known
from tensight_runtime.spec import promote
from tensight_runtime.spec.kind import Bool, Num, OptBool, OptTensor, Str, Tensor, TensorLike, TensorOrNum
from tensight_runtime.spec.op import op
from tensight_runtime.spec.require import Refused, require
from tensight_runtime.spec.shape import broadcast_dims, expandable


def swapped_dims(input, target, size_average, reduce, reduction):
    """As `pair_dims`, but torch names the target first."""
    return pair_dims(target, input, size_average, reduce, reduction)


def kl_dims(input, target, size_average, reduce, reduction):
    how = chosen(reduction, size_average, reduce, more=("batchmean",))
    return loss_dims(lambda: broadcast_dims(target.shape, input.shape), how)


@op(
    "torch.nn.functional.kl_div",
    composite=True, shape=kl_dims, dtype=promote.promoted(), autocast="fp32",
    accepts=[
        "kl_div(f32[3, 4], f32[3, 4]{0..1})", "kl_div(f32[3, 4], f32[3, 4]{0..1}, reduction='batchmean')",
        "kl_div(f32[3, 4], f32[3, 4], reduction='sum', log_target=True)",
        "kl_div(f32[3, 4], f32[4]{0..1}, reduction='none')",
    ],
    rejects={
        "kl_div(f32[3, 4], f32[2, 4])":
            "The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0",
        "kl_div(f32[3], f32[3], reduction='xyz')": "xyz is not a valid value for reduction",
    },
)  # fmt: skip
def kl_div(
    input: Tensor, target: Tensor, size_average: OptBool = None, reduce: OptBool = None, reduction: Str = "mean",
    log_target: Bool = False,
):  # fmt: skip
    """target * (log(target) - input), the input being logarithms; "batchmean" divides the sum by the first dim."""
    loss = target.exp() * (target - input) if log_target else target.xlogy(target) - target * input
    how = chosen(reduction, size_average, reduce, more=("batchmean",))
    if how == "batchmean":
        return loss.sum() / (input.shape[0] if input.dim() else 1)
    return collected(loss, how)


@op(
    "torch.nn.functional.soft_margin_loss",
    composite=True, shape=pair_dims, dtype=promote.promoted(), autocast="fp32",
    accepts=["soft_margin_loss(f32[3, 4], f32[3, 4])", "soft_margin_loss(f32[3, 4], f32[4], reduction='none')"],
    rejects={"soft_margin_loss(f32[3, 4], f32[2, 4])": MISMATCH},
)  # fmt: skip
def soft_margin_loss(
    input: Tensor, target: Tensor, size_average: OptBool = None, reduce: OptBool = None, reduction: Str = "mean",
):  # fmt: skip
    """log(1 + exp(-target * input)), targets being 1 or -1."""
    return collected((-target * input).exp().log1p(), chosen(reduction, size_average, reduce))


@op(
    "torch.nn.functional.hinge_embedding_loss",
    composite=True, shape=swapped_dims, dtype=promote.promoted(), autocast="fp32",
    accepts=[
        "hinge_embedding_loss(f32[3, 4], i64[3, 4]{-1..1})",
        "hinge_embedding_loss(f32[3, 4], f32[3, 1], 0.5, reduction='none')",
    ],
    rejects={"hinge_embedding_loss(f32[2, 4], f32[3, 4])": MISMATCH},
)  # fmt: skip
def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: Num = 1.0, size_average: OptBool = None, reduce: OptBool = None,
    reduction: Str = "mean",
):  # fmt: skip
    """The input where the target is 1, max(0, margin - input) where it is -1."""
    loss = (margin - input).clamp(min=0) * (target != 1) + input * (target != -1)
    return collected(loss, chosen(reduction, size_average, reduce))


@op(
    "torch.nn.functional.poisson_nll_loss",
    composite=True, shape=swapped_dims, dtype=promote.promoted(), autocast="fp32",
    accepts=[
        "poisson_nll_loss(f32[3, 4], f32[3, 4]{0..5})",
        "poisson_nll_loss(f32[3]{0.1..2}, f32[3]{0..5}, False, True)",
        "poisson_nll_loss(f32[3], f32[3]{0..5}, reduction='none')",
    ],
    rejects={"poisson_nll_loss(f32[2, 4], f32[3, 4])": MISMATCH},
)  # fmt: skip
def poisson_nll_loss(
    input: Tensor, target: Tensor, log_input: Bool = True, full: Bool = False, size_average: OptBool = None,
    eps: Num = 1e-8, reduce: OptBool = None, reduction: Str = "mean",
):  # fmt: skip
    """The negative log likelihood of a count under a Poisson rate, or its logarithm; `full` adds Stirling's term."""
    loss = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        loss = loss + stirling.masked_fill(target <= 1, 0)
    return collected(loss, chosen(reduction, size_average, reduce))


def fitted(input, var):
    """The variance's dims as they broadcast: as the input, without its last dim, or with a single dim of 1."""
    have, want = var.shape, input.shape
    if len(have) == len(want) - 1:
        have = (*have, 1)
    fits = len(have) == len(want)
    require(fits, "var is of incorrect size", error=ValueError)
    for a, b in zip(have, want, strict=True):
        require(expandable(a, b), "var is of incorrect size", error=ValueError)
    return have


def gaussian_dims(input, target, var, reduction):
    known(reduction)
    if reduction not in ("mean", "sum", "none"):
        raise Refused(f"{reduction} is not valid", ValueError)

    def unreduced():
        dims = broadcast_dims(input.shape, target.shape)
        return broadcast_dims(dims, fitted(input, var)) if isinstance(var, TensorLike) else dims

    return loss_dims(unreduced, reduction)


@op(
    "torch.nn.functional.gaussian_nll_loss",
    composite=True, shape=gaussian_dims, dtype=promote.promoted(),
    accepts=[
        "gaussian_nll_loss(f32[3, 4], f32[3, 4], f32[3, 4]{0.1..2})",
        "gaussian_nll_loss(f32[3, 4], f32[3, 4], f32[3]{0.1..2}, full=True)",
        "gaussian_nll_loss(f32[3, 4], f32[3, 4], f32[3, 1]{0.1..2}, reduction='none')",
        "gaussian_nll_loss(f32[3], f32[3], 2.0)",
    ],
    rejects={"gaussian_nll_loss(f32[3, 4], f32[3, 4], f32[2, 4]{0..1})": "var is of incorrect size"},
)  # fmt: skip
def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: TensorOrNum, full: Bool = False, eps: Num = 1e-6, reduction: Str = "mean",
):  # fmt: skip
    """The negative log likelihood of the target under a normal distribution of mean `input` and variance `var`."""
    if isinstance(var, (int, float)):
        var = input.detach() * 0 + var
    if (var < 0).any():
        raise ValueError("var has negative entry/entries")
    if var.dim() == input.dim() - 1:
        var = var.unsqueeze(-1)
    var = var + ((var.detach() < eps) * (eps - var.detach()))  # clamped, but with the gradient of the variance itself
    loss = 0.5 * (var.log() + (input - target).pow(2) / var)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return collected(loss, reduction)


def multilabel_soft_dims(input, target, weight, size_average, reduce, reduction):
    def unreduced():
        dims = broadcast_dims(target.shape, input.shape)
        dims = dims if weight is None else broadcast_dims(dims, weight.shape)
        return dims[:-1]

    return loss_dims(unreduced, chosen(reduction, size_average, reduce))


@op(
    "torch.nn.functional.multilabel_soft_margin_loss",
    composite=True, shape=multilabel_soft_dims, dtype=promote.promoted(),
    accepts=[
        "multilabel_soft_margin_loss(f32[3, 4], f32[3, 4]{0..1})",
        "multilabel_soft_margin_loss(f32[3, 4], f32[3, 4]{0..1}, f32[4]{0..1}, reduction='none')",
    ],
    rejects={
        "multilabel_soft_margin_loss(f32[3, 4], f32[2, 4])":
            "The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0",
    },
)  # fmt: skip
def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: OptTensor = None, size_average: OptBool = None, reduce: OptBool = None,
    reduction: Str = "mean",
):  # fmt: skip
    """The binary cross entropy of logits, averaged over the classes (last dim)."""
    soft = lambda x: apply("torch.nn.functional.logsigmoid", x)
    loss = -(target * soft(input) + (1 - target) * soft(-input))
    loss = loss if weight is None else loss * weight
    return collected(loss.sum(-1) / input.shape[-1], chosen(reduction, size_average, reduce))
