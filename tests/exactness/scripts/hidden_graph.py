"""Built to defeat the analysis: an autograd graph reaches from one epoch into the next."""

# matrix: kill = ["loss 4", "penalty 2", "loss 13 + 1 ms"]
# matrix: refusal = "graph|backward|autograd|grad_fn"

import hashlib

import torch
from sklearn.datasets import load_iris
from torch import nn

import flor

torch.manual_seed(111)
x, y = load_iris(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
model = nn.Sequential(nn.Linear(4, 12), nn.Tanh(), nn.Linear(12, 3))
rate = torch.tensor(0.1, requires_grad=True)
meta_optimizer = torch.optim.SGD([rate], lr=1e-3)
penalty = torch.zeros(())

with flor.checkpointing(model=model):
    for epoch in flor.loop("epoch", range(4)):
        for batch in flor.loop("step", torch.randperm(150).split(30)):
            loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
            gradients = torch.autograd.grad(loss, list(model.parameters()))
            penalty = 0.5 * penalty + rate * sum((g**2).sum() for g in gradients)
            with torch.no_grad():
                for p, g in zip(model.parameters(), gradients):
                    p -= rate * g
            flor.log("loss", loss.item())
        if epoch % 2 == 1:  # two epochs at once
            meta_optimizer.zero_grad()
            penalty.backward()
            meta_optimizer.step()
            penalty = penalty.detach()
        flor.log("penalty", penalty.item())
        flor.log("rate", rate.item())

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
