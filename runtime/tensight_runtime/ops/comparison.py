"""Comparisons, element by element (bool tensors) and of whole tensors (Python bools)."""

from tensight_runtime.ops.elementwise import Refusing, fact_of, wrapped
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import decided
from tensight_runtime.spec.cond import eq as same_size
from tensight_runtime.spec.dtype import bool_
from tensight_runtime.spec.kind import Bool, Num, Tensor, TensorOrNum
from tensight_runtime.spec.op import Op, op, scalar_name
from tensight_runtime.spec.promote import DtypeRule
from tensight_runtime.spec.require import Refused
from tensight_runtime.spec.shape import broadcast_dims, broadcasted


def _comparison(name: str, function: str, doc: str, ordered: bool, *names: str) -> Op:
    """`torch.<name>(input, other)` -> bool."""

    def kernel(xp, input: Tensor, other: TensorOrNum):
        if type(other) is int and input.dtype.itemsize < 8:
            other = wrapped(input, other)
        return getattr(xp, function)(input, other)

    kernel.__name__, kernel.__doc__, kernel.__module__ = name, doc, __name__
    rule: DtypeRule = promote.compared()
    if ordered:
        rule = Refusing(rule, "c", f"\"{name}_cpu\" not implemented for '{{}}'")
    samples = [
        "(f32[2, 3], f32[3])",
        "(i64[3]{0..3}, 1)",
        "(i64[3], 0.5)",
        "(f32[2], f64[])",
        "(f32[0, 3], 0)",
        "(u8[2], -1)",
        "(bool[3], bool[3])",
    ]
    return op(
        f"torch.{name}",
        f"Tensor.{name}",
        *names,
        shape=broadcasted("input", "other"),
        dtype=rule,
        inplace=True,
        accepts=[name + s for s in samples],
        rejects={f"{name}(f32[2], f32[3])": "The size of tensor a (2) must match the size of tensor b (3)"},
    )(kernel)


eq = _comparison("eq", "equal", "input == other.", False, "Tensor.__eq__")
ne = _comparison("ne", "not_equal", "input != other.", False, "Tensor.__ne__", "torch.not_equal", "Tensor.not_equal")
lt = _comparison("lt", "less", "input < other.", True, "Tensor.__lt__", "torch.less", "Tensor.less")
le = _comparison("le", "less_equal", "input <= other.", True, "Tensor.__le__", "torch.less_equal", "Tensor.less_equal")
gt = _comparison("gt", "greater", "input > other.", True, "Tensor.__gt__", "torch.greater", "Tensor.greater")
ge = _comparison(
    "ge", "greater_equal", "input >= other.", True, "Tensor.__ge__", "torch.greater_equal", "Tensor.greater_equal"
)


@op(
    "torch.equal",
    "Tensor.equal",
    returns="bool",
    syncs=True,
    accepts=["equal(f32[2, 3], f32[2, 3])", "equal(i64[2], i64[3])"],
)
def equal(xp, input: Tensor, other: Tensor):
    """Whether both have one shape and equal elements, as a Python bool."""
    return input.shape == other.shape and bool(xp.all(input == other))


@equal.rule
def _(input, other):
    if input.dims is not None and other.dims is not None:
        if len(input.dims) != len(other.dims):
            return False
        if any(decided(same_size(a, b)) is False for a, b in zip(input.dims, other.dims, strict=True)):
            return False
    return None


def _one_dtype(input, other) -> None:
    if input.dtype and other.dtype and input.dtype is not other.dtype:
        raise Refused(f"{scalar_name(input.dtype)} did not match {scalar_name(other.dtype)}")


def _check_tolerances(rtol, atol) -> None:
    for name, value in (("rtol", rtol), ("atol", atol)):
        if isinstance(value, (int, float)) and value < 0:
            raise Refused(f"{name} must be greater than or equal to zero, but got {value:g}")


def _isclose_dtype(input, other, rtol, atol):
    _one_dtype(input, other)
    _check_tolerances(rtol, atol)
    return bool_


def _close(xp, input, other, rtol, atol, equal_nan):
    if input.dtype.kind in "iub":
        input, other = input.astype("float64"), other.astype("float64")
    same = input == other
    if equal_nan:
        same = same | ((input != input) & (other != other))
    if rtol == 0 and atol == 0:
        return same
    return same | (xp.isfinite(other) & (xp.abs(input - other) <= atol + xp.abs(rtol * other)))


_TOLERANCES = [
    "(f32[2, 3], f32[3])",
    "(f32[3], f32[3], rtol=0.5, atol=0.5, equal_nan=True)",
    "(i64[3]{0..2}, i64[3]{0..2})",
]


@op(
    "torch.isclose",
    "Tensor.isclose",
    shape=broadcasted("input", "other"),
    dtype=_isclose_dtype,
    accepts=["isclose" + s for s in _TOLERANCES],
    rejects={"isclose(f32[2], f64[2])": "Float did not match Double"},
)
def isclose(xp, input: Tensor, other: Tensor, rtol: Num = 1e-05, atol: Num = 1e-08, equal_nan: Bool = False):
    """Whether |input - other| <= atol + rtol * |other|, element by element."""
    return _close(xp, input, other, rtol, atol, equal_nan)


@op("torch.allclose", "Tensor.allclose", returns="bool", syncs=True, accepts=["allclose" + s for s in _TOLERANCES],
    rejects={"allclose(f32[2], f64[2])": "Float did not match Double"})  # fmt: skip
def allclose(xp, input: Tensor, other: Tensor, rtol: Num = 1e-05, atol: Num = 1e-08, equal_nan: Bool = False):
    """Whether all elements are close, as a Python bool."""
    return bool(xp.all(_close(xp, input, other, rtol, atol, equal_nan)))


@allclose.rule
def _(input, other, rtol, atol):
    _one_dtype(input, other)
    _check_tolerances(rtol, atol)
    if input.dims is not None and other.dims is not None:
        broadcast_dims(input.dims, other.dims)
    return None


@op("torch.isin", shape=lambda elements: fact_of(elements).dims if fact_of(elements) else (), dtype=bool_,
    accepts=["isin(i64[2, 3]{0..4}, i64[3]{0..4})", "isin(i64[3]{0..4}, 2)", "isin(2, i64[3]{0..4})",
             "isin(f32[3], f32[2], invert=True)"])  # fmt: skip
def isin(xp, elements: TensorOrNum, test_elements: TensorOrNum, *, assume_unique: Bool = False, invert: Bool = False):
    """Whether each element is among the test elements."""
    return xp.isin(xp.asarray(elements), xp.asarray(test_elements), assume_unique=assume_unique, invert=invert)
