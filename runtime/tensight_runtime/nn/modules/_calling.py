"""Calling a module that has hooks.

Pre-hooks change the arguments, hooks the result, backward hooks the gradients that enter and leave.  Global hooks
(`register_module_forward_hook` ...) run before a module's own.
"""

from collections import OrderedDict

from tensight_runtime.engine.hooks import RemovableHandle

_global_pre = OrderedDict()
_global_forward = OrderedDict()
_global_backward_pre = OrderedDict()
_global_backward = OrderedDict()

# Not empty: every module's call goes through `call`.
global_hooks = OrderedDict()

# Hooks, by the id of their handle, that also get the keyword arguments, or run although forward raised.
_with_kwargs = set()
_always = set()


def call(module, args, kwargs):
    """Hooks, forward, hooks."""
    for key, hook in [*_global_pre.items(), *module._forward_pre_hooks.items()]:
        if key in _with_kwargs:
            changed = hook(module, args, kwargs)
            if changed is not None:
                if not isinstance(changed, tuple) or len(changed) != 2:
                    raise RuntimeError(
                        f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {changed}."
                    )
                args, kwargs = changed
        else:
            changed = hook(module, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
    backward = None
    if module._backward_hooks or module._backward_pre_hooks or _global_backward or _global_backward_pre:
        from tensight_runtime.nn.modules._backward import BackwardHooks

        backward = BackwardHooks(
            module,
            [*_global_backward.values(), *module._backward_hooks.values()],
            [*_global_backward_pre.values(), *module._backward_pre_hooks.values()],
        )
        args = backward.enter(args)
    hooks = [*_global_forward.items(), *module._forward_hooks.items()]
    always = [(key, hook) for key, hook in hooks if key in _always]
    result = _forward_or(module, args, kwargs, always) if always else module.forward(*args, **kwargs)
    for key, hook in hooks:
        changed = hook(module, args, kwargs, result) if key in _with_kwargs else hook(module, args, result)
        if changed is not None:
            result = changed
    return backward.leave(result) if backward is not None else result


def _forward_or(module, args, kwargs, always):
    """Forward; where it raises, the hooks that always run see the result None."""
    done = False
    try:
        result = module.forward(*args, **kwargs)
        done = True
        return result
    finally:
        if not done:
            for key, hook in always:
                if key in _with_kwargs:
                    hook(module, args, kwargs, None)
                else:
                    hook(module, args, None)


def _register(hooks, hook, prepend):
    handle = RemovableHandle(hooks, hook)
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


# -- methods of Module ----------------------------------------------------------------------------------------------


def register_forward_pre_hook(self, hook, *, prepend=False, with_kwargs=False):
    """`hook(module, args)` before every forward; what it returns replaces the arguments."""
    self._hooked = True
    handle = _register(self._forward_pre_hooks, hook, prepend)
    if with_kwargs:
        _with_kwargs.add(handle.id)
    return handle


def register_forward_hook(self, hook, *, prepend=False, with_kwargs=False, always_call=False):
    """`hook(module, args, output)` after every forward; what it returns replaces the output."""
    self._hooked = True
    handle = _register(self._forward_hooks, hook, prepend)
    if with_kwargs:
        _with_kwargs.add(handle.id)
    if always_call:
        _always.add(handle.id)
    return handle


def register_full_backward_pre_hook(self, hook, prepend=False):
    """`hook(module, grad_output)` before the module's backward; what it returns replaces the gradients."""
    self._hooked = True
    return _register(self._backward_pre_hooks, hook, prepend)


def register_full_backward_hook(self, hook, prepend=False):
    """`hook(module, grad_input, grad_output)` after the module's backward; what it returns replaces grad_input."""
    self._hooked = True
    return _register(self._backward_hooks, hook, prepend)


# -- hooks of all modules -------------------------------------------------------------------------------------------


class _GlobalHandle:
    """A global hook is counted, so that calls without hooks stay short."""

    def __init__(self, hooks, hook):
        self.handle = RemovableHandle(hooks, hook)
        self.id = self.handle.id
        global_hooks[self.id] = hook

    def remove(self):
        self.handle.remove()
        global_hooks.pop(self.id, None)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        self.remove()


def register_module_forward_pre_hook(hook):
    """`hook(module, args)` before the forward of every module."""
    return _GlobalHandle(_global_pre, hook)


def register_module_forward_hook(hook, *, with_kwargs=False, always_call=False):
    """`hook(module, args, output)` after the forward of every module."""
    handle = _GlobalHandle(_global_forward, hook)
    if with_kwargs:
        _with_kwargs.add(handle.id)
    if always_call:
        _always.add(handle.id)
    return handle


def register_module_full_backward_pre_hook(hook):
    """`hook(module, grad_output)` before the backward of every module."""
    return _GlobalHandle(_global_backward_pre, hook)


def register_module_full_backward_hook(hook):
    """`hook(module, grad_input, grad_output)` after the backward of every module."""
    return _GlobalHandle(_global_backward, hook)
