"""torch.nn.functional: the table's operators of that name, and a few functions written over them.

https://docs.pytorch.org/docs/2.13/nn.functional.html
"""

from tensight_runtime.engine.namespace import namespace
from tensight_runtime.nn._multi_head import multi_head_attention_forward as multi_head_attention_forward
from tensight_runtime.nn._triplet import triplet_margin_with_distance_loss as triplet_margin_with_distance_loss

__getattr__, __dir__ = namespace("torch.nn.functional", globals())
