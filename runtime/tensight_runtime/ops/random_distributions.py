"""Random tensors whose parameters are tensors: normal, bernoulli, multinomial, poisson."""

from tensight_runtime.ops.creation import chosen, default_name, dims_of, made
from tensight_runtime.ops.elementwise import fact_of
from tensight_runtime.ops.random import half, refuse_integers
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import ge, gt
from tensight_runtime.spec.dtype import DType, defaults, int64
from tensight_runtime.spec.kind import (
    Any,
    Bool,
    Int,
    Ints,
    Num,
    OptDevice,
    OptDtype,
    Tensor,
    TensorOrNum,
    UnknownLike,
)
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import Refused, require
from tensight_runtime.spec.shape import broadcasted, same_shape

# --- distributions with tensors as parameters ------------------------------------------------------------------------


def check_std(std) -> None:
    if isinstance(std, (int, float)) and std < 0:
        raise Refused(f"normal expects std >= 0.0, but found std {std:g}")


def _normal_dtype(mean, std) -> DType | None:
    check_std(std)
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


@op(
    "torch.normal",
    name="normal",
    overload="of_number",
    grad_name="NormalBackward2",
    random=True,
    shape=broadcasted("std"),
    dtype=_normal_dtype,
    accepts=["normal(0.5, f32[20]{1..2})"],
)
def normal_of_number(xp, rng, mean: Num, std: Tensor, *, generator: Any = None):
    """Normal, with the standard deviation of each element."""
    return _located(xp, rng, std.shape, std.dtype, mean, std)


@op(
    "torch.normal",
    name="normal",
    overload="size",
    random=True,
    accepts=["normal(0.0, 1.0, (3,))", "normal(1, 2, size=(4, 5))"],
    rejects={"normal(0.0, -1.0, (2,))": "normal expects std >= 0.0, but found std -1"},
)
def normal_size(
    xp,
    rng,
    mean: Num,
    std: Num,
    size: Ints,
    *,
    generator: Any = None,
    dtype: OptDtype = None,
    layout: Any = None,
    device: OptDevice = None,
    pin_memory: Bool = False,
    requires_grad: Bool = False,
):
    """Normal, of one mean and standard deviation."""
    return xp.asarray(rng.normal(dims_of(size), default_name(dtype), float(mean), float(std), **half(dtype)))


@normal_size.rule
def _(std, size, dtype, device):
    check_std(std)
    return made(size, chosen(dtype, defaults.dtype), device)


@normal.vjp("mean")
@normal.vjp("std")
@normal_of_number.vjp("std")
def _(g):
    return g.new_zeros(g.shape)


def _probable(input) -> DType | None:
    refuse_integers(input.dtype, "bernoulli_tensor_cpu_p_")
    return input.dtype


@op(
    "torch.bernoulli",
    "Tensor.bernoulli",
    random=True,
    shape=same_shape,
    dtype=_probable,
    accepts=["bernoulli(f32[2, 3]{0..1})"],
    rejects={"bernoulli(i64[2])": "\"bernoulli_tensor_cpu_p_\" not implemented for 'Long'"},
)
def bernoulli(xp, rng, input: Tensor, *, generator: Any = None):
    """1 with the probability at each place, else 0, in the input's dtype."""
    return xp.asarray(rng.bernoulli_from(host_array(input)))


@op(
    "torch.bernoulli",
    "Tensor.bernoulli",
    name="bernoulli",
    overload="p",
    random=True,
    shape=same_shape,
    dtype=promote.same(),
    accepts=["bernoulli(f32[2, 3], 0.3)", "bernoulli(i64[4], 0.5)"],
)
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


@op(
    "torch.multinomial",
    "Tensor.multinomial",
    random=True,
    shape=_multinomial_dims,
    dtype=int64,
    interval=lambda input: None if input.dims is None else (0, input.dims[-1]),
    accepts=[
        "multinomial(f32[5]{1..2}, 3)",
        "multinomial(f32[2, 5]{1..2}, 8, True)",
        "multinomial(f32[2, 5]{1..2}, 1)",
    ],
    rejects={
        "multinomial(f32[2], 3)": "cannot sample n_sample > prob_dist.size(-1) samples without replacement",
        "multinomial(i64[2], 1)": "multinomial only supports floating-point dtypes for input, got: Long",
        "multinomial(f32[2, 2, 2], 1)": "prob_dist must be 1 or 2 dim",
        "multinomial(f32[2], 0)": "cannot sample n_sample <= 0 samples",
    },
)
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
