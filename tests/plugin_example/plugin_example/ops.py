from tensight_runtime.spec.kind import Tensor
from tensight_runtime.spec.op import op
from tensight_runtime.spec.promote import same
from tensight_runtime.spec.require import require


def _doubled(input):
    require(input.ndim > 0, "double_last(): expected at least one dimension")
    return (*input.shape[:-1], 2 * input.shape[-1])


@op(
    "torch.double_last", "Tensor.double_last",
    shape=_doubled,
    dtype=same(),
    accepts=["double_last(f32[2, 3])"],
    rejects={"double_last(f32[])": "double_last(): expected at least one dimension"},
)  # fmt: skip
def double_last(xp, input: Tensor):
    """The last dimension twice."""
    return xp.concatenate([input, input], axis=-1)
