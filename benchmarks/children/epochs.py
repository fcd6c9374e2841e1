"""Trains for epochs of many steps: `--kwargs epochs=20 steps=1000`."""

import torch
from torch import nn

import flordb as flor

torch.manual_seed(flor.arg("seed", 0))
inputs, targets = torch.randn(4096, 64), torch.randint(10, (4096,))
model = nn.Sequential(
    nn.Linear(64, 512), nn.ReLU(), nn.Dropout(0.2), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)
)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
epochs, steps = flor.arg("epochs", 20), flor.arg("steps", 1000)
# prefix

with flor.checkpointing(model=model, optimizer=optimizer):
    for _ in flor.loop("epoch", range(epochs)):
        for _ in flor.loop("step", range(steps)):
            chosen = torch.randint(len(inputs), (256,))
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs[chosen]), targets[chosen])
            loss.backward()
            # inner
            optimizer.step()
            flor.log("loss", loss.item())
        # outer
