"""Folds, epochs and steps in three nested loops, with one checkpointing block around them all."""

# matrix: kill = ["loss 7", "val_acc 2", "fold_score 1", "loss 26 + 1 ms", "loss 15 SIGTERM"]

import hashlib

import torch
from sklearn.datasets import load_iris
from sklearn.model_selection import KFold
from torch import nn

import flor

torch.manual_seed(flor.arg("seed", 66))
x, y = load_iris(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
folds = list(KFold(3, shuffle=True, random_state=5).split(x))

model = nn.Sequential(nn.Linear(4, 14), nn.ReLU(), nn.Dropout(0.1), nn.Linear(14, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
fresh = {name: tensor.clone() for name, tensor in model.state_dict().items()}
scores = []

with flor.checkpointing(model=model, optimizer=optimizer):
    for train, val in flor.loop("fold", folds):
        model.load_state_dict(fresh)
        optimizer.state.clear()
        for epoch in flor.loop("epoch", range(3)):
            model.train()
            for batch in flor.loop("step", torch.from_numpy(train)[torch.randperm(len(train))].split(25)):
                loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                flor.log("loss", loss.item())
            model.eval()
            acc = (model(x[val]).argmax(1) == y[val]).float().mean().item()
            flor.log("val_acc", acc)
        scores.append(acc)
        flor.log("fold_score", sum(scores) / len(scores))

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
