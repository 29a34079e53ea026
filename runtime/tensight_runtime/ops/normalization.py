"""Normalizations over channels: batch_norm, group_norm, instance_norm."""

from tensight_runtime.ops.reducing import known, wide
from tensight_runtime.ops.standardizing import centred, normal_dtype, scaled, standardize, standardize_gradient
from tensight_runtime.spec.cond import divides, eq, ne
from tensight_runtime.spec.kind import Bool, Int, Num, OptTensor, Tensor
from tensight_runtime.spec.op import op
from tensight_runtime.spec.require import Refused, require
from tensight_runtime.spec.size import product

# -- batch_norm -------------------------------------------------------------------------------------------------------


def batch_norm_dims(input, running_mean, running_var, weight, bias, training, eps):
    shape = input.shape
    if training is True:
        if shape:
            require(
                ne(product((shape[0], *shape[2:])), 1),
                "Expected more than 1 value per channel when training, got input size torch.Size({})", shape,
                error=ValueError,
            )  # fmt: skip
        if isinstance(eps, (int, float)) and eps <= 0:
            raise Refused(f"batch_norm eps must be positive during training, but got {eps}", ValueError)
    channels = shape[1] if len(shape) > 1 else 0
    for name, fact in (
        ("running_mean", running_mean),
        ("running_var", running_var),
        ("weight", weight),
        ("bias", bias),
    ):
        if fact is None:
            if training is False and name.startswith("running"):
                raise Refused(f"{name} must be defined in evaluation mode")
        elif fact.dims is not None:
            size = product(fact.dims)
            require(eq(size, channels), "{} should contain {} elements not {}", name, channels, size)
    return shape


def batch_norm_mutates(training):
    return () if training is False else ("~running_mean", "~running_var")


def _per_channel(values, ndim):
    return values if values is None else values.reshape((1, -1) + (1,) * (ndim - 2))


@op(
    "torch.nn.functional.batch_norm",
    shape=batch_norm_dims, dtype=normal_dtype("batch_norm", "weight", "bias", "running_mean", "running_var"),
    mutates=batch_norm_mutates, extras=("mean", "inverse"), grad_name="NativeBatchNormBackward0",
    accepts=[
        "batch_norm(f32[4, 3, 5, 5], f32[3], f32[3]{0.5..2}, f32[3], f32[3])",
        "batch_norm(f32[4, 3], f32[3], f32[3]{0.5..2}, training=True)",
        "batch_norm(f32[4, 3, 5], None, None, f32[3], f32[3], True)",
        "batch_norm(f64[2, 3, 4], f64[3], f64[3]{0.5..2}, momentum=0.5, eps=0.001)",
        "batch_norm(f32[4, 3, 5, 5], f32[3], f32[3]{0.5..2}, f32[3], f32[3], training=True, momentum=0.3)",
    ],
    rejects={
        "batch_norm(f32[4, 3, 5, 5], f32[4], f32[4])": "running_mean should contain 3 elements not 4",
        "batch_norm(f32[4, 3, 5, 5], f32[3], f32[3], f32[4])": "weight should contain 3 elements not 4",
        "batch_norm(f32[1, 3], f32[3], f32[3], training=True)":
            "Expected more than 1 value per channel when training, got input size torch.Size([1, 3])",
        "batch_norm(f32[4, 3], None, None)": "running_mean must be defined in evaluation mode",
        "batch_norm(i64[4, 3], f32[3], f32[3])": "\"batch_norm\" not implemented for 'Long'",
        "batch_norm(f64[4, 3], f32[3], f32[3])": "mixed dtype (CPU): all inputs must share same datatype.",
    },
)  # fmt: skip
def batch_norm(
    xp, input: Tensor("N C ..."), running_mean: OptTensor("C"), running_var: OptTensor("C"),
    weight: OptTensor("C") = None, bias: OptTensor("C") = None, training: Bool = False,
    momentum: Num = 0.1, eps: Num = 1e-5,
):  # fmt: skip
    """Each channel (dim 1) shifted and scaled by its batch's mean and variance; in evaluation, by the running ones."""
    ndim = input.ndim
    if ndim < 2:  # only an empty input comes here
        return input.copy(), None, None
    if not training:
        mean = _per_channel(running_mean, ndim)
        y, inverse = wide(input) - mean, 1 / xp.sqrt(_per_channel(running_var, ndim) + eps)
    else:
        y, mean, var = centred(xp, input, (0, *range(2, ndim)))
        inverse = 1 / xp.sqrt(var + eps)
        if running_mean is not None:
            running_mean += momentum * (mean.reshape(-1) - running_mean)
        if running_var is not None:
            n = y.size // max(mean.size, 1)
            running_var += momentum * (var.reshape(-1) * (n / max(n - 1, 1)) - running_var)
    y *= inverse if weight is None else inverse * _per_channel(weight, ndim)
    return scaled(y, None, _per_channel(bias, ndim)), mean, inverse


@batch_norm.vjp("input", "weight", "bias")
def _(g, input, weight, running_mean, running_var, mean, inverse, training, eps):
    ndim = input.dim()
    if ndim < 2:
        return g, None, None
    dims = (0, *range(2, ndim))
    if not training:
        mean, inverse = _per_channel(running_mean, ndim), (_per_channel(running_var, ndim) + eps).rsqrt()
    weighted = g if weight is None else g * _per_channel(weight, ndim)
    to_input = standardize_gradient(weighted, input, mean, inverse, dims, eps) if training else weighted * inverse
    return to_input, *channel_gradients(g, input, weight, dims, mean, inverse, eps if training else None)


def channel_gradients(g, input, weight, dims, mean, inverse, eps):
    """Of weight and bias; the statistics follow the input again where `eps` says that they came from it."""
    if weight is None:
        return None, g.sum(dims)
    y = (input - mean) * inverse if eps is None else standardize(input, mean, inverse, dims, eps)
    return (g * y).sum(dims), g.sum(dims)


# -- group_norm and instance_norm -------------------------------------------------------------------------------------


def group_norm_dims(input, num_groups, weight, bias):
    shape = input.shape
    if len(shape) < 2:
        raise Refused(f"Expected at least 2 dimensions for input tensor but received {len(shape)}")
    known(num_groups)
    groups = (shape[0] * shape[1] // num_groups, num_groups, *shape[2:])
    require(
        ne(product((groups[0], *shape[2:])), 1),
        "Expected more than 1 value per channel when training, got input size {}", groups, error=ValueError,
    )  # fmt: skip
    require(
        divides(num_groups, shape[1]),
        "Expected number of channels in input to be divisible by num_groups, but got input of shape {} and "
        "num_groups={}",
        shape, num_groups,
    )  # fmt: skip
    for name, fact in (("weight", weight), ("bias", bias)):
        if fact is not None and fact.dims is not None:
            message = (
                "Expected {} to be a vector of size equal to the number of channels in input, but got {} of shape {} "
                "and input of shape {}"
            )
            require(len(fact.dims) == 1, message, name, name, fact.dims, shape)
            require(eq(fact.dims[0], shape[1]), message, name, name, fact.dims, shape)
    return shape


@op(
    "torch.nn.functional.group_norm", "torch.group_norm",
    autocast="fp32", extras=("mean", "inverse"), grad_name="NativeGroupNormBackward0", shape=group_norm_dims,
    dtype=normal_dtype("GroupNormKernelImpl", "weight", "bias"),
    accepts=[
        "group_norm(f32[2, 6, 4, 4], 3)", "group_norm(f32[2, 6, 5], 2, f32[6], f32[6])",
        "group_norm(f32[2, 6], 2, f32[6])", "group_norm(f64[2, 6, 4], 6, f64[6], f64[6], 0.1)",
    ],
    rejects={
        "group_norm(f32[4, 3, 5], 2)":
            "Expected number of channels in input to be divisible by num_groups, but got input of shape [4, 3, 5]",
        "group_norm(f32[3], 3)": "Expected at least 2 dimensions for input tensor but received 1",
        "group_norm(f32[1, 3], 3)": "Expected more than 1 value per channel when training, got input size [1, 3]",
        "group_norm(f32[4, 3, 5], 3, f32[4])":
            "Expected weight to be a vector of size equal to the number of channels in input, but got weight of",
    },
)  # fmt: skip
def group_norm(
    xp, input: Tensor("N C ..."), num_groups: Int, weight: OptTensor("C") = None, bias: OptTensor("C") = None,
    eps: Num = 1e-5,
):  # fmt: skip
    """The channels in groups, each brought to mean 0 and variance 1 per sample, then scaled and shifted."""
    n, c = input.shape[:2]
    grouped = input.reshape(n, num_groups, input.size // max(n * num_groups, 1))
    y, mean, var = centred(xp, grouped, (2,))
    inverse = 1 / xp.sqrt(var + eps)
    if weight is None:
        y *= inverse
        y = y.reshape(input.shape)
    else:
        factors = inverse.repeat(c // num_groups, 1).reshape(n, c) * weight
        y = y.reshape(input.shape)
        y *= factors.reshape((n, c) + (1,) * (input.ndim - 2))
    return scaled(y, None, _per_channel(bias, input.ndim)), mean, inverse


@group_norm.vjp("input", "weight", "bias")
def _(g, input, weight, mean, inverse, num_groups, eps):
    shape, ndim = input.shape, input.dim()
    size = input.numel() // max(shape[0] * num_groups, 1)
    grouped = input.reshape((shape[0], num_groups, size))
    weighted = (g if weight is None else g * _per_channel(weight, ndim)).reshape(grouped.shape)
    to_input = standardize_gradient(weighted, grouped, mean, inverse, (2,), eps).reshape(shape)
    dims = (0, *range(2, ndim))
    if weight is None:
        return to_input, None, g.sum(dims)
    y = standardize(grouped, mean, inverse, (2,), eps).reshape(shape)
    return to_input, (g * y).sum(dims), g.sum(dims)


def instance_norm_dims(input, running_mean, running_var, weight, bias, use_input_stats):
    shape = input.shape
    if use_input_stats is True:
        require(
            ne(product(shape[2:]), 1),
            "Expected more than 1 spatial element when training, got input size torch.Size({})", shape,
            error=ValueError,
        )  # fmt: skip
    elif use_input_stats is False and (running_mean is None or running_var is None):
        raise Refused("Expected running_mean and running_var to be defined when use_input_stats is false")
    if len(shape) < 2:
        raise Refused(f"instance_norm: input must have at least 2 dims, got {len(shape)}", IndexError)
    for name, fact in (
        ("running_mean", running_mean),
        ("running_var", running_var),
        ("weight", weight),
        ("bias", bias),
    ):
        if fact is not None and fact.dims is not None:
            n, size = shape[0], product(fact.dims)
            require(eq(size, shape[1]), "{} should contain {} elements not {}", name, n * shape[1], n * size)
    return shape


def instance_norm_mutates(use_input_stats):
    return () if use_input_stats is False else ("~running_mean", "~running_var")


@op(
    "torch.nn.functional.instance_norm",
    composite=True, shape=instance_norm_dims, mutates=instance_norm_mutates,
    dtype=normal_dtype("batch_norm", "weight", "bias", "running_mean", "running_var"),
    accepts=[
        "instance_norm(f32[2, 3, 5])", "instance_norm(f32[2, 3, 4, 5], None, None, f32[3], f32[3])",
        "instance_norm(f32[2, 3, 5], f32[3], f32[3]{0.5..2}, use_input_stats=False)",
    ],
    rejects={
        "instance_norm(f32[4, 3, 1])":
            "Expected more than 1 spatial element when training, got input size torch.Size([4, 3, 1])",
        "instance_norm(f32[4, 3, 5], f32[4], f32[4])": "running_mean should contain 12 elements not 16",
        "instance_norm(f32[4, 3, 5], use_input_stats=False)":
            "Expected running_mean and running_var to be defined when use_input_stats is false",
    },
)  # fmt: skip
def instance_norm(
    input: Tensor("N C ..."), running_mean: OptTensor("C") = None, running_var: OptTensor("C") = None,
    weight: OptTensor("C") = None, bias: OptTensor("C") = None, use_input_stats: Bool = True, momentum: Num = 0.1,
    eps: Num = 1e-5,
):  # fmt: skip
    """Each channel of each sample brought to mean 0 and variance 1: batch_norm with samples as channels."""
    shape = input.shape
    n = shape[0]
    many = [t if t is None else t.repeat(n) for t in (running_mean, running_var, weight, bias)]
    flat = input.reshape((1, n * shape[1], *shape[2:]))
    out = batch_norm(flat, *many, use_input_stats, momentum, eps)
    if use_input_stats:
        for running, used in zip((running_mean, running_var), many[:2], strict=True):
            if running is not None:
                running.copy_(used.reshape((n, -1)).mean(0))
    return out.reshape(shape)
