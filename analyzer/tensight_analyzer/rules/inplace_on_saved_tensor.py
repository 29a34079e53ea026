from tensight_analyzer.facts.origin import written_at
from tensight_analyzer.interp.events import GradEvent
from tensight_analyzer.rule import Rule


class InplaceOnSavedTensor(Rule):
    """A tensor that the backward pass needs was changed in place before it ran.

    ## Why

    Many operators keep their inputs or their result for the derivative: `exp` and `sigmoid` keep the result, `mul` and
    `matmul` the operands.  If such a tensor is changed afterwards, the gradient would be wrong, so `backward()` raises.

    ## Bad

        import torch

        w = torch.ones(3, requires_grad=True)
        y = w.exp()
        y += 1
        y.sum().backward()  # error

    ## Good

        import torch

        w = torch.ones(3, requires_grad=True)
        y = w.exp()
        y = y + 1
        y.sum().backward()

    ## Good: nothing that is kept is changed

        import torch

        w = torch.ones(3, requires_grad=True)
        y = w * 2
        y += 1
        y.sum().backward()
    """

    code, name, category = "TS202", "inplace-on-saved-tensor", "inplace-saved"
    listens = (GradEvent,)

    def visit(self, event, scene):
        if event.kind != "saved-modified":
            return
        notes = scene.note(written_at(event.tensor), "changed in place here")
        notes += scene.note(event.other, "its value is kept for the derivative here")
        message, more = scene.of_tensor(event)
        yield self.finding(scene, event.at, message, notes or more, "write the change out of place: `y = y + 1`")
