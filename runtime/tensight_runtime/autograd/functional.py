"""torch.autograd.functional: Jacobians, Hessians and products with them, row by row.

Plain Python over `grad`.
"""

from __future__ import annotations

import tensight_runtime as torch
from tensight_runtime.engine.modes import enable_grad
from tensight_runtime.engine.tape import grad


def jacobian(func, inputs, create_graph=False, strict=False, vectorize=False, strategy="reverse-mode"):
    """The derivative of each output element with respect to each input element: output shape + input shape."""
    with enable_grad():
        single_input, given = _prepared(inputs, create_graph)
        single_output, outputs = _called(func, given)
        rows = tuple(_rows(output, given, create_graph, strict) for output in outputs)
    if not create_graph:
        rows = tuple(tuple(block.detach() for block in row) for row in rows)
    return _unpacked(rows, single_output, single_input)


def hessian(func, inputs, create_graph=False, strict=False, vectorize=False, outer_jacobian_strategy="reverse-mode"):
    """The second derivatives of a function with one value."""

    def gradient(*args):
        single, outputs = _called(func, args)
        _one_value(single, outputs, "hessian")
        found = grad(outputs[0], args, create_graph=True, allow_unused=True)
        return tuple(torch.zeros_like(a) if g is None else g for g, a in zip(found, args, strict=False))

    single_input = isinstance(inputs, torch.Tensor)
    blocks = jacobian(gradient, (inputs,) if single_input else inputs, create_graph, strict)
    return blocks[0][0] if single_input else blocks


def vjp(func, inputs, v=None, create_graph=False, strict=False):
    """(outputs, v times the Jacobian)."""
    with enable_grad():
        single_input, given = _prepared(inputs, create_graph)
        single_output, outputs = _called(func, given)
        if v is None:
            if outputs[0].numel() != 1 or not single_output:
                raise RuntimeError(
                    "The vector v can only be None if the user-provided function returns a single Tensor with a single "
                    "element."
                )
            weights = tuple(torch.ones_like(o) for o in outputs)
        else:
            weights = _tuple(v)
        found = _filled(grad(outputs, given, weights, create_graph=create_graph, allow_unused=True), given)
    return _finished(outputs, single_output, found, single_input, create_graph)


def jvp(func, inputs, v=None, create_graph=False, strict=False):
    """(outputs, the Jacobian times v): the derivative of u -> vjp(u), which is linear, applied to v."""
    with enable_grad():
        single_input, given = _prepared(inputs, create_graph)
        single_output, outputs = _called(func, given)
        weights = _tuple(v) if v is not None else tuple(torch.ones_like(a) for a in given)
        dual = tuple(torch.zeros_like(o, requires_grad=True) for o in outputs)
        back = _filled(grad(outputs, given, dual, create_graph=True, allow_unused=True), given)
        found = grad(back, dual, weights, create_graph=create_graph, allow_unused=True)
        found = tuple(torch.zeros_like(o) if g is None else g for g, o in zip(found, outputs, strict=False))
    return _finished(outputs, single_output, found, single_output, create_graph)


def vhp(func, inputs, v=None, create_graph=False, strict=False):
    """(value, v times the Hessian)."""
    with enable_grad():
        single_input, given = _prepared(inputs, create_graph)
        single_output, outputs = _called(func, given)
        _one_value(single_output, outputs, "vhp")
        weights = _tuple(v) if v is not None else tuple(torch.ones_like(a) for a in given)
        first = _filled(grad(outputs, given, create_graph=True, allow_unused=True), given)
        found = _filled(grad(first, given, weights, create_graph=create_graph, allow_unused=True), given)
    return _finished(outputs, single_output, found, single_input, create_graph)


hvp = vhp  # the Hessian is symmetric


def _rows(output, given, create_graph, strict):
    """For each input: its derivatives, output shape + input shape."""
    columns = [[] for _ in given]
    flat = output.reshape(-1)
    for i in range(flat.numel()):
        if flat.requires_grad:
            found = grad(flat[i], given, retain_graph=True, create_graph=create_graph, allow_unused=True)
        else:
            found = (None,) * len(given)
        for k, (g, a) in enumerate(zip(found, given, strict=False)):
            if g is None and strict:
                raise RuntimeError(
                    f"Output {i} of the user-provided function is independent of input {k}. This is not allowed in "
                    f"strict mode."
                )
            columns[k].append(torch.zeros_like(a) if g is None else g)
    return tuple(
        torch.stack(column).reshape(tuple(output.shape) + tuple(a.shape)) if column
        else torch.zeros(tuple(output.shape) + tuple(a.shape), dtype=a.dtype)
        for column, a in zip(columns, given, strict=False)
    )  # fmt: skip


def _prepared(inputs, create_graph):
    single = isinstance(inputs, torch.Tensor)
    given = []
    for a in _tuple(inputs):
        a = a.view_as(a) if create_graph and a.requires_grad else a.detach().requires_grad_()
        given.append(a)
    return single, tuple(given)


def _called(func, given):
    found = func(*given)
    single = isinstance(found, torch.Tensor)
    return single, _tuple(found)


def _one_value(single, outputs, name):
    if not single or outputs[0].numel() != 1:
        raise RuntimeError(f"The function given to {name} should return a single Tensor with a single element.")


def _filled(found, given):
    return tuple(torch.zeros_like(a) if g is None else g for g, a in zip(found, given, strict=False))


def _finished(outputs, single_output, found, single_found, create_graph):
    if not create_graph:
        outputs = tuple(o.detach() for o in outputs)
        found = tuple(g.detach() for g in found)
    return outputs[0] if single_output else outputs, found[0] if single_found else found


def _unpacked(rows, single_output, single_input):
    if single_input:
        rows = tuple(row[0] for row in rows)
    return rows[0] if single_output else rows


def _tuple(value):
    return (value,) if isinstance(value, torch.Tensor) else tuple(value)
