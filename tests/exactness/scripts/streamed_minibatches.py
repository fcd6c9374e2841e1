"""The main loop runs over a stream of chunks, and minibatches are cut from each by a generator."""

# matrix: kill = ["loss 5", "chunk_loss 3", "loss 16 + 1 ms"]
# matrix: refusal = "generator|iterator"

import hashlib

import numpy as np
import torch
from sklearn.datasets import make_classification
from torch import nn

import flor

torch.manual_seed(83)
rng = np.random.default_rng(83)
x, y = make_classification(2000, n_features=12, n_informative=6, n_classes=3, random_state=2)
x = x.astype(np.float32)


def stream():
    """Chunks of a stream whose distribution drifts as it goes on."""
    drift = 0.0
    while True:
        chosen = rng.choice(len(x), size=240, replace=False)
        drift += rng.normal(scale=0.05)
        yield torch.from_numpy(x[chosen] + np.float32(drift)), torch.from_numpy(y[chosen])


def minibatches(chunk, size):
    inputs, targets = chunk
    order = torch.randperm(len(inputs))
    for start in range(0, len(inputs), size):
        yield inputs[order[start : start + size]], targets[order[start : start + size]]


model = nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.Linear(24, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

with flor.checkpointing(model=model, optimizer=optimizer):
    for number, chunk in flor.loop("chunk", zip(range(6), stream())):
        losses = []
        for inputs, targets in flor.loop("minibatch", minibatches(chunk, 60)):
            loss = nn.functional.cross_entropy(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(flor.log("loss", loss.item()))
        flor.log("chunk_loss", sum(losses) / len(losses))

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
