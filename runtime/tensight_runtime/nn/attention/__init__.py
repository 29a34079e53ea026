"""torch.nn.attention: the choice of a kernel, which changes no result.

https://docs.pytorch.org/docs/2.13/nn.attention.html
"""

from contextlib import contextmanager
from enum import IntEnum


class SDPBackend(IntEnum):
    """The kernels of scaled_dot_product_attention."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextmanager
def sdpa_kernel(backends, set_priority=False):
    """Inside, torch would use one of these kernels; here there is one for all."""
    if not isinstance(backends, (list, SDPBackend)):
        raise AssertionError("Backend must be an instance of SDPBackend or a list of SDPBackend instances")
    yield {}
