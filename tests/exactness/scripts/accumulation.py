"""Gradients add up over four batches, and across the end of an epoch: seven batches do not divide."""

# matrix: kill = ["loss 6", "grad_norm 2", "loss 17", "loss 24 SIGTERM"]

import hashlib

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import scale
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import flor

torch.manual_seed(19)
x, y = load_breast_cancer(return_X_y=True)
data = TensorDataset(torch.tensor(scale(x), dtype=torch.float32), torch.tensor(y))
loader = DataLoader(data, batch_size=85, shuffle=True)

model = nn.Sequential(nn.Linear(30, 16), nn.Tanh(), nn.Dropout(0.1), nn.Linear(16, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
accumulate = flor.arg("accumulate", 4)
micro_step = 0

optimizer.zero_grad()
with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(4)):
        for inputs, targets in flor.loop("step", loader):
            loss = nn.functional.cross_entropy(model(inputs), targets)
            (loss / accumulate).backward()
            micro_step += 1
            if micro_step % accumulate == 0:
                optimizer.step()
                optimizer.zero_grad()
            flor.log("loss", loss.item())
        # What is left over goes into the next epoch's first update.
        norms = [p.grad.norm().item() for p in model.parameters() if p.grad is not None]
        flor.log("grad_norm", sum(norms))

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
