"""torch.utils.data."""

from tensight_runtime.utils.data.collate import default_collate as default_collate
from tensight_runtime.utils.data.collate import default_convert as default_convert
from tensight_runtime.utils.data.dataloader import DataLoader as DataLoader
from tensight_runtime.utils.data.dataloader import get_worker_info as get_worker_info
from tensight_runtime.utils.data.dataset import ChainDataset as ChainDataset
from tensight_runtime.utils.data.dataset import ConcatDataset as ConcatDataset
from tensight_runtime.utils.data.dataset import Dataset as Dataset
from tensight_runtime.utils.data.dataset import IterableDataset as IterableDataset
from tensight_runtime.utils.data.dataset import StackDataset as StackDataset
from tensight_runtime.utils.data.dataset import Subset as Subset
from tensight_runtime.utils.data.dataset import TensorDataset as TensorDataset
from tensight_runtime.utils.data.dataset import random_split as random_split
from tensight_runtime.utils.data.distributed import DistributedSampler as DistributedSampler
from tensight_runtime.utils.data.sampler import BatchSampler as BatchSampler
from tensight_runtime.utils.data.sampler import RandomSampler as RandomSampler
from tensight_runtime.utils.data.sampler import Sampler as Sampler
from tensight_runtime.utils.data.sampler import SequentialSampler as SequentialSampler
from tensight_runtime.utils.data.sampler import SubsetRandomSampler as SubsetRandomSampler
from tensight_runtime.utils.data.sampler import WeightedRandomSampler as WeightedRandomSampler
