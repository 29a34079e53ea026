"""A gate saves memory by writing into its own activation, which the sigmoid needs to compute its gradient."""

import torch
from torch import nn


class Gate(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.project = nn.Linear(features, features)

    def forward(self, x):
        gate = torch.sigmoid(self.project(x))
        out = x * torch.tanh(x)
        gate.mul_(0.9).add_(0.05)
        return out * gate


def main():
    torch.manual_seed(0)
    model = nn.Sequential(Gate(8), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    x, y = torch.randn(32, 8), torch.randn(32, 1)
    for _ in range(10):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()  # error: [inplace-on-saved-tensor]
        optimizer.step()


if __name__ == "__main__":
    main()
