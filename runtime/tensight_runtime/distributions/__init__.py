"""torch.distributions.  https://docs.pytorch.org/docs/2.13/distributions.html"""

from tensight_runtime.distributions import constraints as constraints
from tensight_runtime.distributions.continuous import Exponential as Exponential
from tensight_runtime.distributions.continuous import Laplace as Laplace
from tensight_runtime.distributions.continuous import LogNormal as LogNormal
from tensight_runtime.distributions.continuous import Normal as Normal
from tensight_runtime.distributions.continuous import Uniform as Uniform
from tensight_runtime.distributions.discrete import Bernoulli as Bernoulli
from tensight_runtime.distributions.discrete import Categorical as Categorical
from tensight_runtime.distributions.distribution import Distribution as Distribution
from tensight_runtime.distributions.independent import Independent as Independent
from tensight_runtime.distributions.kl import kl_divergence as kl_divergence
from tensight_runtime.distributions.kl import register_kl as register_kl
