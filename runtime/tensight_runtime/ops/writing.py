"""Written in place: zero_, fill_, copy_; and the values on the host: item, tolist, numpy, bool(x).

Operators that return something else than tensors declare `returns=`: their rule gives the result as it is, UNKNOWN for
an int nobody knows and None for any other unknown; "scalar" rules give the Python type of the number.
"""

from tensight_runtime.ops.conversion import SAME, cast
from tensight_runtime.ops.elementwise import cpp_name, fact_of, host, numbered
from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import eq
from tensight_runtime.spec.device import CPU
from tensight_runtime.spec.dtype import (
    bfloat16,
)
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.kind import (
    Bool,
    Tensor,
    TensorOrNum,
)
from tensight_runtime.spec.op import Op, op
from tensight_runtime.spec.require import Refused, require
from tensight_runtime.spec.shape import broadcast_dims, expandable, same_shape
from tensight_runtime.spec.size import product

# --- written in place ------------------------------------------------------------------------------------------------


@op(
    "Tensor.zero_",
    "torch.zero_",
    shape=same_shape,
    dtype=promote.same(),
    alias=SAME,
    mutates=("input",),
    accepts=["zero(f32[2, 3])"],
)
def zero_(xp, input: Tensor):
    """Filled with 0, in place."""
    input[...] = 0
    return input


@zero_.vjp("input")
def _(g):
    return g.new_zeros(g.shape)


def _fill_dims(input, value):
    fact = fact_of(value)
    if fact is not None and fact.dims:
        raise Refused(f"fill_ only supports 0-dimension value tensor but got tensor with {len(fact.dims)} dimensions.")
    if isinstance(value, complex) and input.dtype is not None and input.dtype.category < 3:
        raise Refused(f"value cannot be converted to type {cpp_name(input.dtype)} without overflow")
    return input.dims


@op(
    "Tensor.fill_",
    "torch.fill_",
    overload="inplace",
    shape=_fill_dims,
    dtype=promote.same(),
    alias=SAME,
    mutates=("input",),
    grad_name="FillBackward2",
    accepts=["fill(f32[2, 3], 1)", "fill(i64[2], 1.5)", "fill(f32[2], f64[])"],
    rejects={"fill(f32[2], f32[2])": "fill_ only supports 0-dimension value tensor but got tensor with 1 dimensions."},
)
def fill_(xp, input: Tensor, value: TensorOrNum):
    """Filled with one value, in place."""
    input[...] = host(value) if input.dtype.kind in "iub" else value
    return input


@fill_.vjp("input")
def _(g):
    return g.new_zeros(g.shape)


@fill_.vjp("value")
def _(g):
    return g.sum()


@op("torch.fill", shape=_fill_dims, dtype=promote.same(), grad_name=numbered("Fill", 1, 0, "value"),
    accepts=["fill(f32[2, 3], 1)", "fill(i64[2], 1.5)", "fill(f32[2], f64[])"])  # fmt: skip
def fill(xp, input: Tensor, value: TensorOrNum):
    """One value in the tensor's shape and dtype."""
    return xp.full_like(input, host(value))


@fill.vjp("input")
def _(g):
    return g.new_zeros(g.shape)


@fill.vjp("value")
def _(g):
    return g.sum()


def _copy_dims(input, src):
    fact = fact_of(src)
    if fact is not None:
        require(eq(len(broadcast_dims(input.shape, fact.shape)), input.ndim),
                "output with shape {} doesn't match the broadcast shape {}", input.shape, fact.shape)  # fmt: skip
        for have, want in zip(input.shape[input.ndim - fact.ndim :], fact.shape, strict=True):
            message = "The expanded size of the tensor ({}) must match the existing size ({})"
            require(expandable(want, have), message, have, want)
    return input.dims


@op(
    "Tensor.copy_",
    shape=_copy_dims,
    dtype=promote.same(),
    alias=SAME,
    mutates=("input",),
    any_device=True,
    grad_name="CopyBackwards",
    accepts=["copy(f32[2, 3], f32[3])", "copy(f32[2], i64[2])", "copy(i64[2], f32[1])", "copy(f32[2], 3)"],
    rejects={"copy(f32[2], f32[3])": "The size of tensor a (2) must match the size of tensor b (3)"},
)
def copy_(xp, input: Tensor, src: TensorOrNum, non_blocking: Bool = False):
    """Another tensor's values, broadcast and cast, written in place."""
    input[...] = cast(xp, src, str(input.dtype)) if hasattr(src, "dtype") else src
    return input


@copy_.vjp("input")
def _(g):
    return g.new_zeros(g.shape)


@copy_.vjp("src")
def _(g):
    return g


# --- numbers and lists -----------------------------------------------------------------------------------------------

_PYTHON = (bool, int, float, complex)


def _python_type(input: Fact):
    return None if input.dtype is None else _PYTHON[input.dtype.category]


def _one_element(input: Fact, message: str, error=RuntimeError) -> None:
    if input.dims is not None:
        size = product(input.dims)
        require(eq(size, 1), message, size, error=error)


@op("Tensor.item", returns="scalar", syncs=True, accepts=["item(f32[])", "item(i64[1, 1])"],
    rejects={"item(f32[2])": "a Tensor with 2 elements cannot be converted to Scalar"})  # fmt: skip
def item(xp, input: Tensor):
    """The only element, as a Python number."""
    return input.item()


@item.rule
def _(input):
    _one_element(input, "a Tensor with {} elements cannot be converted to Scalar")
    return _python_type(input)


@op("Tensor.tolist", returns="host", syncs=True, accepts=["tolist(f32[2, 3])", "tolist(f32[])"])
def tolist(xp, input: Tensor):
    """Nested lists of Python numbers; of a 0-dim tensor the number."""
    return input.tolist()


tolist.rule(lambda input: None)


@op("Tensor.numpy", returns="host", syncs=True, accepts=["numpy(f32[2])"])
def numpy(xp, input: Tensor, *, force: Bool = False):
    """The NumPy array that shares the tensor's memory.  Refused for a tensor that requires grad, unless force=True."""
    return input


@numpy.rule
def _(input, force):
    fact = fact_of(input)
    if force is False:
        if fact.requires_grad:
            raise Refused("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        if fact.device is not None and fact.device != CPU:
            raise Refused(
                f"can't convert {fact.device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host "
                "memory first.",
                TypeError,
            )
        if fact.dtype is bfloat16:
            raise Refused("Got unsupported ScalarType BFloat16", TypeError)
    return Fact(fact.dtype, fact.dims, CPU, contiguous=fact.contiguous)


def _truth(name: str, *names: str) -> Op:
    def kernel(xp, input: Tensor):
        return bool(input.item())

    kernel.__name__, kernel.__doc__, kernel.__module__ = name, "Whether the only element is not 0.", __name__
    declared = op(
        *names,
        returns="bool",
        overload="python",
        syncs=True,
        accepts=[f"{name}(f32[1])", f"{name}(bool[])"],
        rejects={
            f"{name}(f32[2])": "Boolean value of Tensor with more than one value is ambiguous",
            f"{name}(f32[0])": "Boolean value of Tensor with no values is ambiguous",
        },
    )(kernel)

    @declared.rule
    def _(input):
        if input.dims is not None:
            size = product(input.dims)
            if eq(size, 0) is True:
                raise Refused("Boolean value of Tensor with no values is ambiguous")
            require(eq(size, 1), "Boolean value of Tensor with more than one value is ambiguous")

    return declared


truth = _truth("bool", "Tensor.__bool__")
is_nonzero = _truth("is_nonzero", "torch.is_nonzero", "Tensor.is_nonzero")


def _python_number(name: str, kind: type, method: str) -> Op:
    """`int(x)` and its like."""

    def kernel(xp, input: Tensor):
        return kind(input.item())

    kernel.__name__, kernel.__doc__, kernel.__module__ = name, f"The only element as a Python {name}.", __name__
    declared = op(
        f"Tensor.{method}",
        returns="scalar",
        overload="python",
        syncs=True,
        accepts=[f"{name}(f32[1])", f"{name}(i64[])"],
        rejects={f"{name}(f32[2])": "only one element tensors can be converted to Python scalars"},
    )(kernel)

    @declared.rule
    def _(input):
        _one_element(input, "only one element tensors can be converted to Python scalars", ValueError)
        return kind

    return declared


python_int = _python_number("int", int, "__int__")
python_float = _python_number("float", float, "__float__")
python_complex = _python_number("complex", complex, "__complex__")


@op("Tensor.__index__", name="index", returns="scalar", syncs=True)
def python_index(xp, input: Tensor):
    """The only element of an integer tensor, as an index."""
    return int(input.item())


@python_index.rule
def _(input):
    message = "only integer tensors of a single element can be converted to an index"
    if input.dtype is not None and input.dtype.category > 1:
        raise Refused(message, TypeError)
    _one_element(input, message, TypeError)
    return int
