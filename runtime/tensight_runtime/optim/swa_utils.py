"""torch.optim.swa_utils: averages of a model's parameters.

https://docs.pytorch.org/docs/2.13/optim.html#weight-averaging-swa-and-ema
"""

import copy
import math

import tensight_runtime as torch
from tensight_runtime.nn.modules.batchnorm import _BatchNorm
from tensight_runtime.nn.modules.module import Module
from tensight_runtime.optim.schedule import LRScheduler, per_group


def get_ema_multi_avg_fn(decay=0.999):
    """Exponential moving average, of lists of tensors."""
    _check_decay(decay)

    def update(averaged, current, num_averaged):
        with torch.no_grad():
            for mean, value in zip(averaged, current, strict=False):
                if mean.is_floating_point() or mean.is_complex():
                    mean.lerp_(value, 1 - decay)
                else:
                    mean.copy_(mean * decay + value * (1 - decay))

    return update


def get_swa_multi_avg_fn():
    """Mean of all models so far, of lists of tensors."""

    def update(averaged, current, num_averaged):
        with torch.no_grad():
            for mean, value in zip(averaged, current, strict=False):
                if mean.is_floating_point() or mean.is_complex():
                    mean.lerp_(value, 1 / (num_averaged + 1))
                else:
                    mean.copy_(mean + (value - mean) / (num_averaged + 1))

    return update


def get_ema_avg_fn(decay=0.999):
    """Exponential moving average, of one tensor."""
    _check_decay(decay)

    def update(averaged, current, num_averaged):
        with torch.no_grad():
            return decay * averaged + (1 - decay) * current

    return update


def get_swa_avg_fn():
    """Mean of all models so far, of one tensor."""

    def update(averaged, current, num_averaged):
        with torch.no_grad():
            return averaged + (current - averaged) / (num_averaged + 1)

    return update


def _check_decay(decay):
    if decay < 0.0 or decay > 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


class AveragedModel(Module):
    """A copy of a model, child `module`, whose parameters are averages; `update_parameters(model)` adds to them."""

    def __init__(self, model, device=None, avg_fn=None, multi_avg_fn=None, use_buffers=False):
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", torch.tensor(0, dtype=torch.long, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args, **kwargs):
        return self.module(*args, **kwargs)

    def update_parameters(self, model):
        """Take the parameters of `model` into the average."""
        mine = list(self.module.parameters())
        theirs = list(model.parameters())
        if self.use_buffers:
            mine += list(self.module.buffers())
            theirs += list(model.buffers())
        mine = [tensor.detach() for tensor in mine]
        theirs = [tensor.detach().to(mean.device) for mean, tensor in zip(mine, theirs, strict=False)]
        count = int(self.n_averaged.item())
        if count == 0:
            for mean, value in zip(mine, theirs, strict=False):
                mean.copy_(value)
        elif self.avg_fn is not None:
            for mean, value in zip(mine, theirs, strict=False):
                mean.copy_(self.avg_fn(mean, value, count))
        else:
            update = self.multi_avg_fn if self.multi_avg_fn is not None else get_swa_multi_avg_fn()
            update(mine, theirs, count)
        if not self.use_buffers:
            # Buffers are not averaged: they are those of the model.
            for mean, value in zip(self.module.buffers(), model.buffers(), strict=False):
                mean.detach().copy_(value.detach().to(mean.device))
        self.n_averaged += 1


def update_bn(loader, model, device=None):
    """Compute the running statistics of all batch normalizations anew, from the batches of `loader`."""
    momenta = {}
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.reset_running_stats()
            momenta[module] = module.momentum
    if not momenta:
        return
    training = model.training
    model.train()
    for module in momenta:
        module.momentum = None
    with torch.no_grad():
        for batch in loader:
            if isinstance(batch, (list, tuple)):
                batch = batch[0]
            model(batch if device is None else batch.to(device))
    for module, momentum in momenta.items():
        module.momentum = momentum
    model.train(training)


class SWALR(LRScheduler):
    """From the present rate to `swa_lr` in `anneal_epochs` epochs, then constant."""

    def __init__(self, optimizer, swa_lr, anneal_epochs=10, anneal_strategy="cos", last_epoch=-1):
        for group, lr in zip(optimizer.param_groups, per_group(optimizer, "swa_lr", swa_lr), strict=False):
            group["swa_lr"] = lr
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must by one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, t):
        """How far the way to swa_lr is gone at 0 <= t <= 1."""
        return t if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2

    def get_lr(self):
        step = self._step_count - 1
        length = max(1, self.anneal_epochs)
        before = self._share(max(0, min(1, (step - 1) / length)))
        now = self._share(max(0, min(1, step / length)))
        lrs = []
        for group in self.optimizer.param_groups:
            # The rate from which the way began, seen from where the last step left it.
            lr, end = group["lr"], group["swa_lr"]
            start = end if before == 1 else (lr - before * end) / (1 - before)
            lrs.append(end * now + start * (1 - now))
        return lrs
