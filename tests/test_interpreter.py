"""Small programs that real code taught us: what is known of them, and that nothing is found in them."""

from __future__ import annotations

import textwrap

import pytest

from tests.support.analyzer import facts_and_findings

# what real code does -> a program in it; `# => fact | fact` is what is known of what the line binds
PROGRAMS = {
    "a list repeated an unknown number of times is a list": """
        import sys
        import torch
        import torch.nn.functional as F
        n = int(sys.argv[1])
        x, w = torch.zeros(2, 3, 8, 8), torch.zeros(4, 3, 3, 3)
        y = F.conv2d(x, w, stride=[1] * n)  # => f32[2, 4, 6, 6]
        """,
    "numbers nobody has counted as a size": """
        import sys
        import torch
        n = int(sys.argv[1])
        x = torch.zeros(2, 3, 8, 8)
        y = torch.zeros([n] * n)  # => f32[...]
        y = x.sum(dim=list(range(n)))  # => f32[...]
        y = x.permute([int(k) for k in sys.argv[1:]])  # => f32[...]
        a, b = torch.split(x, [4] * n, 2)
        y = a + 1  # => ?[...] ?device grad?
        """,
    "pieces nobody has counted keep their graph": """
        import sys
        import torch
        w = torch.zeros(4, 8, requires_grad=True)
        a, b = (w * 2).chunk(int(sys.argv[1]))
        loss = (a + b).sum()
        loss.backward()
        """,
    "views nobody has counted, made without gradients": """
        import sys
        import torch
        x = torch.zeros(4, 8)
        with torch.no_grad():
            a, b = x.chunk(int(sys.argv[1]))
            y = (a + b).dim()
        """,
    "a gradient of one of several leaves": """
        import sys
        import torch
        from torch import nn
        layers = nn.ModuleList([nn.Linear(3, 3) for _ in range(int(sys.argv[1]))])
        x = torch.zeros(2, 3)
        for layer in layers:
            x = layer(x)
        x.sum().backward()
        grads = []
        for p in layers.parameters():
            if p.grad is not None:
                grads.append(p.grad.view(-1))
        flat = torch.cat(grads)
        """,
    "hundreds of tensors of which nothing is known": """
        import sys
        import torch
        def load(path): return torch.load(path)
        many = [load(a).float() for a in ("a", "b", "c", "d", "e", "f", "g", "h", "i", "j")] * 30
        y = torch.cat(many)  # => ?[...] ?device grad?
        """,
    "a loop over one of several lists": """
        import sys
        import torch
        few = [torch.zeros(2)] if len(sys.argv) > 1 else []
        seen = []
        for x in few or [torch.zeros(2), torch.zeros(2)]:
            seen.append(x)
        y = torch.cat(seen)  # => f32[2*len]
        """,
    "an iterator of which paths have read more or less": """
        import sys
        import torch
        it = iter([torch.zeros(2), torch.zeros(3), torch.zeros(4)])
        if len(sys.argv) > 1:
            next(it)
        y = next(it).sum()  # => f32[]
        for x in it:
            z = x.sum()  # => f32[]
        """,
    "an equation nobody knows": """
        import sys
        import torch
        y = torch.einsum(sys.argv[1], torch.zeros(2, 3), torch.zeros(3, 4))  # => ?[...] ?device grad?
        """,
    "a list of modules given to something unknown": """
        import torch
        from torch import nn
        from somewhere import watched
        layers = [nn.Linear(3, 3), nn.Linear(3, 3)]
        for layer in watched(layers):
            layer.to("cuda")
        y = nn.Sequential(*layers)(torch.zeros(2, 3, device="cuda"))
        """,
    "a window nobody has counted": """
        import sys
        import torch.nn.functional as F
        import torch
        size = [int(k) for k in sys.argv[1:]]
        y = F.avg_pool2d(torch.zeros(1, 3, 8, 8), size, size).dim()  # => 4
        """,
    "a module first needed on a path that ends": """
        import sys
        import torch
        if len(sys.argv) > 1:
            with torch.no_grad():
                w = torch.zeros(2, requires_grad=True) * 2
            raise ValueError(w)
        w = torch.zeros(3, requires_grad=True)
        with torch.no_grad():
            y = w * 2  # => f32[3]
        """,
    "a tensor of numbers nobody has counted": """
        import sys
        import torch
        gamma = float(sys.argv[1])
        R, returns = 0, []
        for r in [r for r in sys.stdin]:
            R = r + gamma * R
            returns.insert(0, R)
        y = torch.tensor(returns)  # => ?[...]
        z = (y - y.mean()) / y.std()
        """,
    "sizes that may broadcast, asked for twice": """
        import sys
        import torch
        n, m = int(sys.argv[1]), int(sys.argv[2])
        assert n != 4
        x = torch.zeros(n, 8) + torch.zeros(m, 8)
        y = torch.zeros(n, 8) + torch.zeros(m, 8)
        z = (x + y).sum()  # => f32[]
        """,
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_real_code(name, tmp_path):
    code = textwrap.dedent(PROGRAMS[name]).strip() + "\n"
    line, findings = facts_and_findings(code, tmp_path)
    assert [f.message for f in findings] == []
    for number, text in enumerate(code.split("\n"), 1):
        _, asked, fact = text.partition("  # => ")
        if asked:
            assert [" | ".join(known) for known in line(number)] == [fact], text
