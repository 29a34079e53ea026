"""With `reduction="none"` there is a loss for every sample, weighted here, but not reduced to one number."""

import torch
from torch import nn


def main():
    torch.manual_seed(0)
    model = nn.Linear(10, 4)
    criterion = nn.CrossEntropyLoss(reduction="none")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    inputs = torch.randn(16, 10)
    labels = torch.randint(0, 4, (16,))
    weights = torch.rand(16)
    for _ in range(5):
        optimizer.zero_grad()
        losses = weights * criterion(model(inputs), labels)
        losses.backward()  # error: [non-scalar-backward]
        optimizer.step()


if __name__ == "__main__":
    main()
