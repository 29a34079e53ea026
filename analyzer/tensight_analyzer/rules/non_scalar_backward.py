from tensight_analyzer.interp.events import GradEvent
from tensight_analyzer.rule import Rule


class NonScalarBackward(Rule):
    """`backward()` without a gradient is called on a tensor of more than one element.

    ## Why

    Only a single number has a gradient without further information.  Reduce the loss, or pass the gradient of the
    result.

    ## Bad

        import torch

        w = torch.ones(3, requires_grad=True)
        loss = w * 2
        loss.backward()  # error

    ## Good

        import torch

        w = torch.ones(3, requires_grad=True)
        loss = w * 2
        loss.mean().backward()

    ## Good: with the gradient of the result

        import torch

        w = torch.ones(3, requires_grad=True)
        y = w * 2
        y.backward(torch.ones(3))
    """

    code, name, category = "TS404", "non-scalar-backward", "graph"
    listens = (GradEvent,)

    def visit(self, event, scene):
        if event.kind != "not-scalar":
            return
        message, notes = scene.of_tensor(event)
        yield self.finding(scene, event.at, message, notes, "reduce it first: `.mean()` or `.sum()`")
