"""torch.optim.LBFGS.  https://docs.pytorch.org/docs/2.13/generated/torch.optim.LBFGS.html"""

import tensight_runtime as torch
from tensight_runtime.optim.line_search import strong_wolfe
from tensight_runtime.optim.optimizer import Optimizer, check_range, number


class LBFGS(Optimizer):
    """Quasi-Newton steps from the last `history_size` changes of gradient and parameters; `step` needs a closure."""

    def __init__(
        self, params, lr=1, max_iter=20, max_eval=None, tolerance_grad=1e-7, tolerance_change=1e-9, history_size=100,
        line_search_fn=None,
    ):  # fmt: skip
        check_range("learning rate", lr)
        if max_eval is None:
            max_eval = max_iter * 5 // 4
        super().__init__(
            params,
            {
                "lr": lr, "max_iter": max_iter, "max_eval": max_eval, "tolerance_grad": tolerance_grad,
                "tolerance_change": tolerance_change, "history_size": history_size, "line_search_fn": line_search_fn,
            },
        )  # fmt: skip
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        self._params = self.param_groups[0]["params"]

    def _gather_flat_grad(self):
        return torch.cat([p.new_zeros(p.numel()) if p.grad is None else p.grad.reshape(-1) for p in self._params])

    def _add_grad(self, step_size, direction):
        start = 0
        for param in self._params:
            count = param.numel()
            param.add_(direction[start : start + count].view_as(param), alpha=step_size)
            start += count

    def _evaluator(self, closure, direction):
        """A function that gives loss and gradient one step away; the parameters are put back."""
        values = [param.clone() for param in self._params]

        def evaluate(step_size):
            self._add_grad(step_size, direction)
            with torch.enable_grad():
                loss = float(closure())
            grad = self._gather_flat_grad()
            for param, value in zip(self._params, values, strict=False):
                param.copy_(value)
            return loss, grad

        return evaluate

    def step(self, closure):
        """Up to `max_iter` iterations; returns the loss before the first."""
        with torch.no_grad():
            return self._iterate(closure)

    def _iterate(self, closure):
        group = self.param_groups[0]
        lr = number(group["lr"])
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        with torch.enable_grad():
            first_loss = closure()
        loss = float(first_loss)
        evaluations = 1
        state["func_evals"] += 1
        grad = self._gather_flat_grad()
        if grad.abs().max() <= group["tolerance_grad"]:
            return first_loss
        iterations = 0
        while iterations < group["max_iter"]:
            iterations += 1
            state["n_iter"] += 1
            direction = self._direction(state, grad, group["history_size"])
            state["prev_flat_grad"] = grad.clone()
            state["prev_loss"] = loss
            first = state["n_iter"] == 1
            step_size = min(1.0, 1.0 / grad.abs().sum().item()) * lr if first else lr
            slope = grad.dot(direction).item()
            if slope > -group["tolerance_change"]:
                break
            used = 0
            if group["line_search_fn"] is not None:
                if group["line_search_fn"] != "strong_wolfe":
                    raise RuntimeError("only 'strong_wolfe' is supported")
                evaluate = self._evaluator(closure, direction)
                loss, grad, step_size, used = strong_wolfe(evaluate, step_size, direction, loss, grad, slope)
                self._add_grad(step_size, direction)
            else:
                self._add_grad(step_size, direction)
                if iterations != group["max_iter"]:
                    with torch.enable_grad():
                        loss = float(closure())
                    grad = self._gather_flat_grad()
                    used = 1
            state["d"], state["t"] = direction, step_size
            evaluations += used
            state["func_evals"] += used
            if (
                iterations == group["max_iter"]
                or evaluations >= group["max_eval"]
                or grad.abs().max() <= group["tolerance_grad"]
                or direction.mul(step_size).abs().max() <= group["tolerance_change"]
                or abs(loss - state["prev_loss"]) < group["tolerance_change"]
            ):
                break
        return first_loss

    def _direction(self, state, grad, history_size):
        """The two loops of the method over the stored changes; at first the steepest descent."""
        if state["n_iter"] == 1:
            state["old_dirs"], state["old_stps"], state["ro"], state["H_diag"] = [], [], [], 1
            return grad.neg()
        change = grad.sub(state["prev_flat_grad"])
        moved = state["d"].mul(state["t"])
        product = change.dot(moved).item()
        changes, moves, inverses = state["old_dirs"], state["old_stps"], state["ro"]
        if product > 1e-10:
            if len(changes) == history_size:
                changes.pop(0)
                moves.pop(0)
                inverses.pop(0)
            changes.append(change)
            moves.append(moved)
            inverses.append(1.0 / product)
            state["H_diag"] = product / change.dot(change).item()
        q = grad.neg()
        weights = [0.0] * len(changes)
        for i in range(len(changes) - 1, -1, -1):
            weights[i] = moves[i].dot(q).item() * inverses[i]
            q.add_(changes[i], alpha=-weights[i])
        direction = q.mul(state["H_diag"])
        for i in range(len(changes)):
            back = changes[i].dot(direction).item() * inverses[i]
            direction.add_(moves[i], alpha=weights[i] - back)
        return direction
