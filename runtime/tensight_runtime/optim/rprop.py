"""torch.optim.Rprop.  https://docs.pytorch.org/docs/2.13/generated/torch.optim.Rprop.html"""

import tensight_runtime as torch
from tensight_runtime.optim.optimizer import Optimizer, check_range, number


class Rprop(Optimizer):
    """Steps by the gradient's sign; each element's step grows while the sign stays and shrinks when it changes."""

    def __init__(
        self, params, lr=1e-2, etas=(0.5, 1.2), step_sizes=(1e-6, 50), *, capturable=False, foreach=None,
        maximize=False, differentiable=False,
    ):  # fmt: skip
        check_range("learning rate", lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        super().__init__(
            params,
            {
                "lr": lr, "etas": etas, "step_sizes": step_sizes, "foreach": foreach, "maximize": maximize,
                "differentiable": differentiable, "capturable": capturable,
            },
        )  # fmt: skip

    def _update(self, param, grad, group):
        state = self.state[param]
        if len(state) == 0:
            state["step"] = torch.zeros(())
            state["prev"] = torch.zeros_like(param)
            state["step_size"] = torch.full_like(grad, number(group["lr"]))
        if group["maximize"]:
            grad = -grad
        state["step"] += 1
        shrink, grow = group["etas"]
        sign = grad.mul(state["prev"]).sign()
        factor = torch.where(sign > 0, grow, torch.where(sign < 0, shrink, 1.0)).to(grad.dtype)
        state["step_size"].mul_(factor).clamp_(group["step_sizes"][0], group["step_sizes"][1])
        grad = grad.masked_fill(sign < 0, 0)  # after a change of sign the element waits for one step
        param.addcmul_(grad.sign(), state["step_size"], value=-1)
        state["prev"].copy_(grad)
