"""An exponential moving average of the weights, held in a deep copy of the model."""

# matrix: kill = ["loss 6", "ema_acc 2", "checkpoint 4", "loss 19 + 2 ms"]

import copy
import hashlib

import torch
from sklearn.datasets import load_digits
from torch import nn

import flor

torch.manual_seed(14)
decay = flor.arg("decay", 0.9)

x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)
x_train, y_train, x_test, y_test = x[:1500], y[:1500], x[1500:], y[1500:]

model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.25), nn.Linear(32, 10))
ema = copy.deepcopy(model).eval().requires_grad_(False)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


@torch.no_grad()
def update_ema():
    for average, current in zip(ema.parameters(), model.parameters()):
        average.lerp_(current, 1 - decay)


with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(4)):
        for batch in flor.loop("step", torch.randperm(len(x_train)).split(250)):
            loss = nn.functional.cross_entropy(model(x_train[batch]), y_train[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            update_ema()
            flor.log("loss", loss.item())
        flor.log("ema_acc", (ema(x_test).argmax(1) == y_test).float().mean().item())
        flor.log("distance", sum((a - b).norm().item() for a, b in zip(ema.parameters(), model.parameters())))

both = [*model.parameters(), *ema.parameters()]
weights = b"".join(p.detach().numpy().tobytes() for p in both)
flor.log("digest", hashlib.sha256(weights).hexdigest())
