"""Spread around the mean: std, var, with their means, cov, corrcoef."""

from tensight_runtime.ops.reducing import count_over, over, unreduced, wide
from tensight_runtime.spec.cond import eq
from tensight_runtime.spec.dtype import bool_, defaults
from tensight_runtime.spec.kind import Bool, Int, OptInts, OptNum, OptTensor, Tensor
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import RankUnknown, Refused, require
from tensight_runtime.spec.shape import reduced


def moment_dtype(name):
    def dtype(input):
        if input.dtype is not None and input.dtype.category < 2:
            raise Refused(f"{name} only support floating point and complex dtypes")
        return input.dtype.to_real() if input.dtype else None

    return dtype


def divisor(shape, dim, unbiased, correction):
    """How many elements make one result, less the correction; never below zero, as in torch."""
    lost = correction if correction is not None else 1 if unbiased else 0
    return max(count_over(shape, dim) - lost, 0)


def moments(xp, x, dim, keepdim, unbiased, correction):
    """(variance, mean), the mean with the dims kept."""
    axis = over(x, dim)
    x = wide(x)
    mean = x.mean(axis, keepdims=True)
    away = x - mean
    squares = (away * away.conj()).real if away.dtype.kind == "c" else away * away
    n = divisor(x.shape, dim, unbiased, correction)
    total = xp.asarray(squares.sum(axis, keepdims=keepdim))
    return total / xp.asarray(n, dtype=total.dtype), mean


def var_gradient(g, input, dim, unbiased, correction, keepdim):
    """2 (x - mean) / n."""
    shape = input.shape
    away = input - (input.mean() if not shape else input.mean(dim, True))
    n = divisor(shape, dim, unbiased, correction)
    return unreduced(g, shape, dim, keepdim) * away * (2 / n if n else float("inf"))


def std_gradient(g, input, std, dim, unbiased, correction, keepdim):
    return var_gradient((g / (std * 2)).masked_fill(std == 0, 0), input, dim, unbiased, correction, keepdim)


STD_AND_VAR = "std and var"

# -- std and var: `std(False)` says unbiased=False, `std(1, False)` a dim first ---------------------------------------


@op(
    "torch.std", "Tensor.std",
    shape=reduced, dtype=moment_dtype(STD_AND_VAR),
    accepts=[
        "std(f32[2, 3])", "std(f32[2, 3], 1)", "std(f32[2, 3, 4], (0, -1), False, True)",
        "std(f32[5], correction=0)", "std(f64[2, 3], dim=0, unbiased=False)",
        "std(f32[2, 3], dim=None, correction=2, keepdim=True)", "std(f32[1])",
    ],
    rejects={
        "std(i64[3])": "std and var only support floating point and complex dtypes",
        "std(f32[3], 1)": "Dimension out of range (expected to be in range of [-1, 0], but got 1)",
    },
)  # fmt: skip
def std(
    xp, input: Tensor, dim: OptInts = None, unbiased: Bool = True, keepdim: Bool = False, *, correction: OptNum = None
):
    """The standard deviation over `dim` (None: all), divided by n - correction (1 unless said otherwise)."""
    return xp.sqrt(moments(xp, input, dim, keepdim, unbiased, correction)[0])


@std.vjp("input")
def _(g, input, out, dim, unbiased, correction, keepdim):
    return std_gradient(g, input, out, dim, unbiased, correction, keepdim)


@op(
    "torch.std", "Tensor.std",
    name="std", overload="unbiased", shape=lambda input: (), dtype=moment_dtype(STD_AND_VAR),
    accepts=["std(f32[2, 3], False)", "std(f32[2, 3], unbiased=True)"],
)  # fmt: skip
def std_unbiased(xp, input: Tensor, unbiased: Bool):
    """The standard deviation of all elements, divided by n - 1 if unbiased, by n if not."""
    return xp.sqrt(moments(xp, input, None, False, unbiased, None)[0])


@std_unbiased.vjp("input")
def _(g, input, out, unbiased):
    return std_gradient(g, input, out, None, unbiased, None, False)


@op(
    "torch.var", "Tensor.var",
    shape=reduced, dtype=moment_dtype(STD_AND_VAR),
    accepts=[
        "var(f32[2, 3])", "var(f32[2, 3], 1)", "var(f32[2, 3, 4], (0, -1), False, True)",
        "var(f32[5], correction=0)", "var(f32[2, 3], dim=-1, keepdim=True, unbiased=False)", "var(c64[3])",
    ],
    rejects={"var(i64[3])": "std and var only support floating point and complex dtypes"},
)  # fmt: skip
def var(
    xp, input: Tensor, dim: OptInts = None, unbiased: Bool = True, keepdim: Bool = False, *, correction: OptNum = None
):
    """The variance over `dim` (None: all), divided by n - correction (1 unless said otherwise)."""
    return moments(xp, input, dim, keepdim, unbiased, correction)[0]


@var.vjp("input")
def _(g, input, dim, unbiased, correction, keepdim):
    return var_gradient(g, input, dim, unbiased, correction, keepdim)


@op(
    "torch.var", "Tensor.var",
    name="var", overload="unbiased", shape=lambda input: (), dtype=moment_dtype(STD_AND_VAR),
    accepts=["var(f32[2, 3], False)", "var(f32[2, 3], unbiased=True)"],
)  # fmt: skip
def var_unbiased(xp, input: Tensor, unbiased: Bool):
    """The variance of all elements, divided by n - 1 if unbiased, by n if not."""
    return moments(xp, input, None, False, unbiased, None)[0]


@var_unbiased.vjp("input")
def _(g, input, unbiased):
    return var_gradient(g, input, None, unbiased, None, False)


# -- with the mean ----------------------------------------------------------------------------------------------------


def pair_rule(name):
    """Facts of (std or var, mean)."""

    def facts(input, dim, keepdim):
        dims = reduced(input, dim, keepdim)
        return input.like(moment_dtype(name)(input), dims), input.like(shape=dims)

    return facts


def whole_pair(input):
    return input.like(moment_dtype("std_mean")(input), ()), input.like(shape=())


@op(
    "torch.std_mean",
    returns="tuple", composite=True,
    accepts=[
        "std_mean(f32[2, 3])", "std_mean(f32[2, 3], 1, False, True)", "std_mean(f32[2, 3], dim=0, correction=0)",
    ],
    rejects={"std_mean(i64[3])": "std_mean only support floating point and complex dtypes"},
)  # fmt: skip
def std_mean(
    input: Tensor, dim: OptInts = None, unbiased: Bool = True, keepdim: Bool = False, *, correction: OptNum = None
):
    """(standard deviation, mean) over `dim` (None: all)."""
    correction = correction if correction is not None else int(unbiased)
    return input.std(dim, correction=correction, keepdim=keepdim), input.mean(dim, keepdim)


@op(
    "torch.var_mean",
    returns="tuple", composite=True,
    accepts=[
        "var_mean(f32[2, 3])", "var_mean(f32[2, 3], 1, False, True)", "var_mean(f32[2, 3], dim=0, correction=0)",
    ],
    rejects={"var_mean(i64[3])": "var_mean only support floating point and complex dtypes"},
)  # fmt: skip
def var_mean(
    input: Tensor, dim: OptInts = None, unbiased: Bool = True, keepdim: Bool = False, *, correction: OptNum = None
):
    """(variance, mean) over `dim` (None: all)."""
    correction = correction if correction is not None else int(unbiased)
    return input.var(dim, correction=correction, keepdim=keepdim), input.mean(dim, keepdim)


std_mean.rule(pair_rule("std_mean"))
var_mean.rule(pair_rule("var_mean"))


@op(
    "torch.std_mean",
    name="std_mean", overload="unbiased", returns="tuple", composite=True,
    accepts=["std_mean(f32[2, 3], False)"],
)  # fmt: skip
def std_mean_unbiased(input: Tensor, unbiased: Bool):
    """(standard deviation, mean) of all elements."""
    return input.std(unbiased=unbiased), input.mean()


@op(
    "torch.var_mean",
    name="var_mean", overload="unbiased", returns="tuple", composite=True,
    accepts=["var_mean(f32[2, 3], False)"],
)  # fmt: skip
def var_mean_unbiased(input: Tensor, unbiased: Bool):
    """(variance, mean) of all elements."""
    return input.var(unbiased=unbiased), input.mean()


std_mean_unbiased.rule(whole_pair)
var_mean_unbiased.rule(whole_pair)


# -- covariance -------------------------------------------------------------------------------------------------------


def square_of_rows(name):
    """(variables, variables); () if there is only one."""

    def shape(input):
        if len(input.shape) > 2:
            rank = len(input.shape)
            raise Refused(
                f"{name}(): expected input to have two or fewer dimensions but got an input with {rank} dimensions"
            )
        single = eq(input.shape[0], 1) if len(input.shape) == 2 else True
        if isinstance(single, bool):
            return () if single else (input.shape[0],) * 2
        raise RankUnknown

    return shape


_square = square_of_rows("cov")


def cov_dims(input, fweights, aweights):
    if input.dtype is bool_:
        raise Refused("cov(): bool dtype is not supported for input")
    dims = _square(input)
    n = input.shape[-1] if input.shape else 1
    for name, fact, kind, category in (
        ("fweights", fweights, "integral", 1),
        ("aweights", aweights, "floating point", 2),
    ):
        if fact is None:
            continue
        rank = len(fact.shape)
        require(
            rank <= 1,
            "cov(): expected {} to have one or fewer dimensions but got {} with {} dimensions",
            name,
            name,
            rank,
        )
        if fact.dtype is not None and fact.dtype.category != category:
            raise Refused(
                f"cov(): expected {name} to have {kind} dtype but got {name} with {scalar_name(fact.dtype)} dtype"
            )
        require(
            eq(fact.numel, n),
            "cov(): expected {} to have the same numel as there are observations in the input but got {} != {}",
            name, fact.numel, n,
        )  # fmt: skip
    return dims


def float_of(input):
    return defaults.dtype if input.dtype is not None and input.dtype.category < 2 else input.dtype


@op(
    "torch.cov", "Tensor.cov",
    composite=True, shape=cov_dims, dtype=float_of,
    accepts=[
        "cov(f32[2, 5])", "cov(f32[4])", "cov(f32[1, 4])", "cov(f32[2, 5], correction=0)",
        "cov(f32[2, 3], fweights=i64[3]{1..4})", "cov(f32[2, 3], aweights=f32[3]{0..1})",
    ],
    rejects={
        "cov(f32[2, 2, 2])":
            "cov(): expected input to have two or fewer dimensions but got an input with 3 dimensions",
    },
)  # fmt: skip
def cov(input: Tensor, *, correction: Int = 1, fweights: OptTensor = None, aweights: OptTensor = None):
    """The covariance of the variables in the rows; observations may be counted or weighted."""
    x = input.reshape(1, -1) if input.dim() < 2 else input
    x = x if x.is_floating_point() or x.is_complex() else x.float()
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is not None and (given < 0).any():
            raise RuntimeError(f"cov(): {name} cannot be negative")
    weights = fweights if aweights is None else aweights if fweights is None else fweights * aweights
    if weights is None:
        n = norm = x.shape[1]
        away = x - x.sum(1, True) / n
        scaled = away
    else:
        total = weights.sum()
        if not total:
            raise RuntimeError("cov(): weights sum to zero, can't be normalized")
        away = x - (x * weights).sum(1, True) / total
        scaled = away * weights
        norm = total
        if aweights is not None and correction:
            correction = correction * (weights * aweights).sum() / total
    norm = norm - correction
    norm = max(norm, 0) if isinstance(norm, int) else norm.clamp(min=0)
    result = away.matmul(scaled.t().conj()) / norm
    return result.reshape(()) if result.numel() == 1 else result


@op(
    "torch.corrcoef", "Tensor.corrcoef",
    composite=True, shape=square_of_rows("corrcoef"), dtype=float_of,
    accepts=["corrcoef(f32[2, 5])", "corrcoef(f32[4])"],
    rejects={
        "corrcoef(f32[2, 2, 2])":
            "corrcoef(): expected input to have two or fewer dimensions but got an input with 3 dimensions",
    },
)  # fmt: skip
def corrcoef(input: Tensor):
    """The correlation of the variables in the rows."""
    c = cov(input)
    if not c.dim():
        return c / c
    deviation = c.diagonal().sqrt()
    result = c / deviation.unsqueeze(1) / deviation.unsqueeze(0)
    return result if result.is_complex() else result.clamp(-1, 1)
