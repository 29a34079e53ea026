"""Copies and casts: clone, detach, to, float; and what a tensor tells about itself: size, numel, item, tolist."""

from tensight_runtime.ops.creation import chosen, placed
from tensight_runtime.ops.elementwise import dtype_of, fact_of, np_name
from tensight_runtime.spec import promote
from tensight_runtime.spec.device import CPU, Device
from tensight_runtime.spec.dtype import (
    DType,
    bfloat16,
    bool_,
    complex64,
    complex128,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
)
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.kind import (
    Any,
    Bool,
    DtypeKind,
    OptDevice,
    OptDtype,
    Str,
    Tensor,
)
from tensight_runtime.spec.op import Op, op, scalar_name
from tensight_runtime.spec.require import Refused
from tensight_runtime.spec.shape import same_shape

SAME = "same:input"


# --- the same values -------------------------------------------------------------------------------------------------


@op("torch.clone", "Tensor.clone", shape=same_shape, dtype=promote.same(), accepts=["clone(f32[2, 3])", "clone(i64[])"])
def clone(xp, input: Tensor, *, memory_format: Any = None):
    """A copy, with gradient."""
    return xp.array(input, order="K" if memory_format is None else "C")


@clone.vjp("input")
def _(g):
    return g


@op(
    "torch.detach", "Tensor.detach", shape=same_shape, dtype=promote.same(), alias="view", accepts=["detach(f32[2, 3])"]
)
def detach(xp, input: Tensor):
    """The same values in the same memory, cut off from the graph."""
    return input[...]


def _contiguous(input, memory_format):
    known = fact_of(input).contiguous if memory_format is None else None
    return {True: SAME, False: "new", None: "maybe"}[known]


@op("Tensor.contiguous", alias=_contiguous, accepts=["contiguous(f32[2, 3])"])
def contiguous(xp, input: Tensor, memory_format: Any = None):
    """The tensor itself if its elements lie in order, otherwise a copy in order."""
    return xp.ascontiguousarray(input) if input.ndim else input


@contiguous.rule
def _(input, memory_format):
    fact = fact_of(input)
    in_order = True if memory_format is None else None
    return Fact(fact.dtype, fact.dims, fact.device, contiguous=in_order, interval=fact.interval)


@contiguous.vjp("input")
def _(g):
    return g


# --- casts and moves -------------------------------------------------------------------------------------------------


def _moved(fact: Fact, dtype: object, device: object) -> Fact:
    return Fact(chosen(dtype, fact.dtype), fact.dims, placed(device, fact.device), contiguous=fact.contiguous or None)


def _kept(fact: Fact, dtype: object, device: object, copy: object = False) -> str:
    """ "same:input" if neither dtype nor device changes and no copy is asked for; "maybe" if that is unknown."""
    target = _moved(fact, dtype, device)
    answers = [
        True
        if dtype is None or (fact.dtype is not None and target.dtype is fact.dtype)
        else None
        if fact.dtype is None or target.dtype is None
        else False,
        True
        if device is None or (fact.device is not None and target.device == fact.device)
        else None
        if fact.device is None or target.device is None
        else False,
        not copy if isinstance(copy, bool) else None,
    ]
    return "new" if False in answers else "maybe" if None in answers else SAME


def _cast(xp, array, dtype):
    return array if dtype is None else cast(xp, array, np_name(dtype))


def cast(xp, array, name: str):
    """`astype` as C does it: complex loses its imaginary part, floats go to unsigned integers through int64."""
    if array.dtype.kind == "c" and not name.startswith(("complex", "bool")):
        array = array.real
    if array.dtype.kind == "f" and name.startswith("uint"):
        array = array.astype("int64")
    return array.astype(name, copy=False)


@op(
    "Tensor.to",
    name="to",
    overload="dtype",
    alias=lambda input, dtype, copy: _kept(input, dtype, None, copy),
    grad_name="ToCopyBackward0",
    accepts=[
        "to(f32[2, 3], torch.float64)",
        "to(f32[2], torch.int64)",
        "to(f32[2], torch.float32)",
        "to(f32[2], torch.float32, copy=True)",
        "to(c64[2], torch.float32)",
    ],
)
def to_dtype(
    xp, input: Tensor, dtype: DtypeKind, non_blocking: Bool = False, copy: Bool = False, *, memory_format: Any = None
):
    """Cast; the tensor itself if it already has the dtype (unless copy=True)."""
    return _cast(xp, input, dtype)


to_dtype.rule(lambda input, dtype: _moved(input, dtype, None))


@op(
    "Tensor.to",
    name="to",
    overload="device",
    alias=lambda input, device, dtype, copy: _kept(input, dtype, device, copy),
    grad_name="ToCopyBackward0",
    accepts=[
        "to(f32[2, 3], 'cpu')",
        "to(f32[2], 'cpu', torch.float64)",
        "to(f32[2], dtype=torch.int64)",
        "to(f32[2], device='cpu', dtype=torch.float16)",
        "to(f32[2])",
    ],
    rejects={"to(f32[2], 'foo')": "Expected one of cpu, cuda, ipu, xpu"},
)
def to_device(
    xp,
    input: Tensor,
    device: OptDevice = None,
    dtype: OptDtype = None,
    non_blocking: Bool = False,
    copy: Bool = False,
    *,
    memory_format: Any = None,
):
    """Moved and cast; the tensor itself if nothing changes.  The engine carries the result to its device."""
    return _cast(xp, input, dtype)


to_device.rule(_to_device := lambda input, device, dtype: _moved(input, dtype, device))


@op("Tensor.to", name="to", overload="other", any_device=True,
    alias=lambda input, other, copy: _kept_like(input, other, copy), grad_name="ToCopyBackward0",
    accepts=["to(f32[2, 3], f64[1])", "to(f32[2], i64[3])"])  # fmt: skip
def to_other(
    xp, input: Tensor, other: Tensor, non_blocking: Bool = False, copy: Bool = False, *, memory_format: Any = None
):
    """Moved and cast to another tensor's device and dtype."""
    return input.astype(other.dtype)


def _kept_like(input: Fact, other: Fact, copy: object = False) -> str:
    other = fact_of(other)
    if other.dtype is None or other.device is None:
        return "maybe"
    return _kept(fact_of(input), other.dtype, other.device, copy)


to_other.rule(
    _like_other := lambda input, other: Fact(other.dtype, input.dims, other.device, contiguous=input.contiguous or None)
)


@op("Tensor.type_as", any_device=True, alias=lambda input, other: _kept_like(input, other), grad_name="ToCopyBackward0",
    accepts=["type_as(f32[2, 3], f64[1])", "type_as(f32[2], i64[3])"])  # fmt: skip
def type_as(xp, input: Tensor, other: Tensor):
    """Cast to another tensor's dtype (and moved to its device)."""
    return input.astype(other.dtype)


type_as.rule(_like_other)


def _cast_method(name: str, dtype: DType, doc: str) -> Op:
    """`Tensor.<name>()`: the cast to one dtype."""

    def kernel(xp, input: Tensor, memory_format: Any = None):
        return _cast(xp, input, dtype)

    kernel.__name__, kernel.__doc__, kernel.__module__ = name, doc, __name__
    declared = op(
        f"Tensor.{name}", alias=lambda input: _kept(input, dtype, None), grad_name="ToCopyBackward0",
        accepts=[f"{name}(f32[2, 3])", f"{name}(i64[])", f"{name}(bool[3])"],
    )(kernel)  # fmt: skip
    declared.rule(lambda input: _moved(input, dtype, None))
    declared.vjp("input")(lambda g: g)
    return declared


float_ = _cast_method("float", float32, "To float32; the tensor itself if it is.")
double = _cast_method("double", float64, "To float64; the tensor itself if it is.")
half = _cast_method("half", float16, "To float16; the tensor itself if it is.")
bfloat16_ = _cast_method("bfloat16", bfloat16, "To bfloat16; the tensor itself if it is.")
int_ = _cast_method("int", int32, "To int32; the tensor itself if it is.")
long = _cast_method("long", int64, "To int64; the tensor itself if it is.")
short = _cast_method("short", int16, "To int16; the tensor itself if it is.")
char = _cast_method("char", int8, "To int8; the tensor itself if it is.")
byte = _cast_method("byte", uint8, "To uint8; the tensor itself if it is.")
bool__ = _cast_method("bool", bool_, "To bool: what is not 0; the tensor itself if it is.")
cfloat = _cast_method("cfloat", complex64, "To complex64; the tensor itself if it is.")
cdouble = _cast_method("cdouble", complex128, "To complex128; the tensor itself if it is.")


@op("Tensor.cpu", alias=lambda input: _kept(input, None, CPU), grad_name="ToCopyBackward0", accepts=["cpu(f32[2])"])
def cpu(xp, input: Tensor, memory_format: Any = None):
    """On the CPU; the tensor itself if it is."""
    return input


cpu.rule(lambda input: _moved(input, None, CPU))


@op("Tensor.cuda", alias=lambda input, device: _kept(input, None, Device("cuda") if device is None else device),
    grad_name="ToCopyBackward0")  # fmt: skip
def cuda(xp, input: Tensor, device: OptDevice = None, non_blocking: Bool = False, memory_format: Any = None):
    """On a GPU (the first one); the tensor itself if it is."""
    return input


cuda.rule(lambda input, device: _moved(input, None, Device("cuda") if device is None else device))


_TYPES = {
    "Float": float32,
    "Double": float64,
    "Half": float16,
    "BFloat16": bfloat16,
    "Long": int64,
    "Int": int32,
    "Short": int16,
    "Char": int8,
    "Byte": uint8,
    "Bool": bool_,
}


def _named_type(text: str) -> tuple[DType, str]:
    """dtype and device type of a legacy name, "torch.cuda.FloatTensor"."""
    parts = text.split(".")
    found = _TYPES.get(parts[-1].removesuffix("Tensor"))
    if parts[0] != "torch" or found is None or not parts[-1].endswith("Tensor"):
        raise Refused(f"invalid type: '{text}'", ValueError)
    return found, "cuda" if "cuda" in parts else "cpu"


@op("Tensor.type", name="type", returns="host", accepts=["type(f32[2])"])
def type_name(xp, input: Tensor):
    """The legacy name of the dtype, "torch.FloatTensor"."""
    return f"torch.{scalar_name(dtype_of(input))}Tensor"


@type_name.rule
def _(input):
    if input.dtype is None or input.device is None:
        return None
    place = "" if input.device == CPU else f"{input.device.type}."
    return f"torch.{place}{scalar_name(input.dtype)}Tensor"


@op("Tensor.type", name="type", overload="dtype", alias=lambda input, dtype: _kept(input, dtype, None),
    grad_name="ToCopyBackward0", accepts=["type(f32[2], torch.int32)"])  # fmt: skip
def type_dtype(xp, input: Tensor, dtype: DtypeKind, non_blocking: Bool = False):
    """Cast to a dtype."""
    return _cast(xp, input, dtype)


type_dtype.rule(lambda input, dtype: _moved(input, dtype, None))


@op(
    "Tensor.type",
    name="type",
    overload="name",
    alias=lambda input, dtype: _kept(input, *_named_type_or_unknown(dtype)),
    grad_name="ToCopyBackward0",
    accepts=["type(f32[2], 'torch.DoubleTensor')"],
    rejects={"type(f32[2], 'x')": "invalid type: 'x'"},
)
def type_named(xp, input: Tensor, dtype: Str, non_blocking: Bool = False):
    """Cast to a dtype given by its legacy name."""
    return _cast(xp, input, _named_type(dtype)[0])


def _named_type_or_unknown(text: object):
    return _named_type(text) if isinstance(text, str) else (text, text)


type_named.rule(lambda input, dtype: _moved(input, *_named_type_or_unknown(dtype)))

for _caster in (to_dtype, to_device, to_other, type_as, cpu, cuda, type_dtype, type_named):
    _caster.vjp("input")(lambda g: g)
