"""A GAN step in which the generator's loss goes back through the graph that the discriminator's loss has used up."""

import torch
from torch import nn


def main():
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
    discriminator = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
    criterion = nn.BCEWithLogitsLoss()
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=1e-3)
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=1e-3)
    ones, zeros = torch.ones(32, 1), torch.zeros(32, 1)
    for _ in range(10):
        real = torch.randn(32, 2) + 3
        fake = generator(torch.randn(32, 4))
        judged = discriminator(fake)

        optimizer_d.zero_grad()
        loss_d = criterion(discriminator(real), ones) + criterion(judged, zeros)
        loss_d.backward()

        optimizer_g.zero_grad()
        loss_g = criterion(judged, ones)
        loss_g.backward()  # error: [backward-twice]

        optimizer_d.step()
        optimizer_g.step()


if __name__ == "__main__":
    main()
