"""torch.distributions.bernoulli."""

from tensight_runtime.distributions.discrete import Bernoulli as Bernoulli
