"""Times are logged: they differ from run to run, and nothing else does."""

# matrix: kill = ["loss 6", "epoch_seconds 2", "loss 15 + 2 ms", "checkpoint 2"]
# matrix: volatile = ["started", "step_seconds", "epoch_seconds", "began", "step_began", "took", "slowest"]

import hashlib
import time

import torch
from sklearn.datasets import load_diabetes
from torch import nn

import flor

flor.log("started", time.time())
torch.manual_seed(27)
x, y = load_diabetes(return_X_y=True)
x, y = torch.tensor(x * 10, dtype=torch.float32), torch.tensor(y / 100, dtype=torch.float32).unsqueeze(1)
model = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
slowest = 0.0

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(4)):
        began = time.perf_counter()
        for batch in flor.loop("step", torch.randperm(len(x)).split(80)):
            step_began = time.perf_counter()
            loss = nn.functional.mse_loss(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            flor.log("loss", loss.item())
            took = flor.log("step_seconds", time.perf_counter() - step_began)
            slowest = max(slowest, took)
        flor.log("epoch_seconds", time.perf_counter() - began)

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
