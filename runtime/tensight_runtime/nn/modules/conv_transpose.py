"""Transposed convolutions.  https://docs.pytorch.org/docs/2.13/generated/torch.nn.ConvTranspose2d.html

Input [N, in_channels, *size]; each size L becomes
(L - 1)*stride - 2*padding + dilation*(kernel - 1) + output_padding + 1.
"""

from tensight_runtime.nn import functional as F
from tensight_runtime.nn.modules._conv_nd import _ConvNd
from tensight_runtime.nn.modules.utils import _pair, _single, _triple


class _ConvTransposeNd(_ConvNd):
    def __init__(
        self, in_channels, out_channels, kernel_size, stride, padding, dilation, transposed, output_padding, groups,
        bias, padding_mode, device=None, dtype=None,
    ):  # fmt: skip
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, transposed, output_padding, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip

    def _output_padding(self, input, output_size):
        """The output padding that leads to `output_size`, which may be given with or without batch and channels."""
        if output_size is None:
            return self.output_padding
        dims = len(self.kernel_size)
        size = list(output_size)
        if len(size) == input.ndim:
            size = size[input.ndim - dims :]
        if len(size) != dims:
            raise ValueError(
                f"ConvTranspose{dims}D: for {input.ndim}D input, output_size must have {dims} or {input.ndim} elements "
                f"(got {len(output_size)})"
            )
        smallest = [
            (input.shape[input.ndim - dims + i] - 1) * self.stride[i]
            - 2 * self.padding[i]
            + self.dilation[i] * (self.kernel_size[i] - 1)
            + 1
            for i in range(dims)
        ]
        largest = [smallest[i] + self.stride[i] - 1 for i in range(dims)]
        for i in range(dims):
            if size[i] < smallest[i] or size[i] > largest[i]:
                raise ValueError(
                    f"requested an output size of {output_size}, but valid sizes range from {smallest} to {largest} "
                    f"(for an input of {input.shape[input.ndim - dims :]})"
                )
        return tuple(size[i] - smallest[i] for i in range(dims))


class ConvTranspose1d(_ConvTransposeNd):
    """torch.nn.ConvTranspose1d: [N, C, L] -> [N, out, L']."""

    def __init__(
        self, in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1, bias=True,
        dilation=1, padding_mode="zeros", device=None, dtype=None,
    ):  # fmt: skip
        super().__init__(
            in_channels, out_channels, _single(kernel_size), _single(stride), _single(padding), _single(dilation), True,
            _single(output_padding), groups, bias, padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input, output_size=None):
        padding = self._output_padding(input, output_size)
        return F.conv_transpose1d(
            input, self.weight, self.bias, self.stride, self.padding, padding, self.groups, self.dilation
        )


class ConvTranspose2d(_ConvTransposeNd):
    """torch.nn.ConvTranspose2d: [N, C, H, W] -> [N, out, H', W']."""

    def __init__(
        self, in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1, bias=True,
        dilation=1, padding_mode="zeros", device=None, dtype=None,
    ):  # fmt: skip
        super().__init__(
            in_channels, out_channels, _pair(kernel_size), _pair(stride), _pair(padding), _pair(dilation), True,
            _pair(output_padding), groups, bias, padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input, output_size=None):
        padding = self._output_padding(input, output_size)
        return F.conv_transpose2d(
            input, self.weight, self.bias, self.stride, self.padding, padding, self.groups, self.dilation
        )


class ConvTranspose3d(_ConvTransposeNd):
    """torch.nn.ConvTranspose3d: [N, C, D, H, W] -> [N, out, D', H', W']."""

    def __init__(
        self, in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1, bias=True,
        dilation=1, padding_mode="zeros", device=None, dtype=None,
    ):  # fmt: skip
        super().__init__(
            in_channels, out_channels, _triple(kernel_size), _triple(stride), _triple(padding), _triple(dilation), True,
            _triple(output_padding), groups, bias, padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input, output_size=None):
        padding = self._output_padding(input, output_size)
        return F.conv_transpose3d(
            input, self.weight, self.bias, self.stride, self.padding, padding, self.groups, self.dilation
        )
