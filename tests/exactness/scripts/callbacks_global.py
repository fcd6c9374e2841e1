"""Callbacks read and change globals of the module: a dictionary of flags, a counter, a list of hooks."""

# matrix: kill = ["loss 5", "lr 2", "loss 18 + 2 ms"]

import hashlib

import torch
from sklearn.datasets import load_digits
from torch import nn

import flor

STATE = {"phase": "warmup", "lr_scale": 1.0, "noisy": True}
CALLBACKS = []
step_count = 0


def on_step(function):
    CALLBACKS.append(function)
    return function


@on_step
def count(loss):
    global step_count
    step_count += 1


@on_step
def change_phase(loss):
    if STATE["phase"] == "warmup" and step_count >= 8:
        STATE.update(phase="main", noisy=False)
    if STATE["phase"] == "main" and loss < 1.0:
        STATE["phase"] = "cooldown"
        CALLBACKS.remove(change_phase)


@on_step
def cool_down(loss):
    if STATE["phase"] == "cooldown":
        STATE["lr_scale"] *= 0.9


torch.manual_seed(29)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)
model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(4)):
        for batch in flor.loop("step", torch.randperm(1200).split(200)):
            inputs = x[batch] + (0.1 * torch.randn(len(batch), 64) if STATE["noisy"] else 0.0)
            loss = nn.functional.cross_entropy(model(inputs), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            for callback in list(CALLBACKS):
                callback(flor.log("loss", loss.item()) if callback is count else loss.item())
            optimizer.param_groups[0]["lr"] = 1e-2 * STATE["lr_scale"]
        flor.log("lr", optimizer.param_groups[0]["lr"])
        flor.log("phase", STATE["phase"])

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
