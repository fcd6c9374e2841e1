"""Built to defeat the analysis: state is stored on modules, classes and functions of libraries."""

# matrix: kill = ["loss 5", "scale 2", "loss 16 + 1 ms"]
# matrix: refusal = "torch|numpy|library|attribute"

import hashlib

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from sklearn.datasets import load_iris
from torch import nn

import flor

torch.manual_seed(107)
x, y = load_iris(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
model = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

np.step_count = 0
nn.Linear.scale = 1.0
F.plain_linear = F.linear


def scaled_linear(inputs, weight, bias=None):
    return F.plain_linear(inputs, weight, bias) * nn.Linear.scale


F.linear = scaled_linear  # every Linear calls it from now on

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(4)):
        for batch in flor.loop("step", torch.randperm(150).split(30)):
            loss = F.cross_entropy(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            np.step_count += 1
            flor.log("loss", loss.item())
        nn.Linear.scale *= 0.95
        optimizer.param_groups[0]["lr"] = 0.1 / (1 + np.step_count / 10)
        flor.log("scale", nn.Linear.scale)

F.linear = F.plain_linear
weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
