from tensight_analyzer.interp.events import Refusal
from tensight_analyzer.rule import Rule


class ShapeMismatch(Rule):
    """An operator is given sizes that cannot go together.

    ## Why

    PyTorch raises on this line, often only after the data has been loaded.  Two sizes are said to conflict only if they
    differ for every input; then numbers are put in their place and the program is followed once more.

    ## Bad

        import torch

        x = torch.zeros(32, 784)
        w = torch.zeros(10, 784)
        y = x @ w  # error

    ## Good

        import torch

        x = torch.zeros(32, 784)
        w = torch.zeros(10, 784)
        y = x @ w.T

    ## Bad: a layer that does not fit the one before it

        import torch
        from torch import nn

        model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(64, 10))
        scores = model(torch.zeros(32, 784))  # error

    ## Good: the layers fit

        import torch
        from torch import nn

        model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
        scores = model(torch.zeros(32, 784))
    """

    code, name, category = "TS101", "shape-mismatch", "shape"
    listens = (Refusal,)

    def visit(self, event, scene):
        if event.facet == self.category:
            yield self.finding(scene, event.at, *scene.refused(event))
