from tensight_analyzer.interp.events import GradEvent
from tensight_analyzer.rule import Rule


class BackwardThroughDetached(Rule):
    """`backward()` of a result that no parameter leads to: the graph was cut, or there never was one.

    ## Why

    `detach()`, `argmax`, integer results and a new tensor made of numbers end the graph.  PyTorch raises; making the
    loss require grad silences it, but then nothing is learned.

    ## Bad

        import torch
        from torch import nn

        model = nn.Linear(4, 1)
        out = model(torch.ones(8, 4)).detach()
        loss = out.mean()
        loss.backward()  # error

    ## Good

        import torch
        from torch import nn

        model = nn.Linear(4, 1)
        out = model(torch.ones(8, 4))
        loss = out.mean()
        loss.backward()
    """

    code, name, category = "TS402", "backward-through-detached", "graph"
    listens = (GradEvent,)

    def visit(self, event, scene):
        if event.kind != "no-graph" or event.detail == "no-grad":
            return
        message, notes = scene.of_tensor(event)
        notes = scene.note(event.other, "the graph ends here") or notes
        yield self.finding(scene, event.at, message, notes)
