"""Examples stream through a shuffle buffer, which draws between the steps; the model has dropout."""

# matrix: kill = ["loss 6", "seen 2", "loss 17 + 2 ms", "loss 9 SIGTERM"]

import hashlib
import random

import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import scale
from torch import nn

import flor

random.seed(9)
torch.manual_seed(9)
features, targets = load_wine(return_X_y=True)
features = torch.tensor(scale(features), dtype=torch.float32)


def examples():
    yield from range(len(targets))


def shuffled(source, size=40):
    buffer = []
    for item in source:
        if len(buffer) < size:
            buffer.append(item)
            continue
        i = torch.randint(size, (1,)).item()
        buffer[i], item = item, buffer[i]
        yield item
    random.shuffle(buffer)
    yield from buffer


def batched(source, size):
    batch = []
    for item in source:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []


model = nn.Sequential(nn.Linear(13, 24), nn.ReLU(), nn.Dropout(0.4), nn.Linear(24, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.8)
labels = torch.tensor(targets)
seen = []

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(4)):
        for batch in flor.loop("step", batched(shuffled(examples()), 29)):
            loss = nn.functional.cross_entropy(model(features[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            seen.extend(batch)
            flor.log("loss", loss.item())
        flor.log("seen", seen[-5:])

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
