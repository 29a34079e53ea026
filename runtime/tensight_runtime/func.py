"""torch.func: function transforms, by calling the function and its derivatives row by row.  Plain Python."""

from __future__ import annotations

import functools

import tensight_runtime as torch
from tensight_runtime.autograd import functional
from tensight_runtime.engine.mapping import vmap

__all__ = ["functional_call", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "vjp", "vmap"]


def grad(func, argnums=0, has_aux=False):
    """The function that gives the gradient of `func` with respect to the arguments `argnums`."""

    @functools.wraps(func)
    def gradient(*args, **kwargs):
        found = grad_and_value(func, argnums, has_aux)(*args, **kwargs)
        return (found[0], found[1][1]) if has_aux else found[0]

    return gradient


def grad_and_value(func, argnums=0, has_aux=False):
    """The function that gives (gradient, value); with `has_aux` (gradient, (value, aux))."""

    @functools.wraps(func)
    def both(*args, **kwargs):
        nested = torch.is_grad_enabled() and any(t.requires_grad for t in _tensors(args))
        with torch.enable_grad():
            numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
            args = list(args)
            for n in numbers:
                args[n] = _mapped(lambda t: t.view_as(t) if t.requires_grad else t.detach().requires_grad_(), args[n])
            value = func(*args, **kwargs)
            loss, aux = value if has_aux else (value, None)
            leaves = [t for n in numbers for t in _tensors(args[n])]
            found = torch.autograd.grad(loss, leaves, create_graph=nested, allow_unused=True)
        found = iter([torch.zeros_like(t) if g is None else g for g, t in zip(found, leaves, strict=False)])
        grads = tuple(_mapped(lambda t: next(found), args[n]) for n in numbers)
        grads = grads[0] if isinstance(argnums, int) else grads
        if not nested:
            loss = loss.detach()
        return grads, (loss, aux) if has_aux else loss

    return both


def vjp(func, *primals, has_aux=False):
    """(value, the function that multiplies from the left with the derivative)."""
    given = [_mapped(lambda t: t.view_as(t) if t.requires_grad else t.detach().requires_grad_(), p) for p in primals]
    with torch.enable_grad():
        value = func(*given)
    value, aux = value if has_aux else (value, None)
    leaves = _tensors(given)

    def back(*cotangents):
        weights = _tensors(cotangents)
        found = torch.autograd.grad(_tensors(value), leaves, weights, retain_graph=True, allow_unused=True,
                                    create_graph=torch.is_grad_enabled())  # fmt: skip
        found = iter([torch.zeros_like(t) if g is None else g for g, t in zip(found, leaves, strict=False)])
        return tuple(_mapped(lambda t: next(found), p) for p in given)

    plain = _mapped(lambda t: t.detach(), value)
    return (plain, back, aux) if has_aux else (plain, back)


def jvp(func, primals, tangents, *, strict=False, has_aux=False):
    """(value, the derivative times the tangents)."""
    return functional.jvp(func, tuple(primals), tuple(tangents))


def jacrev(func, argnums=0, *, has_aux=False, chunk_size=None):
    """The function that gives the Jacobian with respect to the arguments `argnums`."""

    @functools.wraps(func)
    def jacobian(*args):
        numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)

        def chosen(*values):
            full = list(args)
            for n, value in zip(numbers, values, strict=False):
                full[n] = value
            return func(*full)

        nested = torch.is_grad_enabled() and any(t.requires_grad for t in _tensors(args))
        found = functional.jacobian(chosen, tuple(args[n] for n in numbers), create_graph=nested)
        single = isinstance(argnums, int)
        if not single:
            return found
        return found[0] if not isinstance(found[0], tuple) else tuple(row[0] for row in found)

    return jacobian


jacfwd = jacrev


def hessian(func, argnums=0):
    """The function that gives the second derivatives."""

    @functools.wraps(func)
    def second(*args):
        numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)

        def chosen(*values):
            full = list(args)
            for n, value in zip(numbers, values, strict=False):
                full[n] = value
            return func(*full)

        given = tuple(args[n] for n in numbers)
        return functional.hessian(chosen, given[0] if isinstance(argnums, int) else given)

    return second


def functional_call(module, parameter_and_buffer_dicts, args=None, kwargs=None, *, tie_weights=True, strict=False):
    """Call a module with other parameters and buffers in place of its own."""
    dicts = parameter_and_buffer_dicts
    values = dicts if isinstance(dicts, dict) else {k: v for d in dicts for k, v in d.items()}
    replaced = []
    try:
        for name, value in values.items():
            path, _, last = name.rpartition(".")
            owner = module.get_submodule(path)
            home = owner._parameters if last in owner._parameters else owner._buffers
            replaced.append((home, last, home.get(last)))
            home[last] = value
        args = () if args is None else args if isinstance(args, tuple) else (args,)
        return module(*args, **(kwargs or {}))
    finally:
        for home, last, before in reversed(replaced):
            home[last] = before


def _mapped(function, value):
    if isinstance(value, torch.Tensor):
        return function(value)
    if isinstance(value, dict):
        return {k: _mapped(function, v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_mapped(function, v) for v in value)
    return value


def _tensors(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = value.values()
    return [t for item in value for t in _tensors(item)] if isinstance(value, (list, tuple, type({}.values()))) else []
