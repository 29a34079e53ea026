"""Devices, and the rule that an operator's tensors lie on one.

Source: PyTorch's "Tensor Attributes" page, section torch.device.
"""

from __future__ import annotations

from typing import Final

KINDS: Final = ("cpu", "cuda", "mps", "meta", "xpu", "xla", "hpu", "mtia", "privateuseone")


class Device:
    """`torch.device`: a type and an index (None when it was not named).  Equal by value."""

    __slots__ = ("index", "type")

    def __init__(self, type: str, index: int | None = None):
        self.type = type
        self.index = index

    def of_tensor(self) -> Device:
        """The device a tensor placed here reports: `cuda` becomes `cuda:0`."""
        return Device(self.type, 0) if self.index is None and self.type not in ("cpu", "meta") else self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{index})"


CPU: Final = Device("cpu")


def parse_device(value: object) -> Device:
    """A device from what torch takes as one: "cuda:1", "cpu", an int (a CUDA index) or a Device.

    Raises RuntimeError in torch's words for an unknown type or a malformed index.
    """
    if isinstance(value, Device):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Device("cuda", value)
    if not isinstance(value, str):
        raise TypeError(f"device(): argument 'type' must be str, not {type(value).__name__}")
    kind, colon, index = value.partition(":")
    if kind not in KINDS:
        expected = (
            "cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, xla, lazy, vulkan, mps, meta, "
            "hpu, mtia, privateuseone"
        )
        raise RuntimeError(f"Expected one of {expected} device type at start of device string: {kind}")
    if not colon:
        return Device(kind)
    if not index.isdigit():
        raise RuntimeError(f"Invalid device string: '{value}'")
    return Device(kind, int(index))
