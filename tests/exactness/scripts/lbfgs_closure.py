"""LBFGS: the optimizer calls a closure several times a step, and keeps a history of directions."""

# matrix: kill = ["closure_loss 9", "loss 2", "loss 4"]

import hashlib

import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import scale
from torch import nn

import flor

torch.manual_seed(2)
x, y = load_wine(return_X_y=True)
x, y = torch.tensor(scale(x), dtype=torch.float64), torch.tensor(y)

model = nn.Sequential(nn.Linear(13, 10), nn.Tanh(), nn.Linear(10, 3)).double()
optimizer = torch.optim.LBFGS(model.parameters(), lr=0.3, max_iter=6, history_size=5)
calls = 0

with flor.checkpointing(model=model, optimizer=optimizer):
    for i in flor.loop("iteration", range(6)):
        sample = torch.randint(0, len(x), (120,))

        def closure(sample=sample):
            global calls
            calls += 1
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x[sample]), y[sample])
            loss = loss + 1e-4 * sum((p**2).sum() for p in model.parameters())
            loss.backward()
            flor.log("closure_loss", loss.item())
            return loss

        loss = optimizer.step(closure)
        flor.log("loss", loss.item())
        flor.log("calls", calls)

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
