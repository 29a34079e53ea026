"""torch.autograd.Function: operators with a derivative of the user's own."""

from __future__ import annotations

import functools

import numpy as np

from tensight_runtime.engine.modes import no_grad
from tensight_runtime.engine.node import SECOND_TIME, SpecialNode, edge_of, fit, modified, sequence
from tensight_runtime.engine.state import modes
from tensight_runtime.engine.tape import zeros
from tensight_runtime.engine.tensor import Tensor, wrap


class FunctionCtx(SpecialNode):
    """What `forward` and `backward` share; it is the node of the results too."""

    materialize_grads = True
    out_metas: tuple = ()
    needs_input_grad: tuple[bool, ...] = ()
    _to_save: tuple = ()
    _saved: list | None = None
    _dirty: tuple = ()
    _constant: tuple = ()

    def save_for_backward(self, *tensors) -> None:
        """Keep tensors (or None) for `saved_tensors` in backward."""
        self._to_save = tensors

    def save_for_forward(self, *tensors) -> None:
        """Accepted; there is no forward mode."""

    def mark_dirty(self, *tensors) -> None:
        """Name inputs that forward wrote into."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors) -> None:
        """Name results that carry no gradient."""
        self._constant = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """With False, backward gets None for results nobody used, instead of zeros."""
        self.materialize_grads = value

    @property
    def saved_tensors(self) -> tuple:
        """What `save_for_backward` kept."""
        if self._saved is None:
            if self._to_save and not self.edges:
                return tuple(self._to_save)
            raise RuntimeError(SECOND_TIME)
        found = []
        for tensor, version, nr in self._saved:
            if tensor is None:
                found.append(None)
                continue
            if tensor._version != version:
                raise RuntimeError(modified(tensor, ("", 0), version))
            if nr is not None:  # a result: a tensor that leads to this node again
                again = wrap(tensor._array, tensor._meta)
                again._vc, again._requires, again._node, again._nr = tensor._vc, True, self, nr
                tensor = again
            found.append(tensor)
        return tuple(found)

    saved_variables = saved_tensors

    def apply(self, g: object) -> list:
        grads = list(g) if self.width != 1 else [g]
        if self.materialize_grads:
            grads = [zeros(meta) if one is None and meta is not None else one
                     for one, meta in zip(grads, self.out_metas, strict=True)]  # fmt: skip
        found = self.function.backward(self, *grads)
        found = list(found) if isinstance(found, (tuple, list)) else [found]
        expected = len(self.edges)
        if len(found) > expected and all(extra is None for extra in found[expected:]):
            found = found[:expected]
        if len(found) != expected:
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients (expected {expected}, got "
                f"{len(found)})"
            )
        return [
            None if one is None or meta is None or not isinstance(one, Tensor) else one if one._meta is meta
            else self._fitted(k, one, meta)
            for k, (one, meta) in enumerate(zip(found, self.in_metas, strict=True))
        ]  # fmt: skip

    def _fitted(self, k: int, grad: Tensor, meta) -> Tensor:
        try:
            np.broadcast_shapes(grad.shape, meta.shape)
            fits = grad.dim() >= len(meta.shape) or grad.numel() == 1
        except ValueError:
            fits = False
        if not fits:
            raise RuntimeError(
                f"Function {self.name()} returned an invalid gradient at index {k} - got {list(grad.shape)} but "
                f"expected shape "
                f"compatible with {list(meta.shape)}"
            )
        return fit(grad, meta)

    def release(self) -> None:
        self._saved = None


class Function:
    """Subclasses define static `forward(ctx, ...)` and `backward(ctx, *grads)`; `apply` calls them.

    `forward(...)` may do without ctx if there is a `setup_context(ctx, inputs, output)`.
    """

    @staticmethod
    def forward(*args, **kwargs):
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx, inputs, output):
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx, *grad_outputs):
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
            "backward "
            "mode AD."
        )

    @classmethod
    def apply(cls, *args):
        """Run forward; where an input requires grad, the results will call backward."""
        ctx = _context_class(cls)()
        ctx.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        needs = modes.grad and any(ctx.needs_input_grad)
        edges = [edge_of(a) if needed else None for a, needed in zip(args, ctx.needs_input_grad, strict=True)]
        with no_grad():
            if cls.setup_context is not Function.setup_context:
                output = cls.forward(*args)
                cls.setup_context(ctx, args, output)
            else:
                output = cls.forward(ctx, *args)
        results = list(output) if isinstance(output, tuple) else [output]
        for k, result in enumerate(results):
            results[k] = _as_result(ctx, result, args)
        if needs:
            ctx.edges = edges
            ctx.in_metas = [a._meta if isinstance(a, Tensor) else None for a in args]
            ctx.seq = next(sequence)
            ctx.width = len(results)
            ctx.out_metas = tuple(r._meta if isinstance(r, Tensor) else None for r in results)
            _attach(ctx, results)
        return tuple(results) if isinstance(output, tuple) else results[0]


def once_differentiable(backward):
    """A backward that itself cannot be differentiated."""

    @functools.wraps(backward)
    def inside(ctx, *grads):
        tracked = modes.grad and any(isinstance(g, Tensor) and g.requires_grad for g in grads)
        with no_grad():
            found = backward(ctx, *grads)
        if not tracked:
            return found
        many = found if isinstance(found, tuple) else (found,)
        many = tuple(_TwiceRefused.mark(one) if isinstance(one, Tensor) else one for one in many)
        return many if isinstance(found, tuple) else many[0]

    return inside


class _TwiceRefused(SpecialNode):
    """The node of a gradient that came out of a once_differentiable backward."""

    def apply(self, g: object) -> list:
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")

    @classmethod
    def mark(cls, tensor: Tensor) -> Tensor:
        marked = wrap(tensor._array, tensor._meta)
        marked._node, marked._requires = cls(), True
        marked._node.seq = next(sequence)
        return marked


@functools.cache
def _context_class(function: type) -> type[FunctionCtx]:
    return type(f"{function.__name__}Backward", (FunctionCtx,), {"function": function})


def _as_result(ctx: FunctionCtx, result: object, args: tuple) -> object:
    """An input that comes back unwritten becomes a tensor of its own; a written one counts the write."""
    if not isinstance(result, Tensor):
        return result
    if any(result is dirty for dirty in ctx._dirty):
        result._bump()
        return result
    if any(result is a for a in args):
        alias = wrap(result._array, result._meta)
        alias._vc = result._versions()
        return alias
    return result


def _attach(ctx: FunctionCtx, results: list) -> None:
    from tensight_runtime.engine.inplace import rebase

    for nr, result in enumerate(results):
        if not isinstance(result, Tensor) or result._meta.dtype.category < 2 or any(result is c for c in ctx._constant):
            continue
        if any(result is dirty for dirty in ctx._dirty):
            rebase(result, ctx, nr)
        else:
            result._node, result._nr, result._requires = ctx, nr, True
    saved = []
    for tensor in ctx._to_save:
        if tensor is None:
            saved.append((None, 0, None))
            continue
        nr = next((k for k, result in enumerate(results) if result is tensor), None)
        if nr is not None and tensor._node is ctx:
            alias = wrap(tensor._array, tensor._meta)  # without its node: no cycle
            alias._vc = tensor._versions()
            saved.append((alias, tensor._version, nr))
        else:
            saved.append((tensor, tensor._version, None))
    ctx._saved = saved
    ctx._to_save = ()
