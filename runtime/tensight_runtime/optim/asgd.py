"""torch.optim.ASGD.  https://docs.pytorch.org/docs/2.13/generated/torch.optim.ASGD.html"""

import tensight_runtime as torch
from tensight_runtime.optim.optimizer import Optimizer, check_range, number


class ASGD(Optimizer):
    """SGD that also keeps the average of the parameter, state["ax"], from step t0 on."""

    def __init__(
        self, params, lr=1e-2, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0, foreach=None, maximize=False,
        differentiable=False, capturable=False,
    ):  # fmt: skip
        check_range("learning rate", lr)
        check_range("weight_decay value", weight_decay)
        super().__init__(
            params,
            {
                "lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay, "foreach": foreach,
                "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
            },
        )  # fmt: skip

    def _update(self, param, grad, group):
        state = self.state[param]
        lr = number(group["lr"])
        if len(state) == 0:
            state["step"] = torch.zeros(())
            state["eta"] = torch.tensor(float(lr))
            state["mu"] = torch.ones(())
            state["ax"] = torch.zeros_like(param)
        if group["maximize"]:
            grad = -grad
        state["step"] += 1
        step, eta = state["step"].item(), state["eta"].item()
        if group["weight_decay"] != 0:
            grad = grad.add(param, alpha=group["weight_decay"])
        param.mul_(1 - group["lambd"] * eta)
        param.add_(grad, alpha=-eta)
        mu = state["mu"].item()
        if mu != 1:
            state["ax"].add_(param.sub(state["ax"]).mul_(mu))
        else:
            state["ax"].copy_(param)
        state["eta"].fill_(lr / ((1 + group["lambd"] * lr * step) ** group["alpha"]))
        state["mu"].fill_(1 / max(1, step - group["t0"]))
