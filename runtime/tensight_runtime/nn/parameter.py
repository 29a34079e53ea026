"""torch.nn.parameter: the tensors a Module lists."""

from tensight_runtime.engine.tensor import Buffer, Parameter

__all__ = ["Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter"]


class UninitializedParameter(Parameter):
    """A parameter of a lazy module whose shape is known after the first forward.

    `materialize(shape)` turns it into a usable one; until then it is an empty tensor.
    """

    def __new__(cls, requires_grad=True, device=None, dtype=None):
        import tensight_runtime as torch

        return super().__new__(cls, torch.empty(0, device=device, dtype=dtype), requires_grad)

    def materialize(self, shape, device=None, dtype=None):
        """Memory for `shape`, with values nobody has set yet."""
        import tensight_runtime as torch

        self.data = torch.empty(
            shape, device=self.device if device is None else device, dtype=self.dtype if dtype is None else dtype
        )
        self.__class__ = Parameter

    def __repr__(self):
        return "<UninitializedParameter>"


class UninitializedBuffer(Buffer):
    """A buffer of a lazy module; here it is simply an empty one."""


def is_lazy(param):
    """Is the shape of this parameter still unknown?"""
    return isinstance(param, UninitializedParameter)
