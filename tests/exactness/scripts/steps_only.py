"""No epochs: one long loop of steps over random batches."""

# matrix: kill = ["loss 11", "loss 40 + 1 ms", "eval_loss 3", "loss 47 SIGTERM"]

import hashlib

import torch
from sklearn.datasets import load_diabetes
from torch import nn

import flor

torch.manual_seed(99)
x, y = load_diabetes(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y / 100, dtype=torch.float32)

max_steps = flor.arg("max_steps", 60)
model = nn.Sequential(nn.Linear(10, 32), nn.SiLU(), nn.Linear(32, 1))
optimizer = torch.optim.NAdam(model.parameters(), lr=5e-3)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=max_steps)
smoothed = 0.0

with flor.checkpointing(model=model, optimizer=optimizer, schedule=schedule):
    for step in flor.loop("step", range(max_steps)):
        batch = torch.randint(len(x), (64,))
        loss = nn.functional.mse_loss(model(x[batch]).squeeze(1), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        smoothed = 0.9 * smoothed + 0.1 * loss.item()
        flor.log("loss", loss.item())
        if step % 10 == 9:
            with torch.no_grad():
                flor.log("eval_loss", nn.functional.mse_loss(model(x).squeeze(1), y).item())
            flor.log("smoothed", smoothed)

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
