"""`best = model.state_dict()` without a copy: it shares its tensors with the model, and goes on changing."""

# matrix: kill = ["loss 6", "best_norm 3", "loss 16 + 1 ms"]

import hashlib

import torch
from sklearn.datasets import load_iris
from torch import nn

import flor

torch.manual_seed(70)
x, y = load_iris(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
order = torch.randperm(150)
train, val = order[:100], order[100:]

model = nn.Sequential(nn.Linear(4, 20), nn.ReLU(), nn.Linear(20, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.5)
best, best_acc = None, 0.0

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(5)):
        for batch in flor.loop("step", train[torch.randperm(100)].split(25)):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
            loss.backward()
            optimizer.step()
            flor.log("loss", loss.item())
        acc = (model(x[val]).argmax(1) == y[val]).float().mean().item()
        if acc > best_acc:
            best, best_acc = model.state_dict(), acc
        flor.log("acc", acc)
        flor.log("best_norm", sum(tensor.norm().item() for tensor in best.values()))

model.load_state_dict(best)  # changes nothing, to the surprise of its author
flor.log("best_acc", best_acc)
weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
