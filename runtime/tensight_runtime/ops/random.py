"""Tensors of random numbers.  `rng` is the generator the engine chose: `generator=` or the default one.

The same seed gives the same numbers as torch on the CPU.  bfloat16 numbers are drawn as bfloat16.
"""

from tensight_runtime.ops.creation import chosen, default_name, dims_of, made
from tensight_runtime.ops.creation_like import like
from tensight_runtime.ops.elementwise import np_name
from tensight_runtime.spec.dtype import DType, bfloat16, defaults, int64
from tensight_runtime.spec.kind import (
    Any,
    Bool,
    Int,
    Ints,
    OptDevice,
    OptDtype,
    Size,
    Tensor,
)
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import Refused, require


def half(dtype: DType | None) -> dict[str, bool]:
    """What the generator needs to know to draw bfloat16."""
    return {"bfloat16": True} if (dtype or defaults.dtype) is bfloat16 else {}


def refuse_integers(dtype: DType | None, kernel: str) -> None:
    if dtype is not None and dtype.category < 2:
        raise Refused(f"\"{kernel}\" not implemented for '{scalar_name(dtype)}'", NotImplementedError)


# --- of a size -------------------------------------------------------------------------------------------------------


@op("torch.rand", varargs="size", random=True, accepts=["rand(2, 3)", "rand((20,), dtype=torch.float64)", "rand([])"],
    rejects={"rand(2, dtype=torch.int64)": "\"check_uniform_bounds\" not implemented for 'Long'",
             "rand(2, -1)": "Trying to create tensor with negative dimension -1: [2, -1]"})  # fmt: skip
def rand(
    xp,
    rng,
    size: Size,
    *,
    generator: Any = None,
    dtype: OptDtype = None,
    layout: Any = None,
    device: OptDevice = None,
    pin_memory: Bool = False,
    requires_grad: Bool = False,
):
    """Uniform in [0, 1)."""
    return xp.asarray(rng.uniform(dims_of(size), default_name(dtype), **half(dtype)))


@rand.rule
def _(size, dtype, device):
    fact = made(size, chosen(dtype, defaults.dtype), device)
    refuse_integers(fact.dtype, "check_uniform_bounds")
    return fact


@op(
    "torch.randn",
    varargs="size",
    random=True,
    accepts=["randn(2, 3)", "randn((20,), dtype=torch.float64)", "randn(4, 17)"],
    rejects={"randn(2, dtype=torch.int64)": "\"normal_kernel_cpu\" not implemented for 'Long'"},
)
def randn(
    xp,
    rng,
    size: Size,
    *,
    generator: Any = None,
    dtype: OptDtype = None,
    layout: Any = None,
    device: OptDevice = None,
    pin_memory: Bool = False,
    requires_grad: Bool = False,
):
    """Normal, mean 0, variance 1."""
    return xp.asarray(rng.normal(dims_of(size), default_name(dtype), **half(dtype)))


@randn.rule
def _(size, dtype, device):
    fact = made(size, chosen(dtype, defaults.dtype), device)
    refuse_integers(fact.dtype, "normal_kernel_cpu")
    return fact


def _check_range(low, high) -> None:
    if all(isinstance(v, int) for v in (low, high)):
        require(low < high, "random_ expects 'from' to be less than 'to', but got from={} >= to={}", low, high)


def _integers(xp, rng, low, high, shape, dtype):
    return xp.asarray(
        rng.random_int(shape, int(low), int(high), np_name(dtype), **({"bfloat16": True} if dtype is bfloat16 else {}))
    )


@op("torch.randint", random=True, interval=lambda high: (0, high),
    accepts=["randint(10, (2, 3))", "randint(5, (3,), dtype=torch.float32)", "randint(1, (2,), dtype=torch.bool)"],
    rejects={"randint(0, (2,))": "random_ expects 'from' to be less than 'to', but got from=0 >= to=0"})  # fmt: skip
def randint(xp, rng, high: Int, size: Ints, *, generator: Any = None, dtype: OptDtype = None, layout: Any = None,
            device: OptDevice = None, pin_memory: Bool = False, requires_grad: Bool = False):  # fmt: skip
    """Integers in [0, high), int64 unless `dtype=` is given."""
    return _integers(xp, rng, 0, high, dims_of(size), dtype or int64)


@randint.rule
def _(high, size, dtype, device):
    _check_range(0, high)
    return made(size, chosen(dtype, int64), device)


@op("torch.randint", name="randint", overload="low", random=True, interval=lambda low, high: (low, high),
    accepts=["randint(-3, 10, (2, 3))", "randint(low=0, high=3, size=(2,))"],
    rejects={"randint(2, 2, (2,))": "random_ expects 'from' to be less than 'to', but got from=2 >= to=2"})  # fmt: skip
def randint_low(
    xp,
    rng,
    low: Int,
    high: Int,
    size: Ints,
    *,
    generator: Any = None,
    dtype: OptDtype = None,
    layout: Any = None,
    device: OptDevice = None,
    pin_memory: Bool = False,
    requires_grad: Bool = False,
):
    """Integers in [low, high), int64 unless `dtype=` is given."""
    return _integers(xp, rng, low, high, dims_of(size), dtype or int64)


@randint_low.rule
def _(low, high, size, dtype, device):
    _check_range(low, high)
    return made(size, chosen(dtype, int64), device)


@op(
    "torch.randperm",
    random=True,
    interval=lambda n: (0, n),
    accepts=["randperm(7)", "randperm(0)", "randperm(5, dtype=torch.float32)"],
    rejects={"randperm(-3)": "Trying to create tensor with negative dimension -3: [-3]"},
)
def randperm(
    xp,
    rng,
    n: Int,
    *,
    generator: Any = None,
    dtype: OptDtype = None,
    layout: Any = None,
    device: OptDevice = None,
    pin_memory: Bool = False,
    requires_grad: Bool = False,
):
    """0 .. n - 1 in random order, int64 unless `dtype=` is given."""
    return xp.asarray(rng.randperm(int(n), np_name(dtype or int64)))


@randperm.rule
def _(n, dtype, device):
    return made((n,), chosen(dtype, int64), device)


# --- like another tensor ---------------------------------------------------------------------------------------------


@op("torch.rand_like", random=True, accepts=["rand_like(f32[2, 3])", "rand_like(i64[2], dtype=torch.float32)"],
    rejects={"rand_like(i64[2])": "\"check_uniform_bounds\" not implemented for 'Long'"})  # fmt: skip
def rand_like(
    xp,
    rng,
    input: Tensor,
    *,
    generator: Any = None,
    dtype: OptDtype = None,
    layout: Any = None,
    device: OptDevice = None,
    pin_memory: Bool = False,
    requires_grad: Bool = False,
    memory_format: Any = None,
):
    """Uniform in [0, 1), in the input's shape, dtype and device."""
    name = np_name(dtype) if dtype else str(input.dtype)
    return in_memory_order(xp, input, lambda shape, ordered: rng.uniform(shape, name), name)


@rand_like.rule
def _(input, dtype, device):
    fact = like(input, dtype, device)
    refuse_integers(fact.dtype, "check_uniform_bounds")
    return fact


@op("torch.randn_like", random=True, accepts=["randn_like(f32[2, 3])", "randn_like(f32[20], dtype=torch.float64)"],
    rejects={"randn_like(i64[2])": "\"normal_kernel_cpu\" not implemented for 'Long'"})  # fmt: skip
def randn_like(
    xp,
    rng,
    input: Tensor,
    *,
    generator: Any = None,
    dtype: OptDtype = None,
    layout: Any = None,
    device: OptDevice = None,
    pin_memory: Bool = False,
    requires_grad: Bool = False,
    memory_format: Any = None,
):
    """Normal, mean 0, variance 1, in the input's shape, dtype and device."""
    name = np_name(dtype) if dtype else str(input.dtype)
    return in_memory_order(xp, input, lambda shape, ordered: rng.normal(shape, name, contiguous=ordered), name)


@randn_like.rule
def _(input, dtype, device):
    fact = like(input, dtype, device)
    refuse_integers(fact.dtype, "normal_kernel_cpu")
    return fact


def in_memory_order(xp, array, draw, name: str):
    """Draws filled into a new array laid out like `array`: torch fills in the order of memory, not of indices."""
    result = xp.empty_like(array, dtype=name)
    fill(xp, result, draw)
    return result


def fill(xp, array, draw) -> None:
    """`draw(shape, contiguous)` written into `array` in the order of memory."""
    if array.flags.c_contiguous:
        array[...] = xp.asarray(draw(array.shape, True))
        return
    order = sorted(range(array.ndim), key=lambda i: (-abs(array.strides[i]), i))
    turned = array.transpose(order)
    turned[...] = xp.asarray(draw(turned.shape, False))


@op(
    "torch.randint_like",
    random=True,
    interval=lambda high: (0, high),
    accepts=["randint_like(i64[2, 3], 10)", "randint_like(f32[4], 5)"],
)
def randint_like(
    xp,
    rng,
    input: Tensor,
    high: Int,
    *,
    generator: Any = None,
    dtype: OptDtype = None,
    layout: Any = None,
    device: OptDevice = None,
    pin_memory: Bool = False,
    requires_grad: Bool = False,
    memory_format: Any = None,
):
    """Integers in [0, high), in the input's shape, dtype and device."""
    name = np_name(dtype) if dtype else str(input.dtype)
    return in_memory_order(xp, input, lambda shape, ordered: rng.random_int(shape, 0, int(high), name), name)


@randint_like.rule
def _(input, high, dtype, device):
    _check_range(0, high)
    return like(input, dtype, device)


@op("torch.randint_like", name="randint_like", overload="low", random=True, interval=lambda low, high: (low, high),
    accepts=["randint_like(i64[2, 3], -3, 10)"])  # fmt: skip
def randint_like_low(
    xp,
    rng,
    input: Tensor,
    low: Int,
    high: Int,
    *,
    generator: Any = None,
    dtype: OptDtype = None,
    layout: Any = None,
    device: OptDevice = None,
    pin_memory: Bool = False,
    requires_grad: Bool = False,
    memory_format: Any = None,
):
    """Integers in [low, high), in the input's shape, dtype and device."""
    name = np_name(dtype) if dtype else str(input.dtype)
    return in_memory_order(xp, input, lambda shape, ordered: rng.random_int(shape, int(low), int(high), name), name)


@randint_like_low.rule
def _(input, low, high, dtype, device):
    _check_range(low, high)
    return like(input, dtype, device)
