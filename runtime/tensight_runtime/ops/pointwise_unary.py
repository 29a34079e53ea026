"""Functions of one operand, element by element: roots, exponentials, trigonometry, rounding, signs.

The result has the operand's shape; integers become the default floating dtype unless the operator says otherwise.
"""

from math import log as _log
from math import pi
from math import sqrt as _sqrt

from tensight_runtime.ops import specialmath
from tensight_runtime.ops.elementwise import (
    Refusing,
    conj,
    floating_only,
    keeps_integers,
    real_only,
    unary,
)
from tensight_runtime.spec import promote
from tensight_runtime.spec.dtype import int64
from tensight_runtime.spec.kind import Int, Tensor
from tensight_runtime.spec.op import op
from tensight_runtime.spec.shape import same_shape

POSITIVE, UNIT = "{1..3}", "{0..1}"


def _zeros(g):
    return g.new_zeros(g.shape)


# --- signs -----------------------------------------------------------------------------------------------------------

neg = unary(
    "neg",
    "The negated elements; a bool tensor is refused.",
    lambda xp, input: xp.negative(input),
    lambda g: -g,
    also=("torch.negative", "Tensor.negative", "Tensor.__neg__"),
    dtype=Refusing(
        promote.promoted(),
        "b",
        "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to "
        "invert a mask, use the `~` or `logical_not()` operator instead.",
        RuntimeError,
    ),
    rejects={"neg(bool[3])": "Negation, the `-` operator, on a bool tensor is not supported."},
)

abs_ = unary(
    "abs", "Absolute values; of complex numbers their magnitude.", lambda xp, input: xp.abs(input),
    lambda g, input: g * input.sgn(),
    also=("torch.absolute", "Tensor.absolute", "Tensor.__abs__"),
    dtype=Refusing(promote.promoted_real(), "b", "\"abs_cpu\" not implemented for '{}'"),
    accepts=["abs(f32[2, 3])", "abs(i64[4])", "abs(c64[3])", "abs(f32[])"],
    rejects={"abs(bool[3])": "\"abs_cpu\" not implemented for 'Bool'"},
)  # fmt: skip

sign = unary(
    "sign",
    "-1, 0 or 1 in the operand's dtype.",
    lambda xp, input: input if input.dtype.kind == "b" else xp.sign(input),
    _zeros,
    dtype=Refusing(
        promote.promoted(),
        "c",
        "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use torch.sgn instead.",
    ),
    rejects={"sign(c64[3])": "Unlike NumPy, torch.sign is not intended to support complex numbers."},
)


def _sgn(xp, input):
    if input.dtype.kind == "b":
        return input
    if input.dtype.kind != "c":
        return xp.sign(input)
    size = xp.abs(input)
    return xp.where(size == 0, 0, input / xp.where(size == 0, 1, size)).astype(input.dtype)


def _sgn_grad(g, input, out):
    if not input.dtype.is_complex:
        return _zeros(g)
    size, sign_ = input.abs(), out
    return ((g - (sign_ * sign_) * g.conj()) / (2 * size)).masked_fill(size == 0, 0.0)


sgn = unary(
    "sgn",
    "Sign of each element; of complex numbers the number of the same angle and magnitude 1.",
    _sgn,
    _sgn_grad,
    dtype=promote.promoted(),
    accepts=["sgn(f32[2, 3])", "sgn(c64[3])", "sgn(i64[2])"],
)

positive = unary(
    "positive", "The elements themselves; a bool tensor is refused.", lambda xp, input: +input, lambda g: g,
    also=("Tensor.__pos__",), inplace=False,
    dtype=Refusing(promote.promoted(), "b", "The `+` operator, on a bool tensor is not supported.", RuntimeError),
    rejects={"positive(bool[3])": "The `+` operator, on a bool tensor is not supported."},
)  # fmt: skip
positive.alias = "same:input"

# --- powers and roots ------------------------------------------------------------------------------------------------

sqrt = unary(
    "sqrt", "Square roots.", lambda xp, input: xp.sqrt(input), lambda g, out: g / (2 * conj(out)), domain=POSITIVE
)
rsqrt = unary("rsqrt", "Reciprocals of square roots.", lambda xp, input: 1 / xp.sqrt(input),
              lambda g, out: -0.5 * g * conj(out) ** 3, domain=POSITIVE)  # fmt: skip
reciprocal = unary(
    "reciprocal",
    "1 / input.",
    lambda xp, input: xp.reciprocal(input),
    lambda g, out: -g * conj(out * out),
    domain=POSITIVE,
)
square = unary(
    "square",
    "The elements times themselves; bool counts as int64.",
    lambda xp, input: xp.square(input),
    lambda g, input: g * (2 * conj(input)),
    grad_name="PowBackward0",
    dtype=promote.DtypeRule(None, lambda d: int64 if d is not None and d.category == 0 else d, lambda d: d),
)

# --- exponentials and logarithms -------------------------------------------------------------------------------------

exp = unary("exp", "e to the power of each element.", lambda xp, input: xp.exp(input), lambda g, out: g * conj(out))
exp2 = unary("exp2", "2 to the power of each element.", lambda xp, input: xp.exp2(input),
             lambda g, out: g * conj(out) * _log(2), also=("torch.special.exp2",))  # fmt: skip
expm1 = unary(
    "expm1",
    "exp(input) - 1, exact near 0.",
    lambda xp, input: xp.expm1(input),
    lambda g, out: g * (conj(out) + 1),
    also=("torch.special.expm1",),
)
log = unary(
    "log", "Natural logarithms.", lambda xp, input: xp.log(input), lambda g, input: g / conj(input), domain=POSITIVE
)
log2 = unary(
    "log2",
    "Logarithms to base 2.",
    lambda xp, input: xp.log2(input),
    lambda g, input: g / (conj(input) * _log(2)),
    domain=POSITIVE,
)
log10 = unary(
    "log10",
    "Logarithms to base 10.",
    lambda xp, input: xp.log10(input),
    lambda g, input: g / (conj(input) * _log(10)),
    domain=POSITIVE,
)
log1p = unary(
    "log1p",
    "log(1 + input), exact near 0.",
    lambda xp, input: xp.log1p(input),
    lambda g, input: g / conj(input + 1),
    also=("torch.special.log1p",),
    domain=POSITIVE,
    grad_name="Log1PBackward0",
)

# --- trigonometry ----------------------------------------------------------------------------------------------------

sin = unary("sin", "Sines.", lambda xp, input: xp.sin(input), lambda g, input: g * conj(input.cos()))
cos = unary("cos", "Cosines.", lambda xp, input: xp.cos(input), lambda g, input: -g * conj(input.sin()))
tan = unary("tan", "Tangents.", lambda xp, input: xp.tan(input), lambda g, out: g * conj(1 + out * out))
asin = unary(
    "asin",
    "Inverse sines.",
    lambda xp, input: xp.arcsin(input),
    lambda g, input: g * conj((1 - input * input).rsqrt()),
    also=("torch.arcsin", "Tensor.arcsin"),
    domain=UNIT,
)
acos = unary(
    "acos",
    "Inverse cosines.",
    lambda xp, input: xp.arccos(input),
    lambda g, input: -g * conj((1 - input * input).rsqrt()),
    also=("torch.arccos", "Tensor.arccos"),
    domain=UNIT,
)
atan = unary(
    "atan",
    "Inverse tangents.",
    lambda xp, input: xp.arctan(input),
    lambda g, input: g / conj(input * input + 1),
    also=("torch.arctan", "Tensor.arctan"),
)
sinh = unary("sinh", "Hyperbolic sines.", lambda xp, input: xp.sinh(input), lambda g, input: g * conj(input.cosh()))
cosh = unary("cosh", "Hyperbolic cosines.", lambda xp, input: xp.cosh(input), lambda g, input: g * conj(input.sinh()))
tanh = unary("tanh", "Hyperbolic tangents.", lambda xp, input: xp.tanh(input), lambda g, out: g * conj(1 - out * out))
asinh = unary(
    "asinh",
    "Inverse hyperbolic sines.",
    lambda xp, input: xp.arcsinh(input),
    lambda g, input: g / conj((input * input + 1).sqrt()),
    also=("torch.arcsinh", "Tensor.arcsinh"),
)
acosh = unary("acosh", "Inverse hyperbolic cosines.", lambda xp, input: xp.arccosh(input),
              lambda g, input: g / conj((input * input - 1).sqrt()), also=("torch.arccosh", "Tensor.arccosh"),
              domain="{2..4}")  # fmt: skip
atanh = unary(
    "atanh",
    "Inverse hyperbolic tangents.",
    lambda xp, input: xp.arctanh(input),
    lambda g, input: g / conj(1 - input * input),
    also=("torch.arctanh", "Tensor.arctanh"),
    domain=UNIT,
)


def _sinc_grad(g, input):
    scaled = input * pi
    slope = (scaled * scaled.cos() - scaled.sin()) / (scaled * input)
    return g * conj(slope.masked_fill(input == 0, 0.0))


sinc = unary(
    "sinc", "sin(pi x) / (pi x), 1 at 0.", lambda xp, input: xp.sinc(input), _sinc_grad, also=("torch.special.sinc",)
)
deg2rad = unary("deg2rad", "Degrees to radians.", lambda xp, input: input * (pi / 180), lambda g: g * (pi / 180),
                dtype=real_only("deg2rad", promote.promoted_float()), grad_name="Deg2RadBackward0")  # fmt: skip
rad2deg = unary("rad2deg", "Radians to degrees.", lambda xp, input: input * (180 / pi), lambda g: g * (180 / pi),
                dtype=real_only("rad2deg", promote.promoted_float()), grad_name="Rad2DegBackward0")  # fmt: skip

# --- rounding --------------------------------------------------------------------------------------------------------


def _rounding(function: str):
    return lambda xp, input: input if input.dtype.kind in "iu" else getattr(xp, function)(input)


floor = unary("floor", "The largest whole number not above each element; integers stay.", _rounding("floor"), _zeros,
              dtype=keeps_integers("floor_vml_cpu"))  # fmt: skip
ceil = unary("ceil", "The smallest whole number not below each element; integers stay.", _rounding("ceil"), _zeros,
             dtype=keeps_integers("ceil_vml_cpu"))  # fmt: skip
trunc = unary("trunc", "The whole part of each element; integers stay.", _rounding("trunc"), _zeros,
              also=("torch.fix", "Tensor.fix"), dtype=keeps_integers("trunc_vml_cpu"))  # fmt: skip
frac = unary(
    "frac",
    "What trunc leaves, with the element's sign.",
    lambda xp, input: input - xp.trunc(input),
    lambda g: g,
    dtype=floating_only("frac_cpu"),
    accepts=["frac(f32[2, 3])", "frac(f64[])"],
    rejects={"frac(i64[2])": "\"frac_cpu\" not implemented for 'Long'"},
)
round_ = unary("round", "The nearest whole number, halves to the even one; integers stay.", _rounding("rint"), _zeros,
               also=("torch.special.round",), dtype=keeps_integers("round_vml_cpu"))  # fmt: skip


@op(
    "torch.round",
    "Tensor.round",
    "torch.special.round",
    name="round",
    overload="decimals",
    grad_name="RoundBackward1",
    shape=same_shape,
    dtype=floating_only("round_cpu"),
    inplace=True,
    accepts=["round(f32[2, 3], decimals=2)", "round(f64[4], decimals=-1)"],
    rejects={"round(i64[2], decimals=1)": "\"round_cpu\" not implemented for 'Long'"},
)
def round_decimals(xp, input: Tensor, *, decimals: Int):
    """Rounded to so many decimals; a negative number rounds left of the point."""
    scale = 10.0 ** abs(int(decimals))
    return xp.rint(input * scale) / scale if decimals >= 0 else xp.rint(input / scale) * scale


@round_decimals.vjp("input")
def _(g):
    return _zeros(g)


# --- special functions -----------------------------------------------------------------------------------------------

erf = unary("erf", "The error function.", lambda xp, input: specialmath.erf(xp, input),
            lambda g, input: g * (2 / _sqrt(pi)) * (-(input * input)).exp(), also=("torch.special.erf",),
            dtype=real_only("erf_vml_cpu", promote.promoted_float()))  # fmt: skip
erfc = unary("erfc", "1 - erf(input), exact for large elements.", lambda xp, input: specialmath.erfc(xp, input),
             lambda g, input: g * (-2 / _sqrt(pi)) * (-(input * input)).exp(), also=("torch.special.erfc",),
             dtype=real_only("erfc_vml_cpu", promote.promoted_float()))  # fmt: skip
erfinv = unary(
    "erfinv",
    "The inverse of the error function, on (-1, 1).",
    lambda xp, input: specialmath.erfinv(xp, input),
    lambda g, input: g * (_sqrt(pi) / 2) * input.erfinv().square().exp(),
    also=("torch.special.erfinv",),
    domain=UNIT,
    dtype=real_only("erfinv_vml_cpu", promote.promoted_float()),
)
lgamma = unary(
    "lgamma",
    "The logarithm of the gamma function's magnitude.",
    lambda xp, input: specialmath.lgamma(xp, input),
    lambda g, input: g * input.digamma(),
    also=("torch.special.gammaln",),
    domain=POSITIVE,
    dtype=real_only("lgamma_vml_cpu", promote.promoted_float()),
)
digamma = unary(
    "digamma",
    "The logarithmic derivative of the gamma function.",
    lambda xp, input: specialmath.digamma(xp, input),
    lambda g, input: g * polygamma(1, input),
    also=("torch.special.digamma", "torch.special.psi"),
    domain=POSITIVE,
    dtype=real_only("digamma", promote.promoted_float()),
)
i0 = unary("i0", "The modified Bessel function of order 0.", lambda xp, input: specialmath.i0(xp, input),
           lambda g, input: g * i1(input), also=("torch.special.i0",),
           dtype=real_only("i0_vml_cpu", promote.promoted_float()))  # fmt: skip


@op(
    "torch.special.i1",
    grad_name="SpecialI1Backward0",
    shape=same_shape,
    dtype=real_only("i1_cpu", promote.promoted_float()),
    accepts=["i1(f32[2, 3])", "i1(f64[])", "i1(i64[3])"],
)
def i1(xp, input: Tensor):
    """The modified Bessel function of order 1."""
    return specialmath.i1(xp, input)


@i1.vjp("input")
def _(g, input, out):
    small = input.abs() < 1e-30
    return g * (input.i0() - out / input.masked_fill(small, 1.0)).masked_fill(small, 0.5)


@op(
    "torch.polygamma", "torch.special.polygamma",
    shape=same_shape, dtype=real_only("polygamma", promote.promoted_float("input")),
    accepts=["polygamma(1, f64[3]{1..3})", "polygamma(2, f32[2, 3]{1..3})", "polygamma(0, f32[3]{1..3})"],
)  # fmt: skip
def polygamma(xp, n: Int, input: Tensor):
    """The n-th derivative of digamma."""
    return specialmath.polygamma(xp, n, input)


@polygamma.vjp("input")
def _(g, n, input):
    return g * polygamma(n + 1, input)


@op("Tensor.polygamma", name="polygamma", overload="method", shape=same_shape,
    dtype=real_only("polygamma", promote.promoted_float("input")), inplace=True)  # fmt: skip
def polygamma_method(xp, input: Tensor, n: Int):
    """The n-th derivative of digamma."""
    return specialmath.polygamma(xp, n, input)


@polygamma_method.vjp("input")
def _(g, n, input):
    return g * polygamma(n + 1, input)
