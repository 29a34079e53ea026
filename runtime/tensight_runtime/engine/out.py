"""The `out=` keyword, for every operator alike: compute, then write into the given tensor."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tensight_runtime.engine import arrays
from tensight_runtime.engine.meta import meta_of_array
from tensight_runtime.engine.modes import no_grad
from tensight_runtime.engine.state import modes
from tensight_runtime.engine.tensor import Tensor
from tensight_runtime.spec.op import scalar_name

if TYPE_CHECKING:
    from tensight_runtime.engine.plan import Entry


def into_out(entry: Entry, args: Sequence, kwargs: dict) -> object:
    """Call the operator and write its result into `out`, which is returned."""
    from tensight_runtime.engine.apply import call

    kwargs = dict(kwargs)
    out = kwargs.pop("out")
    if out is None:
        return call(entry, args, kwargs)
    targets = tuple(out) if isinstance(out, (tuple, list)) else (out,)
    for target in targets:
        if not isinstance(target, Tensor):
            raise TypeError(f"{entry.label}(): argument 'out' must be Tensor, not {type(target).__name__}")
    if modes.grad and any(t.requires_grad for t in _tensors((*args, *kwargs.values(), *targets))):
        raise RuntimeError(
            f"{entry.label}(): functions with out=... arguments don't support automatic differentiation, but one of "
            f"the "
            "arguments requires grad."
        )
    with no_grad():
        found = call(entry, args, kwargs)
    results = found if isinstance(found, (tuple, list)) else (found,)
    for target, result in zip(targets, results, strict=True):
        _write(target, result)
    if not isinstance(found, (tuple, list)):
        return targets[0]
    return type(found)(targets)


def _write(target: Tensor, result: Tensor) -> None:
    if not can_cast(result.dtype, target.dtype):
        raise RuntimeError(
            f"result type {scalar_name(result.dtype)} can't be cast to the desired output type "
            f"{scalar_name(target.dtype)}"
        )
    if target.shape != result.shape:
        if target.numel():
            warnings.warn(
                f"An output with one or more elements was resized since it had shape {list(target.shape)}, which does "
                f"not match "
                f"the required output shape {list(result.shape)}. This behavior is deprecated, and in a future PyTorch "
                f"release "
                "outputs will not be resized unless they have zero elements. You can explicitly reuse an out tensor t "
                "by "
                "resizing it, inplace, to zero elements with t.resize_(0).",
                stacklevel=4,
            )
        target._array = result._array.astype(target._meta.array_dtype)
        target._meta = meta_of_array(target._array, target.dtype, target.device)
    elif not arrays.writable(target._array):
        from tensight_runtime.engine.inplace import OVERLAP

        raise RuntimeError(OVERLAP)
    else:
        target._array[...] = arrays.cast(result._array, target.dtype)
    target._bump()


def can_cast(have, want) -> bool:
    """torch.can_cast: complex to real, floating to integer and numbers to bool are refused."""
    return have.category <= want.category


def _tensors(values: Sequence) -> list[Tensor]:
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, (tuple, list)):
            found.extend(_tensors(value))
    return found
