"""The losses of the parts are added up as new tensors made from numbers, which know nothing of the model."""

import torch
from torch import nn


def total_loss(model, x, y):
    prediction = model(x)
    fit = nn.functional.mse_loss(prediction, y)
    size = sum(p.square().sum() for p in model.parameters())
    return torch.stack([fit.detach(), 1e-4 * size.detach()]).sum()


def main():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    x = torch.randn(64, 3)
    y = x.prod(dim=1, keepdim=True)
    for _ in range(20):
        optimizer.zero_grad()
        loss = total_loss(model, x, y)
        loss.backward()  # error: [backward-through-detached]
        optimizer.step()


if __name__ == "__main__":
    main()
