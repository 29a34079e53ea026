from tensight_analyzer.facts.origin import made_by
from tensight_analyzer.interp.events import Step
from tensight_analyzer.rule import Rule


class DoubleTwice(Rule):
    """A dimension is doubled twice in a row.

    ## Why

    One `repeat` does the same.

    ## Bad

        import torch

        x = torch.zeros(2, 3).double_last().double_last()  # error

    ## Good

        import torch

        x = torch.zeros(2, 3).repeat(1, 4)
    """

    code, name, category, severity = "EX001", "double-twice", "performance", "warning"
    listens = (Step,)

    def visit(self, event, scene):
        origin = made_by(event.arg("input"))
        if event.op.name == "double_last" and origin is not None and origin[0].name == "double_last":
            yield self.finding(
                scene, event.at, "the last dimension is doubled twice", scene.note(origin[1], "here first")
            )
