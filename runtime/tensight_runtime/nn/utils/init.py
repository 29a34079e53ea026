"""torch.nn.utils.skip_init.

https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.skip_init.html
"""


def skip_init(module_cls, *args, **kwargs):
    """A module whose parameters have no values yet; no random numbers are drawn for it."""
    device = kwargs.pop("device", "cpu")
    kwargs["device"] = "meta"
    return module_cls(*args, **kwargs).to_empty(device=device)
