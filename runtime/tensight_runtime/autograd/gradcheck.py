"""Derivatives against finite differences, along random directions: all elements at once, two evaluations per "
"direction."""

from __future__ import annotations

import tensight_runtime as torch
from tensight_runtime.engine.tape import grad


class GradcheckError(RuntimeError):
    """A derivative and a finite difference disagree."""


def gradcheck(func, inputs, *, eps=1e-6, atol=1e-5, rtol=1e-3, raise_exception=True, nondet_tol=0.0,
              check_undefined_grad=True, check_grad_dtypes=False, check_batched_grad=False,
              check_batched_forward_grad=False, check_forward_ad=False, check_backward_ad=True,
              fast_mode=False, masked=None):  # fmt: skip
    """Whether the gradients of `func` at `inputs` (float64, requiring grad) are right."""
    inputs = (inputs,) if isinstance(inputs, torch.Tensor) else tuple(inputs)
    at = [k for k, a in enumerate(inputs) if isinstance(a, torch.Tensor) and a.requires_grad]
    if not at:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them have "
            "requires_grad=True."
        )
    outputs = _tensors(func(*inputs))
    weights = [torch.randn_like(o) for o in outputs]
    found = grad(outputs, [inputs[k] for k in at], weights, allow_unused=True, retain_graph=True)
    for _ in range(2):
        for k, g in zip(at, found, strict=False):
            direction = torch.randn_like(inputs[k])
            with torch.no_grad():
                up = _value(func, inputs, k, direction * eps, weights)
                down = _value(func, inputs, k, direction * -eps, weights)
                numeric = (up - down) / (2 * eps)
                analytic = 0.0 if g is None else _inner(g, direction)
            if not abs(numeric - analytic) <= atol + rtol * abs(numeric):
                if not raise_exception:
                    return False
                raise GradcheckError(
                    f"Jacobian mismatch for input {k} along a random direction: numerical {numeric}, analytical "
                    f"{analytic}"
                )
    return True


def gradgradcheck(func, inputs, grad_outputs=None, *, eps=1e-6, atol=1e-5, rtol=1e-3, gen_non_contig_grad_outputs=False,
                  raise_exception=True, nondet_tol=0.0, check_undefined_grad=True, check_grad_dtypes=False,
                  check_batched_grad=False, check_fwd_over_rev=False, check_rev_over_rev=True, fast_mode=False,
                  masked=False):  # fmt: skip
    """gradcheck of the gradient."""
    inputs = (inputs,) if isinstance(inputs, torch.Tensor) else tuple(inputs)
    outputs = _tensors(func(*inputs))
    if grad_outputs is None:
        grad_outputs = [torch.randn_like(o).requires_grad_() for o in outputs]
    else:
        grad_outputs = [grad_outputs] if isinstance(grad_outputs, torch.Tensor) else list(grad_outputs)
    count = len(inputs)

    def gradient(*args):
        given, weights = args[:count], args[count:]
        needed = [a for a in given if isinstance(a, torch.Tensor) and a.requires_grad]
        if not needed:  # the finite difference runs without history
            needed = [a for a in inputs if isinstance(a, torch.Tensor) and a.requires_grad]
        with torch.enable_grad():
            given = [
                a.detach().requires_grad_(b.requires_grad) if isinstance(a, torch.Tensor) and not a.requires_grad else a
                for a, b in zip(given, inputs, strict=False)
            ]
            needed = [a for a in given if isinstance(a, torch.Tensor) and a.requires_grad]
            found = grad(_tensors(func(*given)), needed, weights, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(gradient, (*inputs, *grad_outputs), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception)


def _tensors(found):
    found = (found,) if isinstance(found, torch.Tensor) else tuple(found)
    return [o for o in found if isinstance(o, torch.Tensor) and o.requires_grad or not torch.is_grad_enabled()]


def _value(func, inputs, k, step, weights):
    moved = list(inputs)
    moved[k] = inputs[k].detach() + step
    found = func(*moved)
    found = (found,) if isinstance(found, torch.Tensor) else tuple(found)
    found = [o for o in found if isinstance(o, torch.Tensor) and (o.is_floating_point() or o.is_complex())]
    return sum(_inner(w, o) for w, o in zip(weights, found, strict=False))


def _inner(a, b):
    """The real inner product of two tensors, as a float."""
    product = (
        (a.detach() * b.detach().conj()).sum() if a.is_complex() or b.is_complex() else (a.detach() * b.detach()).sum()
    )
    return float(product.real) if product.is_complex() else product.item()
