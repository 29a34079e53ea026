"""Losses are collected for a plot as NumPy arrays while they are still part of the graph."""

import torch
from torch import nn


def fit(model, x, y, steps):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    history = []
    for _ in range(steps):
        loss = nn.functional.smooth_l1_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.numpy())  # error: [numpy-on-requires-grad]
    return history


def main():
    torch.manual_seed(0)
    x = torch.rand(100, 2)
    y = x[:, :1] - x[:, 1:]
    history = fit(nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)), x, y, 50)
    print(history[-1])


if __name__ == "__main__":
    main()
