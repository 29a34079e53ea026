"""Module.state_dict and load_state_dict."""

from collections import OrderedDict, namedtuple
from collections.abc import Mapping

import tensight_runtime as torch
from tensight_runtime.engine.hooks import RemovableHandle
from tensight_runtime.nn.parameter import Parameter, is_lazy

_EXTRA_STATE = "_extra_state"


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What `load_state_dict(strict=False)` could not match."""

    __slots__ = ()

    def __repr__(self):
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


# -- saving ---------------------------------------------------------------------------------------------------------


def state_dict(self, *args, destination=None, prefix="", keep_vars=False):
    """Dotted path -> parameter or persistent buffer, detached unless `keep_vars`."""
    if args:
        destination = args[0]
        prefix = args[1] if len(args) > 1 else prefix
        keep_vars = args[2] if len(args) > 2 else keep_vars
    if destination is None:
        destination = OrderedDict()
        destination._metadata = OrderedDict()
    local_metadata = {"version": self._version}
    if hasattr(destination, "_metadata"):
        destination._metadata[prefix[:-1]] = local_metadata
    for hook in self._state_dict_pre_hooks.values():
        hook(self, prefix, keep_vars)
    self._save_to_state_dict(destination, prefix, keep_vars)
    for name, module in self._modules.items():
        if module is not None:
            module.state_dict(destination=destination, prefix=prefix + name + ".", keep_vars=keep_vars)
    for hook in self._state_dict_hooks.values():
        changed = hook(self, destination, prefix, local_metadata)
        if changed is not None:
            destination = changed
    return destination


def save_to_state_dict(self, destination, prefix, keep_vars):
    """Put this module's own tensors, not its children's, into `destination`."""
    for name, param in self._parameters.items():
        if param is not None:
            destination[prefix + name] = param if keep_vars else param.detach()
    for name, buffer in self._buffers.items():
        if buffer is not None and name not in self._non_persistent_buffers_set:
            destination[prefix + name] = buffer if keep_vars else buffer.detach()
    if _has_extra_state(self):
        destination[prefix + _EXTRA_STATE] = self.get_extra_state()


def get_extra_state(self):
    """What a subclass wants in the state_dict besides tensors."""
    raise RuntimeError(
        "Reached a code path in Module.get_extra_state() that should never be called. Please file an issue at "
        "https://github.com/pytorch/pytorch/issues/new?template=bug-report.yml to report this bug."
    )


def set_extra_state(self, state):
    """The reverse of `get_extra_state`."""
    raise RuntimeError(
        "Reached a code path in Module.set_extra_state() that should never be called. Please file an issue at "
        "https://github.com/pytorch/pytorch/issues/new?template=bug-report.yml to report this bug."
    )


def _has_extra_state(module):
    return type(module).get_extra_state is not get_extra_state


# -- loading --------------------------------------------------------------------------------------------------------


def load_state_dict(self, state_dict, strict=True, assign=False):
    """Copy the values of a state_dict into the parameters and buffers (`assign`: take its tensors instead)."""
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
    metadata = getattr(state_dict, "_metadata", None)
    state = OrderedDict(state_dict)
    missing, unexpected, errors = [], [], []
    # Collected also where they are no error: they are the result.
    _load_into(self, state, "", metadata, True, missing, unexpected, errors, assign)
    if strict:
        if missing:
            errors.insert(0, "Missing key(s) in state_dict: {}. ".format(", ".join(f'"{k}"' for k in missing)))
        if unexpected:
            at = 1 if missing else 0
            errors.insert(at, "Unexpected key(s) in state_dict: {}. ".format(", ".join(f'"{k}"' for k in unexpected)))
    if errors:
        raise RuntimeError(
            "Error(s) in loading state_dict for {}:\n\t{}".format(type(self).__name__, "\n\t".join(errors))
        )
    return _IncompatibleKeys(missing, unexpected)


def _load_into(module, state, prefix, metadata, strict, missing, unexpected, errors, assign):
    local_metadata = {} if metadata is None else metadata.get(prefix[:-1], {})
    if assign:
        local_metadata["assign_to_params_buffers"] = assign
    module._load_from_state_dict(state, prefix, local_metadata, strict, missing, unexpected, errors)
    for name, child in module._modules.items():
        if child is not None:
            path = prefix + name + "."
            below = OrderedDict((k, v) for k, v in state.items() if k.startswith(path))
            _load_into(child, below, path, metadata, strict, missing, unexpected, errors, assign)
    for hook in module._load_state_dict_post_hooks.values():
        if hook(module, _IncompatibleKeys(missing, unexpected)) is not None:
            raise AssertionError(
                "Hooks registered with ``register_load_state_dict_post_hook`` are not"
                "expected to return new values, if incompatible_keys need to be modified,"
                "it should be done inplace."
            )


def load_from_state_dict(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs):
    """Load this module's own tensors, not its children's; complaints go into the three lists."""
    for hook in self._load_state_dict_pre_hooks.values():
        hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
    assign = local_metadata.get("assign_to_params_buffers", False)
    own = {name: param for name, param in self._parameters.items() if param is not None}
    for name, buffer in self._buffers.items():
        if buffer is not None and name not in self._non_persistent_buffers_set:
            own[name] = buffer
    for name, current in own.items():
        key = prefix + name
        if key not in state_dict:
            if strict:
                missing_keys.append(key)
        else:
            _load_tensor(self, name, key, current, state_dict[key], assign, error_msgs)
    extra = prefix + _EXTRA_STATE
    if _has_extra_state(self):
        if extra in state_dict:
            self.set_extra_state(state_dict[extra])
        elif strict:
            missing_keys.append(extra)
    if strict:
        for key in state_dict:
            if key.startswith(prefix) and not (key == extra and _has_extra_state(self)):
                name, _, below = key[len(prefix) :].partition(".")
                if name not in (self._modules if below else own):
                    unexpected_keys.append(key)


def _load_tensor(module, name, key, current, loaded, assign, errors):
    if not isinstance(loaded, torch.Tensor):
        errors.append(
            f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from checkpoint '
            f"but received {type(loaded)}"
        )
        return
    if is_lazy(current):
        current.materialize(loaded.shape)
    if current.ndim == 0 and loaded.ndim == 1 and loaded.shape[0] == 1:
        loaded = loaded[0]  # checkpoints of torch 0.3 have scalars as one element
    if loaded.shape != current.shape:
        errors.append(
            f"size mismatch for {key}: copying a param with shape {loaded.shape} from checkpoint, "
            f"the shape in current model is {current.shape}."
        )
        return
    if assign:
        if isinstance(current, Parameter):
            if not isinstance(loaded, Parameter):
                loaded = Parameter(loaded, requires_grad=current.requires_grad)
            else:
                loaded.requires_grad_(current.requires_grad)
        setattr(module, name, loaded)
    else:
        with torch.no_grad():
            current.copy_(loaded)


# -- hooks ----------------------------------------------------------------------------------------------------------


def register_state_dict_pre_hook(self, hook):
    """`hook(module, prefix, keep_vars)` before the module's tensors are saved."""
    return RemovableHandle(self._state_dict_pre_hooks, hook)


def register_state_dict_post_hook(self, hook):
    """`hook(module, state_dict, prefix, local_metadata)` after the module's tensors were saved."""
    return RemovableHandle(self._state_dict_hooks, hook)


def register_load_state_dict_pre_hook(self, hook):
    """`hook(module, state_dict, prefix, ...)` before the module's tensors are loaded."""
    return private_load_state_dict_pre_hook(self, hook, with_module=True)


def private_load_state_dict_pre_hook(self, hook, with_module=False):
    """As above; the hook gets the module only if it asks for it."""
    return RemovableHandle(self._load_state_dict_pre_hooks, (lambda *a: hook(self, *a)) if with_module else hook)


def register_load_state_dict_post_hook(self, hook):
    """`hook(module, incompatible_keys)` after the module's tensors were loaded."""
    return RemovableHandle(self._load_state_dict_post_hooks, hook)
