"""Two main loops in one block, warm-up and training, with statements before, between and behind them."""

# matrix: kill = ["warm_loss 3", "between 1", "loss 8", "loss 15 + 1 ms", "behind 1"]

import hashlib

import torch
from sklearn.datasets import load_diabetes
from torch import nn

import flor

torch.manual_seed(24)
x, y = load_diabetes(return_X_y=True)
x, y = torch.tensor(x * 10, dtype=torch.float32), torch.tensor(y / 100, dtype=torch.float32)
model = nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.Linear(16, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)


def step(batch):
    loss = nn.functional.mse_loss(model(x[batch]).squeeze(1), y[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


with flor.checkpointing(model=model, optimizer=optimizer):
    losses = []
    for i in flor.loop("warmup", range(6)):
        optimizer.param_groups[0]["lr"] = 0.01 * (i + 1)
        losses.append(flor.log("warm_loss", step(torch.randint(len(x), (40,)))))

    flor.log("between", min(losses))
    nn.init.normal_(model[2].weight, std=0.1)  # draws between the loops
    losses.clear()

    for epoch in flor.loop("epoch", range(3)):
        for batch in flor.loop("step", torch.randperm(len(x)).split(80)):
            losses.append(flor.log("loss", step(batch)))
    flor.log("behind", sum(losses) / len(losses) + torch.rand(1).item())

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
