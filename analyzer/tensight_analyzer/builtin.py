"""The plugin that comes with Tensight: the operator table and twelve rules."""

from __future__ import annotations

from tensight_runtime.ops import table

from tensight_analyzer.plugin import Plugin
from tensight_analyzer.rules.backward_in_no_grad import BackwardInNoGrad
from tensight_analyzer.rules.backward_through_detached import BackwardThroughDetached
from tensight_analyzer.rules.backward_twice import BackwardTwice
from tensight_analyzer.rules.device_mismatch import DeviceMismatch
from tensight_analyzer.rules.dtype_mismatch import DtypeMismatch
from tensight_analyzer.rules.inplace_on_leaf import InplaceOnLeaf
from tensight_analyzer.rules.inplace_on_saved_tensor import InplaceOnSavedTensor
from tensight_analyzer.rules.missing_zero_grad import MissingZeroGrad
from tensight_analyzer.rules.non_scalar_backward import NonScalarBackward
from tensight_analyzer.rules.numpy_on_requires_grad import NumpyOnRequiresGrad
from tensight_analyzer.rules.shape_mismatch import ShapeMismatch
from tensight_analyzer.rules.softmax_before_cross_entropy import SoftmaxBeforeCrossEntropy

RULES = (
    ShapeMismatch,
    DtypeMismatch,
    DeviceMismatch,
    InplaceOnLeaf,
    InplaceOnSavedTensor,
    MissingZeroGrad,
    BackwardInNoGrad,
    BackwardThroughDetached,
    BackwardTwice,
    NonScalarBackward,
    NumpyOnRequiresGrad,
    SoftmaxBeforeCrossEntropy,
)

plugin = Plugin("builtin", ops=table().ops, rules=RULES)
