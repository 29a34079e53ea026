"""Putting samples into a batch.  https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.default_collate"""

from collections.abc import Mapping, Sequence

import tensight_runtime as torch

_BAD_TYPE = "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"


def default_collate(batch):
    """A list of samples -> one batch: tensors are stacked, numbers become a tensor, structures keep their form."""
    sample = batch[0]
    if isinstance(sample, torch.Tensor):
        return torch.stack(batch, 0)
    if isinstance(sample, float):
        return torch.tensor(batch, dtype=torch.float64)
    if isinstance(sample, int):
        return torch.tensor(batch)
    if isinstance(sample, (str, bytes)):
        return batch
    if isinstance(sample, tuple) and hasattr(sample, "_fields"):
        return type(sample)(*[default_collate(column) for column in zip(*batch, strict=False)])
    if isinstance(sample, (tuple, list)):
        if any(len(other) != len(sample) for other in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        return [default_collate(column) for column in zip(*batch, strict=False)]
    if isinstance(sample, Mapping):
        collated = {key: default_collate([other[key] for other in batch]) for key in sample}
        return collated if type(sample) is dict else _like(sample, collated)
    if _is_numpy(sample):
        return _collate_numpy(batch, sample)
    if isinstance(sample, Sequence):
        return [default_collate(column) for column in zip(*batch, strict=False)]
    raise TypeError(_BAD_TYPE.format(type(sample)))


def default_convert(data):
    """NumPy arrays become tensors; all else stays as it is, in its structure."""
    if isinstance(data, torch.Tensor):
        return data
    if _is_numpy(data):
        return data if data.dtype.kind in "SUO" else torch.as_tensor(data)
    if isinstance(data, Mapping):
        return _like(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*[default_convert(value) for value in data])
    if isinstance(data, (tuple, list)):
        return [default_convert(value) for value in data]
    return data


def _like(mapping, values):
    """`values` as a mapping of the same type, if it can be made of them."""
    if type(mapping) is dict:
        return values
    copy = mapping.copy()
    copy.update(values)
    return copy


def _is_numpy(value):
    return type(value).__module__ == "numpy"


def _collate_numpy(batch, sample):
    if sample.dtype.kind in "SUO":
        raise TypeError(_BAD_TYPE.format(sample.dtype))
    if sample.shape == ():
        return torch.as_tensor([value.item() for value in batch], dtype=torch.as_tensor(sample).dtype)
    return torch.stack([torch.as_tensor(value) for value in batch], 0)
