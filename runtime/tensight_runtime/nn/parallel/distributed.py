"""torch.nn.parallel.DistributedDataParallel: in one process it is the module itself.

https://docs.pytorch.org/docs/2.13/generated/torch.nn.parallel.DistributedDataParallel.html
"""

from contextlib import nullcontext

from tensight_runtime.nn.modules.module import Module


class DistributedDataParallel(Module):
    """The module is the child `module`, as in torch's state_dict."""

    def __init__(
        self, module, device_ids=None, output_device=None, dim=0, broadcast_buffers=True, init_sync=True,
        process_group=None, bucket_cap_mb=None, find_unused_parameters=False, check_reduction=False,
        gradient_as_bucket_view=False, static_graph=False, **kwargs,
    ):  # fmt: skip
        super().__init__()
        self.dim = dim
        self.module = module
        self.device_ids = device_ids
        self.output_device = output_device
        self.find_unused_parameters = find_unused_parameters
        self.static_graph = static_graph

    def forward(self, *inputs, **kwargs):
        return self.module(*inputs, **kwargs)

    def no_sync(self):
        """Nothing is synchronized: a context that does nothing."""
        return nullcontext()
