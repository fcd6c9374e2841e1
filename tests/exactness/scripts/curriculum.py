"""A curriculum: each epoch's loader is built from the examples that the last one found easy enough."""

# matrix: kill = ["loss 4", "pool 2", "loss 14 + 2 ms", "checkpoint 3"]

import hashlib

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

import flor

torch.manual_seed(61)
x, y = load_digits(return_X_y=True)
data = TensorDataset(torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y))
model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


@torch.no_grad()
def difficulty():
    model.eval()
    inputs, targets = data.tensors
    losses = nn.functional.cross_entropy(model(inputs), targets, reduction="none")
    model.train()
    return losses.argsort()


loader = DataLoader(Subset(data, range(300)), batch_size=60, shuffle=True)

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(4)):
        for inputs, targets in flor.loop("step", loader):
            loss = nn.functional.cross_entropy(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            flor.log("loss", loss.item())
        pool = difficulty()[: 300 * (epoch + 2)].tolist()
        loader = DataLoader(Subset(data, pool), batch_size=60 * (epoch + 2), shuffle=True)
        flor.log("pool", sum(pool))

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
