from tensight_analyzer.interp.events import Refusal
from tensight_analyzer.rule import Rule


class DtypeMismatch(Rule):
    """An operator is given dtypes that it does not take together.

    ## Why

    Matrix products, convolutions and most losses do not promote: PyTorch raises on this line.  The usual cause is data
    that came from NumPy as float64, or integers where floats are needed.

    ## Bad

        import torch
        from torch import nn

        layer = nn.Linear(4, 2)
        x = torch.zeros(8, 4, dtype=torch.float64)
        y = layer(x)  # error

    ## Good

        import torch
        from torch import nn

        layer = nn.Linear(4, 2)
        x = torch.zeros(8, 4, dtype=torch.float64)
        y = layer(x.float())
    """

    code, name, category = "TS102", "dtype-mismatch", "dtype"
    listens = (Refusal,)

    def visit(self, event, scene):
        if event.facet == self.category:
            yield self.finding(scene, event.at, *scene.refused(event))
