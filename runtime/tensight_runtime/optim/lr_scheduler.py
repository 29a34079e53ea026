"""torch.optim.lr_scheduler.

https://docs.pytorch.org/docs/2.13/optim.html#how-to-adjust-learning-rate
"""

from tensight_runtime.optim.schedule import LRScheduler as LRScheduler
from tensight_runtime.optim.schedule import _LRScheduler as _LRScheduler
from tensight_runtime.optim.schedule_cycle import CosineAnnealingWarmRestarts as CosineAnnealingWarmRestarts
from tensight_runtime.optim.schedule_cycle import CyclicLR as CyclicLR
from tensight_runtime.optim.schedule_cycle import OneCycleLR as OneCycleLR
from tensight_runtime.optim.schedule_decay import ConstantLR as ConstantLR
from tensight_runtime.optim.schedule_decay import CosineAnnealingLR as CosineAnnealingLR
from tensight_runtime.optim.schedule_decay import ExponentialLR as ExponentialLR
from tensight_runtime.optim.schedule_decay import LambdaLR as LambdaLR
from tensight_runtime.optim.schedule_decay import LinearLR as LinearLR
from tensight_runtime.optim.schedule_decay import MultiplicativeLR as MultiplicativeLR
from tensight_runtime.optim.schedule_decay import MultiStepLR as MultiStepLR
from tensight_runtime.optim.schedule_decay import PolynomialLR as PolynomialLR
from tensight_runtime.optim.schedule_decay import StepLR as StepLR
from tensight_runtime.optim.schedule_meta import ChainedScheduler as ChainedScheduler
from tensight_runtime.optim.schedule_meta import ReduceLROnPlateau as ReduceLROnPlateau
from tensight_runtime.optim.schedule_meta import SequentialLR as SequentialLR
