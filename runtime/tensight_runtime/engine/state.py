"""What torch keeps per thread or per process: grad mode, inference mode, default dtype and device.

The analyzer has primitives of the same names; `modes.py`, written over them, it interprets as source.
"""

from __future__ import annotations

import threading

from tensight_runtime.spec.device import Device, parse_device
from tensight_runtime.spec.dtype import DType, defaults, float32


class Modes(threading.local):
    """The modes of this thread.  Inference mode implies that grad mode is off; `autocast` is a dtype while it is on."""

    grad = True
    inference = False
    autocast: dict | None = None
    saved_hooks: tuple = ()  # (pack, unpack) pairs of saved_tensors_hooks


class Switches:
    """What is rarely on, so that a look here, which is cheaper than one into `modes`, mostly decides."""

    autocast = 0  # autocast blocks that are entered, in all threads
    saved_hooks = 0  # and saved_tensors_hooks


modes = Modes()
switches = Switches()
_when_defaults_change: list = []  # functions that forget what they derived from the defaults


def is_grad_enabled() -> bool:
    """Whether operators record their history."""
    return modes.grad


def is_inference_mode_enabled() -> bool:
    """Whether results are inference tensors, which autograd never sees."""
    return modes.inference


def get_default_dtype() -> DType:
    """The dtype of new floating point tensors."""
    return defaults.dtype or float32


def set_default_dtype(d: DType) -> None:
    """Sets the dtype of new floating point tensors; others are refused."""
    if not isinstance(d, DType):
        raise TypeError("invalid dtype object: only floating-point types are supported as the default type")
    if d.category != 2:
        raise TypeError("only floating-point types are supported as the default type")
    defaults.dtype = d
    for forget in _when_defaults_change:
        forget()


def get_default_device() -> Device:
    """Where new tensors go."""
    return defaults.device or Device("cpu")


def set_default_device(device: object) -> None:
    """Sets where new tensors go; None is the CPU."""
    defaults.device = None if device is None else parse_device(device)
    for forget in _when_defaults_change:
        forget()


def when_defaults_change(forget) -> None:
    """`forget()` is called after a change of the defaults."""
    _when_defaults_change.append(forget)


def _set_grad_enabled(enabled: bool) -> None:
    modes.grad = enabled


def _set_inference_mode(enabled: bool) -> None:
    modes.inference = enabled


def _autocast() -> dict | None:
    return modes.autocast


def _set_autocast(dtypes: dict | None) -> None:
    switches.autocast += (dtypes is not None) - (modes.autocast is not None)
    modes.autocast = dtypes


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether autocast is on for a device type."""
    return modes.autocast is not None and device_type in modes.autocast
