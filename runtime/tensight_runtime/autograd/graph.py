"""torch.autograd.graph."""

from tensight_runtime.engine.node import Node

__all__ = ["Node", "saved_tensors_hooks", "save_on_cpu"]


class saved_tensors_hooks:
    """Accepted; saved tensors are kept as they are."""

    def __init__(self, pack_hook, unpack_hook):
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self):
        pass

    def __exit__(self, kind, value, traceback):
        pass


class save_on_cpu(saved_tensors_hooks):
    """Accepted; saved tensors are kept where they are."""

    def __init__(self, pin_memory=False, device_type="cuda"):
        super().__init__(None, None)
