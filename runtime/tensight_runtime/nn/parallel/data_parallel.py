"""torch.nn.DataParallel: on one device it is the module itself.

https://docs.pytorch.org/docs/2.13/generated/torch.nn.DataParallel.html
"""

from tensight_runtime.nn.modules.module import Module


class DataParallel(Module):
    """torch.nn.DataParallel: the module is the child `module`, as in torch's state_dict."""

    def __init__(self, module, device_ids=None, output_device=None, dim=0):
        super().__init__()
        self.dim = dim
        self.module = module
        self.device_ids = [] if device_ids is None else list(device_ids)
        self.output_device = output_device

    def forward(self, *inputs, **kwargs):
        return self.module(*inputs, **kwargs)


def data_parallel(module, inputs, device_ids=None, output_device=None, dim=0, module_kwargs=None):
    """Call the module."""
    return module(*(inputs if isinstance(inputs, tuple) else (inputs,)), **(module_kwargs or {}))
