"""Normalizations: batch_norm, layer_norm, group_norm, instance_norm, rms_norm, local_response_norm, normalize."""

from tensight_runtime.ops.reducing import apply, floats_only, known, wide
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import divides, eq, ne
from tensight_runtime.spec.device import CPU
from tensight_runtime.spec.dtype import bfloat16, float16, float32
from tensight_runtime.spec.kind import Bool, Int, Ints, Num, OptNum, OptTensor, Tensor
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import Refused, require
from tensight_runtime.spec.shape import axis
from tensight_runtime.spec.size import product

# -- what they share ----------------------------------------------------------------------------------------------------


def normal_dtype(kernel, *params):
    """The input's dtype; on the CPU parameters have it too, or are float32 beside a half-precision input."""

    def check(input, weights):
        floats_only(input, f"\"{kernel}\" not implemented for '{{}}'", NotImplementedError)
        given = [w for w in weights if w is not None and w.dtype is not None]
        if input.dtype is None or input.device != CPU or all(w.dtype is input.dtype for w in given):
            return input.dtype
        if any(w.dtype is not float32 for w in given):
            raise Refused("mixed dtype (CPU): expect parameter to have scalar type of Float")
        if input.dtype not in (float16, bfloat16):
            raise Refused("mixed dtype (CPU): all inputs must share same datatype.")
        return input.dtype

    if len(params) == 1:
        return lambda input, weight: check(input, (weight,))
    if len(params) == 2:
        return lambda input, weight, bias: check(input, (weight, bias))
    return lambda input, weight, bias, running_mean, running_var: check(input, (weight, bias, running_mean, running_var))


def standardized(xp, x, axes, eps):
    """(x - mean) / sqrt(var + eps) over these axes."""
    x = wide(x)
    away = x - x.mean(axes, keepdims=True)
    away *= 1 / xp.sqrt(xp.square(away).mean(axes, keepdims=True) + eps)
    return away


def scaled(y, weight, bias):
    """y * weight + bias, where given; `y` is overwritten."""
    if weight is not None:
        y *= weight
    if bias is not None:
        y += bias
    return y


def standardized_again(x, dims, eps):
    """As the kernel did, in tensors: (the standardized input, 1 / its deviation)."""
    away = x - x.mean(dims, True)
    inverse = ((away * away).mean(dims, True) + eps).rsqrt()
    return away * inverse, inverse


def standardized_gradient(g, y, inverse, dims):
    """The gradient of standardizing: what would only shift or stretch the values is taken out."""
    return inverse * (g - g.mean(dims, True) - y * (g * y).mean(dims, True))


# -- batch_norm ---------------------------------------------------------------------------------------------------------


def batch_norm_dims(input, running_mean, running_var, weight, bias, training, eps):
    shape = input.shape
    if training is True:
        if shape:
            require(
                ne(product((shape[0], *shape[2:])), 1),
                "Expected more than 1 value per channel when training, got input size torch.Size({})", shape, error=ValueError,
            )  # fmt: skip
        if isinstance(eps, (int, float)) and eps <= 0:
            raise Refused(f"batch_norm eps must be positive during training, but got {eps}", ValueError)
    channels = shape[1] if len(shape) > 1 else 0
    for name, fact in (("running_mean", running_mean), ("running_var", running_var), ("weight", weight), ("bias", bias)):
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
    "torch.nn.functional.batch_norm", shape=batch_norm_dims,
    dtype=normal_dtype("batch_norm", "weight", "bias", "running_mean", "running_var"), mutates=batch_norm_mutates,
    grad_name="NativeBatchNormBackward0",
    accepts=["batch_norm(f32[4, 3, 5, 5], f32[3], f32[3]{0.5..2}, f32[3], f32[3])", "batch_norm(f32[4, 3], f32[3], f32[3]{0.5..2}, training=True)",
             "batch_norm(f32[4, 3, 5], None, None, f32[3], f32[3], True)", "batch_norm(f64[2, 3, 4], f64[3], f64[3]{0.5..2}, momentum=0.5, eps=0.001)",
             "batch_norm(f32[4, 3, 5, 5], f32[3], f32[3]{0.5..2}, f32[3], f32[3], training=True, momentum=0.3)"],
    rejects={"batch_norm(f32[4, 3, 5, 5], f32[4], f32[4])": "running_mean should contain 3 elements not 4",
             "batch_norm(f32[4, 3, 5, 5], f32[3], f32[3], f32[4])": "weight should contain 3 elements not 4",
             "batch_norm(f32[1, 3], f32[3], f32[3], training=True)": "Expected more than 1 value per channel when training, got input size "
                                                                     "torch.Size([1, 3])",
             "batch_norm(f32[4, 3], None, None)": "running_mean must be defined in evaluation mode",
             "batch_norm(i64[4, 3], f32[3], f32[3])": "\"batch_norm\" not implemented for 'Long'",
             "batch_norm(f64[4, 3], f32[3], f32[3])": "mixed dtype (CPU): all inputs must share same datatype."},
)  # fmt: skip
def batch_norm(
    xp, input: Tensor("N C ..."), running_mean: OptTensor("C"), running_var: OptTensor("C"), weight: OptTensor("C") = None,
    bias: OptTensor("C") = None, training: Bool = False, momentum: Num = 0.1, eps: Num = 1e-5,
):  # fmt: skip
    """Each channel (dim 1) shifted and scaled by its batch's mean and variance; in evaluation, by the running ones."""
    ndim = input.ndim
    x = wide(input)
    if training:
        axes = (0, *range(2, ndim))
        mean = x.mean(axes, keepdims=True)
        y = x - mean
        var = xp.square(y).mean(axes, keepdims=True)
        if running_mean is not None:
            running_mean += momentum * (mean.reshape(-1) - running_mean)
        if running_var is not None:
            n = x.size // max(mean.size, 1)
            running_var += momentum * (var.reshape(-1) * (n / max(n - 1, 1)) - running_var)
    else:
        y = x - _per_channel(running_mean, ndim)
        var = _per_channel(running_var, ndim)
    scale = 1 / xp.sqrt(var + eps)
    y *= scale if weight is None else scale * _per_channel(weight, ndim)
    return scaled(y, None, _per_channel(bias, ndim))


@batch_norm.vjp("input", "weight", "bias")
def _(g, input, weight, running_mean, running_var, training, eps):
    ndim = input.dim()
    dims = (0, *range(2, ndim))
    if training:
        y, inverse = standardized_again(input, dims, eps)
    else:
        inverse = (_per_channel(running_var, ndim) + eps).rsqrt()
        y = (input - _per_channel(running_mean, ndim)) * inverse
    scaled_g = g if weight is None else g * _per_channel(weight, ndim)
    to_input = standardized_gradient(scaled_g, y, inverse, dims) if training else scaled_g * inverse
    return to_input, (g * y).sum(dims), g.sum(dims)


# -- layer_norm and rms_norm --------------------------------------------------------------------------------------------


def tail_dims(name, expected):
    """The rule of normalizing over the last dims; `expected` is how torch prints the input's wanted shape."""

    def shape(input, normalized_shape, weight, bias=None):
        known(normalized_shape)
        if isinstance(normalized_shape, int):
            raise Refused(f"{name}(): argument 'normalized_shape' (position 2) must be tuple of ints, not int", TypeError)
        wanted = tuple(normalized_shape)
        known(*wanted)
        if not wanted:
            raise Refused(
                "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
                "normalized_shape = []"
            )
        for param, fact in (("weight", weight), ("bias", bias)):
            if fact is not None and fact.dims is not None:
                message = "Expected {} to be of same shape as normalized_shape, but got {} of shape {} and normalized_shape = {}"
                require(len(fact.dims) == len(wanted), message, param, param, fact.dims, wanted)
                for have, want in zip(fact.dims, wanted, strict=True):
                    require(eq(have, want), message, param, param, fact.dims, wanted)
        if input.dims is None:
            return input.shape
        message = "Given normalized_shape={}, expected input with shape " + expected + ", but got input of size{}"
        listed = ", ".join(map(str, wanted))
        require(len(input.dims) >= len(wanted), message, wanted, listed, input.dims)
        for have, want in zip(input.dims[-len(wanted) :], wanted, strict=True):
            require(eq(have, want), message, wanted, listed, input.dims)
        return input.dims[: -len(wanted)] + wanted if all(isinstance(s, int) for s in wanted) else input.dims

    return shape


_layer_dims, _rms_dims = tail_dims("layer_norm", "[*, {}]"), tail_dims("rms_norm", "[*{}]")


def last_dims(normalized_shape):
    return tuple(range(-len(normalized_shape), 0))


@op(
    "torch.nn.functional.layer_norm", autocast="fp32", grad_name="NativeLayerNormBackward0",
    shape=lambda input, normalized_shape, weight, bias: _layer_dims(input, normalized_shape, weight, bias),
    dtype=normal_dtype("LayerNormKernelImpl", "weight", "bias"),
    accepts=["layer_norm(f32[2, 3, 4], (4,))", "layer_norm(f32[2, 3, 4], (3, 4), f32[3, 4], f32[3, 4])", "layer_norm(f32[2, 4], [4], f32[4])",
             "layer_norm(f64[2, 4], [4], None, f64[4], 0.1)", "layer_norm(f32[0, 4], (4,))", "layer_norm(f16[2, 4], (4,), f32[4], f32[4])"],
    rejects={"layer_norm(f32[4, 5], (3,))": "Given normalized_shape=[3], expected input with shape [*, 3], but got input of size[4, 5]",
             "layer_norm(f32[4, 5], (5,), f32[4])": "Expected weight to be of same shape as normalized_shape, but got weight of shape [4] and "
                                                    "normalized_shape = [5]",
             "layer_norm(i64[4, 5], (5,))": "\"LayerNormKernelImpl\" not implemented for 'Long'"},
)  # fmt: skip
def layer_norm(
    xp, input: Tensor, normalized_shape: Ints, weight: OptTensor = None, bias: OptTensor = None, eps: Num = 1e-5,
):  # fmt: skip
    """The last dims, which have `normalized_shape`, brought to mean 0 and variance 1, then scaled and shifted."""
    return scaled(standardized(xp, input, last_dims(normalized_shape), eps), weight, bias)


@layer_norm.vjp("input", "weight", "bias")
def _(g, input, weight, normalized_shape, eps):
    dims = last_dims(normalized_shape)
    y, inverse = standardized_again(input, dims, eps)
    to_input = standardized_gradient(g if weight is None else g * weight, y, inverse, dims)
    return to_input, g * y, g


def rms_dtype(input):
    floats_only(input, "\"rms_norm\" not implemented for '{}'", NotImplementedError)
    return input.dtype


def epsilon(x, eps):
    """`eps`, or the spacing of floating point numbers at 1."""
    if eps is not None:
        return eps
    name = str(x.dtype).removeprefix("torch.")
    return {"float64": 2.0**-52, "float16": 2.0**-10, "bfloat16": 2.0**-7}.get(name, 2.0**-23)


@op(
    "torch.nn.functional.rms_norm", "torch.rms_norm", grad_name="MulBackward0",
    shape=lambda input, normalized_shape, weight: _rms_dims(input, normalized_shape, weight), dtype=rms_dtype,
    accepts=["rms_norm(f32[2, 3, 4], (4,))", "rms_norm(f32[2, 3, 4], (3, 4), f32[3, 4])", "rms_norm(f64[2, 4], [4], f64[4], 0.1)"],
    rejects={"rms_norm(f32[4, 5], (3,))": "Given normalized_shape=[3], expected input with shape [*3], but got input of size[4, 5]",
             "rms_norm(f32[4, 5], (5,), f32[4])": "Expected weight to be of same shape as normalized_shape, but got weight of shape [4] and "
                                                  "normalized_shape = [5]"},
)  # fmt: skip
def rms_norm(xp, input: Tensor, normalized_shape: Ints, weight: OptTensor = None, eps: OptNum = None):
    """The last dims, which have `normalized_shape`, divided by their root mean square, then scaled."""
    x = wide(input)
    square = xp.square(x).mean(last_dims(normalized_shape), keepdims=True)
    return scaled(x * (1 / xp.sqrt(square + epsilon(input, eps))), weight, None)


@rms_norm.vjp("input", "weight")
def _(g, input, weight, normalized_shape, eps):
    dims = last_dims(normalized_shape)
    inverse = ((input * input).mean(dims, True) + epsilon(input, eps)).rsqrt()
    y = input * inverse
    scaled_g = g if weight is None else g * weight
    return inverse * (scaled_g - y * (scaled_g * y).mean(dims, True)), g * y


# -- group_norm and instance_norm ---------------------------------------------------------------------------------------


def group_norm_dims(input, num_groups, weight, bias):
    shape = input.shape
    if len(shape) < 2:
        raise Refused(f"Expected at least 2 dimensions for input tensor but received {len(shape)}")
    known(num_groups)
    groups = (shape[0] * shape[1] // num_groups, num_groups, *shape[2:])
    require(
        ne(product((groups[0], *shape[2:])), 1), "Expected more than 1 value per channel when training, got input size {}", groups,
        error=ValueError,
    )  # fmt: skip
    require(
        divides(num_groups, shape[1]),
        "Expected number of channels in input to be divisible by num_groups, but got input of shape {} and num_groups={}",
        shape, num_groups,
    )  # fmt: skip
    for name, fact in (("weight", weight), ("bias", bias)):
        if fact is not None and fact.dims is not None:
            message = "Expected {} to be a vector of size equal to the number of channels in input, but got {} of shape {} and " \
                      "input of shape {}"  # fmt: skip
            require(len(fact.dims) == 1, message, name, name, fact.dims, shape)
            require(eq(fact.dims[0], shape[1]), message, name, name, fact.dims, shape)
    return shape


@op(
    "torch.nn.functional.group_norm", autocast="fp32", grad_name="NativeGroupNormBackward0", shape=group_norm_dims,
    dtype=normal_dtype("GroupNormKernelImpl", "weight", "bias"),
    accepts=["group_norm(f32[2, 6, 4, 4], 3)", "group_norm(f32[2, 6, 5], 2, f32[6], f32[6])", "group_norm(f32[2, 6], 2, f32[6])",
             "group_norm(f64[2, 6, 4], 6, f64[6], f64[6], 0.1)"],
    rejects={"group_norm(f32[4, 3, 5], 2)": "Expected number of channels in input to be divisible by num_groups, but got input of shape "
                                            "[4, 3, 5] and num_groups=2",
             "group_norm(f32[3], 3)": "Expected at least 2 dimensions for input tensor but received 1",
             "group_norm(f32[1, 3], 3)": "Expected more than 1 value per channel when training, got input size [1, 3]",
             "group_norm(f32[4, 3, 5], 3, f32[4])": "Expected weight to be a vector of size equal to the number of channels in input, but "
                                                    "got weight of shape [4] and input of shape [4, 3, 5]"},
)  # fmt: skip
def group_norm(
    xp, input: Tensor("N C ..."), num_groups: Int, weight: OptTensor("C") = None, bias: OptTensor("C") = None, eps: Num = 1e-5,
):  # fmt: skip
    """The channels in `num_groups` groups, each brought to mean 0 and variance 1 per sample, then scaled and shifted."""
    grouped = input.reshape(input.shape[0], num_groups, input.size // max(input.shape[0] * num_groups, 1))
    y = standardized(xp, grouped, 2, eps).reshape(input.shape)
    return scaled(y, _per_channel(weight, input.ndim), _per_channel(bias, input.ndim))


@group_norm.vjp("input", "weight", "bias")
def _(g, input, weight, num_groups, eps):
    shape, ndim = input.shape, input.dim()
    grouped = (shape[0], num_groups, -1)
    y, inverse = standardized_again(input.reshape(grouped), 2, eps)
    scaled_g = (g if weight is None else g * _per_channel(weight, ndim)).reshape(grouped)
    to_input = standardized_gradient(scaled_g, y, inverse, 2).reshape(shape)
    dims = (0, *range(2, ndim))
    return to_input, (g * y.reshape(shape)).sum(dims), g.sum(dims)


def instance_norm_dims(input, running_mean, running_var, weight, bias, use_input_stats):
    shape = input.shape
    if use_input_stats is True:
        require(
            ne(product(shape[2:]), 1), "Expected more than 1 spatial element when training, got input size torch.Size({})", shape,
            error=ValueError,
        )  # fmt: skip
    elif use_input_stats is False and (running_mean is None or running_var is None):
        raise Refused("Expected running_mean and running_var to be defined when use_input_stats is false")
    if len(shape) < 2:
        raise Refused(f"instance_norm: input must have at least 2 dims, got {len(shape)}", IndexError)
    for name, fact in (("running_mean", running_mean), ("running_var", running_var), ("weight", weight), ("bias", bias)):
        if fact is not None and fact.dims is not None:
            n, size = shape[0], product(fact.dims)
            require(eq(size, shape[1]), "{} should contain {} elements not {}", name, n * shape[1], n * size)
    return shape


def instance_norm_mutates(use_input_stats):
    return () if use_input_stats is False else ("~running_mean", "~running_var")


@op(
    "torch.nn.functional.instance_norm", composite=True, shape=instance_norm_dims, mutates=instance_norm_mutates,
    dtype=normal_dtype("batch_norm", "weight", "bias", "running_mean", "running_var"),
    accepts=["instance_norm(f32[2, 3, 5])", "instance_norm(f32[2, 3, 4, 5], None, None, f32[3], f32[3])",
             "instance_norm(f32[2, 3, 5], f32[3], f32[3]{0.5..2}, use_input_stats=False)"],
    rejects={"instance_norm(f32[4, 3, 1])": "Expected more than 1 spatial element when training, got input size torch.Size([4, 3, 1])",
             "instance_norm(f32[4, 3, 5], f32[4], f32[4])": "running_mean should contain 12 elements not 16",
             "instance_norm(f32[4, 3, 5], use_input_stats=False)": "Expected running_mean and running_var to be defined when "
                                                                   "use_input_stats is false"},
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


# -- local_response_norm and normalize ----------------------------------------------------------------------------------


def response_dims(input):
    if len(input.shape) < 3:
        raise Refused(
            f"Expected 3D or higher dimensionality                          input (got {len(input.shape)} dimensions)", ValueError
        )
    return input.shape


@op(
    "torch.nn.functional.local_response_norm", composite=True, shape=response_dims, dtype=promote.same(),
    accepts=["local_response_norm(f32[2, 5, 4], 2)", "local_response_norm(f32[2, 5, 4, 3], 3, 0.1, 0.5, 2.0)"],
    rejects={"local_response_norm(f32[3, 2], 2)": "Expected 3D or higher dimensionality"},
)  # fmt: skip
def local_response_norm(input: Tensor("N C ..."), size: Int, alpha: Num = 1e-4, beta: Num = 0.75, k: Num = 1.0):
    """Each value divided by a power of the mean square of `size` neighbouring channels."""
    if not input.numel():
        return input
    margins = (0, 0) * (input.dim() - 2) + (size // 2, (size - 1) // 2)
    squares = apply("torch.nn.functional.pad", input * input, margins)
    return input / (squares.unfold(1, size, 1).mean(-1) * alpha + k).pow(beta)


def normalize_dims(input, dim):
    if input.dtype is not None and input.dtype.category < 2:
        raise Refused(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {scalar_name(input.dtype)}"
        )
    for d in dim if isinstance(dim, (tuple, list)) else (dim,):
        axis(d, len(input.shape))
    return input.shape


@op(
    "torch.nn.functional.normalize", composite=True, shape=normalize_dims, dtype=promote.same(),
    accepts=["normalize(f32[2, 3])", "normalize(f32[2, 3, 4], dim=-1)", "normalize(f32[3], p=1, dim=0)", "normalize(f32[2, 3], 2.0, (0, 1))"],
    rejects={"normalize(f32[3])": "Dimension out of range (expected to be in range of [-1, 0], but got 1)",
             "normalize(i64[2, 3])": "linalg.vector_norm: Expected a floating point or complex tensor as input. Got Long"},
)  # fmt: skip
def normalize(input: Tensor, p: Num = 2.0, dim: Ints = 1, eps: Num = 1e-12):
    """Divided by its p-norm along `dim`, which counts as at least `eps`."""
    return input / input.norm(p, dim, True).clamp_min(eps)
