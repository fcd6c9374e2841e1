"""Batches with an unusual loss are given up by an exception that the loop catches."""

# matrix: kill = ["loss 4", "skipped 2", "loss 15 + 2 ms"]

import hashlib
import math

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import scale
from torch import nn

import flor


class Outlier(Exception):
    def __init__(self, step, value):
        super().__init__(f"loss {value} at step {step}")
        self.step, self.value = step, value


torch.manual_seed(13)
x, y = load_breast_cancer(return_X_y=True)
x, y = torch.tensor(scale(x), dtype=torch.float32), torch.tensor(y)
model = nn.Sequential(nn.Linear(30, 12), nn.Tanh(), nn.Linear(12, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=3.0)
typical, skipped, last_error = 1.0, 0, None


def train_step(step, batch):
    loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
    optimizer.zero_grad()
    loss.backward()
    if not math.isfinite(loss.item()) or loss.item() > typical:
        raise Outlier(step, loss.item())
    optimizer.step()
    return loss.item()


with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(5)):
        try:
            for step, batch in flor.loop("step", enumerate(torch.randperm(len(x)).split(100))):
                try:
                    loss = flor.log("loss", train_step(step, batch))
                    typical = 0.7 * typical + 0.3 * loss
                except Outlier as error:
                    skipped += 1
                    last_error = str(error)
                    for group in optimizer.param_groups:
                        group["lr"] *= 0.7
                    if skipped % 3 == 0:
                        raise
        except Outlier:
            flor.log("gave_up", epoch)
        finally:
            flor.log("skipped", skipped)

flor.log("last_error", last_error)
weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
