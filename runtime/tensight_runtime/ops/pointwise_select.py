"""Elementwise choices and combinations of three operands: clamp, where, lerp, addcmul, masked_fill, nan_to_num."""

from tensight_runtime.ops.elementwise import (
    arithmetic,
    clipped,
    cpp_name,
    fact_of,
    host,
    is_number,
    numbered,
    real_only,
    select,
    wrapped,
)
from tensight_runtime.spec.dtype import DType, bool_, float16, uint8
from tensight_runtime.spec.kind import OptNum, OptTensor, Tensor, TensorOrNum
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.promote import DtypeRule
from tensight_runtime.spec.require import Refused
from tensight_runtime.spec.shape import broadcast_facts, broadcasted, same_shape

# --- clamp -----------------------------------------------------------------------------------------------------------

NO_BOUND = "torch.clamp: At least one of 'min' or 'max' must not be None"


class _Clamp(DtypeRule):
    """Promotion of all three; complex is refused, and a call without bounds."""

    def of_op(self, op):
        promoted = self._promotion(op)
        at = [op.index[p] for p in ("min", "max")]

        def dtype(values):
            if values[at[0]] is None and values[at[1]] is None:
                raise Refused(NO_BOUND)
            result = promoted(values)
            if result is not None and result.category == 3:
                raise Refused("clamp is not supported for complex types", NotImplementedError)
            return result

        return dtype


def _clamped(xp, input, min=None, max=None):
    if input.dtype.kind == "f" and not hasattr(min, "dtype") and not hasattr(max, "dtype"):
        return clipped(xp, input, min, max)
    if min is not None:
        input = arithmetic(xp.maximum, input, min)
    return input if max is None else arithmetic(xp.minimum, input, max)


def _same(dtype):
    return dtype


def _clamp_dims(input, min=None, max=None):
    return broadcast_facts([input, min, max])


@op(
    "torch.clamp",
    "Tensor.clamp",
    "torch.clip",
    "Tensor.clip",
    name="clamp",
    overload="tensor",
    shape=_clamp_dims,
    dtype=_Clamp(("input", "min", "max"), _same, _same),
    inplace=True,
    grad_name="ClampBackward0",
    accepts=["clamp(f32[2, 3], f32[3])", "clamp(f32[2, 3], f32[3], f32[2, 1])", "clamp(i64[3], max=f32[3])"],
    rejects={"clamp(f32[2], f32[3])": "The size of tensor a (2) must match the size of tensor b (3)"},
)
def clamp_tensor(xp, input: Tensor, min: OptTensor = None, max: OptTensor = None):
    """Clamped between the elements of two tensors."""
    return _clamped(xp, input, min, max)


@clamp_tensor.vjp("input")
def _(g, input, min, max):
    if min is None:
        inside = input <= max
    else:
        inside = input >= min if max is None else (input >= min) & (input <= max)
    return g.masked_fill(~inside, 0.0)


@clamp_tensor.vjp("min")
def _(g, input, min, max):
    taken = input < min if max is None else (input < min) & (min < max)
    return g.masked_fill(~taken, 0.0)


@clamp_tensor.vjp("max")
def _(g, input, min, max):
    taken = input > max if min is None else (input > max) | (max < min)
    return g.masked_fill(~taken, 0.0)


@op(
    "torch.clamp",
    "Tensor.clamp",
    "torch.clip",
    "Tensor.clip",
    shape=same_shape,
    dtype=_Clamp(("input", "min", "max"), _same, _same),
    inplace=True,
    grad_name="ClampBackward1",
    accepts=[
        "clamp(f32[2, 3], 0)",
        "clamp(f32[2, 3], min=-0.5, max=0.5)",
        "clamp(i64[4], max=2)",
        "clamp(i64[4], min=0.5)",
        "clamp(u8[3], min=-1)",
        "clamp(f32[0], 0, 1)",
    ],
    rejects={"clamp(f32[2])": "torch.clamp: At least one of 'min' or 'max' must not be None"},
)
def clamp(xp, input: Tensor, min: OptNum = None, max: OptNum = None):
    """Elements below `min` become min, above `max` max; nan stays."""
    return _clamped(xp, input, min, max)


@clamp.vjp("input")
def _(g, input, min, max):
    if min is None:
        inside = input <= max
    else:
        inside = input >= min if max is None else (input >= min) & (input <= max)
    return g.masked_fill(~inside, 0.0)


@op(
    "torch.clamp_min",
    "Tensor.clamp_min",
    shape=broadcasted("input", "min"),
    dtype=real_only("clamp_min"),
    inplace=True,
    grad_name=numbered("ClampMin", 1, 0, "min"),
    accepts=["clamp_min(f32[2, 3], 0)", "clamp_min(f32[2, 3], f32[3])", "clamp_min(i64[3], 0.5)"],
)
def clamp_min(xp, input: Tensor, min: TensorOrNum):
    """Elements below `min` become min."""
    return _clamped(xp, input, min)


@clamp_min.vjp("input")
def _(g, input, min):
    return g.masked_fill(~(input >= min), 0.0)


@clamp_min.vjp("min")
def _(g, input, min):
    return g.masked_fill(input >= min, 0.0)


@op(
    "torch.clamp_max",
    "Tensor.clamp_max",
    shape=broadcasted("input", "max"),
    dtype=real_only("clamp_max"),
    inplace=True,
    grad_name=numbered("ClampMax", 1, 0, "max"),
    accepts=["clamp_max(f32[2, 3], 0)", "clamp_max(f32[2, 3], f32[3])", "clamp_max(i64[3], 0.5)"],
)
def clamp_max(xp, input: Tensor, max: TensorOrNum):
    """Elements above `max` become max."""
    return _clamped(xp, input, None, max)


@clamp_max.vjp("input")
def _(g, input, max):
    return g.masked_fill(~(input <= max), 0.0)


@clamp_max.vjp("max")
def _(g, input, max):
    return g.masked_fill(input <= max, 0.0)


# --- where and masked_fill -------------------------------------------------------------------------------------------


class _Where(DtypeRule):
    """Promotion of the two choices; the condition must be bool (uint8 still goes)."""

    def of_op(self, op):
        promoted, at = self._promotion(op), op.index["condition"]

        def dtype(values):
            condition = fact_of(values[at])
            if condition is not None and condition.dtype not in (None, bool_, uint8):
                raise Refused("where expected condition to be a boolean tensor, but got a tensor with dtype "
                              f"{scalar_name(condition.dtype)}")  # fmt: skip
            return promoted(values)

        return dtype


_CHOICE = _Where(("input", "other"), _same, _same)


@op(
    "torch.where",
    shape=broadcasted("condition", "input", "other"),
    dtype=_CHOICE,
    accepts=[
        "where(bool[2, 3], f32[3], f32[2, 1])",
        "where(bool[2], 1.0, 0.0)",
        "where(bool[2], f32[2], 0)",
        "where(bool[2], 1, i64[2])",
        "where(bool[2, 1], f32[3], f64[])",
        "where(bool[], f32[2], i64[2])",
    ],
    rejects={
        "where(f32[2], 1, 2)": "where expected condition to be a boolean tensor, but got a tensor with dtype Float",
        "where(bool[2], f32[3], 0)": "The size of tensor a (2) must match the size of tensor b (3)",
    },
)
def where(xp, condition: Tensor, input: TensorOrNum, other: TensorOrNum):
    """input where the condition holds, other elsewhere."""
    return select(xp, condition, input, other)


@op(
    "Tensor.where",
    name="where",
    overload="method",
    shape=broadcasted("condition", "input", "other"),
    dtype=_CHOICE,
    grad_name="WhereBackward0",
    accepts=["where(f32[3], bool[2, 3], f32[2, 1])", "where(f32[2], bool[2], 0)"],
)
def where_method(xp, input: Tensor, condition: Tensor, other: TensorOrNum):
    """The tensor where the condition holds, other elsewhere."""
    return select(xp, condition, input, other)


@where.vjp("input")
@where_method.vjp("input")
def _(g, condition):
    return g.masked_fill(~condition.bool(), 0.0)


@where.vjp("other")
@where_method.vjp("other")
def _(g, condition):
    return g.masked_fill(condition.bool(), 0.0)


def _mask_dtype(input, mask, value) -> DType | None:
    if mask.dtype not in (None, bool_):
        raise Refused(f"masked_fill_ only supports boolean masks, but got mask with dtype {cpp_name(mask.dtype)}")
    fact = fact_of(value)
    if fact is not None and fact.dims:
        raise Refused(
            "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
            f"{len(fact.dims)} dimension(s)."
        )
    if input.dtype and fact and fact.dtype and fact.dtype.is_complex and not input.dtype.is_complex:
        raise Refused(f"value cannot be converted to type {cpp_name(input.dtype)} without overflow")
    if input.dtype is not None and is_number(value):
        too_large = input.dtype is float16 and not isinstance(value, complex) and 65504 < abs(value) < float("inf")
        if too_large or (isinstance(value, complex) and input.dtype.category < 3):
            raise Refused(f"value cannot be converted to type {cpp_name(input.dtype)} without overflow")
        if (
            input.dtype.category == 1
            and isinstance(value, float)
            and not abs(value) < 2.0 ** (input.dtype.bits - input.dtype.signed)
        ):
            raise Refused(f"value cannot be converted to type {input.dtype.name}_t without overflow")
    return input.dtype


@op(
    "torch.masked_fill",
    "Tensor.masked_fill",
    shape=broadcasted("input", "mask"),
    dtype=_mask_dtype,
    inplace=True,
    grad_name=numbered("MaskedFill", 1, 0, "value"),
    accepts=[
        "masked_fill(f32[2, 3], bool[3], -1e9)",
        "masked_fill(i64[3], bool[3], 1.5)",
        "masked_fill(f32[3], bool[2, 3], f32[])",
        "masked_fill(bool[3], bool[3], True)",
        "masked_fill(f32[2, 3], bool[2, 1], float('-inf'))",
    ],
    rejects={
        "masked_fill(f32[2], i64[2], 0)": "masked_fill_ only supports boolean masks, but got mask with dtype long int",
        "masked_fill(f32[2], bool[2], f32[2])": "masked_fill_ only supports a 0-dimensional value tensor",
        "masked_fill(f16[2], bool[2], 1e9)": "value cannot be converted to type c10::Half without overflow",
    },
)
def masked_fill(xp, input: Tensor, mask: Tensor, value: TensorOrNum):
    """`value` where the mask is true."""
    value = host(value) if input.dtype.kind in "iub" else value
    if isinstance(value, float) and input.dtype.kind in "iu":
        value = int(value)
    if input.dtype.kind == "b":
        value = bool(value)
    return select(xp, mask, wrapped(input, value), input)


@masked_fill.vjp("input")
def _(g, mask):
    return g.masked_fill(mask, 0.0)


@masked_fill.vjp("value")
def _(g, mask):
    return g.masked_fill(~mask, 0.0).sum()
