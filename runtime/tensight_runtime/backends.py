"""torch.backends: flags that are remembered, and what there is not."""


class _Backend:
    """A backend's flags."""

    def __init__(self, available=False, **flags):
        self._available = available
        self.__dict__.update(flags)

    def is_available(self):
        return self._available

    def is_built(self):
        return self._available


cudnn = _Backend(enabled=True, benchmark=False, deterministic=False, allow_tf32=True, version=lambda: None)
cuda = _Backend(matmul=_Backend(allow_tf32=False, allow_fp16_reduced_precision_reduction=True,
                                allow_bf16_reduced_precision_reduction=True))  # fmt: skip
mps = _Backend()
mkl = _Backend()
mkldnn = _Backend(enabled=False)
openmp = _Backend()
quantized = _Backend(engine="none")


def get_cpu_capability():
    return "NumPy"
