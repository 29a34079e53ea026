"""torch.optim.Optimizer: parameters in groups, each with its options, and a state per parameter.

https://docs.pytorch.org/docs/2.13/optim.html

A new optimizer writes `_update`, one step of one parameter; it runs without recording history.
"""

import warnings
from collections import OrderedDict, defaultdict

import tensight_runtime as torch
from tensight_runtime.engine.hooks import RemovableHandle
from tensight_runtime.nn.modules.utils import typename


class _Required:
    """The default of an option that each group must give."""

    def __repr__(self):
        return "<required parameter>"


required = _Required()

# What `params` may be, for annotations: tensors, groups, or (name, tensor) pairs.
ParamsT = object


def number(value):
    """A learning rate may be a tensor of one element."""
    return value.item() if isinstance(value, torch.Tensor) else value


def check_range(what, value, least=0.0, below=None):
    """Refuse an option outside [least, below)."""
    if not least <= number(value) or (below is not None and not value < below):
        raise ValueError(f"Invalid {what}: {value}")


class Optimizer:
    def __init__(self, params, defaults):
        self.defaults = defaults
        self.state = defaultdict(dict)
        self.param_groups = []
        self._optimizer_step_pre_hooks = OrderedDict()
        self._optimizer_step_post_hooks = OrderedDict()
        if isinstance(params, torch.Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                + typename(params)
            )
        groups = list(params)
        if len(groups) == 0:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def add_param_group(self, param_group):
        """Add parameters with options of their own; missing ones are the defaults."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, torch.Tensor):
            params = [params]
        elif isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
                "will change between runs. Please use a list instead."
            )
        params = list(params)
        if params and isinstance(params[0], tuple):
            # (name, parameter), as `named_parameters` gives them.
            param_group["param_names"] = [name for name, _param in params]
            params = [param for _name, param in params]
        for param in params:
            if not isinstance(param, torch.Tensor):
                raise TypeError("optimizer can only optimize Tensors, but one of the params is " + typename(param))
            if not (param.is_leaf or param.retains_grad or self.defaults.get("differentiable", None)):
                raise ValueError("can't optimize a non-leaf Tensor")
        param_group["params"] = params
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)
        members = set(params)
        if len(members) != len(params):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; "
                "see github.com/pytorch/pytorch/issues/40967 for more information",
                stacklevel=3,
            )
        for group in self.param_groups:
            if not members.isdisjoint(group["params"]):
                raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    # -- stepping ---------------------------------------------------------------------------------------------------

    def zero_grad(self, set_to_none=True):
        """Forget the gradients of all parameters."""
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is not None:
                    if set_to_none:
                        param.grad = None
                    else:
                        param.grad.detach_()
                        param.grad.zero_()

    def step(self, closure=None):
        """Update every parameter that has a gradient.  `closure` computes the loss anew and returns it."""
        for hook in self._optimizer_step_pre_hooks.values():
            hook(self, (closure,), {})
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        with torch.no_grad():
            for group in self.param_groups:
                for param in group["params"]:
                    if param.grad is not None:
                        self._update(param, param.grad, group)
        for hook in self._optimizer_step_post_hooks.values():
            hook(self, (closure,), {})
        return loss

    def _update(self, param, grad, group):
        raise NotImplementedError

    def register_step_pre_hook(self, hook):
        """`hook(optimizer, args, kwargs)` before each step."""
        return RemovableHandle(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook):
        """`hook(optimizer, args, kwargs)` after each step."""
        return RemovableHandle(self._optimizer_step_post_hooks, hook)

    # -- saving and loading -----------------------------------------------------------------------------------------

    def state_dict(self):
        """The state and the options; parameters are numbered in order."""
        numbers = {}
        groups = []
        for group in self.param_groups:
            packed = {name: value for name, value in group.items() if name != "params"}
            for param in group["params"]:
                if param not in numbers:
                    numbers[param] = len(numbers)
            packed["params"] = [numbers[param] for param in group["params"]]
            groups.append(packed)
        state = {numbers[key] if key in numbers else key: value for key, value in self.state.items()}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict):
        """Take over the state and the options of `state_dict`; tensors get the parameter's dtype and device."""
        saved_groups = state_dict["param_groups"]
        if len(self.param_groups) != len(saved_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        params = {}
        for group, saved in zip(self.param_groups, saved_groups, strict=False):
            if len(group["params"]) != len(saved["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
                )
            for index, param in zip(saved["params"], group["params"], strict=False):
                params[index] = param
        state = defaultdict(dict)
        for index, values in state_dict["state"].items():
            if index in params:
                param = params[index]
                state[param] = {name: _fitted(name, value, param) for name, value in values.items()}
            else:
                state[index] = values
        self.state = state
        self.param_groups = [
            {**saved, "params": group["params"]} for group, saved in zip(self.param_groups, saved_groups, strict=False)
        ]

    def __repr__(self):
        text = type(self).__name__ + " ("
        for i, group in enumerate(self.param_groups):
            text += f"\nParameter Group {i}\n"
            for name in sorted(group):
                if name != "params":
                    text += f"    {name}: {group[name]}\n"
        return text + ")"


def _fitted(name, value, param):
    """A saved value as the parameter needs it; steps are counted in float32 whatever the parameter is."""
    if not isinstance(value, torch.Tensor) or name == "step":
        return value
    if param.is_floating_point():
        return value.to(dtype=param.dtype, device=param.device)
    return value.to(device=param.device)
