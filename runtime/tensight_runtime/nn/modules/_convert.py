"""Module.to, .cpu, .float ...: the same parameters with other data."""

import tensight_runtime as torch


def apply(self, fn, recurse=True):
    """Replace the data of parameters, of their gradients, and the buffers by `fn` of them."""
    if recurse:
        for module in self.children():
            module._apply(fn)
    for param in self._parameters.values():
        if param is not None:
            param.data = fn(param.data)
            if param.grad is not None:
                param.grad.data = fn(param.grad.data)
    for name, buffer in self._buffers.items():
        if buffer is not None:
            self._buffers[name] = fn(buffer)
    return self


def to(self, *args, **kwargs):
    """Move and/or cast: `to(device)`, `to(dtype)`, `to(device, dtype)`, `to(tensor)`.  Integers keep their dtype."""
    device, dtype = kwargs.get("device"), kwargs.get("dtype")
    non_blocking = kwargs.get("non_blocking", False)
    for value in args:
        if isinstance(value, torch.dtype):
            dtype = value
        elif isinstance(value, torch.Tensor):
            device, dtype = value.device, value.dtype
        elif isinstance(value, bool):
            non_blocking = value
        elif value is not None:
            device = value
    if "tensor" in kwargs:
        device, dtype = kwargs["tensor"].device, kwargs["tensor"].dtype
    if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
        raise TypeError(f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}")
    if dtype is None and device is None:
        return self

    def convert(t):
        if dtype is None or not (t.is_floating_point() or t.is_complex()):
            return t if device is None else t.to(device, non_blocking=non_blocking)
        return t.to(device=device, dtype=dtype, non_blocking=non_blocking)

    return self._apply(convert)


def to_empty(self, *, device, recurse=True):
    """Move without copying: the values are not set."""
    return self._apply(lambda t: torch.empty_like(t, device=device), recurse=recurse)


def type_(self, dst_type):
    """Cast all parameters and buffers."""
    return self._apply(lambda t: t.type(dst_type))


def float_(self):
    """Cast floating point parameters and buffers to float32."""
    return self._apply(lambda t: t.float() if t.is_floating_point() else t)


def double(self):
    """Cast floating point parameters and buffers to float64."""
    return self._apply(lambda t: t.double() if t.is_floating_point() else t)


def half(self):
    """Cast floating point parameters and buffers to float16."""
    return self._apply(lambda t: t.half() if t.is_floating_point() else t)


def bfloat16(self):
    """Cast floating point parameters and buffers to bfloat16."""
    return self._apply(lambda t: t.bfloat16() if t.is_floating_point() else t)


def cpu(self):
    """Move to the CPU."""
    return self._apply(lambda t: t.cpu())


def cuda(self, device=None):
    """Move to a GPU."""
    return self._apply(lambda t: t.cuda(device))


def share_memory(self):
    """Processes are not supported: nothing to do."""
    return self


def compile_(self, *args, **kwargs):
    """Compiling changes no result: nothing to do."""
    return None
