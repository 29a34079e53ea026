"""Convolutions of one, two and three spatial dims, and their transposes: one implementation for all.

A convolution is linear in input and weight.  With its two adjoints (the gradients) it forms a set that is closed under
differentiation, so derivatives of any order are written with these three operators.  Source of the size arithmetic: the
pages of torch.nn.Conv2d and torch.nn.ConvTranspose2d.
"""

from tensight_runtime.ops.conv_kernels import Geometry, convolve, input_gradient, weight_gradient
from tensight_runtime.ops.linalg import agreed, conj, cpp_name, same_dtype
from tensight_runtime.ops.windows import listed, not_negative, spread, window_count
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import divides, eq, ge, gt, lt
from tensight_runtime.spec.kind import Int, Ints, IntsOrStr, Kind, OptTensor, Size, Tensor, UnknownLike
from tensight_runtime.spec.op import Op, op, scalar_name
from tensight_runtime.spec.require import RankUnknown, Refused, require

# --- shapes -----------------------------------------------------------------------------------------------------------


def conv_dims(n: int):
    """The shape rule of the convolution with n spatial dims."""

    def rule(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        x, w = _batched(input.shape, n, f"conv{n}d"), weight.shape
        if len(w) != n + 2:
            _wrong_weight(w, x, n, stride)
        stride, dilation = _numbers(stride, n, "stride"), _numbers(dilation, n, "dilation")
        same = _named_padding(padding, stride)
        padding = (0,) * n if same is not None else _numbers(padding, n, "padding")
        _check(x, w, bias, stride, padding, dilation, groups, transposed=False)
        _check_dtypes(input, weight, bias)
        if same:
            out = x[2:]
        else:
            full = tuple(size + 2 * p for size, p in zip(x[2:], padding, strict=True))
            reach = tuple(d * (k - 1) + 1 for d, k in zip(dilation, w[2:], strict=True))
            for size, width in zip(full, reach, strict=True):
                message = (
                    "Calculated padded input size per channel: ({}). Kernel size: ({}). Kernel size can't be "
                    "greater than actual input size"
                )
                require(ge(size, width), message, listed(full), listed(reach))
            out = tuple(window_count(*args) for args in zip(full, w[2:], stride, (0,) * n, dilation, strict=True))
        return (*x[:1], w[0], *out) if len(input.shape) == n + 2 else (w[0], *out)

    return rule


def conv_transpose_dims(n: int):
    """The shape rule of the transposed convolution with n spatial dims."""

    def rule(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
        x, w = _batched(input.shape, n, f"conv_transpose{n}d"), weight.shape
        if len(w) != n + 2:
            _wrong_weight(w, x, n, stride)
        stride, dilation = _numbers(stride, n, "stride"), _numbers(dilation, n, "dilation")
        padding, extra = _numbers(padding, n, "padding"), _numbers(output_padding, n, "output_padding")
        _check(x, w, bias, stride, padding, dilation, groups, transposed=True)
        _check_dtypes(input, weight, bias)
        for more, s, d in zip(extra, stride, dilation, strict=True):
            if lt(more, s) is False and lt(more, d) is False:
                raise Refused(_output_padding_words(extra, stride, dilation))
        out = tuple(
            (size - 1) * s - 2 * p + d * (k - 1) + more + 1
            for size, k, s, p, more, d in zip(x[2:], w[2:], stride, padding, extra, dilation, strict=True)
        )
        for size in out:
            message = (
                "Given input size per channel: ({}). Calculated output size per channel: ({}). Output size is too small"
            )
            require(gt(size, 0), message, listed(x[2:]), listed(out))
        return (*x[:1], w[1] * groups, *out) if len(input.shape) == n + 2 else (w[1] * groups, *out)

    return rule


def _batched(shape, n: int, name: str):
    """(N, C, *spatial) from a batch or from one unbatched input."""
    if len(shape) == n + 1:
        return (1, *shape)
    if len(shape) != n + 2:
        raise Refused(
            f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {name}, but got input of size:"
            f" [{listed(shape, ', ')}]"
        )
    return shape


def _wrong_weight(w, x, n: int, stride) -> None:
    if len(w) > n + 2:
        raise Refused(
            f"Expected {len(w)}-dimensional input for {len(w)}-dimensional weight [{listed(w, ', ')}], but got"
            f" {len(x)}-dimensional "
            f"input of size [{listed(x, ', ')}] instead"
        )
    if len(w) < 3:
        raise Refused("weight should have at least three dimensions")
    _numbers(_numbers(stride, n, "stride"), len(w) - 2, "stride")


def _numbers(value, n: int, name: str):
    words = (
        "expected {} to be a single integer value or a list of {} values to match the convolution dimensions, but "
        "got {}=[{}]"
    )
    return spread(
        value, n, what=words.format(name, n, name, listed(value, ", ") if isinstance(value, (list, tuple)) else value)
    )


def _named_padding(padding, stride) -> bool | None:
    """True for "same", False for "valid", None for numbers."""
    if isinstance(padding, UnknownLike) and padding.python_type not in (int, tuple, list):
        raise RankUnknown
    if not isinstance(padding, str):
        return None
    if padding not in ("same", "valid"):
        raise Refused(f"Invalid padding string: '{padding}'")
    if padding == "same":
        for s in stride:
            require(eq(s, 1), "padding='same' is not supported for strided convolutions")
    return padding == "same"


def _check(x, w, bias, stride, padding, dilation, groups, transposed: bool) -> None:
    require(gt(groups, 0), "non-positive groups is not supported")
    not_negative(padding, "negative padding is not supported")
    for s in stride:
        require(gt(s, 0), "non-positive stride is not supported")
    for d in dilation:
        require(gt(d, 0), "dilation should be greater than zero, but got {}", dilation)
    message = (
        "Given groups={}, expected weight to be divisible by {} at dimension 0, but got weight of size [{}] instead"
    )
    require(divides(groups, w[0]), message, groups, groups, w)
    channels = w[0] if transposed else w[1] * groups
    given = "Given transposed=1" if transposed else f"Given groups={groups}"
    message = given + ", weight of size {}, expected input{} to have {} channels, but got {} channels instead"
    require(eq(x[1], channels), message, w, x, channels, x[1])
    if bias is not None:
        want = w[1] * groups if transposed else w[0]
        message = (
            f"Given {'transposed=1, ' if transposed else ''}weight of size {{}}, expected bias to be 1-dimensional "
            f"with {{}} elements, but got bias of size {{}} instead"
        )
        b = bias.shape
        require(eq(b[0], want) if len(b) == 1 else False, message, w, want, b)


def _check_dtypes(input, weight, bias) -> None:
    floats = ("float32", "float64", "bfloat16")
    found = [t.dtype for t in (input, weight)]
    if all(found) and found[0] is not found[1]:
        if found[0].name in ("float32", "bfloat16") and found[1].name in floats:
            raise Refused(
                f"Input type ({_tensor_name(found[0])}) and weight type ({_tensor_name(found[1])}) should be the same"
                f" or input "
                "should be a MKLDNN tensor and weight is a dense tensor"
            )
        same_dtype(input, weight, "expected scalar type {} but found {}", scalar_name)
    if bias is not None:
        same_dtype(input, bias, "Input type ({}) and bias type ({}) should be the same", cpp_name)


def _tensor_name(dtype) -> str:
    return f"CPU{scalar_name(dtype)}Type" if dtype.bits == 16 else f"torch.{scalar_name(dtype)}Tensor"


def _output_padding_words(extra, stride, dilation) -> str:
    axes = ("depth", "height", "width")[-max(len(extra), 2) :]
    if len(extra) == 1:
        extra, stride, dilation = (0, *extra), (1, *stride), (1, *dilation)
    words = [f"{what}_{a}: {v}" for what, values in (("output_padding", extra), ("stride", stride), ("dilation",
        dilation))
             for a, v in zip(axes, values, strict=True)]  # fmt: skip
    return f"output padding must be smaller than either stride or dilation, but got {' '.join(words)}"


# --- convolutions -----------------------------------------------------------------------------------------------------


def _batch(x, n: int):
    """The array with a batch dim, and whether it had none."""
    return (x[None], True) if x.ndim == n + 1 else (x, False)


def _node_name(n: int):
    """torch removes the batch dim that it put in."""
    return lambda input: "ConvolutionBackward0" if input.ndim == n + 2 else "SqueezeBackward1"


def convolution(n: int, x: Kind, w: Kind, accepts, rejects) -> Op:
    """torch.nn.functional.conv{n}d."""

    def kernel(xp, input: x, weight: w, bias: OptTensor = None, stride: Ints = 1, padding: IntsOrStr = 0,
               dilation: Ints = 1,
               groups: Int = 1):  # fmt: skip
        """Cross-correlation of (N, C, *spatial) or (C, *spatial) with weight (out, C/groups, *kernel)."""
        images, single = _batch(input, n)
        y = convolve(xp, images, weight, Geometry(weight.shape[2:], stride, padding, dilation, groups))
        if bias is not None:
            y += bias.reshape(-1, *(1,) * n)
        return y[0] if single else y

    names = (f"torch.nn.functional.conv{n}d", f"torch.conv{n}d")
    conv = op(*names, name=f"conv{n}d", shape=conv_dims(n), dtype=agreed("input", "weight"), autocast="lower",
              accepts=accepts,
              rejects=rejects, grad_name=_node_name(n))(kernel)  # fmt: skip

    @conv.vjp("input")
    def _(g, input, weight, stride, padding, dilation, groups):
        return conv_input(input.shape, conj(weight), g, stride, padding, dilation, groups)

    @conv.vjp("weight")
    def _(g, input, weight, stride, padding, dilation, groups):
        return conv_weight(conj(input), weight.shape, g, stride, padding, dilation, groups)

    @conv.vjp("bias")
    def _(g, input, weight):
        return _per_channel(g, n)

    return conv


def _per_channel(g, n: int):
    return g.sum(tuple(range(g.dim() - n, g.dim()))) if g.dim() == n + 1 else g.sum((0, *range(2, n + 2)))


def transposed_convolution(n: int, x: Kind, w: Kind, accepts, rejects) -> Op:
    """torch.nn.functional.conv_transpose{n}d."""

    def kernel(xp, input: x, weight: w, bias: OptTensor = None, stride: Ints = 1, padding: Ints = 0,
               output_padding: Ints = 0,
               groups: Int = 1, dilation: Ints = 1):  # fmt: skip
        """The convolution's transpose: (N, in, *spatial) with weight (in, out/groups, *kernel) grows by stride."""
        images, single = _batch(input, n)
        geometry = Geometry(weight.shape[2:], stride, padding, dilation, groups)
        size = tuple(
            (s - 1) * step - 2 * p + d * (k - 1) + more + 1
            for s, k, step, p, more, d in zip(images.shape[2:], geometry.kernel, geometry.stride, geometry.left,
                                              spread(output_padding, n), geometry.dilation, strict=True)
        )  # fmt: skip
        y = input_gradient(xp, images, weight, geometry, size)
        if bias is not None:
            y = y + bias.reshape(-1, *(1,) * n)
        return y[0] if single else y

    names = (f"torch.nn.functional.conv_transpose{n}d", f"torch.conv_transpose{n}d")
    conv = op(*names, name=f"conv_transpose{n}d", shape=conv_transpose_dims(n), dtype=agreed("input", "weight"),
              autocast="lower",
              accepts=accepts, rejects=rejects, grad_name=_node_name(n))(kernel)  # fmt: skip

    @conv.vjp("input")
    def _(g, input, weight, stride, padding, groups, dilation):
        return _convolved(g, conj(weight), stride, padding, dilation, groups, input.shape)

    @conv.vjp("weight")
    def _(g, input, weight, stride, padding, groups, dilation):
        return conv_weight(g, weight.shape, conj(input), stride, padding, dilation, groups)

    @conv.vjp("bias")
    def _(g, input, weight):
        return _per_channel(g, n)

    return conv


def _convolved(g, weight, stride, padding, dilation, groups, shape):
    """The convolution of g, cut to what it is the gradient of: an output padding may give one window more."""
    n = len(weight.shape) - 2
    y = CONVOLUTIONS[n](g, weight, None, stride, padding, dilation, groups)
    for dim in range(-n, 0):
        if y.shape[dim] != shape[dim]:
            y = y.narrow(dim, 0, shape[dim])
    return y


conv1d = convolution(
    1, Tensor("N C L", "C L"), Tensor("out in k"),
    accepts=["conv1d(f32[2, 3, 8], f32[4, 3, 3])", "conv1d(f32[3, 8], f32[4, 3, 2], f32[4], stride=2, padding=1)",
             "conv1d(f32[2, 4, 9], f32[6, 2, 3], f32[6], padding='same', dilation=2, groups=2)",
             "conv1d(f32[2, 4, 9], f32[6, 4, 2], padding='same')"],
    rejects={"conv1d(f32[1, 4, 8], f32[8, 4, 9])": "Calculated padded input size per channel: (8). Kernel size: (9).",
             "conv1d(f32[8], f32[8, 3, 3])": "Expected 2D (unbatched) or 3D (batched) input to conv1d, but got input"
             " of size: [8]"},
)  # fmt: skip
conv2d = convolution(
    2, Tensor("N C H W", "C H W"), Tensor("out in kh kw"),
    accepts=["conv2d(f32[2, 3, 8, 7], f32[4, 3, 3, 2], f32[4])",
             "conv2d(f32[3, 8, 8], f32[4, 3, 3, 3], stride=2, padding=(1, 0))",
             "conv2d(f32[2, 4, 8, 8], f32[6, 2, 3, 3], f32[6], stride=(2, 1), padding=1, dilation=2, groups=2)",
             "conv2d(f32[2, 4, 6, 6], f32[8, 4, 1, 1])",
             "conv2d(f32[2, 4, 6, 6], f32[4, 1, 3, 3], padding='same', groups=4)",
             "conv2d(f32[1, 2, 6, 5], f32[3, 2, 2, 3], padding='same')", "conv2d(f32[0, 4, 8, 8], f32[8, 4, 2, 3])",
             "conv2d(f32[2, 4, 6, 6], f32[8, 4, 1, 1], stride=2)",
             "conv2d(f64[1, 2, 7, 7], f64[8, 1, 3, 3], groups=2, stride=3)"],
    rejects={"conv2d(f32[2, 1, 28, 28], f32[6, 3, 5, 5])": "Given groups=1, weight of size [6, 3, 5, 5], expected"
             " input[2, 1, 28, 28] to have 3 channels, but got 1 channels instead",
             "conv2d(f32[1, 3, 2, 2], f32[6, 3, 5, 5])": "Calculated padded input size per channel: (2 x 2). Kernel"
             " size: (5 x 5)."
             " Kernel size can't be greater than actual input size",
             "conv2d(f32[2, 28], f32[6, 3, 5, 5])": "Expected 3D (unbatched) or 4D (batched) input to conv2d",
             "conv2d(f32[1, 3, 8, 8], f32[6, 3, 5, 5], f32[5])": "Given weight of size [6, 3, 5, 5], expected bias to"
             " be"
             " 1-dimensional with 6 elements, but got bias of size [5] instead",
             "conv2d(f32[1, 3, 8, 8], f64[6, 3, 5, 5])": "Input type (torch.FloatTensor) and weight type"
             " (torch.DoubleTensor)",
             "conv2d(f32[1, 3, 8, 8], f32[6, 3, 5, 5], f64[6])": "Input type (float) and bias type (double) should be"
             " the same",
             "conv2d(f32[1, 4, 8, 8], f32[6, 2, 5, 5], groups=4)": "Given groups=4, expected weight to be divisible"
             " by 4 at"
             " dimension 0, but got weight of size [[6, 2, 5, 5]] instead",
             "conv2d(f32[1, 4, 8, 8], f32[8, 4, 3, 3], padding='same', stride=2)": "padding='same' is not supported"
             " for strided",
             "conv2d(f32[1, 4, 8, 8], f32[8, 4, 3, 3], stride=(1, 2, 3))": "expected stride to be a single integer"
             " value or a list"
             " of 2 values to match the convolution dimensions, but got stride=[1, 2, 3]",
             "conv2d(f32[1, 4, 8, 8], f32[8, 4, 3, 3], padding=-1)": "negative padding is not supported"},
)  # fmt: skip
conv3d = convolution(
    3, Tensor("N C D H W", "C D H W"), Tensor("out in kd kh kw"),
    accepts=["conv3d(f32[1, 2, 4, 5, 6], f32[3, 2, 2, 3, 3], f32[3], padding=1)",
             "conv3d(f32[2, 4, 5, 6], f32[2, 1, 2, 2, 2], stride=2, groups=2)"],
    rejects={"conv3d(f32[2, 4, 8], f32[8, 4, 3, 3, 3])": "Expected 4D (unbatched) or 5D (batched) input to conv3d"},
)  # fmt: skip
CONVOLUTIONS = {1: conv1d, 2: conv2d, 3: conv3d}

conv_transpose1d = transposed_convolution(
    1, Tensor("N C L", "C L"), Tensor("in out k"),
    accepts=["conv_transpose1d(f32[2, 3, 5], f32[3, 4, 3], f32[4], stride=2, output_padding=1)",
             "conv_transpose1d(f32[4, 5], f32[4, 3, 3], padding=1, groups=2, dilation=2)",
             "conv_transpose1d(f32[1, 2, 5], f32[2, 3, 3], output_padding=2, padding=1, dilation=3)"],
    rejects={"conv_transpose1d(f32[1, 4, 8], f32[5, 4, 3])": "Given transposed=1, weight of size [5, 4, 3], expected"
             " input[1, 4, 8]"
             " to have 5 channels, but got 4 channels instead"},
)  # fmt: skip
conv_transpose2d = transposed_convolution(
    2, Tensor("N C H W", "C H W"), Tensor("in out kh kw"),
    accepts=["conv_transpose2d(f32[2, 3, 4, 5], f32[3, 4, 2, 3], f32[4], stride=2)",
             "conv_transpose2d(f32[4, 4, 5], f32[4, 2, 3, 3], stride=(2, 1), padding=1, output_padding=(1, 0),"
             " groups=2)",
             "conv_transpose2d(f32[1, 3, 4, 4], f32[3, 2, 1, 1])"],
    rejects={"conv_transpose2d(f32[1, 3, 8, 8], f32[3, 4, 3, 3], output_padding=1)": "output padding must be smaller"
             " than either"
             " stride or dilation, but got output_padding_height: 1 output_padding_width: 1",
             "conv_transpose2d(f32[1, 3, 8, 8], f32[3, 4, 3, 3], f32[5])": "Given transposed=1, weight of size [3, 4,"
             " 3, 3],"
             " expected bias to be 1-dimensional with 4 elements",
             "conv_transpose2d(f32[1, 3, 1, 1], f32[3, 4, 1, 1], padding=1)": "Given input size per channel: (1 x 1)."
             " Calculated"
             " output size per channel: (-1 x -1). Output size is too small"},
)  # fmt: skip
conv_transpose3d = transposed_convolution(
    3, Tensor("N C D H W", "C D H W"), Tensor("in out kd kh kw"),
    accepts=["conv_transpose3d(f32[1, 2, 3, 3, 3], f32[2, 3, 2, 2, 2], f32[3], stride=2)"],
    rejects={"conv_transpose3d(f32[1, 4, 8, 8, 8], f32[5, 4, 3, 3, 3])": "Given transposed=1, weight of size [5, 4,"
             " 3, 3, 3]"},
)  # fmt: skip


# --- the two adjoints -------------------------------------------------------------------------------------------------


@op("torch.nn.grad.conv2d_input", "torch.nn.grad.conv1d_input", "torch.nn.grad.conv3d_input",
    shape=lambda input_size: tuple(input_size), dtype=promote.same("weight"), grad_name="ConvolutionBackward0",
    accepts=["conv_input((2, 3, 8, 7), f32[4, 3, 3, 2], f32[2, 4, 6, 6])",
             "conv_input((1, 4, 9, 9), f32[6, 2, 3, 3], f32[1, 6, 4, 4], stride=2, groups=2)"])  # fmt: skip
def conv_input(xp, input_size: Size, weight: Tensor, grad_output: Tensor, stride: Ints = 1, padding: IntsOrStr = 0,
               dilation: Ints = 1, groups: Int = 1):  # fmt: skip
    """The gradient a convolution passes to its input."""
    n = weight.ndim - 2
    g, single = _batch(grad_output, n)
    x = input_gradient(
        xp, g, weight, Geometry(weight.shape[2:], stride, padding, dilation, groups), tuple(input_size[-n:])
    )
    return x[0] if single else x


@conv_input.vjp("weight")
def _(g, weight, grad_output, weight_shape, stride, padding, dilation, groups):
    return conv_weight(g, weight_shape, conj(grad_output), stride, padding, dilation, groups)


@conv_input.vjp("grad_output")
def _(g, weight, grad_output, grad_output_shape, stride, padding, dilation, groups):
    return _convolved(g, conj(weight), stride, padding, dilation, groups, grad_output_shape)


@op("torch.nn.grad.conv2d_weight", "torch.nn.grad.conv1d_weight", "torch.nn.grad.conv3d_weight",
    shape=lambda weight_size: tuple(weight_size), dtype=promote.same("input"), grad_name="ConvolutionBackward0",
    accepts=["conv_weight(f32[2, 3, 8, 7], (4, 3, 3, 2), f32[2, 4, 6, 6])",
             "conv_weight(f32[1, 4, 9, 9], (6, 2, 3, 3), f32[1, 6, 4, 4], stride=2, groups=2)"])  # fmt: skip
def conv_weight(xp, input: Tensor, weight_size: Size, grad_output: Tensor, stride: Ints = 1, padding: IntsOrStr = 0,
                dilation: Ints = 1, groups: Int = 1):  # fmt: skip
    """The gradient of a convolution's weight."""
    n = len(weight_size) - 2
    x, g = _batch(input, n)[0], _batch(grad_output, n)[0]
    return weight_gradient(xp, g, x, Geometry(tuple(weight_size[2:]), stride, padding, dilation, groups))


@conv_weight.vjp("input")
def _(g, input, grad_output, input_shape, stride, padding, dilation, groups):
    return conv_input(input_shape, g, conj(grad_output), stride, padding, dilation, groups)


@conv_weight.vjp("grad_output")
def _(g, input, grad_output, grad_output_shape, stride, padding, dilation, groups):
    return _convolved(conj(input), g, stride, padding, dilation, groups, grad_output_shape)
