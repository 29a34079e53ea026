"""In-place random fills: uniform_, normal_, random_, bernoulli_ and the others. A tensor is filled in memory order."""

from tensight_runtime.ops.random import fill, refuse_integers
from tensight_runtime.ops.random_distributions import check_std, host_array
from tensight_runtime.spec import promote
from tensight_runtime.spec.dtype import DType
from tensight_runtime.spec.kind import Any, Int, Num, OptInt, Tensor
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import Refused
from tensight_runtime.spec.shape import same_shape

_IN_PLACE = {"alias": "same:input", "mutates": ("input",), "shape": same_shape}


def _floating(kernel: str):
    def dtype(input) -> DType | None:
        refuse_integers(input.dtype, kernel)
        return input.dtype

    return dtype


def _zero(g):
    return g.new_zeros(g.shape)


def _uniform_dtype(input, from_, to) -> DType | None:
    refuse_integers(input.dtype, "check_uniform_bounds")
    if isinstance(from_, (int, float)) and isinstance(to, (int, float)) and from_ > to:
        raise Refused(f"uniform_ expects to return a [from, to) range, but found from={from_:g} > to={to:g}")
    return input.dtype


@op(
    "Tensor.uniform_",
    random=True,
    dtype=_uniform_dtype,
    **_IN_PLACE,
    accepts=["uniform(f32[2, 3])", "uniform(f32[4], -1, 1)", "uniform(f64[2], 0.5, 2.0)"],
    rejects={
        "uniform(i64[2])": "\"check_uniform_bounds\" not implemented for 'Long'",
        "uniform(f32[2], 1, 0)": "uniform_ expects to return a [from, to) range, but found from=1 > to=0",
    },
)
def uniform_(xp, rng, input: Tensor, from_: Num = 0, to: Num = 1, *, generator: Any = None):
    """Filled with numbers uniform in [from, to)."""
    fill(xp, input, lambda shape, ordered: rng.uniform(shape, str(input.dtype), float(from_), float(to)))
    return input


def _normal_fill_dtype(input, std) -> DType | None:
    refuse_integers(input.dtype, "normal_kernel_cpu")
    check_std(std)
    return input.dtype


@op("Tensor.normal_", overload="inplace", random=True, dtype=_normal_fill_dtype, **_IN_PLACE,
    accepts=["normal(f32[2, 3])", "normal(f32[20], 1, 2)"],
    rejects={"normal(f32[2], 0, -1)": "normal expects std >= 0.0, but found std -1",
             "normal(i64[2])": "\"normal_kernel_cpu\" not implemented for 'Long'"})  # fmt: skip
def normal_(xp, rng, input: Tensor, mean: Num = 0, std: Num = 1, *, generator: Any = None):
    """Filled with normal numbers."""
    fill(
        xp,
        input,
        lambda shape, ordered: rng.normal(shape, str(input.dtype), float(mean), float(std), contiguous=ordered),
    )
    return input


@op(
    "Tensor.random_",
    random=True,
    dtype=promote.same(),
    **_IN_PLACE,
    accepts=["random(i64[2, 3])", "random(f32[3])", "random(u8[4])"],
)
def random_(xp, rng, input: Tensor, *, generator: Any = None):
    """Filled with integers from 0 to the dtype's largest."""
    fill(xp, input, lambda shape, ordered: rng.random_full(shape, str(input.dtype)))
    return input


def _below_dtype(input, to) -> DType | None:
    if isinstance(to, int) and to <= 0:
        raise Refused(f"random_ expects 'from' to be less than 'to', but got from=0 >= to={to}")
    return input.dtype


@op("Tensor.random_", name="random", overload="to", random=True, dtype=_below_dtype, **_IN_PLACE,
    accepts=["random(i64[2, 3], 10)", "random(f32[3], 7)"],
    rejects={"random(i64[2], -2)": "random_ expects 'from' to be less than 'to', but got from=0 >= to=-2"})  # fmt: skip
def random_to(xp, rng, input: Tensor, to: Int, *, generator: Any = None):
    """Filled with integers in [0, to)."""
    fill(xp, input, lambda shape, ordered: rng.random_int(shape, 0, int(to), str(input.dtype)))
    return input


@op("Tensor.random_", name="random", overload="from", random=True, dtype=promote.same(), **_IN_PLACE,
    accepts=["random(i64[2, 3], -5, 10)"])  # fmt: skip
def random_from(xp, rng, input: Tensor, from_: Int, to: OptInt, *, generator: Any = None):
    """Filled with integers in [from, to)."""
    fill(
        xp,
        input,
        lambda shape, ordered: rng.random_int(shape, int(from_), None if to is None else int(to), str(input.dtype)),
    )
    return input


@op(
    "Tensor.bernoulli_",
    overload="inplace",
    random=True,
    dtype=promote.same(),
    **_IN_PLACE,
    accepts=["bernoulli(f32[2, 3])", "bernoulli(i64[4], 0.3)"],
)
def bernoulli_(xp, rng, input: Tensor, p: Num = 0.5, *, generator: Any = None):
    """Filled with 1 with probability p, else 0."""
    fill(xp, input, lambda shape, ordered: rng.bernoulli(shape, float(p), str(input.dtype)))
    return input


@op("Tensor.bernoulli_", name="bernoulli", overload="tensor", random=True, dtype=promote.same(), **_IN_PLACE,
    accepts=["bernoulli(f32[2, 3], f32[2, 3]{0..1})"])  # fmt: skip
def bernoulli_tensor(xp, rng, input: Tensor, p: Tensor, *, generator: Any = None):
    """Filled with 1 with the probability at each place of p."""
    input[...] = xp.asarray(rng.bernoulli_from(host_array(xp.broadcast_to(p, input.shape)), str(input.dtype)))
    return input


def _continuous(name: str):
    def dtype(input) -> DType | None:
        if input.dtype is not None and input.dtype.category != 2:
            from tensight_runtime.ops.elementwise import cpp_name

            shown = scalar_name(input.dtype) if name == "Exponential" else cpp_name(input.dtype)
            raise Refused(
                f"{name} distribution is a continuous probability distribution. dtype must be a floating point but you "
                f"specified {shown}"
            )
        return input.dtype

    return dtype


@op(
    "Tensor.exponential_",
    random=True,
    dtype=_continuous("Exponential"),
    **_IN_PLACE,
    accepts=["exponential(f32[2, 3])", "exponential(f64[4], 2.0)"],
    rejects={"exponential(i64[2])": "Exponential distribution is a continuous probability distribution."},
)
def exponential_(xp, rng, input: Tensor, lambd: Num = 1, *, generator: Any = None):
    """Filled with exponentially distributed numbers of rate lambd."""
    fill(xp, input, lambda shape, ordered: rng.exponential(shape, str(input.dtype), float(lambd)))
    return input


@op(
    "Tensor.geometric_",
    random=True,
    dtype=promote.same(),
    **_IN_PLACE,
    accepts=["geometric(f32[2, 3], 0.3)", "geometric(i64[4], 0.5)"],
)
def geometric_(xp, rng, input: Tensor, p: Num, *, generator: Any = None):
    """Filled with the number of trials up to the first success of probability p."""
    fill(xp, input, lambda shape, ordered: rng.geometric(shape, str(input.dtype), float(p)))
    return input


@op(
    "Tensor.cauchy_",
    random=True,
    dtype=_continuous("Cauchy"),
    **_IN_PLACE,
    accepts=["cauchy(f32[2, 3])", "cauchy(f64[4], 1.0, 2.0)"],
    rejects={"cauchy(i64[2])": "Cauchy distribution is a continuous probability distribution."},
)
def cauchy_(xp, rng, input: Tensor, median: Num = 0, sigma: Num = 1, *, generator: Any = None):
    """Filled with Cauchy distributed numbers."""
    fill(xp, input, lambda shape, ordered: rng.cauchy(shape, str(input.dtype), float(median), float(sigma)))
    return input


@op(
    "Tensor.log_normal_",
    random=True,
    dtype=_floating("log_normal_cpu"),
    **_IN_PLACE,
    accepts=["log_normal(f32[2, 3])"],
    rejects={"log_normal(i64[2])": "\"log_normal_cpu\" not implemented for 'Long'"},
)
def log_normal_(xp, rng, input: Tensor, mean: Num = 1, std: Num = 2, *, generator: Any = None):
    """Filled with exp of normal numbers."""
    fill(xp, input, lambda shape, ordered: rng.log_normal(shape, str(input.dtype), float(mean), float(std)))
    return input


for _filled in (
    uniform_,
    normal_,
    random_,
    random_to,
    random_from,
    bernoulli_,
    bernoulli_tensor,
    exponential_,
    geometric_,
    cauchy_,
    log_normal_,
):
    _filled.vjp("input")(_zero)
