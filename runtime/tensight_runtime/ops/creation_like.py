"""Tensors made like another one: zeros_like, full_like, new_zeros, new_full."""

from tensight_runtime.ops.creation import chosen, dims_of, made, no_overflow, placed
from tensight_runtime.ops.elementwise import host, np_name
from tensight_runtime.spec.fact import Fact
from tensight_runtime.spec.kind import (
    Any,
    Bool,
    Ints,
    OptDevice,
    OptDtype,
    Size,
    Tensor,
    TensorOrNum,
)
from tensight_runtime.spec.op import op

# --- like another tensor ---------------------------------------------------------------------------------------------


@op("torch.zeros_like", accepts=["zeros_like(f32[2, 3])", "zeros_like(i64[2], dtype=torch.float64)"])
def zeros_like(xp, input: Tensor, *, dtype: OptDtype = None, layout: Any = None, device: OptDevice = None,
               pin_memory: Bool = False, requires_grad: Bool = False, memory_format: Any = None):  # fmt: skip
    """Zeros of the input's shape, dtype and device, unless given."""
    return xp.zeros_like(input, dtype=dtype and np_name(dtype))


@op("torch.ones_like", accepts=["ones_like(f32[2, 3])", "ones_like(bool[2])"])
def ones_like(xp, input: Tensor, *, dtype: OptDtype = None, layout: Any = None, device: OptDevice = None,
              pin_memory: Bool = False, requires_grad: Bool = False, memory_format: Any = None):  # fmt: skip
    """Ones of the input's shape, dtype and device, unless given."""
    return xp.ones_like(input, dtype=dtype and np_name(dtype))


@op("torch.empty_like")
def empty_like(xp, input: Tensor, *, dtype: OptDtype = None, layout: Any = None, device: OptDevice = None,
               pin_memory: Bool = False, requires_grad: Bool = False, memory_format: Any = None):  # fmt: skip
    """Not set (here: 0), with the input's shape, dtype and device, unless given."""
    return xp.zeros_like(input, dtype=dtype and np_name(dtype))


@zeros_like.rule
@ones_like.rule
@empty_like.rule
def _(input, dtype, device):
    return like(input, dtype, device)


def like(input: Fact, dtype: object, device: object) -> Fact:
    """The fact of a tensor made like `input`, which may keep its memory layout."""
    fact = input.fact
    return Fact(chosen(dtype, fact.dtype), fact.dims, placed(device, fact.device), contiguous=fact.contiguous or None)


@op("torch.full_like", accepts=["full_like(f32[2, 3], 2)", "full_like(i64[2], 1.5)"],
    rejects={"full_like(f32[2], 1j)": "value cannot be converted to type float without overflow"})  # fmt: skip
def full_like(
    xp,
    input: Tensor,
    fill_value: TensorOrNum,
    *,
    dtype: OptDtype = None,
    layout: Any = None,
    device: OptDevice = None,
    pin_memory: Bool = False,
    requires_grad: Bool = False,
    memory_format: Any = None,
):
    """One value in the input's shape, dtype and device, unless given."""
    return xp.full_like(input, host(fill_value), dtype=dtype and np_name(dtype))


@full_like.rule
def _(input, fill_value, dtype, device):
    fact = like(input, dtype, device)
    no_overflow(fill_value, fact.dtype)
    return fact


@op("Tensor.new_zeros", varargs="size", accepts=["new_zeros(f32[2], 3, 4)", "new_zeros(i64[2], (3,))"],
    rejects={"new_zeros(f32[2], -1)": "Trying to create tensor with negative dimension -1: [-1]"})  # fmt: skip
def new_zeros(xp, input: Tensor, size: Size, *, dtype: OptDtype = None, layout: Any = None, device: OptDevice = None,
              pin_memory: Bool = False, requires_grad: Bool = False):  # fmt: skip
    """Zeros in the tensor's dtype and on its device."""
    return xp.zeros(dims_of(size), np_name(dtype) if dtype else input.dtype)


@op("Tensor.new_ones", varargs="size", accepts=["new_ones(f32[2], 3, 4)", "new_ones(i64[2], [3], dtype=torch.bool)"])
def new_ones(xp, input: Tensor, size: Size, *, dtype: OptDtype = None, layout: Any = None, device: OptDevice = None,
             pin_memory: Bool = False, requires_grad: Bool = False):  # fmt: skip
    """Ones in the tensor's dtype and on its device."""
    return xp.ones(dims_of(size), np_name(dtype) if dtype else input.dtype)


@op("Tensor.new_empty", varargs="size")
def new_empty(xp, input: Tensor, size: Size, *, dtype: OptDtype = None, layout: Any = None, device: OptDevice = None,
              pin_memory: Bool = False, requires_grad: Bool = False):  # fmt: skip
    """Not set (here: 0), in the tensor's dtype and on its device."""
    return xp.zeros(dims_of(size), np_name(dtype) if dtype else input.dtype)


@new_zeros.rule
@new_ones.rule
@new_empty.rule
def _(input, size, dtype, device):
    return made(size, chosen(dtype, input.dtype), device, input.device)


@op("Tensor.new_full", accepts=["new_full(f32[2], (3, 4), 1)", "new_full(i64[2], [2], 1.5)"])
def new_full(xp, input: Tensor, size: Ints, fill_value: TensorOrNum, *, dtype: OptDtype = None, layout: Any = None,
             device: OptDevice = None, pin_memory: Bool = False, requires_grad: Bool = False):  # fmt: skip
    """One value, in the tensor's dtype and on its device."""
    return xp.full(dims_of(size), host(fill_value), np_name(dtype) if dtype else input.dtype)


@new_full.rule
def _(input, size, fill_value, dtype, device):
    no_overflow(fill_value, chosen(dtype, input.dtype))
    return made(size, chosen(dtype, input.dtype), device, input.device)
