"""A training loop that never clears the gradients: every step adds to those of all steps before."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def train(model, loader, optimizer, epochs):
    criterion = nn.CrossEntropyLoss()
    for epoch in range(epochs):
        total = 0.0
        for inputs, labels in loader:
            loss = criterion(model(inputs), labels)
            loss.backward()  # error: [missing-zero-grad]
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch}: {total / len(loader):.4f}")


def main():
    torch.manual_seed(0)
    x = torch.randn(200, 6)
    labels = (x.sum(dim=1) > 0).long()
    loader = DataLoader(TensorDataset(x, labels), batch_size=20, shuffle=True)
    model = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 2))
    train(model, loader, torch.optim.SGD(model.parameters(), lr=0.05), 3)


if __name__ == "__main__":
    main()
