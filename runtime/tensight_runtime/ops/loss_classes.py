"""Losses of scores against classes: nll_loss, cross_entropy, multi-margin losses."""

from tensight_runtime.ops.loss import chosen, collected, loss_dims
from tensight_runtime.ops.reducing import floats_only
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import eq
from tensight_runtime.spec.dtype import int64, promote_types, uint8
from tensight_runtime.spec.kind import Int, Num, OptBool, OptTensor, Str, Tensor
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import Refused, require

BATCHES = "Expected input batch_size ({}) to match target batch_size ({})."
NOT_INTEGRAL = "expected target dtype to be Long or Byte, but got {}"


def class_dim(ndim):
    return 1 if ndim > 1 else 0


# -- nll_loss ---------------------------------------------------------------------------------------------------------


def index_dims(input, target, weight):
    """The dims of unreduced losses: the input's without its classes, which the target must have."""
    shape, wanted = input.shape, target.shape
    if not shape:
        raise Refused("Expected 1 or more dimensions (got 0)", ValueError)
    if len(shape) > 1:
        require(
            len(wanted) > 0 and eq(shape[0], wanted[0]), BATCHES, shape[0], wanted[0] if wanted else 0, error=ValueError
        )
    if len(shape) <= 2:
        if len(wanted) > 1:
            raise Refused("0D or 1D target tensor expected, multi-target not supported")
        if len(shape) == 1 and wanted:
            require(
                eq(wanted[0], 1),
                "For 1D input, 1D target must have size 1, but got target size: {}",
                wanted[0],
                error=ValueError,
            )
    elif len(shape) == 4:
        if len(wanted) != 3:
            raise Refused(
                f"only batches of spatial targets supported (3D tensors) but got targets of dimension: {len(wanted)}"
            )
        for have, want in zip(wanted[1:], shape[2:], strict=True):
            require(eq(have, want), "size mismatch (got input: {} , target: {}", shape, wanted)
    else:
        rest = (shape[0], *shape[2:])
        require(len(wanted) == len(rest), "Expected target size {}, got {}", rest, wanted)
        for have, want in zip(wanted[1:], rest[1:], strict=True):
            require(eq(have, want), "Expected target size {}, got {}", rest, wanted)
    check_weight(shape, weight)
    return (shape[0], *shape[2:]) if len(shape) > 1 else ()


def check_weight(shape, weight, prefix=""):
    if weight is None or weight.dims is None:
        return
    classes = shape[class_dim(len(shape))]
    if len(shape) == 4 and not prefix:
        message, values = "weight tensor should be defined either for all or no classes", ()
    else:
        message = prefix + (
            "weight tensor should be defined either for all {} classes or no classes but got weight tensor of shape: {}"
        )
        values = classes, weight.dims
    require(len(weight.dims) == 1, message, *values)
    require(eq(weight.dims[0], classes), message, *values)


def check_types(input, target, weight):
    if target.dtype and target.dtype not in (int64, uint8):
        raise Refused(NOT_INTEGRAL.format(scalar_name(target.dtype)))
    if weight is not None and weight.dtype and input.dtype and weight.dtype is not input.dtype:
        raise Refused(f"expected scalar type {scalar_name(input.dtype)} but found {scalar_name(weight.dtype)}")


def _nll_name(input) -> str:
    return "NllLossBackward0" if input.ndim < 3 else "NllLoss2DBackward0" if input.ndim == 4 else "ViewBackward0"


def nll_dims(input, target, weight, size_average, reduce, reduction):
    dims = loss_dims(lambda: index_dims(input, target, weight), chosen(reduction, size_average, reduce))
    check_types(input, target, weight)
    return dims


@op(
    "torch.nn.functional.nll_loss",
    shape=nll_dims, dtype=promote.same(), autocast="fp32", extras=("total",), grad_name=_nll_name,
    accepts=[
        "nll_loss(f32[3, 4], i64[3]{0..3})", "nll_loss(f32[2, 4, 5, 5], i64[2, 5, 5]{0..3}, f32[4]{0..1})",
        "nll_loss(f32[2, 4, 5], i64[2, 5]{0..3}, reduction='none')", "nll_loss(f32[4], i64[]{0..3})",
        "nll_loss(f64[6, 4], i64[6]{0..3}, f64[4]{0..1}, ignore_index=1)",
        "nll_loss(f32[6, 4], i64[6]{0..3}, reduction='sum')",
    ],
    rejects={
        "nll_loss(f32[3, 4], i64[2]{0..3})": "Expected input batch_size (3) to match target batch_size (2).",
        "nll_loss(f32[3, 4], f32[3])": "expected target dtype to be Long or Byte, but got Float",
        "nll_loss(f32[3, 4], i64[3]{4..4})": "Target 4 is out of bounds.",
        "nll_loss(f32[3, 4], i64[3]{0..3}, f32[3])":
            "weight tensor should be defined either for all 4 classes or no classes but got weight tensor of shape:",
    },
)  # fmt: skip
def nll_loss(
    xp, input: Tensor("N C", "C", "N C H W"), target: Tensor, weight: OptTensor("C") = None,
    size_average: OptBool = None, ignore_index: Int = -100, reduce: OptBool = None, reduction: Str = "mean",
):  # fmt: skip
    """Minus the log-probability (dim 1) of each target class, weighted; a target of `ignore_index` counts nothing."""
    at = class_dim(input.ndim)
    classes = input.shape[at]
    target = target.astype("int64").reshape(input.shape[:at] + input.shape[at + 1 :])
    ignored = target == ignore_index
    wrong = ((target < 0) | (target >= classes)) & ~ignored
    if bool(wrong.any()):
        raise IndexError(f"Target {int(target[wrong].reshape(-1)[0])} is out of bounds.")
    index = xp.where(ignored, 0, target)
    loss = -xp.take_along_axis(input, xp.expand_dims(index, at), at)
    loss = loss.reshape(target.shape)
    scale = (~ignored).astype(input.dtype)
    if weight is not None:
        scale = scale * weight[index]
    loss = xp.where(ignored, xp.zeros_like(loss), loss * scale)
    how = chosen(reduction, size_average, reduce)
    if how == "none":
        return loss, None
    total = scale.sum()
    return (loss.sum() / total if how == "mean" else loss.sum()), total


@nll_loss.vjp("input")
def _(g, input, target, weight, total, input_shape, size_average, ignore_index, reduce, reduction):
    how = chosen(reduction, size_average, reduce)
    at = class_dim(len(input_shape))
    target = target.long().reshape(input_shape[:at] + input_shape[at + 1 :])
    ignored = target == ignore_index
    index = target.masked_fill(ignored, 0)
    share = g / total if how == "mean" else g
    if weight is not None:
        share = share * weight.gather(0, index.reshape(-1)).reshape(index.shape)
    share = (-share).expand(index.shape).masked_fill(ignored, 0)
    return share.new_zeros(input_shape).scatter(at, index.unsqueeze(at), share.unsqueeze(at))


# -- cross_entropy ----------------------------------------------------------------------------------------------------


def by_probability(input, target):
    """Does the target give a probability for each class (the shapes are equal), or the index of one?"""
    if len(input.shape) != len(target.shape):
        return False
    if target.dtype and target.dtype.category < 2:
        return all(eq(a, b) is True for a, b in zip(input.shape, target.shape, strict=True))
    return len(input.shape) > 0


def probability_dims(input, target, weight, ignore_index):
    shape = input.shape
    if target.dtype and target.dtype.category < 2:
        raise Refused(
            f"Expected floating point type for target with class probabilities, got {scalar_name(target.dtype)}"
        )
    for i, (have, want) in enumerate(zip(target.shape, shape, strict=True)):
        if i == 0 and len(shape) > 1:
            require(eq(want, have), BATCHES, want, have, error=ValueError)
        elif len(shape) == 1:
            require(
                eq(want, have),
                "For 1D input, 1D target must have size 1, but got target size: {}",
                have,
                error=ValueError,
            )
        elif len(shape) == 2:
            require(eq(want, have), "0D or 1D target tensor expected, multi-target not supported")
        elif len(shape) == 4:
            require(
                eq(want, have), "only batches of spatial targets supported (3D tensors) but got targets of dimension: 4"
            )
        else:
            require(eq(want, have), "Expected target size {}, got {}", (shape[0], *shape[2:]), target.shape)
    if isinstance(ignore_index, int) and ignore_index >= 0:
        raise Refused("ignore_index is not supported for floating point target")
    check_weight(shape, weight, "cross_entropy: ")
    at = class_dim(len(shape))
    return shape[:at] + shape[at + 1 :]


def cross_entropy_dims(input, target, weight, size_average, ignore_index, reduce, reduction, label_smoothing):
    how = chosen(reduction, size_average, reduce)
    if isinstance(label_smoothing, (int, float)) and not 0 <= label_smoothing <= 1:
        raise Refused(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    floats_only(input, "\"log_softmax_lastdim_kernel_impl\" not implemented for '{}'", NotImplementedError)

    def unreduced():
        if by_probability(input, target):
            return probability_dims(input, target, weight, ignore_index)
        dims = index_dims(input, target, weight)
        check_types(input, target, weight)
        return dims

    return loss_dims(unreduced, how)


def cross_entropy_dtype(input, target):
    """The input's; with probabilities, that of their product."""
    if input.dtype is None or target.dtype is None:
        return None if target.dtype is None else input.dtype
    return promote_types(input.dtype, target.dtype) if target.dtype.category >= 2 else input.dtype


@op(
    "torch.nn.functional.cross_entropy",
    composite=True, shape=cross_entropy_dims, dtype=cross_entropy_dtype, autocast="fp32",
    accepts=[
        "cross_entropy(f32[3, 4], i64[3]{0..3})", "cross_entropy(f32[3, 4], f32[3, 4]{0..1})",
        "cross_entropy(f32[4], i64[]{0..3})",
        "cross_entropy(f32[2, 4, 5, 5], i64[2, 5, 5]{0..3}, f32[4]{0..1}, ignore_index=0)",
        "cross_entropy(f32[2, 4, 5], i64[2, 5]{0..3}, reduction='none', label_smoothing=0.1)",
        "cross_entropy(f32[2, 4, 5], f32[2, 4, 5]{0..1}, f32[4]{0..1}, reduction='sum', label_smoothing=0.1)",
        "cross_entropy(f32[9, 4], i64[9]{0..3}, f32[4]{0..1}, ignore_index=1, label_smoothing=0.2)",
    ],
    rejects={
        "cross_entropy(f32[3, 4], i64[2]{0..3})": "Expected input batch_size (3) to match target batch_size (2).",
        "cross_entropy(f32[3, 4], f32[3])": "expected target dtype to be Long or Byte, but got Float",
        "cross_entropy(f32[3, 4], i64[3, 4])":
            "Expected floating point type for target with class probabilities, got Long",
        "cross_entropy(f32[3, 4], i64[3, 1])": "0D or 1D target tensor expected, multi-target not supported",
        "cross_entropy(f32[2, 4, 5, 5], i64[2, 3, 5])": "size mismatch (got input: [2, 4, 5, 5] , target: [2, 3, 5]",
        "cross_entropy(f32[3, 4], i64[3]{0..3}, reduction='bad')": "bad is not a valid value for reduction",
        "cross_entropy(f32[3, 4], i64[3]{4..4})": "Target 4 is out of bounds.",
    },
)  # fmt: skip
def cross_entropy(
    input: Tensor("N C", "C", "N C H W"), target: Tensor, weight: OptTensor("C") = None, size_average: OptBool = None,
    ignore_index: Int = -100, reduce: OptBool = None, reduction: Str = "mean", label_smoothing: Num = 0.0,
):  # fmt: skip
    """log_softmax over the classes (dim 1), then nll_loss; a target of the input's shape gives class probabilities."""
    how = chosen(reduction, size_average, reduce)
    at = class_dim(input.dim())
    logs = input.log_softmax(at)
    classes = input.shape[at]
    broad = (-1,) + (1,) * (input.dim() - 1 - at)
    if tuple(input.shape) == tuple(target.shape):
        if label_smoothing:
            target = target * (1 - label_smoothing) + label_smoothing / classes
        loss = -(logs * target) if weight is None else -(logs * target * weight.reshape(broad))
        if how == "mean":
            return loss.sum() / (input.numel() / classes)
        return loss.sum() if how == "sum" else loss.sum(at)
    loss = nll_loss(logs, target, weight, None, ignore_index, None, how)
    if not label_smoothing:
        return loss
    smooth = -(logs if weight is None else logs * weight.reshape(broad)).sum(at)
    ignored = target.reshape(smooth.shape) == ignore_index
    smooth = smooth.masked_fill(ignored, 0)
    if how == "mean":
        counted = ignored.logical_not()
        if weight is not None:
            index = target.long().reshape(smooth.shape).masked_fill(ignored, 0).reshape(-1)
            counted = weight.gather(0, index) * counted.reshape(-1)
        smooth = smooth.sum() / counted.sum()
    elif how == "sum":
        smooth = smooth.sum()
    return loss * (1 - label_smoothing) + smooth * (label_smoothing / classes)


# -- margins ----------------------------------------------------------------------------------------------------------


def multi_margin_dims(input, target, p, weight, size_average, reduce, reduction):
    if isinstance(p, (int, float)) and p not in (1, 2):
        raise Refused("only p == 1 and p == 2 supported", ValueError)

    def unreduced():
        shape, wanted = input.shape, target.shape
        n = shape[0] if len(shape) == 2 else 1
        message = (
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch "
            "size). Expected target size [{}], but got {}. Input has shape {}."
        )
        require(len(wanted) <= 1, message, n, wanted, shape)
        require(eq(wanted[0] if wanted else 1, n), message, n, wanted, shape)
        if weight is not None and weight.dims is not None:
            classes = shape[-1] if shape else 1
            require(len(weight.dims) == 1, "weight must be one-dimensional", error=ValueError)
            require(
                eq(weight.dims[0], classes), "inconsistent weight size, expected {} but got {}", classes, weight.dims
            )
        return wanted

    return loss_dims(unreduced, chosen(reduction, size_average, reduce))


@op(
    "torch.nn.functional.multi_margin_loss",
    composite=True, shape=multi_margin_dims, dtype=promote.same(), autocast="fp32",
    accepts=[
        "multi_margin_loss(f32[3, 4], i64[3]{0..3})",
        "multi_margin_loss(f32[3, 4], i64[3]{0..3}, 2, 0.5, f32[4]{0..1})",
        "multi_margin_loss(f32[3, 4], i64[3]{0..3}, reduction='none')", "multi_margin_loss(f32[4], i64[]{0..3})",
    ],
    rejects={
        "multi_margin_loss(f32[3, 4], i64[2]{0..3})":
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of",
        "multi_margin_loss(f32[3, 4], i64[3]{0..3}, 3)": "only p == 1 and p == 2 supported",
    },
)  # fmt: skip
def multi_margin_loss(
    input: Tensor("N C", "C"), target: Tensor("N", ""), p: Int = 1, margin: Num = 1.0, weight: OptTensor("C") = None,
    size_average: OptBool = None, reduce: OptBool = None, reduction: Str = "mean",
):  # fmt: skip
    """How far the other classes' scores come within `margin` of the target's, to the p-th power, over the classes."""
    classes = input.shape[-1] if input.dim() else 1
    rows, index = input.reshape((target.numel(), classes)), target.reshape((-1, 1))
    short = (margin - rows.gather(1, index) + rows).clamp(min=0)
    short = short * short if p == 2 else short
    if weight is not None:
        short = short * weight.gather(0, index.reshape(-1)).reshape((-1, 1))
    loss = short.scatter(1, index, 0.0).sum(1) / classes
    return collected(loss.reshape(target.shape), chosen(reduction, size_average, reduce))


def multilabel_margin_dims(input, target, size_average, reduce, reduction):
    def unreduced():
        message = "inconsistent target size: {} for input of size: {}"
        require(len(input.shape) == len(target.shape), message, target.shape, input.shape)
        for a, b in zip(input.shape, target.shape, strict=True):
            require(eq(a, b), message, target.shape, input.shape)
        return input.shape[:-1] if input.shape else ()

    return loss_dims(unreduced, chosen(reduction, size_average, reduce))


@op(
    "torch.nn.functional.multilabel_margin_loss",
    composite=True, shape=multilabel_margin_dims, dtype=promote.same(), autocast="fp32",
    accepts=[
        "multilabel_margin_loss(f32[3, 4], i64[3, 4]{-1..3})",
        "multilabel_margin_loss(f32[4], i64[4]{-1..3}, reduction='none')",
    ],
    rejects={"multilabel_margin_loss(f32[3, 4], i64[3])": "inconsistent target size: [3] for input of size: [3, 4]"},
)  # fmt: skip
def multilabel_margin_loss(
    input: Tensor("N C", "C"), target: Tensor("N C", "C"), size_average: OptBool = None, reduce: OptBool = None,
    reduction: Str = "mean",
):  # fmt: skip
    """Hinge loss between each target class (up to the first -1 of its row) and each class that is no target."""
    if not input.dim():
        return collected(multilabel_margin_loss(input.reshape(1), target.reshape(1), reduction="sum"), "none")
    valid = (target < 0).cumsum(-1) == 0
    index = target.clamp(min=0)
    chosen_ones = (input.detach() * 0).scatter_add(-1, index, valid.to(input.dtype)) > 0
    short = (1 - input.gather(-1, index).unsqueeze(-1) + input.unsqueeze(-2)).clamp(min=0)
    counted = valid.unsqueeze(-1).logical_and(chosen_ones.logical_not().unsqueeze(-2))
    loss = (short * counted).sum((-2, -1)) / input.shape[-1]
    return collected(loss, chosen(reduction, size_average, reduce))
