"""Instance normalization: statistics of each channel of each sample.

https://docs.pytorch.org/docs/2.13/generated/torch.nn.InstanceNorm2d.html
"""

import warnings

from tensight_runtime.nn import functional as F
from tensight_runtime.nn.modules.batchnorm import _LazyNormBase, _NormBase


class _InstanceNorm(_NormBase):
    _batched_ndim = 0  # with batch; without, one less

    def __init__(
        self, num_features, eps=1e-5, momentum=0.1, affine=False, track_running_stats=False, device=None, dtype=None, *,
        bias=True,
    ):  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _check_input_dim(self, input):
        n = self._batched_ndim
        if input.ndim != n - 1 and input.ndim != n:
            raise ValueError(f"expected {n - 1}D or {n}D input (got {input.ndim}D input)")

    def _apply_instance_norm(self, input):
        return F.instance_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum if self.momentum is not None else 0.0,
            self.eps,
        )

    def forward(self, input):
        self._check_input_dim(input)
        channel = input.ndim - self._batched_ndim + 1
        if input.shape[channel] != self.num_features:
            if self.affine:
                raise ValueError(
                    f"expected input's size at dim={channel} to match num_features ({self.num_features}), "
                    f"but got: {input.shape[channel]}."
                )
            warnings.warn(
                f"input's size at dim={channel} does not match num_features. You can silence this warning by not "
                "passing in num_features, which is not used because affine=False",
                stacklevel=2,
            )
        if channel == 0:
            return self._apply_instance_norm(input.unsqueeze(0)).squeeze(0)
        return self._apply_instance_norm(input)


class InstanceNorm1d(_InstanceNorm):
    """torch.nn.InstanceNorm1d: [N, C, L] or [C, L]."""

    _batched_ndim = 3


class InstanceNorm2d(_InstanceNorm):
    """torch.nn.InstanceNorm2d: [N, C, H, W] or [C, H, W]."""

    _batched_ndim = 4


class InstanceNorm3d(_InstanceNorm):
    """torch.nn.InstanceNorm3d: [N, C, D, H, W] or [C, D, H, W]."""

    _batched_ndim = 5


class _LazyInstanceNorm(_LazyNormBase, _InstanceNorm):
    def __init__(
        self, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True, device=None, dtype=None, *, bias=True
    ):
        super().__init__(eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def initialize_parameters(self, input):
        # Without batch the channels come first.
        super().initialize_parameters(input if input.ndim == self._batched_ndim else input.unsqueeze(0))


class LazyInstanceNorm1d(_LazyInstanceNorm):
    """torch.nn.LazyInstanceNorm1d: takes `num_features` from its first input."""

    cls_to_become = InstanceNorm1d
    _batched_ndim = 3


class LazyInstanceNorm2d(_LazyInstanceNorm):
    """torch.nn.LazyInstanceNorm2d: takes `num_features` from its first input."""

    cls_to_become = InstanceNorm2d
    _batched_ndim = 4


class LazyInstanceNorm3d(_LazyInstanceNorm):
    """torch.nn.LazyInstanceNorm3d: takes `num_features` from its first input."""

    cls_to_become = InstanceNorm3d
    _batched_ndim = 5
