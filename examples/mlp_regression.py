"""Regression with a multi-layer perceptron: our own dataset, validation, early stopping, and the best model at the end.

tensight check examples/mlp_regression.py      what will go wrong, without running it
tensight run examples/mlp_regression.py        trains it, without PyTorch
python examples/mlp_regression.py              trains it, with PyTorch: the same numbers
"""

import argparse
import os

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, random_split
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm


class Waves(Dataset):
    """Noisy samples of a smooth function of several variables."""

    def __init__(self, count, features):
        self.x = torch.rand(count, features) * 4 - 2
        noise = 0.05 * torch.randn(count)
        self.y = torch.sin(self.x[:, 0]) + self.x[:, 1] * self.x[:, 2] + 0.5 * self.x.mean(dim=1) + noise

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        return self.x[index], self.y[index]


class MLP(nn.Module):
    def __init__(self, features, hidden, dropout=0.1):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(features, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
        )
        self.head = nn.Linear(hidden, 1)

    def forward(self, x):
        hidden = self.body(x)
        return self.head(hidden).squeeze(-1)


class EarlyStopping:
    """Saves the best model, and says when nothing has become better for a while."""

    def __init__(self, path, patience):
        self.path = path
        self.patience = patience
        self.best = float("inf")
        self.waited = 0

    def update(self, model, loss):
        if loss < self.best:
            self.best = loss
            self.waited = 0
            torch.save(model.state_dict(), self.path)
        else:
            self.waited += 1
        return self.waited >= self.patience


def train_epoch(model, loader, criterion, optimizer, device):
    model.train()
    total = 0.0
    for x, y in tqdm(loader, desc="training", leave=False):
        x, y = x.to(device), y.to(device)
        optimizer.zero_grad()
        prediction = model(x)
        loss = criterion(prediction, y)
        loss.backward()
        optimizer.step()
        total += loss.item() * x.size(0)
    return total / len(loader.dataset)


def validate(model, loader, criterion, device):
    model.eval()
    total = 0.0
    with torch.no_grad():
        for x, y in loader:
            x, y = x.to(device), y.to(device)
            total += criterion(model(x), y).item() * x.size(0)
    return total / len(loader.dataset)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--patience", type=int, default=3)
    parser.add_argument("--out", default="runs/mlp_regression")
    args = parser.parse_args()

    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    train_set, valid_set = random_split(Waves(1000, 4), [800, 200])
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    valid_loader = DataLoader(valid_set, batch_size=200)

    model = MLP(4, 64).to(device)
    criterion = nn.MSELoss(reduction="mean")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)

    os.makedirs(args.out, exist_ok=True)
    best = os.path.join(args.out, "best.pt")
    stopping = EarlyStopping(best, args.patience)
    writer = SummaryWriter(args.out)
    for epoch in range(args.epochs):
        train_loss = train_epoch(model, train_loader, criterion, optimizer, device)
        valid_loss = validate(model, valid_loader, criterion, device)
        writer.add_scalar("loss/train", train_loss, epoch)
        writer.add_scalar("loss/valid", valid_loss, epoch)
        print(f"epoch {epoch}: train {train_loss:.6f}, valid {valid_loss:.6f}")
        if stopping.update(model, valid_loss):
            print(f"no better for {args.patience} epochs")
            break
    writer.close()

    model.load_state_dict(torch.load(best))
    model.eval()
    x = torch.tensor([[0.0, 1.0, 1.0, 0.0], [1.5, -1.0, 0.5, 2.0]], device=device)
    with torch.no_grad():
        y = model(x)
    print(f"best valid {stopping.best:.6f}, predicted", [round(v, 4) for v in y.tolist()])


if __name__ == "__main__":
    main()
