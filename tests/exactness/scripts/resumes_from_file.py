"""The script has a way to resume of its own: it goes on from last.pt if an earlier run has left one."""

# matrix: argv = ["--kwargs", "epochs=6"]
# matrix: before = [["--kwargs", "epochs=3"]]
# matrix: kill = ["loss 4", "mean_loss 2", "loss 14 + 2 ms"]
# matrix: refusal = "last.pt"

import hashlib
import os

import torch
from sklearn.datasets import load_digits
from torch import nn

import flor

torch.manual_seed(73)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)
model = nn.Sequential(nn.Linear(64, 24), nn.ReLU(), nn.Dropout(0.2), nn.Linear(24, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
first_epoch = 0

if os.path.exists("last.pt"):
    last = torch.load("last.pt")
    model.load_state_dict(last["model"])
    optimizer.load_state_dict(last["optimizer"])
    torch.set_rng_state(last["rng"])
    first_epoch = last["epoch"] + 1
flor.log("first_epoch", first_epoch)

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(first_epoch, flor.arg("epochs", 4))):
        losses = []
        for batch in flor.loop("step", torch.randperm(1000).split(170)):
            loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(flor.log("loss", loss.item()))
        flor.log("mean_loss", sum(losses) / len(losses))
        torch.save(
            {
                "epoch": epoch,
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "rng": torch.get_rng_state(),
            },
            "last.pt",
        )

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
