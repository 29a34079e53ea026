"""Modules that learn a size from their first input.

https://docs.pytorch.org/docs/2.13/generated/torch.nn.modules.lazy.LazyModuleMixin.html
"""

from tensight_runtime.nn.parameter import is_lazy


class LazyModuleMixin:
    """`initialize_parameters(input)` runs before the first forward; then the module becomes a `cls_to_become`."""

    cls_to_become = None

    def __call__(self, *args, **kwargs):
        if self.has_uninitialized_params():
            self.initialize_parameters(*args, **kwargs)
        ordinary = self.cls_to_become
        if ordinary is not None:
            self.__class__ = ordinary
            return ordinary.__call__(self, *args, **kwargs)
        return super().__call__(*args, **kwargs)

    def has_uninitialized_params(self):
        """Is the shape of a parameter or buffer still unknown?"""
        for param in self._parameters.values():
            if is_lazy(param):
                return True
        for buffer in self._buffers.values():
            if is_lazy(buffer):
                return True
        return False

    def initialize_parameters(self, *args, **kwargs):
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")
