"""torch.vmap, row by row: the function is called for each index of the mapped dims, and the results are stacked."""

from __future__ import annotations

import functools

import tensight_runtime as torch


def vmap(func, in_dims=0, out_dims=0, randomness="error", *, chunk_size=None):
    """The function over batches: `in_dims` says which dim of each argument counts the rows (None: none)."""

    @functools.wraps(func)
    def mapped(*args, **kwargs):
        dims = in_dims if isinstance(in_dims, (tuple, list)) else (in_dims,) * len(args)
        sizes = {size for arg, dim in zip(args, dims, strict=False) for size in _sizes(arg, dim)} | {
            size for value in kwargs.values() for size in _sizes(value, 0)
        }
        if len(sizes) != 1:
            raise ValueError(
                "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
                f"{sorted(sizes)} for the mapped dimension"
            )
        rows = [
            func(
                *(_row(arg, dim, i) for arg, dim in zip(args, dims, strict=False)),
                **{k: _row(v, 0, i) for k, v in kwargs.items()},
            )
            for i in range(sizes.pop())
        ]
        return _stacked(rows, out_dims)

    return mapped


def _sizes(value, dim):
    if dim is None:
        return []
    if isinstance(value, torch.Tensor):
        return [value.shape[dim]]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [size for k, item in enumerate(value) for size in _sizes(item, _of(dim, k))]
    return []


def _row(value, dim, i):
    if dim is None:
        return value
    if isinstance(value, torch.Tensor):
        return value.select(dim, i)
    if isinstance(value, dict):
        return {k: _row(v, dim[k] if isinstance(dim, dict) else dim, i) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_row(item, _of(dim, k), i) for k, item in enumerate(value))
    return value


def _of(dim, k):
    return dim[k] if isinstance(dim, (tuple, list)) else dim


def _stacked(rows, dim):
    first = rows[0]
    if isinstance(first, torch.Tensor):
        return torch.stack(rows, dim)
    if isinstance(first, (tuple, list)):
        return type(first)(_stacked([row[k] for row in rows], _of(dim, k)) for k in range(len(first)))
    if isinstance(first, dict):
        return {k: _stacked([row[k] for row in rows], dim) for k in first}
    return torch.stack([torch.as_tensor(row) for row in rows], dim)
