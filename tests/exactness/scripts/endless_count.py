"""`itertools.count()` goes on for ever; the loop is left by `break` when the loss is low enough."""

# matrix: kill = ["loss 7", "smoothed 2", "loss 23 + 1 ms", "loss 12 SIGTERM"]

import hashlib
import itertools

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import scale
from torch import nn

import flor

torch.manual_seed(90)
x, y = load_breast_cancer(return_X_y=True)
x, y = torch.tensor(scale(x), dtype=torch.float32), torch.tensor(y)
model = nn.Sequential(nn.Linear(30, 8), nn.Tanh(), nn.Linear(8, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
target = flor.arg("target", 0.3)
smoothed = None

with flor.checkpointing(model=model, optimizer=optimizer):
    for step in flor.loop("step", itertools.count(start=1)):
        batch = torch.randint(0, len(x), (50,))
        loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        smoothed = loss.item() if smoothed is None else 0.9 * smoothed + 0.1 * loss.item()
        flor.log("loss", loss.item())
        if step % 8 == 0:
            flor.log("smoothed", smoothed)
        if smoothed < target or step >= 400:
            break

flor.log("steps", step)
weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
