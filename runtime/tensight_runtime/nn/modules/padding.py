"""Padding.  https://docs.pytorch.org/docs/2.13/nn.html#padding-layers

`padding` is one number for all sides, or (left, right), (left, right, top, bottom), (..., front, back).
"""

from tensight_runtime.nn import functional as F
from tensight_runtime.nn.modules.module import Module


def _sides(padding, count):
    return (padding,) * count if isinstance(padding, int) else tuple(padding)


class _PadNd(Module):
    _mode = ""
    _count = 0

    def __init__(self, padding):
        super().__init__()
        self.padding = _sides(padding, self._count)

    def forward(self, input):
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self):
        return f"{self.padding}"


class _CircularPadNd(_PadNd):
    _mode = "circular"

    def forward(self, input):
        dims = self._count // 2
        if input.ndim != dims + 1 and input.ndim != dims + 2:
            raise ValueError(f"expected {dims + 1}D or {dims + 2}D input (got {input.ndim}D input)")
        return F.pad(input, self.padding, "circular")


class CircularPad1d(_CircularPadNd):
    """torch.nn.CircularPad1d: [N, C, L], continued from the other end."""

    _count = 2


class CircularPad2d(_CircularPadNd):
    """torch.nn.CircularPad2d: [N, C, H, W], continued from the other end."""

    _count = 4


class CircularPad3d(_CircularPadNd):
    """torch.nn.CircularPad3d: [N, C, D, H, W], continued from the other end."""

    _count = 6


class ReflectionPad1d(_PadNd):
    """torch.nn.ReflectionPad1d: [N, C, L], mirrored at the border element."""

    _mode = "reflect"
    _count = 2


class ReflectionPad2d(_PadNd):
    """torch.nn.ReflectionPad2d: [N, C, H, W], mirrored at the border element."""

    _mode = "reflect"
    _count = 4


class ReflectionPad3d(_PadNd):
    """torch.nn.ReflectionPad3d: [N, C, D, H, W], mirrored at the border element."""

    _mode = "reflect"
    _count = 6


class ReplicationPad1d(_PadNd):
    """torch.nn.ReplicationPad1d: [N, C, L], the border element repeated."""

    _mode = "replicate"
    _count = 2


class ReplicationPad2d(_PadNd):
    """torch.nn.ReplicationPad2d: [N, C, H, W], the border element repeated."""

    _mode = "replicate"
    _count = 4


class ReplicationPad3d(_PadNd):
    """torch.nn.ReplicationPad3d: [N, C, D, H, W], the border element repeated."""

    _mode = "replicate"
    _count = 6


class _ConstantPadNd(Module):
    _count = 0

    def __init__(self, padding, value):
        super().__init__()
        self.padding = _sides(padding, self._count)
        self.value = value

    def forward(self, input):
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self):
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd):
    """torch.nn.ConstantPad1d: the last dim, with `value`."""

    _count = 2


class ConstantPad2d(_ConstantPadNd):
    """torch.nn.ConstantPad2d: the last two dims, with `value`."""

    _count = 4


class ConstantPad3d(_ConstantPadNd):
    """torch.nn.ConstantPad3d: the last three dims, with `value`."""

    _count = 6


class ZeroPad1d(ConstantPad1d):
    """torch.nn.ZeroPad1d: the last dim, with zeros."""

    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"


class ZeroPad2d(ConstantPad2d):
    """torch.nn.ZeroPad2d: the last two dims, with zeros."""

    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"


class ZeroPad3d(ConstantPad3d):
    """torch.nn.ZeroPad3d: the last three dims, with zeros."""

    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"
