"""unfold and fold: sliding blocks of images as columns, and back."""

from tensight_runtime.ops.conv_kernels import Geometry, gathered
from tensight_runtime.ops.windows import listed, padded, spread, window_count, windows
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import divides, eq, ge, gt
from tensight_runtime.spec.kind import Ints, Tensor
from tensight_runtime.spec.op import op
from tensight_runtime.spec.require import Refused, require
from tensight_runtime.spec.size import product


def _pairs(kernel_size, dilation, padding, stride):
    named = {"kernel_size": kernel_size, "dilation": dilation, "padding": padding, "stride": stride}
    pairs = [_two(value, name) for name, value in named.items()]
    for name, low in (("kernel_size", 1), ("dilation", 1), ("padding", 0), ("stride", 1)):
        sizes = pairs[list(named).index(name)]
        word = "non-negative" if low == 0 else "greater than zero"
        for size in sizes:
            require(
                ge(size, low),
                f"{name.split('_')[0]} should be {word}, but got {name.split('_')[0]}_height: {{}}"
                f" {name.split('_')[0]}_width: {{}}",
                *sizes,
            )
    return pairs


def _two(value, name: str):
    length = len(value) if isinstance(value, (tuple, list)) else 1
    return spread(value, 2, what=f"It is expected {name} equals to 2, but got size {length}")


def unfold_dims(input, kernel_size, dilation=1, padding=0, stride=1):
    shape = input.shape
    if len(shape) not in (3, 4):
        raise Refused(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, "
            f"but got: [{listed(shape, ', ')}]"
        )
    kernel, dilation, padding, stride = _pairs(kernel_size, dilation, padding, stride)
    channels, spatial = shape[-3], shape[-2:]
    count = tuple(
        window_count(s, k, st, 2 * p, d)
        for s, k, d, p, st in zip(spatial, kernel, dilation, padding, stride, strict=True)
    )
    for c in count:
        require(
            gt(c, 0),
            "Given input with spatial size ({}), kernel_size=({}), dilation=({}), padding=({}), calculated shape of"
            " the array of "
            "sliding blocks as ({}), but its components must be at least one.",
            *(listed(v, ", ") for v in (spatial, kernel, dilation, padding, count)),
        )
    return (*shape[:-3], channels * product(kernel), product(count))


@op("torch.nn.functional.unfold", shape=unfold_dims, dtype=promote.same(), grad_name="Im2ColBackward0",
    accepts=["unfold(f32[2, 3, 5, 6], 3)", "unfold(f32[3, 5, 6], (2, 3), dilation=2, padding=1, stride=(1, 2))"],
    rejects={"unfold(f32[1, 3, 2, 2], 3)": "Given input with spatial size (2, 2), kernel_size=(3, 3), dilation=(1,"
             " 1), padding=(0,"
             " 0), calculated shape of the array of sliding blocks as (0, 0), but its components must be at least one.",
             "unfold(f32[1, 3, 8, 8], (3, 3, 3))": "It is expected kernel_size equals to 2, but got size"
             " 3"})  # fmt: skip
def unfold(
    xp, input: Tensor("N C H W", "C H W"), kernel_size: Ints, dilation: Ints = 1, padding: Ints = 0, stride: Ints = 1
):
    """Sliding blocks as columns: (N, C, H, W) to (N, C * kernel, blocks)."""
    x = input[None] if input.ndim == 3 else input
    geometry = Geometry(spread(kernel_size, 2), stride, padding, dilation, 1)
    count = geometry.count(x.shape[2:])
    view = windows(
        xp, padded(xp, x, geometry.pads(x.shape[2:], count)), geometry.kernel, geometry.stride, geometry.dilation, count
    )
    cols = xp.array(view).reshape(x.shape[0], x.shape[1] * product(geometry.kernel), product(count))
    return cols[0] if input.ndim == 3 else cols


@unfold.vjp("input")
def _(g, input_shape, kernel_size, dilation, padding, stride):
    return fold(g, input_shape[-2:], kernel_size, dilation, padding, stride)


def fold_dims(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    shape = input.shape
    if len(shape) not in (2, 3):
        raise Refused(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for"
            " input, "
            f"but got: [{listed(shape, ', ')}]"
        )
    size = _two(output_size, "output_size")
    kernel, dilation, padding, stride = _pairs(kernel_size, dilation, padding, stride)
    at = len(shape) - 2
    message = (
        "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
        "input.size(1)={} and kernel_size=({})."
    )
    require(divides(product(kernel), shape[-2]), message, shape[-2], listed(kernel, ", "))
    count = tuple(
        window_count(s, k, st, 2 * p, d) for s, k, d, p, st in zip(size, kernel, dilation, padding, stride, strict=True)
    )
    given = "Given output_size=({}), kernel_size=({}), dilation=({}), padding=({}), stride=({}), "
    words = tuple(listed(v, ", ") for v in (size, kernel, dilation, padding, stride))
    require(
        eq(shape[-1], product(count)),
        given + "expected size of input's dimension 2 to match the calculated number of sliding blocks {} * {} = {},"
        " but got "
        "input.size(2)={}.",
        *words, *count, product(count), shape[-1],
    )  # fmt: skip
    for c in count:
        message = given + (
            "calculated shape of the array of sliding blocks as ({}, {}), but its components must be at least one."
        )
        require(gt(c, 0), message, *words, *count)
    return (*shape[:at], shape[-2] // product(kernel), *size)


@op("torch.nn.functional.fold", shape=fold_dims, dtype=promote.same(), grad_name="Col2ImBackward0",
    accepts=["fold(f32[2, 27, 12], (5, 6), 3)",
             "fold(f32[12, 18], (5, 6), (2, 2), dilation=2, padding=1, stride=(2, 1))",
             "fold(f32[1, 9, 16], 4, 3, padding=1)"],
    rejects={"fold(f32[1, 26, 36], (8, 8), 3)": "Expected size of input's dimension 1 to be divisible by the product"
             " of kernel_size,"
             " but got input.size(1)=26 and kernel_size=(3, 3).",
             "fold(f32[1, 27, 35], (8, 8), 3)": "Given output_size=(8, 8), kernel_size=(3, 3), dilation=(1, 1),"
             " padding=(0, 0),"
             " stride=(1, 1), expected size of input's dimension 2 to match the calculated number of sliding blocks 6"
             " * 6 = 36"})  # fmt: skip
def fold(xp, input: Tensor("N ck L", "ck L"), output_size: Ints, kernel_size: Ints, dilation: Ints = 1,
         padding: Ints = 0,
         stride: Ints = 1):  # fmt: skip
    """Sums the columns of `unfold` back into images (N, C, *output_size)."""
    x = input[None] if input.ndim == 2 else input
    size, kernel = spread(output_size, 2), spread(kernel_size, 2)
    geometry = Geometry(kernel, stride, padding, dilation, 1)
    cols = x.reshape(x.shape[0], x.shape[1] // (kernel[0] * kernel[1]), *kernel, *geometry.count(size))
    y = gathered(xp, cols, geometry, size)
    return y[0] if input.ndim == 2 else y


@fold.vjp("input")
def _(g, kernel_size, dilation, padding, stride):
    return unfold(g, kernel_size, dilation, padding, stride)
