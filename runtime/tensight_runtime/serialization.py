"""torch.serialization."""

from tensight_runtime.engine.serialization import add_safe_globals, load, save

__all__ = ["add_safe_globals", "load", "save"]
