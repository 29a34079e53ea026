from tensight_analyzer.interp.events import GradEvent
from tensight_analyzer.rule import Rule


class MissingZeroGrad(Rule):
    """Gradients that an update has already used are added to those of the next one.

    ## Why

    `backward()` adds to `.grad`.  Unless the gradients are set to zero between two updates, each step follows the sum
    of all gradients so far, and training goes wrong without any message.  Accumulating over several batches before
    one update is fine and is not reported.

    ## Bad

        import torch
        from torch import nn

        model = nn.Linear(4, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(10):
            loss = model(torch.ones(8, 4)).mean()
            loss.backward()  # error
            optimizer.step()

    ## Good

        import torch
        from torch import nn

        model = nn.Linear(4, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(10):
            optimizer.zero_grad()
            loss = model(torch.ones(8, 4)).mean()
            loss.backward()
            optimizer.step()

    ## Good: two batches for one update

        import torch
        from torch import nn

        model = nn.Linear(4, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(10):
            model(torch.ones(8, 4)).mean().backward()
            model(torch.ones(8, 4)).sum().backward()
            optimizer.step()
            optimizer.zero_grad()
    """

    code, name, category, severity = "TS301", "missing-zero-grad", "zero-grad", "warning"
    listens = (GradEvent,)

    def visit(self, event, scene):
        if event.kind != "accumulated":
            return
        parts = scene.holder(event).partition("[")[0].split(".")
        name = ".".join(parts[:2] if parts[0] == "self" else parts[:1])  # the model rather than its parameter
        message = (
            f"backward() adds to gradients{f' of `{name}`' if name else ''} that an update has already used: "
            "call zero_grad() before it"
        )
        notes = scene.note(event.other, "these gradients are still there")
        yield self.finding(scene, event.at, message, notes, "call `optimizer.zero_grad()` before `backward()`")
