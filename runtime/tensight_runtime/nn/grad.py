"""torch.nn.grad: the gradients of convolutions, from the operator table."""

from tensight_runtime.engine.namespace import namespace

__getattr__, __dir__ = namespace("torch.nn.grad", globals())
