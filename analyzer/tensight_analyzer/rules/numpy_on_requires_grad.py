from tensight_analyzer.interp.events import GradEvent
from tensight_analyzer.rule import Rule


class NumpyOnRequiresGrad(Rule):
    """`numpy()` is called on a tensor that requires grad.

    ## Why

    NumPy cannot record gradients, so PyTorch refuses rather than lose the graph silently.

    ## Bad

        import torch

        w = torch.ones(3, requires_grad=True)
        values = (w * 2).numpy()  # error

    ## Good

        import torch

        w = torch.ones(3, requires_grad=True)
        values = (w * 2).detach().numpy()
    """

    code, name, category = "TS501", "numpy-on-requires-grad", "api"
    listens = (GradEvent,)

    def visit(self, event, scene):
        if event.kind != "numpy":
            return
        message, notes = scene.of_tensor(event)
        yield self.finding(scene, event.at, message, notes, "call `.detach()` before `.numpy()`")
