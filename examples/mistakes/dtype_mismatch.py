"""Word counts are integers; the linear layer that is to weigh them wants floating point numbers."""

import torch
from torch import nn

DOCUMENTS = ["the shape is wrong", "the gradient is gone", "all is well", "well the shape is fine"]


def count_words(documents):
    words = sorted({word for text in documents for word in text.split()})
    counts = torch.zeros(len(documents), len(words), dtype=torch.int64)
    for row, text in enumerate(documents):
        for word in text.split():
            counts[row, words.index(word)] += 1
    return counts


class Mood(nn.Module):
    def __init__(self, words):
        super().__init__()
        self.weigh = nn.Linear(words, 1)

    def forward(self, counts):
        return torch.sigmoid(self.weigh(counts)).squeeze(1)  # error: [dtype-mismatch]


def main():
    torch.manual_seed(0)
    counts = count_words(DOCUMENTS)
    good = torch.tensor([0.0, 0.0, 1.0, 1.0])
    model = Mood(counts.size(1))
    optimizer = torch.optim.Adam(model.parameters())
    for _ in range(100):
        optimizer.zero_grad()
        loss = nn.functional.binary_cross_entropy(model(counts), good)
        loss.backward()
        optimizer.step()


if __name__ == "__main__":
    main()
