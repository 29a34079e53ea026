"""torch.utils.hooks."""

from tensight_runtime.engine.hooks import RemovableHandle as RemovableHandle
