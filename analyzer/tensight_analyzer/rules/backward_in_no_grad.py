from tensight_analyzer.interp.events import GradEvent
from tensight_analyzer.rule import Rule


class BackwardInNoGrad(Rule):
    """`backward()` of a result that was computed while gradients were switched off.

    ## Why

    Under `torch.no_grad()` and `torch.inference_mode()` no graph is recorded, so there is nothing to go back through
    and PyTorch raises.

    ## Bad

        import torch
        from torch import nn

        model = nn.Linear(4, 1)
        with torch.no_grad():
            loss = model(torch.ones(8, 4)).mean()
        loss.backward()  # error

    ## Good

        import torch
        from torch import nn

        model = nn.Linear(4, 1)
        loss = model(torch.ones(8, 4)).mean()
        loss.backward()
    """

    code, name, category = "TS401", "backward-in-no-grad", "no-grad"
    listens = (GradEvent,)

    def visit(self, event, scene):
        if event.kind != "no-graph" or event.detail != "no-grad":
            return
        message, notes = scene.of_tensor(event)
        notes = scene.note(event.other, "computed here with gradients switched off") or notes
        yield self.finding(scene, event.at, message, notes, "compute it outside of no_grad")
