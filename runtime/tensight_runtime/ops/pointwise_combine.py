"""Elementwise combinations of three operands, and special values: lerp, addcmul, nan_to_num, heaviside, xlogy."""

from tensight_runtime.ops.elementwise import (
    Refusing,
    binary,
    conj,
    cpp_name,
    fact_of,
    is_number,
    not_derived,
    numbered,
    real_only,
)
from tensight_runtime.spec import promote
from tensight_runtime.spec.dtype import DType
from tensight_runtime.spec.kind import Num, OptNum, Tensor, TensorOrNum
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import Refused
from tensight_runtime.spec.shape import broadcasted, same_shape

# --- combinations ----------------------------------------------------------------------------------------------------


def _cpp(dtype: DType) -> str:
    return cpp_name(dtype)


def _lerp_dtype(input, end, weight) -> DType | None:
    for name, value in (("end", end), ("weight", weight)):
        fact = fact_of(value)
        if fact is None or (name == "weight" and fact.dims in ((), None)):
            continue
        if fact.dtype is not None and input.dtype is not None and fact.dtype is not input.dtype:
            raise Refused(f"expected dtype {_cpp(input.dtype)} for `{name}` but got dtype {_cpp(fact.dtype)}")
    if input.dtype is not None and input.dtype.category < 2:
        raise Refused(f"\"lerp_kernel_scalar\" not implemented for '{scalar_name(input.dtype)}'", NotImplementedError)
    return input.dtype


@op(
    "torch.lerp",
    "Tensor.lerp",
    shape=broadcasted("input", "end", "weight"),
    dtype=_lerp_dtype,
    inplace=True,
    grad_name=numbered("Lerp", 1, 0, "weight"),
    accepts=[
        "lerp(f32[2, 3], f32[3], 0.3)",
        "lerp(f32[2, 3], f32[3], 0.7)",
        "lerp(f32[3], f32[3], f32[2, 1])",
        "lerp(f32[3], f32[3], f32[])",
    ],
    rejects={"lerp(f32[2], f64[2], 0.5)": "expected dtype float for `end` but got dtype double"},
)
def lerp(xp, input: Tensor, end: Tensor, weight: TensorOrNum):
    """input + weight * (end - input), exact at both ends."""
    span = end - input
    if is_number(weight):
        return input + weight * span if abs(weight) < 0.5 else end - span * (1 - weight)
    return xp.where(xp.abs(weight) < 0.5, input + weight * span, end - span * (1 - weight))


@lerp.vjp("input")
def _(g, weight):
    return g * (1 - conj(weight))


@lerp.vjp("end")
def _(g, weight):
    return g * conj(weight)


@lerp.vjp("weight")
def _(g, input, end, weight):
    return g * conj(end - input)


@op(
    "torch.addcmul",
    "Tensor.addcmul",
    shape=broadcasted("input", "tensor1", "tensor2"),
    dtype=promote.promoted("input", "tensor1", "tensor2"),
    inplace=True,
    accepts=[
        "addcmul(f32[2, 3], f32[3], f32[2, 1])",
        "addcmul(f32[3], f32[3], f32[3], value=0.5)",
        "addcmul(i64[2], i64[2], i64[2], value=2)",
    ],
)
def addcmul(xp, input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Num = 1):
    """input + value * tensor1 * tensor2."""
    return input + (tensor1 * tensor2 if value == 1 else value * tensor1 * tensor2)


@addcmul.vjp("input")
def _(g):
    return g


@addcmul.vjp("tensor1")
def _(g, tensor2, value):
    return g * conj(tensor2 * value)


@addcmul.vjp("tensor2")
def _(g, tensor1, value):
    return g * conj(tensor1 * value)


@op(
    "torch.addcdiv",
    "Tensor.addcdiv",
    shape=broadcasted("input", "tensor1", "tensor2"),
    dtype=Refusing(
        promote.promoted("input", "tensor1", "tensor2"),
        "bi",
        "Integer division with addcdiv is no longer supported, and in a future release addcdiv will perform a true "
        "division of tensor1 and tensor2.",
        RuntimeError,
    ),
    inplace=True,
    accepts=["addcdiv(f32[2, 3], f32[3], f32[2, 1])", "addcdiv(f32[3], f32[3], f32[3], value=0.5)"],
    rejects={"addcdiv(i64[2], i64[2], i64[2])": "Integer division with addcdiv is no longer supported"},
)
def addcdiv(xp, input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Num = 1):
    """input + value * tensor1 / tensor2."""
    return input + value * tensor1 / tensor2


@addcdiv.vjp("input")
def _(g, tensor2):
    return g


@addcdiv.vjp("tensor1")
def _(g, tensor2, value):
    return g * conj(value / tensor2)


@addcdiv.vjp("tensor2")
def _(g, tensor1, tensor2, value):
    return -g * conj(value * tensor1 / (tensor2 * tensor2))


# --- special values --------------------------------------------------------------------------------------------------


@op("torch.nan_to_num", "Tensor.nan_to_num", shape=same_shape, dtype=promote.same(), inplace=True,
    accepts=["nan_to_num(f32[2, 3])", "nan_to_num(f32[3], 1.0, 2.0, -2.0)", "nan_to_num(i64[2])"])  # fmt: skip
def nan_to_num(xp, input: Tensor, nan: OptNum = None, posinf: OptNum = None, neginf: OptNum = None):
    """nan becomes `nan` (0), infinities the largest and smallest numbers of the dtype."""
    if input.dtype.kind in "iub":
        return input.copy()
    return xp.nan_to_num(input, nan=0.0 if nan is None else nan, posinf=posinf, neginf=neginf)


@nan_to_num.vjp("input")
def _(g, input):
    return g.masked_fill(~input.isfinite(), 0.0)


def _heaviside_dtype(input, values) -> DType | None:
    for dtype in (input.dtype, values.dtype):
        if dtype is not None and dtype.category == 3:
            raise Refused("heaviside is not yet implemented for complex tensors.")
    if input.dtype and values.dtype and input.dtype is not values.dtype:
        raise Refused("heaviside is not yet implemented for tensors with different dtypes.")
    return input.dtype or values.dtype


@op(
    "torch.heaviside",
    "Tensor.heaviside",
    shape=broadcasted("input", "values"),
    dtype=_heaviside_dtype,
    inplace=True,
    grad_name="NotImplemented",
    accepts=["heaviside(f32[2, 3], f32[3])", "heaviside(i64[3], i64[1])"],
    rejects={"heaviside(f32[2], f64[2])": "heaviside is not yet implemented for tensors with different dtypes."},
)
def heaviside(xp, input: Tensor, values: Tensor):
    """0 below 0, 1 above, `values` at 0."""
    return xp.where(input == 0, values, (input > 0).astype(input.dtype))


heaviside.vjp("input")(not_derived("heaviside"))
heaviside.vjp("values")(not_derived("heaviside"))


copysign = binary(
    "copysign", "The magnitude of input with the sign of other.", lambda xp, input, other: xp.copysign(input, other),
    lambda g, input, out: g * (out / input).masked_fill(input == 0, 0.0), lambda g, out: g.new_zeros(g.shape),
    grad_name=numbered("Copysign", 0, 1), dtype=real_only("copysign_cpu", promote.promoted_float()),
    accepts=["copysign(f32[2, 3], f32[3])", "copysign(f32[3], -2.0)", "copysign(i64[2], i64[2])"],
)  # fmt: skip


def _xlogy(xp, input, other):
    other = xp.asarray(other)
    return xp.where((input == 0) & ~xp.isnan(other), 0, input * xp.log(other))


xlogy = binary(
    "xlogy", "input * log(other), 0 where input is 0.", _xlogy,
    lambda g, input, other: g * _log_of(input, other).masked_fill((input == 0) & (other <= 0), 0.0),
    lambda g, input, other: g * input / other,
    also=("torch.special.xlogy",), grad_name=numbered("Xlogy", 0, 2),
    dtype=real_only("xlogy_cpu", promote.promoted_float()),
    accepts=["xlogy(f32[2, 3], f32[3]{1..3})", "xlogy(f32[3], 2)", "xlogy(i64[3], i64[3]{1..4})"],
)  # fmt: skip


def _log_of(input, other):
    return input.new_tensor(other).log() if is_number(other) else other.log()


@op(
    "torch.xlogy",
    "torch.special.xlogy",
    name="xlogy",
    overload="of_number",
    shape=broadcasted("input", "other"),
    grad_name="XlogyBackward1",
    dtype=promote.promoted_float("input", "other"),
    accepts=["xlogy(2, f32[3]{1..3})"],
)
def xlogy_of_number(xp, input: Num, other: Tensor):
    """A number times log(other)."""
    return _xlogy(xp, input, other)


@xlogy_of_number.vjp("other")
def _(g, input, other):
    return g * input / other
