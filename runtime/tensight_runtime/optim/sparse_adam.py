"""torch.optim.SparseAdam.  https://docs.pytorch.org/docs/2.13/generated/torch.optim.SparseAdam.html"""

from tensight_runtime.optim.optimizer import Optimizer, check_range


class SparseAdam(Optimizer):
    """Adam for sparse gradients, of which there are none here: gradients of `Embedding(sparse=True)` are dense."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, maximize=False):
        check_range("learning rate", lr)
        check_range("epsilon value", eps)
        check_range("beta parameter at index 0", betas[0], 0.0, 1.0)
        check_range("beta parameter at index 1", betas[1], 0.0, 1.0)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})

    def _update(self, param, grad, group):
        raise RuntimeError("SparseAdam does not support dense gradients, please consider Adam instead")
