"""torch.distributions.normal."""

from tensight_runtime.distributions.continuous import Normal as Normal
