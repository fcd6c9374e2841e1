"""Built to defeat the analysis: what an lru_cache, a context variable and weak references remember."""

# matrix: kill = ["loss 5", "drawn 2", "loss 16 + 1 ms"]
# matrix: refusal = "cache|context|weak|opaque"

import hashlib
import weakref
from contextvars import ContextVar
from functools import cache, lru_cache

import torch
from sklearn.datasets import load_iris
from torch import nn

import flor

torch.manual_seed(109)
x, y = load_iris(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
model = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
drawn = 0
temperature = ContextVar("temperature", default=2.0)


@lru_cache(maxsize=3)
def mask_of(width):
    """Drawn when it is first asked for, and again when it has been forgotten."""
    global drawn
    drawn += 1
    return torch.bernoulli(torch.full((width,), 0.8))


@cache
def weight_of(label):
    return 0.5 + torch.rand(()).item()


class Snapshot:
    def __init__(self, value):
        self.value = value


recent, alive = weakref.WeakValueDictionary(), []

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(4)):
        for step, batch in flor.loop("step", enumerate(torch.randperm(150).split(30))):
            width = 20 + 2 * ((step * step + epoch // 2) % 5)
            weights = torch.tensor([weight_of(label) for label in y[batch[:width]].tolist()])
            each = nn.functional.cross_entropy(
                model(x[batch[:width]]) / temperature.get(), y[batch[:width]], reduction="none"
            )
            loss = (each * weights * mask_of(len(weights))).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            alive = [*alive[-2:], Snapshot(loss.item())]
            recent[epoch, step] = alive[-1]
            flor.log("loss", loss.item())
        temperature.set(temperature.get() * 0.9)
        flor.log("drawn", drawn)
        flor.log("recent", sum(snapshot.value for snapshot in recent.values()))

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
