"""torch.autocast: operators compute in the dtype their declared class asks for.

"lower" operators in the autocast dtype, "fp32" ones in float32, "promote" ones in the widest of their operands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tensight_runtime.engine.state import modes
from tensight_runtime.engine.tensor import Tensor
from tensight_runtime.spec.dtype import bfloat16, float16, float32

if TYPE_CHECKING:
    from tensight_runtime.engine.plan import Plan

_CASTABLE = (float16, bfloat16, float32)


def run(plan: Plan, values: list) -> object:
    """The plan's operator under the autocast that is on."""
    from tensight_runtime.engine.apply import call_op, execute
    from tensight_runtime.engine.internal import cast

    kind = plan.op.autocast
    target = None
    tensors = [t for t in plan.op.tensors(values) if t.dtype in _CASTABLE and t.device.type in modes.autocast]
    if not plan.inplace and tensors:
        if kind == "lower":
            target = modes.autocast[tensors[0].device.type]
        elif kind == "fp32":
            target = float32
        elif kind == "promote" and any(t.dtype is float32 for t in tensors):
            target = float32
    if target is None:
        return execute(plan, values)
    before, modes.autocast = modes.autocast, None
    try:

        def converted(value: object) -> object:
            if isinstance(value, Tensor) and value.dtype in _CASTABLE:
                return value if value.dtype is target else cast(value, target)
            if isinstance(value, (list, tuple)):
                return type(value)(map(converted, value))
            return value

        n = plan.op.positional
        values = [converted(value) for value in values]
        return call_op(plan.op, values[:n], {p.name: v for p, v in zip(plan.op.params[n:], values[n:], strict=True)})
    finally:
        modes.autocast = before
