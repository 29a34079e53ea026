"""Gradient descent by hand: the step is taken in place, outside `torch.no_grad()`."""

import torch


def main():
    torch.manual_seed(0)
    x = torch.linspace(-1, 1, 50)
    y = 3 * x - 1 + 0.1 * torch.randn(50)
    slope = torch.zeros(1, requires_grad=True)
    offset = torch.zeros(1, requires_grad=True)
    for _ in range(100):
        loss = (slope * x + offset - y).square().mean()
        loss.backward()
        slope -= 0.1 * slope.grad  # error: [inplace-on-leaf]
        with torch.no_grad():
            offset -= 0.1 * offset.grad
        slope.grad = None
        offset.grad = None
    print(slope.item(), offset.item())


if __name__ == "__main__":
    main()
