"""A convolutional network that tells drawn shapes apart: horizontal bars, vertical bars and squares."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

CLASSES = 3


def draw(count, size=16):
    """`count` noisy pictures, and which shape each of them shows."""
    images = 0.3 * torch.randn(count, 1, size, size)
    labels = torch.randint(0, CLASSES, (count,))
    for image, label in zip(images, labels, strict=True):
        row, col = torch.randint(2, size - 6, (2,)).tolist()
        height = 2 if label == 0 else 5
        width = 2 if label == 1 else 5
        image[0, row : row + height, col : col + width] += 1.5
    return images, labels


class Block(nn.Module):
    """Convolution, normalization, activation, with a shortcut around them."""

    def __init__(self, channels_in, channels_out):
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, kernel_size=3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels_out)
        self.shortcut = nn.Conv2d(channels_in, channels_out, kernel_size=1)

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)) + self.shortcut(x))


class ConvNet(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.features = nn.Sequential(Block(1, 8), nn.MaxPool2d(2), Block(8, 16), nn.MaxPool2d(2), Block(16, 16))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(16, classes)

    def forward(self, x):
        x = self.features(x)
        x = self.pool(x)
        x = torch.flatten(x, 1)
        return self.classifier(x)


def accuracy(model, loader):
    model.eval()
    right = total = 0
    with torch.no_grad():
        for images, labels in loader:
            guesses = model(images).argmax(dim=1)
            right += (guesses == labels).sum().item()
            total += labels.numel()
    return right / total


def main():
    torch.manual_seed(0)
    train = DataLoader(TensorDataset(*draw(240)), batch_size=24, shuffle=True)
    test = DataLoader(TensorDataset(*draw(60)), batch_size=60)
    model = ConvNet(CLASSES)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    for epoch in range(4):
        model.train()
        for images, labels in train:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
        schedule.step()
        print(f"epoch {epoch}: loss {loss.item():.4f}, accuracy {accuracy(model, test):.3f}")


if __name__ == "__main__":
    main()
