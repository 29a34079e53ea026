"""torch.autograd."""

from tensight_runtime.autograd import functional, graph, profiler
from tensight_runtime.autograd.gradcheck import gradcheck, gradgradcheck
from tensight_runtime.engine import Tensor as Variable
from tensight_runtime.engine.function import Function, once_differentiable
from tensight_runtime.engine.modes import enable_grad, inference_mode, no_grad, set_grad_enabled
from tensight_runtime.engine.tape import backward, grad

__all__ = [
    "Function", "Variable", "backward", "detect_anomaly", "enable_grad", "functional", "grad", "gradcheck",
    "gradgradcheck", "graph", "inference_mode", "no_grad", "once_differentiable", "profiler", "set_detect_anomaly",
    "set_grad_enabled",
]  # fmt: skip


class set_detect_anomaly:
    """Accepted, as a function and in `with`; errors already name the operator."""

    def __init__(self, mode, check_nan=True):
        self.mode = mode

    def __enter__(self):
        pass

    def __exit__(self, kind, value, traceback):
        pass


class detect_anomaly(set_detect_anomaly):
    """Accepted; errors already name the operator."""

    def __init__(self, check_nan=True):
        super().__init__(True, check_nan)
