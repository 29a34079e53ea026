"""Tensors of random numbers.  `rng` is the generator the engine chose: `generator=` or the default one.

The same seed gives the same numbers as torch on the CPU.  bfloat16 numbers are drawn as bfloat16 and carried in float32.
"""

from tensight_runtime.ops.creation import chosen, default_name, dims_of, like, made
from tensight_runtime.ops.elementwise import dtype_of, fact_of, host, np_name
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import ge, gt
from tensight_runtime.spec.dtype import DType, bfloat16, bool_, defaults, float64, int64
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.kind import Any, Bool, Int, Ints, Num, OptDevice, OptDtype, Size, Tensor, TensorOrNum, UnknownLike
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import Refused, require
from tensight_runtime.spec.shape import broadcasted, same_shape


def half(dtype: DType | None) -> dict[str, bool]:
    """What the generator needs to know to draw bfloat16."""
    return {"bfloat16": True} if (dtype or defaults.dtype) is bfloat16 else {}


def refuse_integers(dtype: DType | None, kernel: str) -> None:
    if dtype is not None and dtype.category < 2:
        raise Refused(f"\"{kernel}\" not implemented for '{scalar_name(dtype)}'", NotImplementedError)


# --- of a size ---------------------------------------------------------------------------------------------------------


@op("torch.rand", varargs="size", random=True, accepts=["rand(2, 3)", "rand((20,), dtype=torch.float64)", "rand([])"],
    rejects={"rand(2, dtype=torch.int64)": "\"check_uniform_bounds\" not implemented for 'Long'",
             "rand(2, -1)": "Trying to create tensor with negative dimension -1: [2, -1]"})  # fmt: skip
def rand(xp, rng, size: Size, *, generator: Any = None, dtype: OptDtype = None, layout: Any = None, device: OptDevice = None,
         pin_memory: Bool = False, requires_grad: Bool = False):  # fmt: skip
    """Uniform in [0, 1)."""
    return xp.asarray(rng.uniform(dims_of(size), default_name(dtype), **half(dtype)))


@rand.rule
def _(size, dtype, device):
    fact = made(size, chosen(dtype, defaults.dtype), device)
    refuse_integers(fact.dtype, "check_uniform_bounds")
    return fact


@op("torch.randn", varargs="size", random=True, accepts=["randn(2, 3)", "randn((20,), dtype=torch.float64)", "randn(4, 17)"],
    rejects={"randn(2, dtype=torch.int64)": "\"normal_kernel_cpu\" not implemented for 'Long'"})  # fmt: skip
def randn(xp, rng, size: Size, *, generator: Any = None, dtype: OptDtype = None, layout: Any = None, device: OptDevice = None,
          pin_memory: Bool = False, requires_grad: Bool = False):  # fmt: skip
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
    return xp.asarray(rng.random_int(shape, int(low), int(high), np_name(dtype), **({"bfloat16": True} if dtype is bfloat16 else {})))


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
def randint_low(xp, rng, low: Int, high: Int, size: Ints, *, generator: Any = None, dtype: OptDtype = None, layout: Any = None,
                device: OptDevice = None, pin_memory: Bool = False, requires_grad: Bool = False):  # fmt: skip
    """Integers in [low, high), int64 unless `dtype=` is given."""
    return _integers(xp, rng, low, high, dims_of(size), dtype or int64)


@randint_low.rule
def _(low, high, size, dtype, device):
    _check_range(low, high)
    return made(size, chosen(dtype, int64), device)


@op("torch.randperm", random=True, interval=lambda n: (0, n), accepts=["randperm(7)", "randperm(0)", "randperm(5, dtype=torch.float32)"],
    rejects={"randperm(-3)": "Trying to create tensor with negative dimension -3: [-3]"})  # fmt: skip
def randperm(xp, rng, n: Int, *, generator: Any = None, dtype: OptDtype = None, layout: Any = None, device: OptDevice = None,
             pin_memory: Bool = False, requires_grad: Bool = False):  # fmt: skip
    """0 .. n - 1 in random order, int64 unless `dtype=` is given."""
    return xp.asarray(rng.randperm(int(n), np_name(dtype or int64)))


@randperm.rule
def _(n, dtype, device):
    return made((n,), chosen(dtype, int64), device)


# --- like another tensor -----------------------------------------------------------------------------------------------


@op("torch.rand_like", random=True, accepts=["rand_like(f32[2, 3])", "rand_like(i64[2], dtype=torch.float32)"],
    rejects={"rand_like(i64[2])": "\"check_uniform_bounds\" not implemented for 'Long'"})  # fmt: skip
def rand_like(xp, rng, input: Tensor, *, generator: Any = None, dtype: OptDtype = None, layout: Any = None, device: OptDevice = None,
              pin_memory: Bool = False, requires_grad: Bool = False, memory_format: Any = None):  # fmt: skip
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
def randn_like(xp, rng, input: Tensor, *, generator: Any = None, dtype: OptDtype = None, layout: Any = None, device: OptDevice = None,
               pin_memory: Bool = False, requires_grad: Bool = False, memory_format: Any = None):  # fmt: skip
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


@op("torch.randint_like", random=True, interval=lambda high: (0, high), accepts=["randint_like(i64[2, 3], 10)", "randint_like(f32[4], 5)"])
def randint_like(xp, rng, input: Tensor, high: Int, *, generator: Any = None, dtype: OptDtype = None, layout: Any = None,
                 device: OptDevice = None, pin_memory: Bool = False, requires_grad: Bool = False, memory_format: Any = None):  # fmt: skip
    """Integers in [0, high), in the input's shape, dtype and device."""
    name = np_name(dtype) if dtype else str(input.dtype)
    return in_memory_order(xp, input, lambda shape, ordered: rng.random_int(shape, 0, int(high), name), name)


@randint_like.rule
def _(input, high, dtype, device):
    _check_range(0, high)
    return like(input, dtype, device)


@op("torch.randint_like", name="randint_like", overload="low", random=True, interval=lambda low, high: (low, high),
    accepts=["randint_like(i64[2, 3], -3, 10)"])  # fmt: skip
def randint_like_low(xp, rng, input: Tensor, low: Int, high: Int, *, generator: Any = None, dtype: OptDtype = None,
                     layout: Any = None, device: OptDevice = None, pin_memory: Bool = False, requires_grad: Bool = False,
                     memory_format: Any = None):  # fmt: skip
    """Integers in [low, high), in the input's shape, dtype and device."""
    name = np_name(dtype) if dtype else str(input.dtype)
    return in_memory_order(xp, input, lambda shape, ordered: rng.random_int(shape, int(low), int(high), name), name)


@randint_like_low.rule
def _(input, low, high, dtype, device):
    _check_range(low, high)
    return like(input, dtype, device)


# --- distributions with tensors as parameters --------------------------------------------------------------------------


def _check_std(std) -> None:
    if isinstance(std, (int, float)) and std < 0:
        raise Refused(f"normal expects std >= 0.0, but found std {std:g}")


def _normal_dtype(mean, std) -> DType | None:
    _check_std(std)
    found = fact_of(mean) or fact_of(std)
    if found.dtype is not None:
        refuse_integers(found.dtype, "normal_kernel_cpu")
    return found.dtype


@op("torch.normal", random=True, shape=broadcasted("mean", "std"), dtype=_normal_dtype, grad_name="NormalBackward1",
    accepts=["normal(f32[2, 3], f32[3]{1..2})", "normal(f32[20], 0.5)", "normal(f32[3])"],
    rejects={"normal(f32[2], -1.0)": "normal expects std >= 0.0, but found std -1",
             "normal(i64[2], 1.0)": "\"normal_kernel_cpu\" not implemented for 'Long'"})  # fmt: skip
def normal(xp, rng, mean: Tensor, std: TensorOrNum = 1.0, *, generator: Any = None):
    """Normal, with the mean and standard deviation of each element."""
    shape = xp.broadcast_shapes(mean.shape, getattr(std, "shape", ()))
    return _located(xp, rng, shape, mean.dtype, mean, std)


def _located(xp, rng, shape, dtype, mean, std):
    draws = xp.asarray(rng.normal(shape, str(dtype)))
    return draws * std + mean


@op("torch.normal", name="normal", overload="of_number", grad_name="NormalBackward2", random=True, shape=broadcasted("std"), dtype=_normal_dtype,
    accepts=["normal(0.5, f32[20]{1..2})"])  # fmt: skip
def normal_of_number(xp, rng, mean: Num, std: Tensor, *, generator: Any = None):
    """Normal, with the standard deviation of each element."""
    return _located(xp, rng, std.shape, std.dtype, mean, std)


@op("torch.normal", name="normal", overload="size", random=True, accepts=["normal(0.0, 1.0, (3,))", "normal(1, 2, size=(4, 5))"],
    rejects={"normal(0.0, -1.0, (2,))": "normal expects std >= 0.0, but found std -1"})  # fmt: skip
def normal_size(xp, rng, mean: Num, std: Num, size: Ints, *, generator: Any = None, dtype: OptDtype = None, layout: Any = None,
                device: OptDevice = None, pin_memory: Bool = False, requires_grad: Bool = False):  # fmt: skip
    """Normal, of one mean and standard deviation."""
    return xp.asarray(rng.normal(dims_of(size), default_name(dtype), float(mean), float(std), **half(dtype)))


@normal_size.rule
def _(std, size, dtype, device):
    _check_std(std)
    return made(size, chosen(dtype, defaults.dtype), device)


@normal.vjp("mean")
@normal.vjp("std")
@normal_of_number.vjp("std")
def _(g):
    return g.new_zeros(g.shape)


def _probable(input) -> DType | None:
    refuse_integers(input.dtype, "bernoulli_tensor_cpu_p_")
    return input.dtype


@op("torch.bernoulli", "Tensor.bernoulli", random=True, shape=same_shape, dtype=_probable, accepts=["bernoulli(f32[2, 3]{0..1})"],
    rejects={"bernoulli(i64[2])": "\"bernoulli_tensor_cpu_p_\" not implemented for 'Long'"})  # fmt: skip
def bernoulli(xp, rng, input: Tensor, *, generator: Any = None):
    """1 with the probability at each place, else 0, in the input's dtype."""
    return xp.asarray(rng.bernoulli_from(host_array(input)))


@op("torch.bernoulli", "Tensor.bernoulli", name="bernoulli", overload="p", random=True, shape=same_shape, dtype=promote.same(),
    accepts=["bernoulli(f32[2, 3], 0.3)", "bernoulli(i64[4], 0.5)"])  # fmt: skip
def bernoulli_p(xp, rng, input: Tensor, p: Num, *, generator: Any = None):
    """1 with probability p, else 0, in the input's shape and dtype."""
    return xp.asarray(rng.bernoulli(input.shape, p, str(input.dtype)))


@bernoulli.vjp("input")
@bernoulli_p.vjp("input")
def _(g):
    return g.new_zeros(g.shape)


def host_array(array):
    """The array on the host, where the generator works."""
    return array.get() if hasattr(array, "get") else array


def _multinomial_dims(input, num_samples, replacement=False):
    if input.dtype is not None and input.dtype.category != 2:
        raise Refused(f"multinomial only supports floating-point dtypes for input, got: {scalar_name(input.dtype)}")
    if not 1 <= input.ndim <= 2:
        raise Refused("prob_dist must be 1 or 2 dim")
    samples = num_samples if fact_of(num_samples) is None and not isinstance(num_samples, UnknownLike) else None
    if samples is None:
        from tensight_runtime.spec.size import UNKNOWN

        return (*input.shape[:-1], UNKNOWN)
    require(gt(samples, 0), "cannot sample n_sample <= 0 samples")
    if replacement is False:
        require(ge(input.shape[-1], samples), "cannot sample n_sample > prob_dist.size(-1) samples without replacement")
    return (*input.shape[:-1], samples)


@op("torch.multinomial", "Tensor.multinomial", random=True, shape=_multinomial_dims, dtype=int64,
    interval=lambda input: None if input.dims is None else (0, input.dims[-1]),
    accepts=["multinomial(f32[5]{1..2}, 3)", "multinomial(f32[2, 5]{1..2}, 8, True)", "multinomial(f32[2, 5]{1..2}, 1)"],
    rejects={"multinomial(f32[2], 3)": "cannot sample n_sample > prob_dist.size(-1) samples without replacement",
             "multinomial(i64[2], 1)": "multinomial only supports floating-point dtypes for input, got: Long",
             "multinomial(f32[2, 2, 2], 1)": "prob_dist must be 1 or 2 dim",
             "multinomial(f32[2], 0)": "cannot sample n_sample <= 0 samples"})  # fmt: skip
def multinomial(xp, rng, input: Tensor, num_samples: Int, replacement: Bool = False, *, generator: Any = None):
    """Category numbers, drawn with the weights of each row, int64."""
    return xp.asarray(rng.multinomial(host_array(input), int(num_samples), replacement))


def _poisson_dtype(input) -> DType | None:
    refuse_integers(input.dtype, "poisson_cpu")
    return input.dtype


@op("torch.poisson", random=True, shape=same_shape, dtype=_poisson_dtype, accepts=["poisson(f32[2, 3]{0..4})"],
    rejects={"poisson(i64[2])": "\"poisson_cpu\" not implemented for 'Long'"})  # fmt: skip
def poisson(xp, rng, input: Tensor, generator: Any = None):
    """Counts of the given rates, in the input's dtype."""
    return xp.asarray(rng.poisson(host_array(input)))


@poisson.vjp("input")
def _(g):
    return g.new_zeros(g.shape)
