from tensight_analyzer.interp.events import GradEvent
from tensight_analyzer.rule import Rule


class BackwardTwice(Rule):
    """`backward()` goes through a part of the graph a second time.

    ## Why

    The first `backward()` frees what the operators kept.  A second one through the same part raises: when it is called
    again, when two losses share a computation, or when a state is carried from one round of a loop to the next without
    `detach()`.

    ## Bad

        import torch

        w = torch.ones(3, requires_grad=True)
        loss = (w * w).sum()
        loss.backward()
        loss.backward()  # error

    ## Good

        import torch

        w = torch.ones(3, requires_grad=True)
        loss = (w * w).sum()
        loss.backward()

    ## Bad: a state that is carried along

        import torch

        w = torch.ones(3, requires_grad=True)
        state = torch.zeros(3)
        for _ in range(5):
            state = torch.tanh(state + w)
            state.sum().backward()  # error

    ## Good: the state is detached

        import torch

        w = torch.ones(3, requires_grad=True)
        state = torch.zeros(3)
        for _ in range(5):
            state = torch.tanh(state.detach() + w)
            state.sum().backward()
    """

    code, name, category = "TS403", "backward-twice", "graph"
    listens = (GradEvent,)

    def visit(self, event, scene):
        if event.kind != "freed":
            return
        message, notes = scene.of_tensor(event)
        notes = scene.note(event.other, "this part of the graph has been gone through before") or notes
        yield self.finding(scene, event.at, message, notes, "compute it again, or `detach()` what is carried over")
