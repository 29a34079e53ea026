"""Convolutions.  https://docs.pytorch.org/docs/2.13/nn.html#convolution-layers

Input [N, in_channels, *size] or, without batch, [in_channels, *size]; weight [out_channels, in_channels // groups,
*kernel] (transposed: [in_channels, out_channels // groups, *kernel]); bias [out_channels].
"""

from tensight_runtime.nn import functional as F
from tensight_runtime.nn.modules._conv_nd import _ConvNd
from tensight_runtime.nn.modules.conv_transpose import ConvTranspose1d as ConvTranspose1d
from tensight_runtime.nn.modules.conv_transpose import ConvTranspose2d as ConvTranspose2d
from tensight_runtime.nn.modules.conv_transpose import ConvTranspose3d as ConvTranspose3d
from tensight_runtime.nn.modules.conv_transpose import _ConvTransposeNd as _ConvTransposeNd
from tensight_runtime.nn.modules.utils import _pair, _single, _triple


class Conv1d(_ConvNd):
    """torch.nn.Conv1d: [N, C, L] -> [N, out, (L + 2*padding - dilation*(kernel-1) - 1)//stride + 1]."""

    def __init__(
        self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True,
        padding_mode="zeros", device=None, dtype=None,
    ):  # fmt: skip
        super().__init__(
            in_channels, out_channels, _single(kernel_size), _single(stride),
            padding if isinstance(padding, str) else _single(padding), _single(dilation), False, _single(0), groups,
            bias, padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input):
        return self._conv_forward(input, self.weight, self.bias)

    def _conv_forward(self, input, weight, bias):
        if self.padding_mode != "zeros":
            padded = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            return F.conv1d(padded, weight, bias, self.stride, _single(0), self.dilation, self.groups)
        return F.conv1d(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)


class Conv2d(_ConvNd):
    """torch.nn.Conv2d: [N, C, H, W] -> [N, out, H', W'], H' = (H + 2*padding - dilation*(kernel-1) - 1)//stride + 1."""

    def __init__(
        self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True,
        padding_mode="zeros", device=None, dtype=None,
    ):  # fmt: skip
        super().__init__(
            in_channels, out_channels, _pair(kernel_size), _pair(stride),
            padding if isinstance(padding, str) else _pair(padding), _pair(dilation), False, _pair(0), groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input):
        return self._conv_forward(input, self.weight, self.bias)

    def _conv_forward(self, input, weight, bias):
        if self.padding_mode != "zeros":
            padded = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            return F.conv2d(padded, weight, bias, self.stride, _pair(0), self.dilation, self.groups)
        return F.conv2d(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)


class Conv3d(_ConvNd):
    """torch.nn.Conv3d: [N, C, D, H, W] -> [N, out, D', H', W']."""

    def __init__(
        self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True,
        padding_mode="zeros", device=None, dtype=None,
    ):  # fmt: skip
        super().__init__(
            in_channels, out_channels, _triple(kernel_size), _triple(stride),
            padding if isinstance(padding, str) else _triple(padding), _triple(dilation), False, _triple(0), groups,
            bias, padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input):
        return self._conv_forward(input, self.weight, self.bias)

    def _conv_forward(self, input, weight, bias):
        if self.padding_mode != "zeros":
            padded = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            return F.conv3d(padded, weight, bias, self.stride, _triple(0), self.dilation, self.groups)
        return F.conv3d(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)
