"""Channels into space and back.  https://docs.pytorch.org/docs/2.13/generated/torch.nn.PixelShuffle.html"""

from tensight_runtime.nn import functional as F
from tensight_runtime.nn.modules.module import Module


class PixelShuffle(Module):
    """torch.nn.PixelShuffle: [*, C*r*r, H, W] -> [*, C, H*r, W*r]."""

    def __init__(self, upscale_factor):
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input):
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self):
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """torch.nn.PixelUnshuffle: [*, C, H*r, W*r] -> [*, C*r*r, H, W]."""

    def __init__(self, downscale_factor):
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input):
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self):
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """torch.nn.ChannelShuffle: [N, g*c, *] as [N, g, c, *], transposed to [N, c, g, *] and back to [N, c*g, *]."""

    def __init__(self, groups):
        super().__init__()
        self.groups = groups

    def forward(self, input):
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self):
        return f"groups={self.groups}"
