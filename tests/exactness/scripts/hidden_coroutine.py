"""Built to defeat the analysis: a generator is sent losses and decides on rates; its frame knows it all."""

# matrix: kill = ["loss 5", "rate 2", "loss 16 + 1 ms"]
# matrix: refusal = "generator"

import hashlib

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import scale
from torch import nn

import flor


def controller(rate):
    """Yields a rate for each loss it is sent: lower after a rise, a little higher after a fall."""
    previous, falls = float("inf"), 0
    loss = yield rate
    while True:
        falls = falls + 1 if loss < previous else 0
        rate = rate * (1 + 0.02 * falls) if falls else rate * 0.7
        previous = 0.5 * loss + 0.5 * min(previous, 10.0)
        loss = yield rate


torch.manual_seed(108)
x, y = load_breast_cancer(return_X_y=True)
x, y = torch.tensor(scale(x), dtype=torch.float32), torch.tensor(y)
model = nn.Sequential(nn.Linear(30, 12), nn.ReLU(), nn.Linear(12, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
rates = controller(0.1)
next(rates)

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(4)):
        for batch in flor.loop("step", torch.randperm(len(x)).split(100)):
            loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            optimizer.param_groups[0]["lr"] = rates.send(loss.item())
            flor.log("loss", loss.item())
        flor.log("rate", optimizer.param_groups[0]["lr"])

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
