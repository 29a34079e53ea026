"""The network ends in a softmax, and the loss applies another one: it trains, slowly and never sure of itself."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, features, classes):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(features, 32),
            nn.ReLU(),
            nn.Linear(32, classes),
            nn.Softmax(dim=1),
        )

    def forward(self, x):
        return self.layers(x)


def main():
    torch.manual_seed(0)
    x = torch.randn(120, 5)
    labels = x[:, :3].argmax(dim=1)
    model = Net(5, 3)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(20):
        optimizer.zero_grad()
        loss = criterion(model(x), labels)  # error: [softmax-before-cross-entropy]
        loss.backward()
        optimizer.step()
    print(f"loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
