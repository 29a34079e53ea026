"""Normalizations over the last dims or along one: layer_norm, rms_norm, local_response_norm, normalize."""

from tensight_runtime.ops.reducing import apply, floats_only, known, wide
from tensight_runtime.ops.standardizing import (
    centred,
    dots,
    elements,
    normal_dtype,
    scaled,
    standardize,
    standardize_gradient,
)
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import eq
from tensight_runtime.spec.dtype import defaults
from tensight_runtime.spec.kind import Int, Ints, Num, OptNum, OptTensor, Tensor
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import Refused, require
from tensight_runtime.spec.shape import axis

# -- layer_norm and rms_norm ------------------------------------------------------------------------------------------


def tail_dims(name, expected):
    """The rule of normalizing over the last dims; `expected` is how torch prints the input's wanted shape."""

    def shape(input, normalized_shape, weight, bias=None):
        known(normalized_shape)
        if isinstance(normalized_shape, int):
            raise Refused(
                f"{name}(): argument 'normalized_shape' (position 2) must be tuple of ints, not int", TypeError
            )
        if not isinstance(normalized_shape, (tuple, list)):  # one size nobody knows: how many there are is open
            return input.shape
        wanted = tuple(normalized_shape)
        known(*wanted)
        if not wanted:
            raise Refused(
                "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but "
                "got normalized_shape = []"
            )
        for param, fact in (("weight", weight), ("bias", bias)):
            if fact is not None and fact.dims is not None:
                message = (
                    "Expected {} to be of same shape as normalized_shape, but got {} of shape {} and "
                    "normalized_shape = {}"
                )
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
    "torch.nn.functional.layer_norm", "torch.layer_norm",
    autocast="fp32", extras=("mean", "inverse"), grad_name="NativeLayerNormBackward0",
    shape=lambda input, normalized_shape, weight, bias: _layer_dims(input, normalized_shape, weight, bias),
    dtype=normal_dtype("LayerNormKernelImpl", "weight", "bias"),
    accepts=[
        "layer_norm(f32[2, 3, 4], (4,))", "layer_norm(f32[2, 3, 4], (3, 4), f32[3, 4], f32[3, 4])",
        "layer_norm(f32[2, 4], [4], f32[4])", "layer_norm(f64[2, 4], [4], None, f64[4], 0.1)",
        "layer_norm(f32[0, 4], (4,))", "layer_norm(f16[2, 4], (4,), f32[4], f32[4])",
    ],
    rejects={
        "layer_norm(f32[4, 5], (3,))":
            "Given normalized_shape=[3], expected input with shape [*, 3], but got input of size[4, 5]",
        "layer_norm(f32[4, 5], (5,), f32[4])":
            "Expected weight to be of same shape as normalized_shape, but got weight of shape [4] and",
        "layer_norm(i64[4, 5], (5,))": "\"LayerNormKernelImpl\" not implemented for 'Long'",
    },
)  # fmt: skip
def layer_norm(
    xp, input: Tensor, normalized_shape: Ints, weight: OptTensor = None, bias: OptTensor = None, eps: Num = 1e-5,
):  # fmt: skip
    """The last dims, which have `normalized_shape`, brought to mean 0 and variance 1, then scaled and shifted."""
    y, mean, var = centred(xp, input, last_dims(normalized_shape))
    inverse = 1 / xp.sqrt(var + eps)
    y *= inverse
    return scaled(y, weight, bias), mean, inverse


@layer_norm.vjp("input", "weight", "bias")
def _(g, input, weight, bias, mean, inverse, normalized_shape, eps):
    dims = last_dims(normalized_shape)
    to_input = standardize_gradient(g if weight is None else g * weight, input, mean, inverse, dims, eps)
    return to_input, None if weight is None else g * standardize(input, mean, inverse, dims, eps), g


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
    "torch.nn.functional.rms_norm", "torch.rms_norm",
    grad_name="MulBackward0",
    shape=lambda input, normalized_shape, weight: _rms_dims(input, normalized_shape, weight), dtype=rms_dtype,
    accepts=[
        "rms_norm(f32[2, 3, 4], (4,))", "rms_norm(f32[2, 3, 4], (3, 4), f32[3, 4])",
        "rms_norm(f64[2, 4], [4], f64[4], 0.1)",
    ],
    rejects={
        "rms_norm(f32[4, 5], (3,))":
            "Given normalized_shape=[3], expected input with shape [*3], but got input of size[4, 5]",
        "rms_norm(f32[4, 5], (5,), f32[4])":
            "Expected weight to be of same shape as normalized_shape, but got weight of shape [4] and",
    },
)  # fmt: skip
def rms_norm(xp, input: Tensor, normalized_shape: Ints, weight: OptTensor = None, eps: OptNum = None):
    """The last dims, which have `normalized_shape`, divided by their root mean square, then scaled."""
    x, dims = wide(input), last_dims(normalized_shape)
    square = dots(xp, x, x, dims) / elements(x.shape, dims)
    return scaled(x * (1 / xp.sqrt(square + epsilon(input, eps))), weight, None)


@rms_norm.vjp("input", "weight")
def _(g, input, weight, normalized_shape, eps):
    dims = last_dims(normalized_shape)
    inverse = ((input * input).mean(dims, True) + epsilon(input, eps)).rsqrt()
    y = input * inverse
    scaled_g = g if weight is None else g * weight
    return inverse * (scaled_g - y * (scaled_g * y).mean(dims, True)), g * y


# -- local_response_norm and normalize --------------------------------------------------------------------------------


def response_dtype(input):
    return defaults.dtype if input.dtype is not None and input.dtype.category < 2 else input.dtype


def response_dims(input):
    if len(input.shape) < 3:
        raise Refused(
            f"Expected 3D or higher dimensionality                          input (got {len(input.shape)} dimensions)",
            ValueError,
        )
    return input.shape


@op(
    "torch.nn.functional.local_response_norm",
    composite=True, shape=response_dims, dtype=response_dtype,
    accepts=["local_response_norm(f32[2, 5, 4], 2)", "local_response_norm(f32[2, 5, 4, 3], 3, 0.1, 0.5, 2.0)"],
    rejects={"local_response_norm(f32[3, 2], 2)": "Expected 3D or higher dimensionality"},
)  # fmt: skip
def local_response_norm(input: Tensor("N C ..."), size: Int, alpha: Num = 1e-4, beta: Num = 0.75, k: Num = 1.0):
    """Each value divided by a power of the mean square of `size` neighbouring channels."""
    if not input.numel():
        return input
    margins = (0, 0) * (input.dim() - 2) + (size // 2, (size - 1) // 2)
    squares = apply("torch.nn.functional.pad", input * input, margins)
    mean = squares.unfold(1, size, 1).sum(-1).div(size, rounding_mode=None if input.is_floating_point() else "trunc")
    return input / (mean * alpha + k).pow(beta)


def normalize_dims(input, dim):
    if input.dtype is not None and input.dtype.category < 2:
        raise Refused(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {scalar_name(input.dtype)}"
        )
    for d in dim if isinstance(dim, (tuple, list)) else (dim,):
        axis(d, len(input.shape))
    return input.shape


@op(
    "torch.nn.functional.normalize",
    composite=True, shape=normalize_dims, dtype=promote.same(),
    accepts=[
        "normalize(f32[2, 3])", "normalize(f32[2, 3, 4], dim=-1)", "normalize(f32[3], p=1, dim=0)",
        "normalize(f32[2, 3], 2.0, (0, 1))",
    ],
    rejects={
        "normalize(f32[3])": "Dimension out of range (expected to be in range of [-1, 0], but got 1)",
        "normalize(i64[2, 3])": "linalg.vector_norm: Expected a floating point or complex tensor as input. Got Long",
    },
)  # fmt: skip
def normalize(input: Tensor, p: Num = 2.0, dim: Ints = 1, eps: Num = 1e-12):
    """Divided by its p-norm along `dim`, which counts as at least `eps`."""
    return input / input.norm(p, dim, True).clamp_min(eps)
