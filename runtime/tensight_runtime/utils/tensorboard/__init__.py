"""torch.utils.tensorboard."""

from tensight_runtime.utils.tensorboard.writer import SummaryWriter as SummaryWriter
