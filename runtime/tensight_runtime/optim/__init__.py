"""torch.optim."""

from tensight_runtime.optim import lr_scheduler as lr_scheduler
from tensight_runtime.optim.adam import Adam as Adam
from tensight_runtime.optim.adamw import AdamW as AdamW
from tensight_runtime.optim.optimizer import Optimizer as Optimizer
from tensight_runtime.optim.sgd import SGD as SGD
