"""torch.distributions.categorical."""

from tensight_runtime.distributions.discrete import Categorical as Categorical
