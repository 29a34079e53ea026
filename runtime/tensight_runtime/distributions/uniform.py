"""torch.distributions.uniform."""

from tensight_runtime.distributions.continuous import Uniform as Uniform
