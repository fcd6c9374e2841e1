"""A recurrent network whose gradients are clipped; the limit follows the norms seen so far."""

# matrix: kill = ["grad_norm 4", "limit 1", "grad_norm 13 + 2 ms"]

import hashlib
from collections import deque

import numpy as np
import torch
from torch import nn

import flor

torch.manual_seed(6)
rng = np.random.default_rng(6)
phase = rng.uniform(0, 6, size=(160, 1))
waves = torch.tensor(np.sin(phase + np.arange(25) * 0.3), dtype=torch.float32).unsqueeze(2)


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 12, batch_first=True)
        self.head = nn.Linear(12, 1)

    def forward(self, x):
        return self.head(self.lstm(x)[0])


model = Forecaster()
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
norms = deque(maxlen=6)

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(4)):
        for batch in flor.loop("step", torch.randperm(len(waves)).split(40)):
            series = waves[batch]
            loss = nn.functional.mse_loss(model(series[:, :-1]), series[:, 1:])
            optimizer.zero_grad()
            loss.backward()
            limit = 0.5 * float(np.median(norms)) if norms else 1.0
            norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), limit).item())
            optimizer.step()
            flor.log("loss", loss.item())
            flor.log("grad_norm", norms[-1])
        flor.log("limit", limit)

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
