"""Tensors out of nothing or out of Python data: zeros, arange, tensor, and the *_like and new_* forms.

`requires_grad=` is read by the engine from the bound argument of that name.
"""

from tensight_runtime.ops.elementwise import cpp_name, fact_of, host, np_name
from tensight_runtime.ops.nested import array_of, described
from tensight_runtime.spec.cond import ge
from tensight_runtime.spec.device import CPU, Device, parse_device
from tensight_runtime.spec.dtype import DType, defaults
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.kind import (
    Any,
    Bool,
    Data,
    Int,
    Ints,
    OptDevice,
    OptDtype,
    OptInt,
    Size,
    Tensor,
    TensorLike,
    TensorOrNum,
    UnknownLike,
)
from tensight_runtime.spec.op import op
from tensight_runtime.spec.promote import of_number
from tensight_runtime.spec.require import RankUnknown, Refused, require
from tensight_runtime.spec.shape import sizes_of
from tensight_runtime.spec.size import UNKNOWN

# --- shared by creation and random -----------------------------------------------------------------------------------


def placed(device: object, otherwise: Device | None = CPU) -> Device | None:
    """The device a creation operator puts its tensor on: `device=` if given, else `otherwise`; None if nobody knows."""
    if device is None:
        return otherwise
    if isinstance(device, UnknownLike):
        return None
    try:
        return parse_device(device).of_tensor()
    except (RuntimeError, TypeError) as error:
        raise Refused(str(error), type(error)) from None


def chosen(dtype: object, otherwise: DType | None) -> DType | None:
    """`dtype=` if given, else `otherwise`; None if nobody knows."""
    if dtype is None:
        return otherwise
    return dtype if isinstance(dtype, DType) else None


def made(size: object, dtype: DType | None, device: object = None, otherwise: Device | None = CPU) -> Fact:
    """The fact of a tensor created with these arguments; a negative size is refused."""
    if device is None and otherwise is CPU and defaults.device is not None:
        device = defaults.device
    try:
        dims = tuple(UNKNOWN if isinstance(s, TensorLike) else s for s in sizes_of(size))
    except RankUnknown:
        return Fact(dtype, None, placed(device, otherwise), contiguous=None)
    for s in dims:
        require(ge(s, 0), "Trying to create tensor with negative dimension {}: {}", s, dims)
    return Fact(dtype, dims, placed(device, otherwise))


class _UnknownSize(UnknownLike):
    """A size argument of which nothing is known."""


UnknownSize = _UnknownSize()


def dims_of(size: object) -> tuple[int, ...]:
    """A kernel's size argument as a tuple of ints."""
    return tuple(int(s) for s in size) if isinstance(size, (tuple, list)) else (int(size),)


def default_name(dtype: DType | None) -> str:
    """The array dtype for `dtype=` or the default."""
    return np_name(dtype or defaults.dtype)


# --- filled with a value ---------------------------------------------------------------------------------------------


@op("torch.zeros", varargs="size",
    accepts=["zeros(2, 3)", "zeros((2, 3), dtype=torch.int64)", "zeros([])", "zeros(0, 3, dtype=torch.bool)"],
    rejects={"zeros(2, -1, dtype=torch.bool)": "zeros: Dimension size must be non-negative."})  # fmt: skip
def zeros(
    xp,
    size: Size,
    *,
    dtype: OptDtype = None,
    layout: Any = None,
    device: OptDevice = None,
    pin_memory: Bool = False,
    requires_grad: Bool = False,
):
    """Filled with 0, in the default dtype unless `dtype=` is given."""
    return xp.zeros(dims_of(size), default_name(dtype))


@zeros.rule
def _(size, dtype, device):
    for s in size if isinstance(size, (tuple, list)) else ():
        require(
            True if isinstance(s, (TensorLike, UnknownLike)) else ge(s, 0),
            "zeros: Dimension size must be non-negative.",
        )
    return made(size, chosen(dtype, defaults.dtype), device)


@op("torch.ones", varargs="size", accepts=["ones(2, 3)", "ones((2,), dtype=torch.int64)"],
    rejects={"ones(2, -1)": "Trying to create tensor with negative dimension -1: [2, -1]"})  # fmt: skip
def ones(
    xp,
    size: Size,
    *,
    dtype: OptDtype = None,
    layout: Any = None,
    device: OptDevice = None,
    pin_memory: Bool = False,
    requires_grad: Bool = False,
):
    """Filled with 1, in the default dtype unless `dtype=` is given."""
    return xp.ones(dims_of(size), default_name(dtype))


@op("torch.empty", varargs="size")
def empty(
    xp,
    size: Size,
    *,
    dtype: OptDtype = None,
    layout: Any = None,
    device: OptDevice = None,
    pin_memory: Bool = False,
    requires_grad: Bool = False,
    memory_format: Any = None,
):
    """Values are not set (here: 0)."""
    return xp.zeros(dims_of(size), default_name(dtype))


@ones.rule
@empty.rule
def _(size, dtype, device):
    return made(size, chosen(dtype, defaults.dtype), device)


@op("torch.empty_strided", accepts=[])
def empty_strided(xp, size: Ints, stride: Ints, *, dtype: OptDtype = None, layout: Any = None, device: OptDevice = None,
                  pin_memory: Bool = False, requires_grad: Bool = False):  # fmt: skip
    """Not set (here: 0), with these strides, counted in elements."""
    size, stride = dims_of(size), dims_of(stride)
    name = default_name(dtype)
    last = sum((n - 1) * step for n, step in zip(size, stride, strict=True)) if all(size) else 0
    buffer = xp.zeros(last + 1, name)
    return xp.lib.stride_tricks.as_strided(buffer, size, [step * buffer.itemsize for step in stride])


@empty_strided.rule
def _(size, stride, dtype, device):
    fact = made(size, chosen(dtype, defaults.dtype), device)
    fact.contiguous = None
    return fact


def _filled_dtype(value: object) -> DType | None:
    """Of `full`: a 0-dim tensor counts as the Python number it holds."""
    fact = fact_of(value)
    if fact is None:
        return of_number(value)
    if fact.dtype is None:
        return None
    return of_number((False, 0, 0.0, 0j)[fact.dtype.category])


def no_overflow(value: object, dtype: DType | None) -> None:
    if isinstance(value, complex) and dtype is not None and dtype.category < 3:
        raise Refused(f"value cannot be converted to type {cpp_name(dtype)} without overflow")


@op("torch.full", accepts=["full((2, 3), 1.5)", "full((2,), 7)", "full([3], True)", "full((), 3, dtype=torch.float32)"],
    rejects={"full((-1,), 0)": "Trying to create tensor with negative dimension -1: [-1]"})  # fmt: skip
def full(
    xp,
    size: Ints,
    fill_value: TensorOrNum,
    *,
    dtype: OptDtype = None,
    layout: Any = None,
    device: OptDevice = None,
    pin_memory: Bool = False,
    requires_grad: Bool = False,
):
    """Filled with one value, whose type gives the dtype: bool, int64, the default float or its complex."""
    value = host(fill_value)
    return xp.full(dims_of(size), value, np_name(dtype or of_number(value)))


@full.rule
def _(size, fill_value, dtype, device):
    return made(size, chosen(dtype, _filled_dtype(fill_value)), device)


@op("torch.scalar_tensor", accepts=["scalar_tensor(3)", "scalar_tensor(1, dtype=torch.int64)"])
def scalar_tensor(xp, s: TensorOrNum, *, dtype: OptDtype = None, layout: Any = None, device: OptDevice = None,
                  pin_memory: Bool = False, requires_grad: Bool = False):  # fmt: skip
    """A 0-dim tensor of a number, in the default dtype."""
    return xp.full((), host(s), default_name(dtype))


@scalar_tensor.rule
def _(dtype, device):
    return made((), chosen(dtype, defaults.dtype), device)


@op(
    "torch.eye",
    accepts=["eye(3)", "eye(2, 3, dtype=torch.int64)", "eye(0)"],
    rejects={
        "eye(-1)": "n must be greater or equal to 0, got -1",
        "eye(2, -2)": "m must be greater or equal to 0, got -2",
    },
)
def eye(xp, n: Int, m: OptInt = None, *, dtype: OptDtype = None, layout: Any = None, device: OptDevice = None,
        pin_memory: Bool = False, requires_grad: Bool = False):  # fmt: skip
    """1 on the diagonal, 0 elsewhere, n by m (n by n)."""
    return xp.eye(int(n), None if m is None else int(m), dtype=default_name(dtype))


@eye.rule
def _(n, m, dtype, device):
    dims = sizes_of([n, n if m is None else m])
    for name, size in zip("nm", dims, strict=True):
        if not isinstance(size, TensorLike):
            require(ge(size, 0), "{} must be greater or equal to 0, got {}", name, size)
    return made(dims, chosen(dtype, defaults.dtype), device)


# --- from Python data ------------------------------------------------------------------------------------------------


@op(
    "torch.tensor",
    name="tensor",
    overload="tensor",
    accepts=["tensor(f32[2, 3])", "tensor(i64[2], dtype=torch.float32)"],
)
def tensor_copy(xp, data: Tensor, *, dtype: OptDtype = None, device: OptDevice = None, requires_grad: Bool = False,
                pin_memory: Bool = False):  # fmt: skip
    """A copy of a tensor, cut off from its graph."""
    return xp.array(data, dtype=dtype and np_name(dtype))


@tensor_copy.rule
def _(data, dtype, device):
    fact = data.fact
    return Fact(chosen(dtype, fact.dtype), fact.dims, placed(device, fact.device), contiguous=fact.contiguous or None)


@op(
    "torch.tensor",
    accepts=[
        "tensor([[1, 2], [3, 4]])",
        "tensor([1, 2.5])",
        "tensor(True)",
        "tensor([])",
        "tensor([1, 2], dtype=torch.float64)",
        "tensor([[], []])",
        "tensor((1, True))",
    ],
    rejects={
        "tensor([[1, 2], [3]])": "expected sequence of length 2 at dim 1 (got 1)",
        "tensor(['a'])": "too many dimensions 'str'",
    },
)
def tensor(xp, data: Data, *, dtype: OptDtype = None, device: OptDevice = None, requires_grad: Bool = False,
           pin_memory: Bool = False):  # fmt: skip
    """A new tensor of numbers, nested sequences of numbers, or an array; the dtype follows from the numbers."""
    return array_of(xp, data, dtype, copy=True)


@tensor.rule
def _(data, dtype, device):
    dims, found = described(data)
    return made(UnknownSize if dims is None else dims, chosen(dtype, found), device)


def _kept(data, dtype, device) -> str:
    """as_tensor gives a tensor back that already is what is asked for."""
    fact = fact_of(data)
    same_dtype = True if dtype is None or dtype is fact.dtype else None if fact.dtype is None else False
    where = placed(device, fact.device)
    same_device = (
        True if device is None or where == fact.device else None if fact.device is None or where is None else False
    )
    if same_dtype is True and same_device is True:
        return "same:data"
    return "new" if False in (same_dtype, same_device) else "maybe"


@op("torch.as_tensor", "torch.asarray", name="as_tensor", overload="tensor", alias=_kept,
    accepts=["as_tensor(f32[2])", "as_tensor(f32[2], dtype=torch.int64)"])  # fmt: skip
def as_tensor_of(xp, data: Tensor, dtype: OptDtype = None, device: OptDevice = None):
    """The tensor itself, or moved and cast."""
    return data if dtype is None else data.astype(np_name(dtype), copy=False)


as_tensor_of.rule(tensor_copy._rule)


@as_tensor_of.vjp("data")
def _(g):
    return g


@op("torch.as_tensor", "torch.asarray", accepts=["as_tensor([1.0, 2.0])", "as_tensor(3, dtype=torch.float32)"])
def as_tensor(xp, data: Data, dtype: OptDtype = None, device: OptDevice = None):
    """Like `torch.tensor`; an array shares its memory with the result."""
    return array_of(xp, data, dtype, copy=False)


as_tensor.rule(lambda data, dtype, device: tensor._rule(data, dtype, device))


@op("torch.from_numpy", accepts=[])
def from_numpy(xp, ndarray: Data):
    """A tensor that shares a NumPy array's memory, shape and dtype."""
    return xp.asarray(ndarray)


@from_numpy.rule
def _(ndarray):
    if isinstance(ndarray, UnknownLike):
        return Fact(None, None, CPU, contiguous=None)
    if not hasattr(ndarray, "shape"):
        raise Refused(f"expected np.ndarray (got {type(ndarray).__name__})", TypeError)
    dims, dtype = described(ndarray)
    return Fact(dtype, dims, CPU, contiguous=None)


@op("Tensor.new_tensor", accepts=["new_tensor(f32[2], [1, 2])", "new_tensor(i64[2], 1.5)"])
def new_tensor(xp, input: Tensor, data: Data, *, dtype: OptDtype = None, device: OptDevice = None,
               requires_grad: Bool = False, layout: Any = None, pin_memory: Bool = False):  # fmt: skip
    """A new tensor of numbers, in this tensor's dtype and on its device."""
    array = array_of(xp, data, dtype, copy=True)
    return array if dtype else array.astype(input.dtype)


@new_tensor.rule
def _(input, data, dtype, device):
    dims, _ = described(data)
    return made(UnknownSize if dims is None else dims, chosen(dtype, input.dtype), device, input.device)
