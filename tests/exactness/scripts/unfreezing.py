"""Layers are unfrozen one by one and handed to the optimizer by add_param_group."""

# matrix: kill = ["loss 6", "groups 2", "loss 20 + 1 ms", "checkpoint 3"]

import hashlib

import torch
from sklearn.datasets import load_digits
from torch import nn

import flor

torch.manual_seed(33)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)

model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10))
for layer in (model[0], model[2]):
    layer.requires_grad_(False)
optimizer = torch.optim.AdamW(model[4].parameters(), lr=1e-2)
waiting = [model[0], model[2]]

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(5)):
        if epoch in (1, 3):
            layer = waiting.pop().requires_grad_(True)
            optimizer.add_param_group({"params": list(layer.parameters()), "lr": 1e-2 / (epoch + 1)})
        for batch in flor.loop("step", torch.randperm(1000).split(200)):
            loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            flor.log("loss", loss.item())
        flor.log("groups", len(optimizer.param_groups))
        flor.log("first_layer", model[0].weight.norm().item())

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
