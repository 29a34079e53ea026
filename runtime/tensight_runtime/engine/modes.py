"""no_grad, enable_grad, set_grad_enabled, inference_mode: context managers that also decorate functions.

Plain Python over four primitives of `state.py`.
"""

from __future__ import annotations

import functools

from tensight_runtime.engine.state import (
    _set_grad_enabled,
    _set_inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
)


class _Mode:
    """A context manager that, called with a function, gives the function that runs inside it."""

    def clone(self):
        return type(self)()

    def __call__(self, function):
        if isinstance(function, type):
            function.__init__ = self(function.__init__)
            return function
        if _is_generator(function):
            return self._wrap_generator(function)

        @functools.wraps(function)
        def inside(*args, **kwargs):
            with self.clone():
                return function(*args, **kwargs)

        return inside

    def _wrap_generator(self, function):
        """Each step of the generator runs in the mode; between steps the caller's mode holds."""

        @functools.wraps(function)
        def inside(*args, **kwargs):
            steps = function(*args, **kwargs)
            with self.clone():
                try:
                    value = next(steps)
                except StopIteration as end:
                    return end.value
            while True:
                try:
                    sent = yield value
                except GeneratorExit:
                    with self.clone():
                        steps.close()
                    raise
                except BaseException as error:
                    with self.clone():
                        try:
                            value = steps.throw(error)
                        except StopIteration as end:
                            return end.value
                else:
                    with self.clone():
                        try:
                            value = steps.send(sent)
                        except StopIteration as end:
                            return end.value

        return inside


def _is_generator(function) -> bool:
    code = getattr(function, "__code__", None)
    return code is not None and bool(code.co_flags & 32)


class no_grad(_Mode):
    """No history is recorded inside: results do not require grad."""

    def __new__(cls, function=None):
        self = super().__new__(cls)
        return self if function is None else self(function)

    def __enter__(self):
        self.previous = is_grad_enabled()
        _set_grad_enabled(False)

    def __exit__(self, kind, value, traceback):
        _set_grad_enabled(self.previous)


class enable_grad(_Mode):
    """History is recorded inside, also within no_grad."""

    def __new__(cls, function=None):
        self = super().__new__(cls)
        return self if function is None else self(function)

    def __enter__(self):
        self.previous = is_grad_enabled()
        _set_grad_enabled(True)

    def __exit__(self, kind, value, traceback):
        _set_grad_enabled(self.previous)


class set_grad_enabled(_Mode):
    """Switches recording on or off: at once as a function, or for the block or function it is used on."""

    def __init__(self, mode):
        self.previous = is_grad_enabled()
        self.mode = mode
        _set_grad_enabled(mode)

    def clone(self):
        return set_grad_enabled(self.mode)

    def __call__(self, function):
        _set_grad_enabled(self.previous)
        return super().__call__(function)

    def __enter__(self):
        _set_grad_enabled(self.mode)

    def __exit__(self, kind, value, traceback):
        _set_grad_enabled(self.previous)

    def __str__(self):
        return f"torch.autograd.grad_mode.set_grad_enabled(mode={self.mode})"

    __repr__ = __str__


class inference_mode(_Mode):
    """Results are inference tensors: cheaper than under no_grad, and autograd refuses them for ever."""

    def __new__(cls, mode=True):
        self = super().__new__(cls)
        if not isinstance(mode, bool):
            self.mode = True
            return self(mode)
        return self

    def __init__(self, mode=True):
        self.mode = mode

    def clone(self):
        return inference_mode(self.mode)

    def __enter__(self):
        self.previous = is_inference_mode_enabled()
        self.previous_grad = is_grad_enabled()
        _set_inference_mode(self.mode)
        _set_grad_enabled(not self.mode)

    def __exit__(self, kind, value, traceback):
        _set_inference_mode(self.previous)
        _set_grad_enabled(self.previous_grad)
