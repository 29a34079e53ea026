"""torch.utils.data.DataLoader.  https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.DataLoader

Workers are accepted and everything runs in this process.
"""

import itertools

import tensight_runtime as torch
from tensight_runtime.utils.data.collate import default_collate, default_convert
from tensight_runtime.utils.data.dataset import IterableDataset
from tensight_runtime.utils.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler


class _InfiniteConstantSampler(Sampler):
    """The sampler of an iterable dataset, which knows its own order."""

    def __iter__(self):
        while True:
            yield None


class DataLoader:
    """Batches of a dataset: `collate_fn([dataset[i] for i in indices])` for the indices of each batch."""

    def __init__(
        self, dataset, batch_size=1, shuffle=None, sampler=None, batch_sampler=None, num_workers=0, collate_fn=None,
        pin_memory=False, drop_last=False, timeout=0, worker_init_fn=None, multiprocessing_context=None,
        generator=None, *, prefetch_factor=None, persistent_workers=False, pin_memory_device="", in_order=True,
    ):  # fmt: skip
        if num_workers < 0:
            raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
        if timeout < 0:
            raise ValueError("timeout option should be non-negative")
        if num_workers == 0 and prefetch_factor is not None:
            raise ValueError(
                "prefetch_factor option could only be specified in multiprocessing."
                "let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None."
            )
        if persistent_workers and num_workers == 0:
            raise ValueError("persistent_workers option needs num_workers > 0")
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers > 0 and prefetch_factor is None else prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.persistent_workers = persistent_workers
        self.in_order = in_order
        self._iterable = isinstance(dataset, IterableDataset)
        if self._iterable:
            _check_iterable(shuffle, sampler, batch_sampler)
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
                )
            batch_size = None
            drop_last = False
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        if sampler is None:
            if self._iterable:
                sampler = _InfiniteConstantSampler()
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            else:
                sampler = SequentialSampler(dataset)
        self._own_batches = batch_size is not None and batch_sampler is None
        if self._own_batches:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.generator = generator
        if collate_fn is None:
            collate_fn = default_convert if batch_sampler is None else default_collate
        self.collate_fn = collate_fn

    def __iter__(self):
        # torch draws the seed of the workers here, also without workers.
        torch.empty((), dtype=torch.int64).random_(generator=self.generator)
        if self._iterable:
            return self._iterate_dataset()
        if self._own_batches:
            return self._iterate_batches()
        return self._iterate_sampler()

    def _iterate_batches(self):
        """The whole order first: the number of batches and the size of the last follow from it."""
        indices = list(self.sampler)
        size = self.batch_size
        end = len(indices) - len(indices) % size if self.drop_last else len(indices)
        for start in range(0, end, size):
            yield self._fetch(indices[start : start + size])

    def _fetch(self, indices):
        dataset = self.dataset
        if hasattr(dataset, "__getitems__"):
            return self.collate_fn(dataset.__getitems__(indices))
        return self.collate_fn([dataset[i] for i in indices])

    def _iterate_sampler(self):
        """Batches of a batch sampler, or single samples."""
        if self.batch_sampler is None:
            for index in self.sampler:
                yield self.collate_fn(self.dataset[index])
        else:
            for indices in self.batch_sampler:
                yield self._fetch(indices)

    def _iterate_dataset(self):
        samples = iter(self.dataset)
        size = self.batch_size
        if size is None:
            for sample in samples:
                yield self.collate_fn(sample)
            return
        batch = list(itertools.islice(samples, size))
        while len(batch) == size:
            yield self.collate_fn(batch)
            batch = list(itertools.islice(samples, size))
        if batch and not self.drop_last:
            yield self.collate_fn(batch)

    def __len__(self):
        if self._iterable:
            n = len(self.dataset)
            size = self.batch_size
            if size is None:
                return n
            return n // size if self.drop_last else (n + size - 1) // size
        return len(self.sampler if self.batch_sampler is None else self.batch_sampler)


def _check_iterable(shuffle, sampler, batch_sampler):
    if shuffle:
        raise ValueError(
            f"DataLoader with IterableDataset: expected unspecified shuffle option, but got shuffle={shuffle}"
        )
    if sampler is not None:
        raise ValueError(
            f"DataLoader with IterableDataset: expected unspecified sampler option, but got sampler={sampler}"
        )
    if batch_sampler is not None:
        raise ValueError(
            "DataLoader with IterableDataset: expected unspecified batch_sampler option, but got "
            f"batch_sampler={batch_sampler}"
        )


def get_worker_info():
    """None: there are no worker processes."""
    return None
