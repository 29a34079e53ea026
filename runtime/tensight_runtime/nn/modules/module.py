"""torch.nn.Module: a tree of modules with parameters and buffers.

https://docs.pytorch.org/docs/2.13/generated/torch.nn.Module.html

Assigning a Parameter, a Module or a Buffer to an attribute registers it; `__getattr__` finds it again.  The class-level
defaults stand for an object whose `Module.__init__` has not run.
"""

from collections import OrderedDict

import tensight_runtime as torch
from tensight_runtime.nn.modules import _calling, _convert, _state
from tensight_runtime.nn.modules.utils import typename
from tensight_runtime.nn.parameter import Buffer, Parameter

register_module_forward_pre_hook = _calling.register_module_forward_pre_hook
register_module_forward_hook = _calling.register_module_forward_hook
register_module_full_backward_pre_hook = _calling.register_module_full_backward_pre_hook
register_module_full_backward_hook = _calling.register_module_full_backward_hook


class Module:
    dump_patches = False
    call_super_init = False
    _version = 1
    training = True
    _parameters = None
    _buffers = None
    _modules = None
    _non_persistent_buffers_set = ()
    # Set once a hook was registered: until then a call is `forward` and nothing else.
    _hooked = False

    def __init__(self, *args, **kwargs):
        if kwargs and not self.call_super_init:
            raise TypeError(
                f"{type(self).__name__}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'"
            )
        if args and not self.call_super_init:
            raise TypeError(
                f"{type(self).__name__}.__init__() takes 1 positional argument but {len(args) + 1} were given"
            )
        super().__setattr__("training", True)
        super().__setattr__("_parameters", {})
        super().__setattr__("_buffers", {})
        super().__setattr__("_modules", {})
        super().__setattr__("_non_persistent_buffers_set", set())
        super().__setattr__("_forward_pre_hooks", OrderedDict())
        super().__setattr__("_forward_hooks", OrderedDict())
        super().__setattr__("_backward_pre_hooks", OrderedDict())
        super().__setattr__("_backward_hooks", OrderedDict())
        super().__setattr__("_state_dict_pre_hooks", OrderedDict())
        super().__setattr__("_state_dict_hooks", OrderedDict())
        super().__setattr__("_load_state_dict_pre_hooks", OrderedDict())
        super().__setattr__("_load_state_dict_post_hooks", OrderedDict())
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def forward(self, *input):
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args, **kwargs):
        if self._hooked or _calling.global_hooks:
            return _calling.call(self, args, kwargs)
        return self.forward(*args, **kwargs)

    _call_impl = __call__

    # -- attributes -------------------------------------------------------------------------------------------------

    def __getattr__(self, name):
        if self._parameters is not None:
            if name in self._parameters:
                return self._parameters[name]
            if name in self._buffers:
                return self._buffers[name]
            if name in self._modules:
                return self._modules[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name, value):
        if isinstance(value, Parameter):
            if self._parameters is None:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            if name not in self._parameters:
                self._forget(name)
            self.register_parameter(name, value)
        elif self._parameters is None:
            if isinstance(value, Module):
                raise AttributeError("cannot assign module before Module.__init__() call")
            super().__setattr__(name, value)
        elif name in self._parameters:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as parameter '{name}' (torch.nn.Parameter or None expected)"
                )
            self._parameters[name] = None
        elif isinstance(value, Module):
            if name not in self._modules:
                self._forget(name)
            self._modules[name] = value
        elif name in self._modules:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as child module '{name}' (torch.nn.Module or None expected)"
                )
            self._modules[name] = None
        elif isinstance(value, Buffer):
            if name not in self._buffers:
                self._forget(name)
            self.register_buffer(name, value, value.persistent)
        elif name in self._buffers:
            if value is not None and not isinstance(value, torch.Tensor):
                raise TypeError(
                    f"cannot assign '{typename(value)}' as buffer '{name}' "
                    "(torch.nn.Buffer, torch.Tensor or None expected)"
                )
            self._buffers[name] = value
        else:
            super().__setattr__(name, value)

    def __delattr__(self, name):
        if name in self._parameters:
            del self._parameters[name]
        elif name in self._buffers:
            del self._buffers[name]
            self._non_persistent_buffers_set.discard(name)
        elif name in self._modules:
            del self._modules[name]
        else:
            super().__delattr__(name)

    def _forget(self, name):
        """A name is a plain attribute, a parameter, a buffer or a child, never two of them."""
        if name in self.__dict__:
            del self.__dict__[name]
        elif name in self._buffers:
            del self._buffers[name]
            self._non_persistent_buffers_set.discard(name)
        elif name in self._modules:
            del self._modules[name]

    def __dir__(self):
        names = {*dir(type(self)), *self.__dict__, *self._parameters, *self._buffers, *self._modules}
        return sorted(name for name in names if not name[0].isdigit())

    # -- registering ------------------------------------------------------------------------------------------------

    def register_parameter(self, name, param):
        """Add a parameter; None keeps the name for later."""
        if self._parameters is None:
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        self._check_name("parameter", name, self._parameters)
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(
                    f"cannot assign '{typename(param)}' object to parameter '{name}' "
                    "(torch.nn.Parameter or None required)"
                )
            if param.grad_fn is not None:
                raise ValueError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created "
                    f"explicitly. To express '{name}' as a function of another Tensor, compute the value in the "
                    "forward() method."
                )
        self._parameters[name] = param

    def register_buffer(self, name, tensor, persistent=True):
        """Add a tensor that belongs to the module's state and is not trained."""
        if self._buffers is None:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        self._check_name("buffer", name, self._buffers)
        if tensor is not None and not isinstance(tensor, torch.Tensor):
            raise TypeError(
                f"cannot assign '{typename(tensor)}' object to buffer '{name}' (torch Tensor or None required)"
            )
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name, module):
        """Add a child."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{typename(module)} is not a Module subclass")
        self._check_name("module", name, self._modules)
        self._modules[name] = module

    def register_module(self, name, module):
        self.add_module(name, module)

    def _check_name(self, what, name, members):
        if not isinstance(name, str):
            raise TypeError(f"{what} name should be a string. Got {typename(name)}")
        if "." in name:
            raise KeyError(f'{what} name can\'t contain "."' + (f", got: {name}" if what == "module" else ""))
        if name == "":
            raise KeyError(f'{what} name can\'t be empty string ""')
        if name not in members and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")

    # -- looking up -------------------------------------------------------------------------------------------------

    def get_submodule(self, target):
        """The module at a dotted path; the empty path is this module."""
        module = self
        for name in target.split(".") if target else []:
            if not hasattr(module, name):
                raise AttributeError(module._get_name() + " has no attribute `" + name + "`")
            module = getattr(module, name)
            if not isinstance(module, Module):
                raise AttributeError("`" + name + "` is not an nn.Module")
        return module

    def set_submodule(self, target, module, strict=False):
        """Put a module at a dotted path."""
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise AttributeError(parent._get_name() + " has no attribute `" + name + "`")
        setattr(parent, name, module)

    def get_parameter(self, target):
        """The parameter at a dotted path."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(module._get_name() + " has no attribute `" + name + "`")
        if not isinstance(getattr(module, name), Parameter):
            raise AttributeError("`" + name + "` is not an nn.Parameter")
        return getattr(module, name)

    def get_buffer(self, target):
        """The buffer at a dotted path."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(module._get_name() + " has no attribute `" + name + "`")
        if name not in module._buffers:
            raise AttributeError("`" + name + "` is not a buffer")
        return module._buffers[name]

    def parameters(self, recurse=True):
        """Each parameter once."""
        for _name, param in self.named_parameters(recurse=recurse):
            yield param

    def named_parameters(self, prefix="", recurse=True, remove_duplicate=True):
        """(dotted path, parameter); a shared one only under its first path."""
        seen = set()
        for path, module in self._walk(prefix, recurse, remove_duplicate):
            for name, param in module._parameters.items():
                if param is None or param in seen:
                    continue
                if remove_duplicate:
                    seen.add(param)
                yield (path + "." + name if path else name), param

    def buffers(self, recurse=True):
        """Each buffer once."""
        for _name, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def named_buffers(self, prefix="", recurse=True, remove_duplicate=True):
        """(dotted path, buffer); a shared one only under its first path."""
        seen = set()
        for path, module in self._walk(prefix, recurse, remove_duplicate):
            for name, buffer in module._buffers.items():
                if buffer is None or buffer in seen:
                    continue
                if remove_duplicate:
                    seen.add(buffer)
                yield (path + "." + name if path else name), buffer

    def _walk(self, prefix, recurse, remove_duplicate):
        return self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]

    def children(self):
        """The direct children, each once."""
        for _name, module in self.named_children():
            yield module

    def named_children(self):
        """(name, child), a shared child only under its first name."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def modules(self):
        """This module and all below it, parents first, each once."""
        for _name, module in self.named_modules():
            yield module

    def named_modules(self, memo=None, prefix="", remove_duplicate=True):
        """(dotted path, module): this module and all below it, parents first."""
        if memo is None:
            memo = set()
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, prefix + "." + name if prefix else name, remove_duplicate)

    # -- modes and gradients ----------------------------------------------------------------------------------------

    def train(self, mode=True):
        """Switch this module and all below it to training or evaluation."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self):
        """`train(False)`."""
        return self.train(False)

    def requires_grad_(self, requires_grad=True):
        """Should autograd record operations on the parameters?"""
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none=True):
        """Forget the gradients of all parameters."""
        for param in self.parameters():
            if param.grad is not None:
                if set_to_none:
                    param.grad = None
                else:
                    param.grad.detach_()
                    param.grad.zero_()

    def apply(self, fn):
        """Call `fn` on every module, children first."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    # -- conversion, state, hooks, text: see the files of these names ------------------------------------------------

    _apply = _convert.apply
    to = _convert.to
    to_empty = _convert.to_empty
    type = _convert.type_
    float = _convert.float_
    double = _convert.double
    half = _convert.half
    bfloat16 = _convert.bfloat16
    cpu = _convert.cpu
    cuda = _convert.cuda
    share_memory = _convert.share_memory
    compile = _convert.compile_

    state_dict = _state.state_dict
    load_state_dict = _state.load_state_dict
    _save_to_state_dict = _state.save_to_state_dict
    _load_from_state_dict = _state.load_from_state_dict
    get_extra_state = _state.get_extra_state
    set_extra_state = _state.set_extra_state
    register_state_dict_pre_hook = _state.register_state_dict_pre_hook
    register_state_dict_post_hook = _state.register_state_dict_post_hook
    _register_state_dict_hook = _state.register_state_dict_post_hook
    register_load_state_dict_pre_hook = _state.register_load_state_dict_pre_hook
    _register_load_state_dict_pre_hook = _state.private_load_state_dict_pre_hook
    register_load_state_dict_post_hook = _state.register_load_state_dict_post_hook

    register_forward_pre_hook = _calling.register_forward_pre_hook
    register_forward_hook = _calling.register_forward_hook
    register_full_backward_pre_hook = _calling.register_full_backward_pre_hook
    register_full_backward_hook = _calling.register_full_backward_hook
    register_backward_hook = _calling.register_full_backward_hook

    def _get_name(self):
        return type(self).__name__

    def extra_repr(self):
        """What `repr` shows between the brackets, before the children."""
        return ""

    def __repr__(self):
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({name}): " + repr(module).replace("\n", "\n  ") for name, module in self._modules.items()]
        if len(lines) == 1 and not children:
            return f"{self._get_name()}({extra})"
        if not lines and not children:
            return f"{self._get_name()}()"
        return f"{self._get_name()}(\n  " + "\n  ".join(lines + children) + "\n)"
