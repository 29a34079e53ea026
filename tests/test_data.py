"""Datasets, samplers and loaders against torch's: the same batches from the same seed, the same complaints."""

from collections import OrderedDict, namedtuple

import numpy as np
import pytest
import tensight_runtime as ours

theirs = pytest.importorskip("torch", reason="torch is not installed")

Pair = namedtuple("Pair", "x y")

# what is iterated twice, from one seed
ITERATED = """
DataLoader(TensorDataset(x, y))
DataLoader(TensorDataset(x, y), 4)
DataLoader(TensorDataset(x, y), 4, shuffle=True)
DataLoader(TensorDataset(x, y), 4, shuffle=True, drop_last=True)
DataLoader(TensorDataset(x, y), batch_size=4, shuffle=True, generator=torch.Generator().manual_seed(5))
DataLoader(TensorDataset(x, y), 4, sampler=RandomSampler(x, replacement=True, num_samples=70))
DataLoader(TensorDataset(x, y), 4, sampler=RandomSampler(x, num_samples=25))
DataLoader(TensorDataset(x, y), 4, sampler=SubsetRandomSampler([1, 5, 7, 2]))
DataLoader(TensorDataset(x, y), 4, sampler=WeightedRandomSampler([0.1, 0.5, 3], 9))
DataLoader(TensorDataset(x, y), 4, sampler=WeightedRandomSampler([0.1, 0.5, 3, 1], 3, replacement=False))
DataLoader(TensorDataset(x, y), batch_sampler=BatchSampler(SequentialSampler(x), 3, True))
DataLoader(TensorDataset(x, y), batch_sampler=[[1, 2], [3]])
DataLoader(TensorDataset(x, y), batch_size=None, shuffle=True)
DataLoader(x, 4, collate_fn=lambda b: torch.stack(b).sum(0))
DataLoader(list(range(7)), 3)
DataLoader([0.5, 1.5, 2.5], 2)
DataLoader([{"a": i, "b": [i, str(i)]} for i in range(5)], 2)
DataLoader([OrderedDict(a=i, b=float(i)) for i in range(5)], 2)
DataLoader([Pair(i, (i, i + 0.5)) for i in range(5)], 2)
DataLoader([np.ones(3) * i for i in range(5)], 2)
DataLoader([np.float32(i) for i in range(5)], 2)
DataLoader([(True, b"a"), (False, b"b")], 2)
DataLoader(Counting(7), 3)
DataLoader(Counting(7), 3, drop_last=True)
DataLoader(Counting(7), None)
DataLoader(Counting(3) + Counting(2), 2)
DataLoader(TensorDataset(x) + TensorDataset(x + 20), 3)
DataLoader(StackDataset(a=x, b=y), 4)
DataLoader(StackDataset(x, y), 4)
DataLoader(Subset(TensorDataset(x, y), [3, 1, 2]), 2)
DataLoader(random_split(TensorDataset(x, y), [6, 4])[1], 3)
DataLoader(random_split(TensorDataset(x, y), [0.25, 0.45, 0.3], torch.Generator().manual_seed(1))[1], 3)
DataLoader(TensorDataset(x, y), 4, sampler=DistributedSampler(x, 3, 1))
DataLoader(TensorDataset(x, y), 4, sampler=DistributedSampler(x, 3, 2, shuffle=False, drop_last=True))
""".strip().splitlines()


def scope(torch) -> dict:
    data = torch.utils.data

    class Counting(data.IterableDataset):
        def __init__(self, n):
            self.n = n

        def __iter__(self):
            return iter(range(self.n))

        def __len__(self):
            return self.n

    names = {name: getattr(data, name) for name in dir(data) if name[0].isupper()}
    names["DistributedSampler"] = data.distributed.DistributedSampler
    return names | {
        "torch": torch, "random_split": data.random_split, "default_collate": data.default_collate, "Pair": Pair,
        "np": np,
        "OrderedDict": OrderedDict, "Counting": Counting, "x": torch.arange(30.0).reshape(10, 3), "y": torch.arange(10),
    }  # fmt: skip


def plain(value):
    if isinstance(value, dict):
        return type(value).__name__, {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [plain(v) for v in value]
    if hasattr(value, "dtype"):
        return str(value.dtype), value.tolist()
    return value


@pytest.mark.parametrize("text", ITERATED)
def test_batches(text):
    results = []
    for torch in (ours, theirs):
        torch.manual_seed(7)
        loader = eval(text, scope(torch))
        epochs = [[plain(batch) for batch in loader] for _ in range(2)]
        results.append([epochs, len(loader), loader.batch_size, loader.drop_last, torch.rand(3).tolist()])
    assert results[0] == results[1]


REFUSED = """
DataLoader(x, 0)
DataLoader(x, 2, shuffle=True, sampler=SequentialSampler(x))
DataLoader(x, 2, batch_sampler=[[1]])
DataLoader(x, None, drop_last=True)
DataLoader(x, num_workers=-1)
DataLoader(x, timeout=-1)
DataLoader(x, prefetch_factor=2)
DataLoader(x, persistent_workers=True)
DataLoader(Counting(2), shuffle=True)
DataLoader(Counting(2), sampler=[1])
RandomSampler(x, num_samples=0)
RandomSampler(x, replacement=1)
WeightedRandomSampler([1], -1)
WeightedRandomSampler([[1]], 1)
BatchSampler(x, 0, True)
BatchSampler(x, 2, 1)
TensorDataset(x, x[:2])
random_split(x, [1, 2])
random_split(x, [0.5, 0.2])
random_split(x, [-0.5, 1.5])
StackDataset()
StackDataset(x, x[:2])
Dataset()[0]
(TensorDataset(x) + TensorDataset(x))[-30]
default_collate([object()])
default_collate([[1, 2], [1]])
default_collate([torch.ones(2), torch.ones(3)])
""".strip().splitlines()


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text):
    said = []
    for torch in (theirs, ours):
        with pytest.raises(Exception) as error:  # noqa: B017
            eval(text, scope(torch))
        said.append((error.type.__name__, str(error.value)))
    assert said[1] == said[0]
