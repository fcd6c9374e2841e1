"""A worker serves requests: `flor.iteration` marks each, and some of them train the model a little."""

# matrix: kill = ["loss 5", "served 4", "loss 9"]

import hashlib
from collections import Counter

import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import scale
from torch import nn

import flor

torch.manual_seed(15)
x, y = load_wine(return_X_y=True)
x, y = torch.tensor(scale(x), dtype=torch.float32), torch.tensor(y)
model = nn.Linear(13, 3)
optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
served = Counter()


def predict(rows):
    flor.log("predicted", model(x[rows]).argmax(1).tolist())


def learn(rows):
    for _ in flor.loop("step", range(2)):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        flor.log("loss", loss.item())


requests = [("learn", 30), ("predict", 4), ("learn", 50), ("predict", 3), ("predict", 2), ("learn", 20)] * 2

with flor.checkpointing(model=model, optimizer=optimizer):
    for kind, size in requests:
        with flor.iteration("request", None, kind):
            rows = torch.randint(len(x), (size,))
            {"learn": learn, "predict": predict}[kind](rows)
            served[kind] += 1
            flor.log("served", served.total())

with flor.iteration("report", 0, "final"):
    flor.log("counts", dict(served))
weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
