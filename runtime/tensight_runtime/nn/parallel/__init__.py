"""torch.nn.parallel."""

from tensight_runtime.nn.parallel.data_parallel import DataParallel as DataParallel
from tensight_runtime.nn.parallel.data_parallel import data_parallel as data_parallel
from tensight_runtime.nn.parallel.distributed import DistributedDataParallel as DistributedDataParallel
