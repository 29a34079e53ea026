"""torch.random."""

from tensight_runtime.engine.core import get_rng_state, manual_seed, set_rng_state
from tensight_runtime.engine.random import default_generator, fork_rng, initial_seed, seed

__all__ = ["default_generator", "fork_rng", "get_rng_state", "initial_seed", "manual_seed", "seed", "set_rng_state"]
