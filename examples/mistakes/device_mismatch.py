"""An autoencoder on the GPU; the noise that is added to its input stayed on the CPU."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Autoencoder(nn.Module):
    def __init__(self, size, code):
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(size, 64), nn.ReLU(), nn.Linear(64, code))
        self.decode = nn.Sequential(nn.Linear(code, 64), nn.ReLU(), nn.Linear(64, size))

    def forward(self, x):
        return self.decode(self.encode(x))


def main():
    torch.manual_seed(0)
    device = torch.device("cuda")
    loader = DataLoader(TensorDataset(torch.rand(256, 20)), batch_size=32, shuffle=True)
    model = Autoencoder(20, 4).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(5):
        for (clean,) in loader:
            clean = clean.to(device)
            noise = 0.1 * torch.randn(clean.shape)
            restored = model(clean + noise)  # error: [device-mismatch]
            loss = (restored - clean).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


if __name__ == "__main__":
    main()
