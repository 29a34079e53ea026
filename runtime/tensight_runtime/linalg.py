"""torch.linalg: its functions, from the operator table."""

from tensight_runtime.engine.namespace import namespace

__getattr__, __dir__ = namespace("torch.linalg", globals())
