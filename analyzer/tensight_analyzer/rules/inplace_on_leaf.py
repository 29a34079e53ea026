from tensight_analyzer.interp.events import GradEvent
from tensight_analyzer.rule import Rule


class InplaceOnLeaf(Rule):
    """A leaf that requires grad, or a view of one, is changed in place while gradients are recorded.

    ## Why

    The change would become part of the graph that leads to the leaf itself, so PyTorch raises.  An update of a
    parameter by hand belongs into `torch.no_grad()`.

    ## Bad

        import torch

        w = torch.zeros(3, requires_grad=True)
        w += 1  # error

    ## Good

        import torch

        w = torch.zeros(3, requires_grad=True)
        with torch.no_grad():
            w += 1

    ## Good: out of place

        import torch

        w = torch.zeros(3, requires_grad=True)
        v = w + 1
    """

    code, name, category = "TS201", "inplace-on-leaf", "inplace-leaf"
    listens = (GradEvent,)

    def visit(self, event, scene):
        if event.kind != "leaf-in-place":
            return
        message, notes = scene.of_tensor(event)
        yield self.finding(scene, event.at, message, notes, "update it inside `with torch.no_grad():`")
