"""Two loaders: one is iterated anew each epoch, of the other one iterator is kept across epochs."""

# matrix: kill = ["loss 4", "refills 2", "loss 15 + 2 ms"]
# matrix: refusal = "iterator|generator|loader"

import hashlib

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import flor

torch.manual_seed(52)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)
labelled = DataLoader(TensorDataset(x[:600], y[:600]), batch_size=100, shuffle=True)
unlabelled = DataLoader(TensorDataset(x[600:]), batch_size=170, shuffle=True)

model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
others, refills = iter(unlabelled), 0

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(4)):
        for inputs, targets in flor.loop("step", labelled):
            try:
                (unknown,) = next(others)
            except StopIteration:
                others, refills = iter(unlabelled), refills + 1
                (unknown,) = next(others)
            consistency = (model(unknown).softmax(1) - model(unknown).softmax(1)).pow(2).mean()
            loss = nn.functional.cross_entropy(model(inputs), targets) + consistency
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            flor.log("loss", loss.item())
        flor.log("refills", refills)

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
