"""`enumerate(flor.loop("step", torch.randperm(n).split(b)))`: the order is drawn before the loop begins."""

# matrix: kill = ["loss 5", "acc 2", "loss 19 + 1 ms", "loss 11 SIGTERM"]

import hashlib

import torch
from sklearn.datasets import load_digits
from torch import nn

import flor

torch.manual_seed(flor.arg("seed", 7))
n, b = 1200, flor.arg("batch_size", 200)

x, y = load_digits(return_X_y=True)
x, y = torch.from_numpy(x / 16).float(), torch.from_numpy(y)

model = nn.Sequential(nn.Linear(64, 28), nn.ReLU(), nn.Dropout(0.1), nn.Linear(28, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(4)):
        running = []
        for i, idx in enumerate(flor.loop("step", torch.randperm(n).split(b))):
            loss = nn.functional.cross_entropy(model(x[idx]), y[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            running.append(loss.detach())
            if i % 2 == 0:
                flor.log("first", int(idx[0]))
            flor.log("loss", loss.item())
        else:
            flor.log("running", torch.stack(running).mean().item())
        flor.log("acc", (model(x[n:]).argmax(1) == y[n:]).float().mean().item())

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
