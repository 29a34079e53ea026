"""torch.utils."""

from tensight_runtime.utils import checkpoint as checkpoint
from tensight_runtime.utils import data as data
