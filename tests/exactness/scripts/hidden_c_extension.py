"""Built to defeat the analysis: a digest and a compressor steer it; no Python code can read their state."""

# matrix: kill = ["loss 4", "compressed 2", "loss 15 + 1 ms"]
# matrix: refusal = "hash|sha256|compress|opaque"

import hashlib
import zlib

import numpy as np
import torch
from sklearn.datasets import load_iris
from torch import nn

import flor

torch.manual_seed(104)
x, y = load_iris(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
model = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
trace = hashlib.sha256()
compressor = zlib.compressobj()

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(4)):
        size = 0
        for _ in flor.loop("step", range(5)):
            seed = int.from_bytes(trace.digest()[:4], "little")
            batch = np.random.RandomState(seed).choice(150, 30, replace=False)
            loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            trace.update(np.float32(loss.item()).tobytes())
            size += len(compressor.compress(model[0].weight.detach().numpy().tobytes() * 40))
            flor.log("loss", loss.item())
        flor.log("compressed", size)
        optimizer.param_groups[0]["lr"] = 0.1 / (1 + size / 1000)

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights + trace.digest() + compressor.flush()).hexdigest())
