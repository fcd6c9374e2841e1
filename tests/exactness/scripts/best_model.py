"""The best model so far is kept as a deep copy of its state, and put back in the end."""

# matrix: kill = ["loss 10", "best_epoch 3", "loss 25 + 1 ms", "checkpoint 5"]

import copy
import hashlib

import torch
from sklearn.datasets import load_digits
from torch import nn

import flor

torch.manual_seed(41)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)

model = nn.Sequential(nn.Linear(64, 24), nn.Tanh(), nn.Linear(24, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=1.5)
best_acc, best_epoch, best_state = 0.0, -1, None
history = []

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(5)):
        for batch in flor.loop("step", torch.randperm(1200).split(200)):
            loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            flor.log("loss", loss.item())

        with torch.no_grad():
            acc = (model(x[1200:]).argmax(1) == y[1200:]).float().mean().item()
        history.append({"epoch": epoch, "acc": acc, "loss": loss.item()})
        if acc > best_acc:
            best_acc, best_epoch = acc, epoch
            best_state = copy.deepcopy(model.state_dict())
        flor.log("acc", acc)
        flor.log("best_epoch", best_epoch)

model.load_state_dict(best_state)
flor.log("history", history)
weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
