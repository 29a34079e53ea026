"""torch.nn.utils.parametrize: parameters that are computed from others.

https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.parametrize.register_parametrization.html

A parametrized module gets a class of its own, in which the parameter is a property; the tensors it is computed from
are in `module.parametrizations.<name>.original` (`original0`, `original1` ... if `right_inverse` gives several).
"""

from contextlib import contextmanager

import tensight_runtime as torch
from tensight_runtime.nn.modules.container import ModuleDict, ModuleList
from tensight_runtime.nn.parameter import Parameter


@contextmanager
def cached():
    """Values are computed at each use: this changes no result."""
    yield


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, applied one after the other, and the original they apply to."""

    def __init__(self, modules, original, unsafe=False):
        super().__init__(modules)
        new = original
        with torch.no_grad():
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    new = module.right_inverse(new)
        self.is_tensor = isinstance(new, torch.Tensor)
        self.ntensors = 1 if self.is_tensor else len(new)
        if self.is_tensor:
            self._keep("original", original, new)
        else:
            for i, tensor in enumerate(new):
                self._keep(f"original{i}", original, tensor)

    def _keep(self, name, original, tensor):
        if isinstance(original, Parameter):
            self.register_parameter(name, Parameter(tensor.detach(), original.requires_grad))
        else:
            self.register_buffer(name, tensor)

    def _originals(self):
        return [self.original] if self.is_tensor else [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def right_inverse(self, value):
        """Set the originals so that the parametrized tensor is `value`."""
        with torch.no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(f"parametrization {type(module).__name__} does not implement right_inverse.")
                value = module.right_inverse(value)
            for original, tensor in zip(self._originals(), [value] if self.is_tensor else value, strict=False):
                original.copy_(tensor)

    def forward(self):
        modules = list(self)
        value = modules[0](*self._originals())
        for module in modules[1:]:
            value = module(value)
        return value


def register_parametrization(module, tensor_name, parametrization, *, unsafe=False):
    """From now on `module.<tensor_name>` is `parametrization(original)`."""
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        module.parametrizations[tensor_name].append(parametrization)
        return module
    if tensor_name not in module._parameters and tensor_name not in module._buffers:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
            f"'{tensor_name}'"
        )
    original = getattr(module, tensor_name)
    parametrizations = ParametrizationList([parametrization], original, unsafe)
    delattr(module, tensor_name)
    if not is_parametrized(module):
        module.__class__ = type(f"Parametrized{type(module).__name__}", (type(module),), {})
        module.parametrizations = ModuleDict()
    module.parametrizations[tensor_name] = parametrizations
    setattr(type(module), tensor_name, _parametrized_property(tensor_name))
    return module


def _parametrized_property(name):
    def get(self):
        return self.parametrizations[name]()

    def set(self, value):
        self.parametrizations[name].right_inverse(value)

    return property(get, set)


def is_parametrized(module, tensor_name=None):
    """Has the module a parametrized tensor (of this name)?"""
    parametrizations = getattr(module, "parametrizations", None)
    if not isinstance(parametrizations, ModuleDict):
        return False
    return len(parametrizations) > 0 if tensor_name is None else tensor_name in parametrizations


def remove_parametrizations(module, tensor_name, leave_parametrized=True):
    """Back to a plain parameter, with the present value or (not `leave_parametrized`) the original."""
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    parametrizations = module.parametrizations[tensor_name]
    if leave_parametrized:
        with torch.no_grad():
            value = getattr(module, tensor_name).detach().clone()
    elif parametrizations.is_tensor:
        value = parametrizations.original
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a "
            "sequence of tensors."
        )
    trained = any(isinstance(t, Parameter) for t in parametrizations._originals())
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    if trained:
        module.register_parameter(
            tensor_name, value if isinstance(value, Parameter) else Parameter(value, requires_grad=True)
        )
    else:
        module.register_buffer(tensor_name, value)
    if not is_parametrized(module):
        delattr(module, "parametrizations")
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module):
    """The class the module had."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(from_module, to_module, tensor_name=None):
    """Give `to_module` the parametrizations of `from_module` and their originals."""
    if not is_parametrized(from_module):
        return to_module
    for name in list(from_module.parametrizations) if tensor_name is None else [tensor_name]:
        for parametrization in from_module.parametrizations[name]:
            register_parametrization(to_module, name, parametrization)
        for mine, theirs in zip(
            to_module.parametrizations[name]._originals(), from_module.parametrizations[name]._originals(), strict=False
        ):
            mine.data = theirs.data
    return to_module
