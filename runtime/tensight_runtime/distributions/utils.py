"""torch.distributions.utils."""

from tensight_runtime.distributions.distribution import broadcast_all as broadcast_all
from tensight_runtime.distributions.distribution import logits_to_probs as logits_to_probs
from tensight_runtime.distributions.distribution import probs_to_logits as probs_to_logits
