"""Built to defeat the analysis: state in globals of modules, one of them imported in a function."""

# matrix: kill = ["loss 5", "temperature 2", "loss 16 + 1 ms"]

import hashlib

import torch
from sampling import next_batch
from sklearn.datasets import load_wine
from sklearn.preprocessing import scale
from torch import nn

import flor

torch.manual_seed(103)
x, y = load_wine(return_X_y=True)
x, y = torch.tensor(scale(x), dtype=torch.float32), torch.tensor(y)
model = nn.Sequential(nn.Linear(13, 14), nn.Tanh(), nn.Linear(14, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)


def temperature():
    import annealing  # only here

    return annealing.step()


with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(4)):
        for _ in flor.loop("step", range(5)):
            batch = next_batch(len(x), 40)
            loss = nn.functional.cross_entropy(model(x[batch]) / temperature(), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            flor.log("loss", loss.item())
        flor.log("temperature", temperature())

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
