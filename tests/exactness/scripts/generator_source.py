"""Batches come from a generator function that draws as it goes."""

# matrix: kill = ["loss 6", "mean_loss 2", "loss 15 + 2 ms"]

import hashlib

import torch
from sklearn.datasets import load_digits
from torch import nn

import flor

torch.manual_seed(36)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)


def batches(size, count):
    """Batches in which no class is rare."""
    by_class = [(y == label).nonzero().squeeze(1) for label in range(10)]
    for _ in range(count):
        labels = torch.randint(0, 10, (size,)).tolist()
        chosen = [by_class[label][torch.randint(len(by_class[label]), (1,))] for label in labels]
        index = torch.cat(chosen)
        yield x[index], y[index]


model = nn.Sequential(nn.Linear(64, 30), nn.ReLU(), nn.Dropout(0.15), nn.Linear(30, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(4)):
        losses = []
        for inputs, targets in flor.loop("step", batches(64, 6)):
            loss = nn.functional.cross_entropy(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(flor.log("loss", loss.item()))
        flor.log("mean_loss", sum(losses) / len(losses))

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
