"""Built to defeat the analysis: modes of the process change: dtype, environment, folder, grad mode."""

# matrix: kill = ["loss 5", "mode 2", "loss 16 + 1 ms"]

import hashlib
import os
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_iris
from torch import nn

import flor

torch.manual_seed(112)
x, y = load_iris(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
model = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
os.environ["PHASE"] = "0"

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(4)):
        for batch in flor.loop("step", torch.randperm(150).split(30)):
            with torch.enable_grad():
                scale = torch.rand(1)  # of the default type
                loss = nn.functional.cross_entropy(model(x[batch]), y[batch]) * scale.float().item()
                optimizer.zero_grad()
                loss.backward()
            optimizer.step()
            flor.log("loss", loss.item())
        if epoch == 1:
            torch.set_default_dtype(torch.float64)
            torch.set_grad_enabled(False)
            np.seterr(all="ignore")
        if epoch == 2:
            os.makedirs("phase", exist_ok=True)
            os.chdir("phase")
        os.environ["PHASE"] = str(int(os.environ["PHASE"]) * 2 + epoch)
        optimizer.param_groups[0]["lr"] = 0.1 / (1 + int(os.environ["PHASE"]))
        mode = [str(torch.get_default_dtype()), torch.is_grad_enabled(), os.environ["PHASE"], Path.cwd().name]
        flor.log("mode", mode)

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
