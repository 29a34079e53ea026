"""Less common elementwise functions: torch.special's, and ldexp, frexp, nextafter, mvlgamma."""

from math import log, pi, sqrt

from tensight_runtime.ops import specialmath
from tensight_runtime.ops.elementwise import binary, floating_only, not_derived, real_only
from tensight_runtime.spec import promote
from tensight_runtime.spec.dtype import int32
from tensight_runtime.spec.kind import Int, Tensor, TensorOrNum
from tensight_runtime.spec.op import Op, op
from tensight_runtime.spec.require import Refused
from tensight_runtime.spec.shape import broadcasted, same_shape


def special(name: str, doc: str, kernel, grad=None, *, also: tuple[str, ...] = (), domain: str = "") -> Op:
    """`torch.special.<name>(input)`; integers become floating."""

    def call(xp, input: Tensor):
        return kernel(xp, input)

    call.__name__, call.__doc__, call.__module__ = name, doc, __name__
    declared = op(
        f"torch.special.{name}",
        *also,
        shape=same_shape,
        dtype=real_only(f"{name}_cpu", promote.promoted_float()),
        grad_name="Special" + "".join(part.capitalize() for part in name.split("_")) + "Backward0",
        accepts=[f"{name}({fact}{domain})" for fact in ("f32[2, 3]", "f64[3]", "i64[3]")],
    )(call)
    if grad is not None:
        declared.vjp("input")(grad)
    return declared


def _entr(xp, x):
    return xp.where(x > 0, -x * xp.log(x), xp.where(x == 0, 0, xp.where(x < 0, -xp.inf, xp.nan))).astype(x.dtype)


entr = special(
    "entr", "-x log(x); 0 at 0, -inf below.", _entr, lambda g, input: g * (-input.log() - 1), domain="{1..3}"
)
i0e = special("i0e", "exp(-|x|) I0(x).", lambda xp, x: specialmath.i0(xp, x, scaled=True),
              lambda g, input, out: g * (i1e(input) - input.sgn() * out))  # fmt: skip
i1e = special("i1e", "exp(-|x|) I1(x).", lambda xp, x: specialmath.i1(xp, x, scaled=True),
              lambda g, input, out: g * _i1e_slope(input, out))  # fmt: skip


def _i1e_slope(input, out):
    slope = i0e(input) - out * (input.sgn() + 1 / input)
    return slope.masked_fill(input == 0, 0.5)


ndtr = special("ndtr", "The normal distribution function.", lambda xp, x: 0.5 * specialmath.erfc(xp, -x * sqrt(0.5)),
               lambda g, input: g * (-0.5 * (input * input)).exp() * (1 / sqrt(2 * pi)))  # fmt: skip
ndtri = special(
    "ndtri",
    "The inverse of the normal distribution function.",
    lambda xp, x: sqrt(2) * specialmath.erfinv(xp, 2 * x - 1),
    lambda g, out: g * sqrt(2 * pi) * (0.5 * (out * out)).exp(),
    domain="{0..1}",
)
log_ndtr = special("log_ndtr", "The logarithm of the normal distribution function.", specialmath.log_ndtr,
                   lambda g, input, out: g / erfcx(input * -sqrt(0.5)) * sqrt(2 / pi))  # fmt: skip
erfcx = special(
    "erfcx", "exp(x*x) erfc(x).", specialmath.erfcx, lambda g, input, out: (2 * input * out - 2 / sqrt(pi)) * g
)


@op(
    "torch.special.xlog1py",
    name="xlog1py",
    shape=broadcasted("input", "other"),
    dtype=real_only("xlog1py_cpu", promote.promoted_float()),
    grad_name="SpecialXlog1PyBackward0",
    accepts=["xlog1py(f32[2, 3], f32[3]{0..3})", "xlog1py(f32[3], 2)"],
)
def xlog1py(xp, input: Tensor, other: TensorOrNum):
    """input * log1p(other), 0 where input is 0."""
    other = xp.asarray(other)
    return xp.where((input == 0) & ~xp.isnan(other), 0, input * xp.log1p(other))


@xlog1py.vjp("input")
def _(g, input, other):
    other = input.new_tensor(other) if isinstance(other, (int, float)) else other
    return g * other.log1p().masked_fill((input == 0) & (other <= -1), 0.0)


@xlog1py.vjp("other")
def _(g, input, other):
    return g * input / (other + 1)


@op(
    "torch.special.zeta",
    grad_name="NotImplemented",
    shape=broadcasted("input", "other"),
    dtype=real_only("zeta", promote.promoted_float()),
    accepts=["zeta(f64[3]{2..4}, f64[3]{1..3})", "zeta(f32[2, 3]{2..4}, 2)"],
)
def zeta(xp, input: Tensor, other: TensorOrNum):
    """Hurwitz's zeta function of input > 1 at other > 0."""
    return specialmath.zeta_of(xp, input, xp.asarray(other))


zeta.vjp("input")(not_derived("special_zeta"))


@zeta.vjp("other")
def _(g, input, other):
    return g * -input * zeta(input + 1, other)


ldexp = binary(
    "ldexp",
    "input * 2**other.",
    lambda xp, input, other: input * xp.exp2(other),
    lambda g, other, out: g * (other.double() if not other.is_floating_point() else other).exp2(),
    lambda g, out: g * out * log(2),
    other=Tensor,
    dtype=promote.promoted_float(),
    accepts=["ldexp(f32[3], i64[3]{0..3})", "ldexp(f32[2, 3], f32[3])", "ldexp(i64[3], i64[3]{0..3})"],
)


def _frexp_dtypes(input):
    if input.dtype is not None and input.dtype.category != 2:
        raise Refused("torch.frexp() only supports floating-point dtypes")
    return input.dtype, int32


@op(
    "torch.frexp",
    "Tensor.frexp",
    outs=("mantissa", "exponent"),
    shape=same_shape,
    dtype=_frexp_dtypes,
    accepts=["frexp(f32[2, 3])"],
    rejects={"frexp(i64[2])": "torch.frexp() only supports floating-point dtypes"},
)
def frexp(xp, input: Tensor):
    """Mantissa in [0.5, 1) and exponent of each element."""
    return xp.frexp(input)


@frexp.vjp("input")
def _(g, exponent):
    return g[0] / exponent.exp2()


nextafter = binary(
    "nextafter",
    "The next number after input towards other.",
    lambda xp, input, other: xp.nextafter(input, other),
    other=Tensor,
    grad=lambda g, input, other: g.masked_fill(input == other, 0.0),
    grad_other=lambda g: g.new_zeros(g.shape),
    dtype=floating_only("nextafter_cpu"),
    accepts=["nextafter(f32[2, 3], f32[3])"],
)


def _multigamma(xp, input, p: int):
    value = p * (p - 1) / 4 * log(pi)
    for i in range(p):
        value = value + specialmath.lgamma(xp, input - i / 2)
    return value


@op(
    "torch.mvlgamma",
    "Tensor.mvlgamma",
    "torch.special.multigammaln",
    shape=same_shape,
    inplace=True,
    dtype=real_only("mvlgamma", promote.promoted_float("input")),
    accepts=["mvlgamma(f32[3]{3..5}, 2)", "mvlgamma(f64[2]{3..5}, 3)"],
)
def mvlgamma(xp, input: Tensor, p: Int):
    """The logarithm of the multivariate gamma function of dimension p."""
    return _multigamma(xp, input, p)


@mvlgamma.vjp("input")
def _(g, input, p):
    total = input.digamma()
    for i in range(1, p):
        total = total + (input - i / 2).digamma()
    return g * total
