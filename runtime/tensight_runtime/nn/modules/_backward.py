"""Full backward hooks: the tensors that enter and leave a module pass through an identity that sees their gradients."""

import tensight_runtime as torch


class _Seen(torch.autograd.Function):
    """Views of the tensors; in backward `see(grads)` may replace the gradients."""

    @staticmethod
    def forward(ctx, see, *tensors):
        ctx.see = see
        ctx.set_materialize_grads(False)
        return tuple(t.view_as(t) for t in tensors)

    @staticmethod
    def backward(ctx, *grads):
        return (None, *ctx.see(grads))


class BackwardHooks:
    """One call of a module with backward hooks: `enter` with the arguments, `leave` with the result."""

    def __init__(self, module, hooks, pre_hooks):
        self.module, self.hooks, self.pre_hooks = module, hooks, pre_hooks
        self.grad_output = None
        self.has_input = False

    def enter(self, args):
        self.args = args
        at = [i for i, a in enumerate(args) if isinstance(a, torch.Tensor) and a.requires_grad]
        if not at or not torch.is_grad_enabled():
            return args
        self.has_input = True
        seen = _Seen.apply(lambda grads: self._entered(at, grads), *[args[i] for i in at])
        replaced = list(args)
        for i, tensor in zip(at, seen, strict=False):
            replaced[i] = tensor
        return tuple(replaced)

    def leave(self, result):
        single = isinstance(result, torch.Tensor)
        outputs = (result,) if single else result
        if not isinstance(outputs, (tuple, list)):
            return result
        at = [i for i, t in enumerate(outputs) if isinstance(t, torch.Tensor) and t.requires_grad]
        if not at or not torch.is_grad_enabled():
            return result
        seen = _Seen.apply(lambda grads: self._left(at, len(outputs), grads), *[outputs[i] for i in at])
        if single:
            return seen[0]
        replaced = list(outputs)
        for i, tensor in zip(at, seen, strict=False):
            replaced[i] = tensor
        return type(outputs)(replaced) if type(outputs) in (tuple, list) else type(outputs)(*replaced)

    def _left(self, at, count, grads):
        self.grad_output = _spread(at, count, grads)
        for hook in self.pre_hooks:
            changed = hook(self.module, self.grad_output)
            if changed is not None:
                self.grad_output = changed if isinstance(changed, tuple) else (changed,)
        if not self.has_input:
            # Nothing goes further down: the hooks learn it now.
            for hook in self.hooks:
                if hook(self.module, _spread([], len(self.args), ()), self.grad_output) is not None:
                    raise RuntimeError(
                        "Backward hook for Modules where no input requires gradient should always return None or None "
                        "for all gradients."
                    )
        return [self.grad_output[i] for i in at]

    def _entered(self, at, grads):
        grad_input = _spread(at, len(self.args), grads)
        for hook in self.hooks:
            changed = hook(self.module, grad_input, self.grad_output)
            if changed is not None:
                changed = changed if isinstance(changed, tuple) else (changed,)
                if len(changed) != len(grad_input):
                    raise RuntimeError(
                        f"Backward hook returned an invalid number of grad_input, got {len(changed)}, "
                        f"but expected {len(grad_input)}"
                    )
                grad_input = changed
        return [grad_input[i] for i in at]


def _spread(at, count, grads):
    """The gradients at their places, None elsewhere."""
    places = [None] * count
    for i, grad in zip(at, grads, strict=False):
        places[i] = grad
    return tuple(places)
