"""Early stopping writes best.pt and loads it after the loop; another run overwrites it in the meantime."""

# matrix: argv = ["--kwargs", "seed=1"]
# matrix: after = [["--kwargs", "seed=2"]]
# matrix: kill = ["val_loss 2", "loss 14", "loss 19 + 2 ms"]
# matrix: refusal = "best.pt"

import hashlib
from pathlib import Path

import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import scale
from torch import nn

import flor

torch.manual_seed(flor.arg("seed", 0))
best_path = Path("checkpoints") / "best.pt"
best_path.parent.mkdir(exist_ok=True)

x, y = load_wine(return_X_y=True)
x, y = torch.tensor(scale(x), dtype=torch.float32), torch.tensor(y)
order = torch.randperm(len(x))
train, val = order[:100], order[100:]

model = nn.Sequential(nn.Linear(13, 40), nn.ReLU(), nn.Linear(40, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
best_loss, patience = float("inf"), 2

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(12)):
        for batch in flor.loop("step", train[torch.randperm(100)].split(20)):
            loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            flor.log("loss", loss.item())

        with torch.no_grad():
            val_loss = flor.log("val_loss", nn.functional.cross_entropy(model(x[val]), y[val]).item())
        if val_loss < best_loss:
            best_loss, patience = val_loss, 2
            torch.save({"epoch": epoch, "model": model.state_dict()}, best_path)
        else:
            patience -= 1
            if patience == 0:
                break

best = torch.load(best_path)
model.load_state_dict(best["model"])
flor.log("best_epoch", best["epoch"])
with torch.no_grad():
    flor.log("final_loss", nn.functional.cross_entropy(model(x[val]), y[val]).item())
weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
