"""torch.types: names for annotations."""

from __future__ import annotations

from collections.abc import Sequence

from tensight_runtime.engine import Tensor
from tensight_runtime.engine.meta import Size
from tensight_runtime.spec.device import Device as _DeviceClass
from tensight_runtime.spec.dtype import DType

Number = int | float | bool
_int, _float, _bool = int, float, bool
_dtype = DType
_size = Size | list[int] | tuple[int, ...]
_TensorOrTensors = Tensor | Sequence[Tensor]
Device = _DeviceClass | str | int | None
