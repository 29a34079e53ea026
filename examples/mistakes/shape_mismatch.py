"""A picture classifier whose first linear layer was not adapted when the pictures grew from 28 to 32 pixels."""

import torch
import torch.nn.functional as F
from torch import nn


class Classifier(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=3, padding=1)
        self.fc1 = nn.Linear(32 * 7 * 7, 128)
        self.fc2 = nn.Linear(128, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))  # error: [shape-mismatch]
        return self.fc2(x)


def main():
    torch.manual_seed(0)
    images = torch.rand(64, 1, 32, 32)
    labels = torch.randint(0, 10, (64,))
    model = Classifier(10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for start in range(0, 64, 16):
        scores = model(images[start : start + 16])
        loss = F.cross_entropy(scores, labels[start : start + 16])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


if __name__ == "__main__":
    main()
