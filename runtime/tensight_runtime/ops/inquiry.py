"""What a tensor tells about itself: size, dim, numel, stride, dtype questions.  The results are no tensors.

A rule gives the result as it is, UNKNOWN for an int nobody knows, None for any other unknown.
"""

from tensight_runtime.ops.elementwise import dtype_of, fact_of
from tensight_runtime.spec.cond import decided, eq
from tensight_runtime.spec.dtype import DType, promote_types, result_type
from tensight_runtime.spec.kind import Any, DtypeKind, Int, Tensor, TensorOrNum
from tensight_runtime.spec.op import op
from tensight_runtime.spec.require import RankUnknown, Refused
from tensight_runtime.spec.shape import axis
from tensight_runtime.spec.size import UNKNOWN, product


@op("Tensor.size", returns="size", accepts=["size(f32[2, 3])", "size(f32[])"])
def size(xp, input: Tensor):
    """The shape."""
    return input.shape


size.rule(lambda input: input.dims)


def _sized(input, dim) -> int:
    if not input.shape:
        raise Refused(f"Dimension specified as {dim} but tensor has no dimensions", IndexError)
    return axis(dim, input.ndim)


@op(
    "Tensor.size",
    name="size",
    overload="dim",
    returns="int",
    accepts=["size(f32[2, 3], -1)", "size(f32[2, 3], dim=0)"],
    rejects={
        "size(f32[2], 3)": "Dimension out of range (expected to be in range of [-1, 0], but got 3)",
        "size(f32[], 0)": "Dimension specified as 0 but tensor has no dimensions",
    },
)
def size_dim(xp, input: Tensor, dim: Int):
    """The size of one dim."""
    return input.shape[dim]


@size_dim.rule
def _(input, dim):
    try:
        return input.shape[_sized(input, dim)]
    except RankUnknown:
        return UNKNOWN


@op("Tensor.dim", "Tensor.ndimension", returns="int", accepts=["dim(f32[2, 3])", "dim(f32[])"])
def dim(xp, input: Tensor):
    """The number of dims."""
    return input.ndim


dim.rule(lambda input: UNKNOWN if input.dims is None else len(input.dims))


@op(
    "torch.numel",
    "Tensor.numel",
    "Tensor.nelement",
    returns="int",
    accepts=["numel(f32[2, 3])", "numel(f32[])", "numel(f32[0, 3])"],
)
def numel(xp, input: Tensor):
    """The number of elements."""
    return input.size


numel.rule(lambda input: UNKNOWN if input.dims is None else product(input.dims))


@op(
    "Tensor.__len__",
    name="len",
    returns="int",
    accepts=["len(f32[2, 3])"],
    rejects={"len(f32[])": "len() of a 0-d tensor"},
)
def len_(xp, input: Tensor):
    """The size of the first dim."""
    return len(input)


@len_.rule
def _(input):
    if input.dims == ():
        raise Refused("len() of a 0-d tensor", TypeError)
    return UNKNOWN if input.dims is None else input.dims[0]


def _strides(input) -> tuple | None:
    """Strides in elements, where the layout is known."""
    fact = fact_of(input)
    if fact.dims is None or not fact.contiguous:
        return None
    steps: list = []
    step = 1
    for s in reversed(fact.dims):
        steps.append(step)
        step = step * s
    return tuple(reversed(steps))


@op("Tensor.stride", returns="host", accepts=["stride(f32[2, 3])", "stride(f32[])"])
def stride(xp, input: Tensor):
    """Steps between neighbours along each dim, in elements."""
    return tuple(s // input.itemsize for s in input.strides)


stride.rule(_strides)


@op("Tensor.stride", name="stride", overload="dim", returns="int", accepts=["stride(f32[2, 3], 0)"],
    rejects={"stride(f32[2], 3)": "Dimension out of range (expected to be in range of [-1, 0], but got 3)",
             "stride(f32[], 0)": "Dimension specified as 0 but tensor has no dimensions"})  # fmt: skip
def stride_dim(xp, input: Tensor, dim: Int):
    """The step along one dim."""
    return input.strides[dim] // input.itemsize


@stride_dim.rule
def _(input, dim):
    try:
        at = _sized(input, dim)
    except RankUnknown:
        return UNKNOWN
    strides = _strides(input)
    return UNKNOWN if strides is None else strides[at]


@op("Tensor.element_size", returns="int", accepts=["element_size(f32[2])", "element_size(bool[2])"])
def element_size(xp, input: Tensor):
    """Bytes an element takes."""
    return input.itemsize


element_size.rule(lambda input: UNKNOWN if input.dtype is None else input.dtype.itemsize)


@op(
    "torch.is_floating_point",
    "Tensor.is_floating_point",
    returns="bool",
    accepts=["is_floating_point(f32[2])", "is_floating_point(i64[2])"],
)
def is_floating_point(xp, input: Tensor):
    """Whether the dtype is float16, bfloat16, float32 or float64."""
    return input.dtype.kind == "f"


is_floating_point.rule(lambda input: None if input.dtype is None else input.dtype.category == 2)


@op("torch.is_complex", "Tensor.is_complex", returns="bool", accepts=["is_complex(f32[2])", "is_complex(c64[2])"])
def is_complex(xp, input: Tensor):
    """Whether the dtype is complex."""
    return input.dtype.kind == "c"


is_complex.rule(lambda input: None if input.dtype is None else input.dtype.category == 3)


@op(
    "torch.is_signed",
    "Tensor.is_signed",
    returns="bool",
    accepts=["is_signed(f32[2])", "is_signed(u8[2])"],
    name="is_signed",
)
def is_signed(xp, input: Tensor):
    """Whether the dtype has negative numbers."""
    return input.dtype.kind in "ifc"


is_signed.rule(lambda input: None if input.dtype is None else input.dtype.signed)


@op("Tensor.is_contiguous", returns="bool", accepts=["is_contiguous(f32[2, 3])"])
def is_contiguous(xp, input: Tensor, memory_format: Any = None):
    """Whether the elements lie in memory in order."""
    return bool(input.flags.c_contiguous)


is_contiguous.rule(lambda input, memory_format: fact_of(input).contiguous if memory_format is None else None)


@op("torch.is_same_size", "Tensor.is_same_size", returns="bool", any_device=True,
    accepts=["is_same_size(f32[2, 3], f32[2, 3])", "is_same_size(f32[2], f32[3])"])  # fmt: skip
def is_same_size(xp, input: Tensor, other: Tensor):
    """Whether both have one shape."""
    return input.shape == other.shape


@is_same_size.rule
def _(input, other):
    if input.dims is None or other.dims is None:
        return None
    if len(input.dims) != len(other.dims):
        return False
    answers = [decided(eq(a, b)) for a, b in zip(input.dims, other.dims, strict=True)]
    return False if False in answers else None if None in answers else True


@op(
    "torch.result_type",
    name="result_type",
    returns="host",
    any_device=True,
    accepts=["result_type(i64[2], 1.5)", "result_type(f32[2], f64[])"],
)
def result_type_(xp, tensor: TensorOrNum, other: TensorOrNum):
    """The dtype an operator on both would have.  (In float32 arrays bfloat16 cannot be told; the rule knows it.)"""
    operands = [v for v in (tensor, other) if hasattr(v, "dtype")]
    return result_type(
        [(dtype_of(v), v.ndim) for v in operands], [v for v in (tensor, other) if not hasattr(v, "dtype")]
    )


@result_type_.rule
def _(tensor, other):
    facts = [fact_of(v) for v in (tensor, other)]
    numbers = [v for v, fact in zip((tensor, other), facts, strict=True) if fact is None]
    return result_type([(f.dtype, None if f.dims is None else len(f.dims)) for f in facts if f is not None], numbers)


@op("torch.promote_types", name="promote_types", returns="host", accepts=["promote_types(torch.int8, torch.uint8)"])
def promote_types_(xp, type1: DtypeKind, type2: DtypeKind):
    """The smallest dtype that holds both."""
    return promote_types(type1, type2)


promote_types_.rule(lambda type1, type2: promote_types(_known(type1), _known(type2)))


def _known(dtype: object) -> DType | None:
    return dtype if isinstance(dtype, DType) else None


@op(
    "torch.can_cast", returns="bool", accepts=["can_cast(torch.float, torch.int)", "can_cast(torch.int64, torch.uint8)"]
)
def can_cast(xp, from_: DtypeKind, to: DtypeKind):
    """Whether values may be cast without losing their category of numbers."""
    return from_.category <= to.category


@can_cast.rule
def _(from_, to):
    a, b = _known(from_), _known(to)
    if a is None or b is None:
        return None
    return a.category <= b.category
