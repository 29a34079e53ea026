from tensight_analyzer.facts.origin import made_by
from tensight_analyzer.interp.events import Step
from tensight_analyzer.rule import Rule


class SoftmaxBeforeCrossEntropy(Rule):
    """`cross_entropy` is given probabilities: it applies log-softmax itself.

    ## Why

    Softmax twice is no error for PyTorch; the gradients become small and the model learns slowly or not at all.  Give
    it the scores before softmax, or take the logarithm yourself and use `nll_loss`.

    ## Bad

        import torch
        import torch.nn.functional as F

        scores = torch.zeros(8, 10, requires_grad=True)
        target = torch.zeros(8, dtype=torch.int64)
        probs = scores.softmax(dim=1)
        loss = F.cross_entropy(probs, target)  # error

    ## Good

        import torch
        import torch.nn.functional as F

        scores = torch.zeros(8, 10, requires_grad=True)
        target = torch.zeros(8, dtype=torch.int64)
        loss = F.cross_entropy(scores, target)

    ## Bad: in a module

        import torch
        from torch import nn

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.fc = nn.Linear(4, 3)
                self.softmax = nn.Softmax(dim=1)

            def forward(self, x):
                return self.softmax(self.fc(x))

        loss_fn = nn.CrossEntropyLoss()
        loss = loss_fn(Net()(torch.zeros(8, 4)), torch.zeros(8, dtype=torch.int64))  # error

    ## Good: the negative log-likelihood of log-probabilities

        import torch
        import torch.nn.functional as F

        scores = torch.zeros(8, 10, requires_grad=True)
        target = torch.zeros(8, dtype=torch.int64)
        loss = F.nll_loss(scores.log_softmax(dim=1), target)
    """

    code, name, category, severity = "TS502", "softmax-before-cross-entropy", "api", "warning"
    listens = (Step,)

    def visit(self, event, scene):
        if event.op.name.partition(".")[0] != "cross_entropy":
            return
        origin = made_by(event.arg("input"))
        if origin is None or origin[0].name.partition(".")[0] != "softmax":
            return
        message = "cross_entropy applies log_softmax itself, but its input has already gone through softmax"
        notes = scene.note(origin[1], "softmax is applied here")
        yield self.finding(scene, event.at, message, notes, "give it the scores before softmax")
