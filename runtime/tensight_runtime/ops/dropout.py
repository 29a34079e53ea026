"""Dropout in its forms.  The masks are torch's own draws: two engine outputs per value, kept where below 1 - p.

In evaluation and with p = 0 the result is the input object itself, as in torch.
"""

from collections.abc import Callable

from tensight_runtime.spec import promote
from tensight_runtime.spec.kind import Bool, Num, Tensor
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import Refused

ALPHA = 1.7580993408473766  # of SELU: -ALPHA is where alpha dropout puts what it drops


def idle(p, training) -> bool:
    """Nothing is dropped."""
    return training is False or (isinstance(p, (int, float)) and p == 0)


def drops(p, training):
    """Draws random numbers?"""
    return not idle(p, training) and p != 1


def dropout_alias(p, training, inplace):
    if idle(p, training) or inplace is True:
        return "same:input"
    sure = training is True and isinstance(p, (int, float)) and inplace is False
    return "new" if sure else "maybe"


def dropout_mutates(p, training, inplace):
    return ("input",) if inplace is True and not idle(p, training) else ()


def probability(p, error: type[Exception] = ValueError) -> None:
    if isinstance(p, (int, float)) and not 0 <= p <= 1:
        raise Refused(f"dropout probability has to be between 0 and 1, but got {p}", error)


def dropout_dims(input, p):
    probability(p)
    return input.dims if input.dims is not None else input.shape


def train_dims(input, p):
    probability(p, RuntimeError)
    return input.shape


def dropout_dtype(input, p, training):
    """The input's; integers cannot be scaled by 1 / (1 - p)."""
    if (
        training is True
        and input.dtype is not None
        and input.dtype.category < 2
        and isinstance(p, (int, float))
        and 0 < p < 1
    ):
        raise Refused(f"result type Float can't be cast to the desired output type {scalar_name(input.dtype)}")
    return input.dtype


def whole(shape):
    """A draw for every value."""
    return shape


def features(shape):
    """A draw for every channel (dim 1) of every sample."""
    return (*shape[:2], *(1,) * (len(shape) - 2))


def unbatched(shape):
    """A draw for every channel (dim 0) of one sample."""
    return (shape[0], *(1,) * (len(shape) - 1))


def drop(xp, rng, input, p, training, inplace, masked: Callable):
    """(the result, what the input was multiplied by; None if nothing is dropped)."""
    if idle(p, training):
        return input, None
    shape = masked(input.shape)
    if p == 1:
        mask = xp.zeros(shape, dtype=input.dtype)
    else:
        mask = xp.asarray(rng.bernoulli(shape, 1 - p, input.dtype))
        mask /= 1 - p
    if not inplace:
        return input * mask, mask
    input *= mask
    return input, mask


def alpha_drop(xp, rng, input, p, training, inplace, masked: Callable):
    """As `drop`, but what is dropped becomes SELU's limit, and mean and variance are kept."""
    if idle(p, training):
        return input, None
    shape = masked(input.shape)
    mask = xp.zeros(shape, dtype=input.dtype) if p == 1 else xp.asarray(rng.bernoulli(shape, 1 - p, input.dtype))
    if p == 1:
        scale, offset = mask, mask
    else:
        a = 1 / ((ALPHA * ALPHA * p + 1) * (1 - p)) ** 0.5
        offset = (mask - 1) * (ALPHA * a) + ALPHA * a * p
        scale = mask * a
    if not inplace:
        return input * scale + offset, scale
    input *= scale
    input += offset
    return input, scale


FORM = {
    "random": drops,
    "alias": dropout_alias,
    "mutates": dropout_mutates,
    "extras": ("mask",),
    "dtype": dropout_dtype,
}
RANGE = "dropout probability has to be between 0 and 1, but got 1.5"


@op(
    "torch.nn.functional.dropout",
    shape=dropout_dims, **FORM, grad_name="MulBackward0",
    accepts=[
        "dropout(f32[4, 5])", "dropout(f64[4, 5], 0.3)", "dropout(f32[4, 5], 0.3, False)", "dropout(f32[4, 5], 0.0)",
        "dropout(f32[4, 5], p=1.0)", "dropout(i64[3], 0.3, training=False)",
    ],
    rejects={
        "dropout(f32[3], 1.5)": RANGE,
        "dropout(i64[3], 0.5)": "result type Float can't be cast to the desired output type Long",
    },
)  # fmt: skip
def dropout(xp, rng, input: Tensor, p: Num = 0.5, training: Bool = True, inplace: Bool = False):
    """Each value zeroed with probability p, the others scaled by 1 / (1 - p)."""
    return drop(xp, rng, input, p, training, inplace, whole)


@op(
    "torch.dropout",
    name="dropout", overload="train", shape=train_dims, extras=("mask",), grad_name="MulBackward0",
    random=lambda p, train: drops(p, train), alias=lambda p, train: dropout_alias(p, train, False),
    dtype=promote.same(),
    accepts=["dropout(f32[4, 5], 0.4, True)", "dropout(f32[4, 5], 0.4, False)"],
    rejects={"dropout(f32[3], 1.5, True)": RANGE},
)  # fmt: skip
def dropout_train(xp, rng, input: Tensor, p: Num, train: Bool):
    """As F.dropout."""
    return drop(xp, rng, input, p, train, False, whole)


def feature_dims(ranks, message):
    """The input's shape, of one of these ranks (None: at least 2)."""

    def shape(input, p, training):
        probability(p)
        rank = len(input.shape)
        if (rank < 2 and not idle(p, training)) if ranks is None else rank not in ranks:
            raise Refused(message.format(rank))
        return input.shape

    return shape


NO_CHANNELS = "Feature dropout requires at least 2 dimensions in the input"
NOT_1D = (
    "dropout1d: Expected 2D or 3D input, but received a {}D input. Note that dropout1d exists to provide channel-wise "
    "dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch dimension (i.e. 2D or 3D "
    "inputs)."
)


@op(
    "torch.nn.functional.dropout1d",
    shape=feature_dims((2, 3), NOT_1D), **FORM, grad_name="MulBackward0",
    accepts=["dropout1d(f32[4, 5, 3])", "dropout1d(f32[4, 5], 0.3)", "dropout1d(f32[4, 5], 0.3, False)"],
    rejects={
        "dropout1d(f32[3])": "dropout1d: Expected 2D or 3D input, but received a 1D input.",
        "dropout1d(f32[3, 3], 1.5)": RANGE,
    },
)  # fmt: skip
def dropout1d(xp, rng, input: Tensor("N C L", "C L"), p: Num = 0.5, training: Bool = True, inplace: Bool = False):
    """Whole channels zeroed with probability p, the others scaled by 1 / (1 - p)."""
    return drop(xp, rng, input, p, training, inplace, features if input.ndim == 3 else unbatched)


@op(
    "torch.nn.functional.dropout2d",
    shape=feature_dims(None, NO_CHANNELS), **FORM, grad_name="MulBackward0",
    accepts=["dropout2d(f32[4, 5, 3, 2])", "dropout2d(f32[4, 5, 3], 0.3)", "dropout2d(f32[4, 5, 2, 2], 0.3, False)"],
    rejects={"dropout2d(f32[3])": NO_CHANNELS, "dropout2d(f32[3, 3], 1.5)": RANGE},
)  # fmt: skip
def dropout2d(xp, rng, input: Tensor("N C H W"), p: Num = 0.5, training: Bool = True, inplace: Bool = False):
    """Whole channels zeroed with probability p, the others scaled by 1 / (1 - p).  A 3-d input counts as (N, C, L)."""
    return drop(xp, rng, input, p, training, inplace, features)


@op(
    "torch.nn.functional.dropout3d",
    shape=feature_dims(None, NO_CHANNELS), **FORM, grad_name="MulBackward0",
    accepts=["dropout3d(f32[4, 5, 3, 2, 2])", "dropout3d(f32[4, 5, 2, 3], 0.3)"],
    rejects={"dropout3d(f32[3, 3], 1.5)": RANGE},
)  # fmt: skip
def dropout3d(
    xp, rng, input: Tensor("N C D H W", "C D H W"), p: Num = 0.5, training: Bool = True, inplace: Bool = False
):
    """Whole channels zeroed with probability p, the others scaled by 1 / (1 - p).  Only a 5-d input is a batch."""
    return drop(xp, rng, input, p, training, inplace, features if input.ndim == 5 else unbatched)


@op(
    "torch.nn.functional.alpha_dropout",
    shape=dropout_dims, **FORM, grad_name="AddBackward0",
    accepts=[
        "alpha_dropout(f32[4, 5], training=True)", "alpha_dropout(f32[4, 5])", "alpha_dropout(f32[4, 5], 0.3, True)",
    ],
    rejects={"alpha_dropout(f32[3], 1.5)": RANGE},
)  # fmt: skip
def alpha_dropout(xp, rng, input: Tensor, p: Num = 0.5, training: Bool = False, inplace: Bool = False):
    """Dropout for SELU: keeps mean and variance."""
    return alpha_drop(xp, rng, input, p, training, inplace, whole)


@op(
    "torch.nn.functional.feature_alpha_dropout",
    shape=feature_dims(None, NO_CHANNELS), **FORM, grad_name="AddBackward0",
    accepts=["feature_alpha_dropout(f32[4, 5, 3], training=True)", "feature_alpha_dropout(f32[4, 5, 2], 0.3)"],
    rejects={"feature_alpha_dropout(f32[3], 0.5, True)": NO_CHANNELS, "feature_alpha_dropout(f32[3, 3], 1.5)": RANGE},
)  # fmt: skip
def feature_alpha_dropout(xp, rng, input: Tensor, p: Num = 0.5, training: Bool = False, inplace: Bool = False):
    """Alpha dropout of whole channels."""
    return alpha_drop(xp, rng, input, p, training, inplace, features)


@dropout.vjp("input")
@dropout_train.vjp("input")
@dropout1d.vjp("input")
@dropout2d.vjp("input")
@dropout3d.vjp("input")
@alpha_dropout.vjp("input")
@feature_alpha_dropout.vjp("input")
def _(g, mask):
    return g if mask is None else g * mask
