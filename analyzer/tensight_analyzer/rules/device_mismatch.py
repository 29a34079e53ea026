from tensight_analyzer.interp.events import Refusal
from tensight_analyzer.rule import Rule


class DeviceMismatch(Rule):
    """An operator is given tensors that lie on different devices.

    ## Why

    PyTorch copies nothing between devices by itself: it raises on this line.  `x.to(device)` returns a new tensor, so
    without an assignment it does nothing; a module is moved in place.

    ## Bad

        import torch

        x = torch.zeros(3)
        w = torch.zeros(3, device="meta")
        y = x + w  # error

    ## Good

        import torch

        x = torch.zeros(3)
        w = torch.zeros(3, device="meta")
        x = x.to("meta")
        y = x + w
    """

    code, name, category = "TS103", "device-mismatch", "device"
    listens = (Refusal,)

    def visit(self, event, scene):
        if event.facet == self.category:
            yield self.finding(scene, event.at, *scene.refused(event))
