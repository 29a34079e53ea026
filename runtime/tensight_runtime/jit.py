"""torch.jit: there is nothing to compile, so functions and modules are given back as they are."""


def script(obj, *args, **kwargs):
    return obj


def trace(func, example_inputs=None, *args, **kwargs):
    return func


def ignore(drop=False, **kwargs):
    return drop if callable(drop) else (lambda function: function)


def export(function):
    return function


def unused(function):
    return function


def is_scripting():
    return False


def is_tracing():
    return False


def annotate(the_type, the_value):
    return the_value


class ScriptModule:
    """The class of compiled modules, which do not exist here."""


def load(*args, **kwargs):
    raise NotImplementedError("TorchScript archives cannot be loaded by tensight_runtime")


save = load
