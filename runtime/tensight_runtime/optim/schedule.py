"""What all learning rate schedulers share.

https://docs.pytorch.org/docs/2.13/optim.html#how-to-adjust-learning-rate

A scheduler writes the rate of each parameter group into the optimizer, once when it is made (epoch 0) and at each
`step()`. A new scheduler writes `get_lr`, the rates of epoch `last_epoch`, mostly from the present ones.
"""

import warnings

import tensight_runtime as torch
from tensight_runtime.optim.optimizer import Optimizer


class LRScheduler:
    def __init__(self, optimizer, last_epoch=-1):
        check_optimizer(optimizer)
        self.optimizer = optimizer
        if last_epoch == -1:
            for group in optimizer.param_groups:
                group.setdefault("initial_lr", group["lr"])
        else:
            for i, group in enumerate(optimizer.param_groups):
                if "initial_lr" not in group:
                    raise KeyError(
                        f"param 'initial_lr' is not specified in param_groups[{i}] when resuming scheduler with "
                        "last_epoch >= 0.\nThis typically happens when:\n1. You're trying to resume training from a "
                        "checkpoint but haven't properly loaded the optimizer state\n2. You're using last_epoch >= 0 "
                        "for a fresh training run (not recommended)"
                    )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._initial_step()

    def _initial_step(self):
        # The step that sets the first rates is not counted as one of the recursion.
        self._step_count = 0
        self._is_initial = True
        self.step()
        self._is_initial = False

    def get_lr(self):
        raise NotImplementedError

    def get_last_lr(self):
        """The rates of the groups."""
        return self._last_lr

    def step(self, epoch=None):
        """The next epoch; its rates go into the optimizer."""
        self._step_count += 1
        if epoch is None:
            self.last_epoch += 1
            self._set_lrs(self.get_lr())
            return
        warnings.warn(
            "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. "
            "Please use `scheduler.step()` to step the scheduler. During the deprecation, if epoch is different from "
            "None, the closed form is used instead of the new chainable form, where available.",
            stacklevel=2,
        )
        self._jump(epoch)

    def _jump(self, epoch):
        """To any epoch: by the closed form where there is one."""
        self.last_epoch = epoch
        self._set_lrs(self._get_closed_form_lr() if hasattr(self, "_get_closed_form_lr") else self.get_lr())

    def _restart(self):
        """To epoch 0, when a scheduler's turn comes in a SequentialLR."""
        self._step_count += 1
        self._jump(0)

    def _set_lrs(self, lrs):
        for group, lr in zip(self.optimizer.param_groups, lrs, strict=False):
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(lr)
            else:
                group["lr"] = lr
        self._last_lr = self._current()

    def _current(self):
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self):
        """All attributes but the optimizer."""
        return {name: value for name, value in self.__dict__.items() if name != "optimizer"}

    def load_state_dict(self, state_dict):
        """Take over the attributes of a `state_dict()`."""
        self.__dict__.update(state_dict)


_LRScheduler = LRScheduler


def check_optimizer(optimizer):
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def per_group(optimizer, name, value):
    """A value for each group: one for all, or a list of them."""
    count = len(optimizer.param_groups)
    if isinstance(value, (list, tuple)):
        if len(value) != count:
            raise ValueError(
                f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} values, "
                f"param_groups has {count}."
            )
        return list(value)
    return [value] * count
