"""Loops as the grammar allows them: starred and attribute targets, zip, while, for/else, del, try/finally."""

# matrix: kill = ["loss 6", "tail 2", "loss 17 + 1 ms", "best 2"]

import hashlib
from types import SimpleNamespace

import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import scale
from torch import nn

import flor

torch.manual_seed(88)
x, y = load_wine(return_X_y=True)
x, y = torch.tensor(scale(x), dtype=torch.float32), torch.tensor(y)
model = nn.Sequential(nn.Linear(13, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
run = SimpleNamespace(epoch=None, names=[], limits={})
rates, names = (0.1, 0.05, 0.02, 0.01), ("a", "b", "c", "d")

with flor.checkpointing(model=model, optimizer=optimizer):
    for run.epoch, (run.limits["lr"], *rest) in enumerate(flor.loop("epoch", zip(rates, names, names[::-1]))):
        optimizer.param_groups[0]["lr"] = run.limits["lr"]
        run.names += rest
        attempt, losses = 0, []
        while attempt < 2:
            attempt += 1
            for first, *others in flor.loop("step", torch.randperm(90).split(30)):
                batch = torch.stack([first, *others])
                try:
                    loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
                    if loss.item() < 0.25:
                        continue
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                finally:
                    losses.append(flor.log("loss", loss.item()))
                    del first
            else:
                tail = others[-1]
            if min(losses) < 0.65:
                break
        else:
            flor.log("attempts", attempt)
        flor.log("tail", int(tail))
        [flor.log("best", best) for best in [min(losses)]]
        del losses
    else:
        run.names.append("else")

flor.log("names", run.names)
weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
