"""Losses between an input and a target of the same shape.

`reduction` is "mean", "sum" or "none"; the deprecated `size_average` and `reduce` override it, as in torch.
"""

from tensight_runtime.ops.elementwise import OnlyNone
from tensight_runtime.ops.reducing import known
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import eq
from tensight_runtime.spec.kind import Num, OptBool, OptTensor, Str, Tensor
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import RankUnknown, Refused, require
from tensight_runtime.spec.shape import broadcast_dims

# -- reductions -------------------------------------------------------------------------------------------------------


def chosen(reduction, size_average=None, reduce=None, more=()) -> str:
    """The reduction that holds; torch's ValueError for a word that is none."""
    known(reduction, size_average, reduce)
    if size_average is not None or reduce is not None:
        return "none" if reduce is False else "sum" if size_average is False else "mean"
    if reduction not in ("mean", "sum", "none", *more):
        raise Refused(f"{reduction} is not a valid value for reduction", ValueError)
    return reduction


def loss_dims(unreduced, how):
    """() or, without a reduction, `unreduced()`, which is asked either way, since it refuses what does not fit."""
    try:
        dims = unreduced()
    except RankUnknown:
        if how == "none":
            raise
        return ()
    return dims if how == "none" else ()


def collected(loss, how):
    """Reduce an array or a tensor of losses."""
    return loss.mean() if how == "mean" else loss.sum() if how == "sum" else loss


def shared_out(g, how, n):
    """The gradient of `collected`, up to broadcasting."""
    return g / n if how == "mean" else g


def pair_dims(input, target, size_average, reduce, reduction):
    """Input and target broadcast."""
    how = chosen(reduction, size_average, reduce)
    return loss_dims(lambda: broadcast_dims(input.shape, target.shape), how)


def equal_dims(input, target, message):
    """The shape input and target must share; torch's ValueError names both as torch.Size([...])."""
    have, want = target.shape, input.shape
    require(len(have) == len(want), message, have, want, error=ValueError)
    for a, b in zip(have, want, strict=True):
        require(eq(a, b), message, have, want, error=ValueError)
    return want


def no_integers(kernel, input, target):
    if input.dtype and target.dtype and input.dtype.category < 2 and target.dtype.category < 2:
        raise Refused(f"\"{kernel}\" not implemented for '{scalar_name(input.dtype)}'", NotImplementedError)


MISMATCH = "The size of tensor a (3) must match the size of tensor b (2) at non-singleton dimension 0"
INVALID = "xyz is not a valid value for reduction"

# -- mse, l1, smooth l1, huber ----------------------------------------------------------------------------------------


def mse_dims(input, target, size_average, reduce, reduction):
    no_integers("mse_cpu", input, target)
    return pair_dims(input, target, size_average, reduce, reduction)


@op(
    "torch.nn.functional.mse_loss",
    shape=mse_dims, dtype=promote.promoted(), autocast="fp32",
    accepts=[
        "mse_loss(f32[3, 4], f32[3, 4])", "mse_loss(f32[3, 4], f64[4], reduction='none')",
        "mse_loss(f32[3], f32[3], reduction='sum')", "mse_loss(f32[3], f32[3], size_average=False)",
        "mse_loss(f32[3], f32[3], reduce=False)", "mse_loss(f32[0], f32[0])",
    ],
    rejects={
        "mse_loss(f32[3, 4], f32[2, 4])": MISMATCH,
        "mse_loss(f32[3], f32[3], reduction='xyz')": INVALID,
        "mse_loss(i64[3], i64[3])": "\"mse_cpu\" not implemented for 'Long'",
    },
)  # fmt: skip
def mse_loss(
    xp, input: Tensor, target: Tensor, size_average: OptBool = None, reduce: OptBool = None, reduction: Str = "mean",
    weight: OnlyNone = None,
):  # fmt: skip
    """The squared error."""
    return collected(xp.square(input - target), chosen(reduction, size_average, reduce))


@mse_loss.vjp("input", "target")
def _(g, input, target, size_average, reduce, reduction):
    away = input - target
    to_input = shared_out(g * 2, chosen(reduction, size_average, reduce), away.numel()) * away
    return to_input, -to_input


def weighted_dims(input, target, weight, size_average, reduce, reduction):
    if len(weight.shape) != len(input.shape):
        raise Refused("Weights and input must have the same size.", ValueError)
    for a, b in zip(weight.shape, input.shape, strict=True):
        require(eq(a, b), "Weights and input must have the same size.", error=ValueError)
    return pair_dims(input, target, size_average, reduce, reduction)


def weighted_mean(loss, weight, how):
    """Reduce losses with weights: the mean is over the weights."""
    loss = loss * weight
    return loss.sum() / weight.sum() if how == "mean" else collected(loss, how)


@op(
    "torch.nn.functional.mse_loss",
    name="mse_loss", overload="weighted", composite=True, shape=weighted_dims, dtype=promote.promoted(),
    autocast="fp32",
    accepts=[
        "mse_loss(f32[3, 4], f32[3, 4], weight=f32[3, 4]{0..1})",
        "mse_loss(f32[3], f32[3], reduction='none', weight=f32[3]{0..1})",
    ],
    rejects={"mse_loss(f32[3, 4], f32[3, 4], weight=f32[4])": "Weights and input must have the same size."},
)  # fmt: skip
def mse_loss_weighted(
    input: Tensor,
    target: Tensor,
    size_average: OptBool = None,
    reduce: OptBool = None,
    reduction: Str = "mean",
    *,
    weight: Tensor,
):
    """The squared error, weighted."""
    return weighted_mean((input - target).pow(2), weight, chosen(reduction, size_average, reduce))


def l1_dims(input, target, weight, size_average, reduce, reduction):
    if weight is not None:
        return weighted_dims(input, target, weight, size_average, reduce, reduction)
    dims = pair_dims(input, target, size_average, reduce, reduction)
    if input.dtype and target.dtype and chosen(reduction, size_average, reduce) == "mean":
        promote.floating_mean(input if input.dtype.category >= target.dtype.category else target)
    return dims


@op(
    "torch.nn.functional.l1_loss",
    composite=True, shape=l1_dims, dtype=promote.promoted(), autocast="fp32",
    accepts=[
        "l1_loss(f32[3, 4], f32[3, 4])", "l1_loss(f32[3, 4], f64[4], reduction='none')",
        "l1_loss(i64[3], i64[3], reduction='sum')", "l1_loss(f32[3], f32[3], weight=f32[3]{0..1})",
    ],
    rejects={
        "l1_loss(f32[3, 4], f32[2, 4])": MISMATCH,
        "l1_loss(i64[3], i64[3])":
            "mean(): could not infer output dtype. Input dtype must be either a floating point or complex",
    },
)  # fmt: skip
def l1_loss(
    input: Tensor, target: Tensor, size_average: OptBool = None, reduce: OptBool = None, reduction: Str = "mean",
    weight: OptTensor = None,
):  # fmt: skip
    """The absolute error."""
    loss, how = (input - target).abs(), chosen(reduction, size_average, reduce)
    return collected(loss, how) if weight is None else weighted_mean(loss, weight, how)


def smooth_l1_dims(input, target, size_average, reduce, reduction, beta):
    if isinstance(beta, (int, float)) and beta < 0:
        raise Refused("smooth_l1_loss does not support negative values for beta.")
    no_integers("smooth_l1_cpu", input, target)
    return pair_dims(input, target, size_average, reduce, reduction)


@op(
    "torch.nn.functional.smooth_l1_loss",
    shape=smooth_l1_dims, dtype=promote.promoted(), autocast="fp32",
    accepts=[
        "smooth_l1_loss(f32[3, 4], f32[3, 4])", "smooth_l1_loss(f32[3, 4], f32[4], reduction='none', beta=0.5)",
        "smooth_l1_loss(f32[3], f64[3], reduction='sum')", "smooth_l1_loss(f32[3], f32[3], beta=0.0)",
    ],
    rejects={
        "smooth_l1_loss(f32[3, 4], f32[2, 4])": MISMATCH,
        "smooth_l1_loss(f32[3], f32[3], beta=-1.0)": "smooth_l1_loss does not support negative values for beta.",
    },
)  # fmt: skip
def smooth_l1_loss(
    xp, input: Tensor, target: Tensor, size_average: OptBool = None, reduce: OptBool = None, reduction: Str = "mean",
    beta: Num = 1.0,
):  # fmt: skip
    """The squared error below `beta` (halved, over beta), the absolute error above."""
    size = xp.abs(input - target)
    if beta:
        size = xp.where(size < beta, size * size * (0.5 / beta), size - 0.5 * beta)
    return collected(size, chosen(reduction, size_average, reduce))


@smooth_l1_loss.vjp("input", "target")
def _(g, input, target, size_average, reduce, reduction, beta):
    away = input - target
    slope = (away / beta).clamp(-1, 1) if beta else away.sgn()
    to_input = shared_out(g, chosen(reduction, size_average, reduce), away.numel()) * slope
    return to_input, -to_input


def huber_dims(input, target, reduction, delta):
    if isinstance(delta, (int, float)) and delta <= 0:
        raise Refused("huber_loss does not support non-positive values for delta.")
    no_integers("huber_cpu", input, target)
    return pair_dims(input, target, None, None, reduction)


@op(
    "torch.nn.functional.huber_loss",
    shape=huber_dims, dtype=promote.promoted(), autocast="fp32",
    accepts=[
        "huber_loss(f32[3, 4], f32[3, 4])", "huber_loss(f32[3, 4], f32[4], 'none', 0.5)",
        "huber_loss(f32[3], f32[3], reduction='sum')",
    ],
    rejects={
        "huber_loss(f32[3, 4], f32[2, 4])": MISMATCH,
        "huber_loss(f32[3], f32[3], delta=0)": "huber_loss does not support non-positive values for delta.",
    },
)  # fmt: skip
def huber_loss(xp, input: Tensor, target: Tensor, reduction: Str = "mean", delta: Num = 1.0, weight: OnlyNone = None):
    """The squared error (halved) below `delta`, growing linearly above."""
    size = xp.abs(input - target)
    return collected(xp.where(size <= delta, size * size * 0.5, (size - 0.5 * delta) * delta), reduction)


@huber_loss.vjp("input", "target")
def _(g, input, target, reduction, delta):
    away = input - target
    to_input = shared_out(g, reduction, away.numel()) * away.clamp(-delta, delta)
    return to_input, -to_input


def weighted_huber_dims(input, target, weight, reduction, delta):
    weighted_dims(input, target, weight, None, None, reduction)
    return huber_dims(input, target, reduction, delta)


@op(
    "torch.nn.functional.huber_loss",
    name="huber_loss", overload="weighted", composite=True, shape=weighted_huber_dims, dtype=promote.promoted(),
    autocast="fp32",
    accepts=["huber_loss(f32[3, 4], f32[3, 4], weight=f32[3, 4]{0..1})"],
)  # fmt: skip
def huber_loss_weighted(input: Tensor, target: Tensor, reduction: Str = "mean", delta: Num = 1.0, *, weight: Tensor):
    """The Huber loss, weighted; its mean is over the elements."""
    return collected(huber_loss(input, target, "none", delta) * weight, reduction)


# -- binary cross entropy ---------------------------------------------------------------------------------------------

DIFFERENT = (
    "Using a target size (torch.Size({})) that is different to the input size (torch.Size({})) is deprecated. "
    "Please ensure they have the same size."
)


def bce_dims(input, target, weight, size_average, reduce, reduction):
    def unreduced():
        dims = equal_dims(input, target, DIFFERENT)
        return dims if weight is None else broadcast_dims(dims, weight.shape)

    dims = loss_dims(unreduced, chosen(reduction, size_average, reduce))
    if input.dtype and target.dtype and input.dtype is not target.dtype:
        raise Refused(f"Found dtype {scalar_name(target.dtype)} but expected {scalar_name(input.dtype)}")
    return dims


@op(
    "torch.nn.functional.binary_cross_entropy",
    shape=bce_dims, dtype=promote.same(), grad_name="BinaryCrossEntropyBackward0",
    accepts=[
        "binary_cross_entropy(f32[3, 4]{0.1..0.9}, f32[3, 4]{0..1})",
        "binary_cross_entropy(f32[3]{0.1..0.9}, f32[3]{0..1}, reduction='none')",
        "binary_cross_entropy(f32[3, 4]{0.1..0.9}, f32[3, 4]{0..1}, f32[4]{0..1}, reduction='sum')",
    ],
    rejects={
        "binary_cross_entropy(f32[3, 4]{0..1}, f32[4]{0..1})":
            "Using a target size (torch.Size([4])) that is different to the input size (torch.Size([3, 4])) is",
        "binary_cross_entropy(f32[3]{0..1}, i64[3])": "Found dtype Long but expected Float",
        "binary_cross_entropy(f32[3]{2..3}, f32[3])": "all elements of input should be between 0 and 1",
    },
)  # fmt: skip
def binary_cross_entropy(
    xp, input: Tensor, target: Tensor, weight: OptTensor = None, size_average: OptBool = None, reduce: OptBool = None,
    reduction: Str = "mean",
):  # fmt: skip
    """-(t log(p) + (1 - t) log(1 - p)) of probabilities in [0, 1]; logarithms count as at least -100."""
    if not bool(((input >= 0) & (input <= 1)).all()):
        raise RuntimeError("all elements of input should be between 0 and 1")
    loss = (target - 1) * xp.maximum(xp.log1p(-input), -100) - target * xp.maximum(xp.log(input), -100)
    return collected(loss if weight is None else loss * weight, chosen(reduction, size_average, reduce))


@binary_cross_entropy.vjp("input", "target")
def _(g, input, target, weight, size_average, reduce, reduction):
    g = shared_out(g, chosen(reduction, size_average, reduce), input.numel())
    g = g if weight is None else g * weight
    to_target = g * ((-input).log1p().clamp(min=-100) - input.log().clamp(min=-100))
    return g * (input - target) / ((1 - input) * input).clamp(min=1e-12), to_target


def logits_dims(input, target, weight, pos_weight, size_average, reduce, reduction):
    def unreduced():
        dims = equal_dims(input, target, "Target size (torch.Size({})) must be the same as input size (torch.Size({}))")
        for more in (pos_weight, weight):
            dims = dims if more is None else broadcast_dims(more.shape, dims)
        return dims

    dims = loss_dims(unreduced, chosen(reduction, size_average, reduce))
    if input.dtype and target.dtype and target.dtype.category < 2 <= input.dtype.category:
        result, wanted = scalar_name(input.dtype), scalar_name(target.dtype)
        raise Refused(f"result type {result} can't be cast to the desired output type {wanted}")
    return dims


@op(
    "torch.nn.functional.binary_cross_entropy_with_logits",
    shape=logits_dims, dtype=promote.promoted(), autocast="fp32", grad_name="BinaryCrossEntropyWithLogitsBackward0",
    accepts=[
        "binary_cross_entropy_with_logits(f32[3, 4], f32[3, 4]{0..1})",
        "binary_cross_entropy_with_logits(f32[3, 4], f32[3, 4]{0..1}, reduction='none', pos_weight=f32[4]{1..3})",
        "binary_cross_entropy_with_logits(f32[3, 4], f32[3, 4]{0..1}, f32[4]{0..1}, reduction='sum')",
    ],
    rejects={
        "binary_cross_entropy_with_logits(f32[3, 4], f32[4])":
            "Target size (torch.Size([4])) must be the same as input size (torch.Size([3, 4]))",
        "binary_cross_entropy_with_logits(f32[3], i64[3])":
            "result type Float can't be cast to the desired output type Long",
    },
)  # fmt: skip
def binary_cross_entropy_with_logits(
    xp, input: Tensor, target: Tensor, weight: OptTensor = None, size_average: OptBool = None, reduce: OptBool = None,
    reduction: Str = "mean", pos_weight: OptTensor = None,
):  # fmt: skip
    """The binary cross entropy of sigmoid(input), without overflow; `pos_weight` weighs the positive class."""
    soft = xp.log1p(xp.exp(-xp.abs(input))) + xp.maximum(-input, 0)
    if pos_weight is not None:
        soft = soft * ((pos_weight - 1) * target + 1)
    loss = (1 - target) * input + soft
    return collected(loss if weight is None else loss * weight, chosen(reduction, size_average, reduce))


@binary_cross_entropy_with_logits.vjp("input")
def _(g, input, target, weight, pos_weight, size_average, reduce, reduction):
    g = shared_out(g, chosen(reduction, size_average, reduce), input.numel())
    g = g if weight is None else g * weight
    if pos_weight is None:
        return g * (input.sigmoid() - target)
    positive = pos_weight * target
    return g * ((positive + 1 - target) * input.sigmoid() - positive)


@binary_cross_entropy_with_logits.vjp("target")
def _(g, input, target, weight, pos_weight, size_average, reduce, reduction):
    g = shared_out(g, chosen(reduction, size_average, reduce), input.numel())
    g = g if weight is None else g * weight
    if pos_weight is None:
        return -g * input
    return g * ((1 - pos_weight) * input.sigmoid().log() - input)
