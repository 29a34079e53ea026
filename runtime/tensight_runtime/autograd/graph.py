"""torch.autograd.graph."""

from tensight_runtime.engine.node import Node
from tensight_runtime.engine.state import modes, switches

__all__ = ["Node", "saved_tensors_hooks", "save_on_cpu"]


class saved_tensors_hooks:
    """Inside, `pack_hook(tensor)` is kept in place of each saved tensor; backward uses `unpack_hook` of that."""

    def __init__(self, pack_hook, unpack_hook):
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self):
        modes.saved_hooks = (*modes.saved_hooks, (self.pack_hook, self.unpack_hook))
        switches.saved_hooks += 1

    def __exit__(self, kind, value, traceback):
        modes.saved_hooks = modes.saved_hooks[:-1]
        switches.saved_hooks -= 1


class save_on_cpu(saved_tensors_hooks):
    """Accepted; saved tensors are kept where they are."""

    def __init__(self, pin_memory=False, device_type="cuda"):
        super().__init__(lambda tensor: tensor, lambda tensor: tensor)
