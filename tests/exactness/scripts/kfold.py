"""Cross-validation that builds model and optimizer anew in each fold, with a checkpointing block for each."""

# matrix: kill = ["loss 7", "fold_acc 1", "loss 30", "val_acc 8 + 1 ms"]

import hashlib

import numpy as np
import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler
from torch import nn

import flor

torch.manual_seed(55)
x, y = load_wine(return_X_y=True)
x = StandardScaler().fit_transform(x).astype(np.float32)
scores, weights = [], []

folds = StratifiedKFold(n_splits=3, shuffle=True, random_state=0)
for train, val in flor.loop("fold", list(folds.split(x, y))):
    x_train, y_train = torch.from_numpy(x[train]), torch.from_numpy(y[train])
    x_val, y_val = torch.from_numpy(x[val]), torch.from_numpy(y[val])
    model = nn.Sequential(nn.Linear(13, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)

    with flor.checkpointing(model=model, optimizer=optimizer):
        for epoch in flor.loop("epoch", range(3)):
            model.train()
            for batch in flor.loop("step", torch.randperm(len(x_train)).split(30)):
                loss = nn.functional.cross_entropy(model(x_train[batch]), y_train[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                flor.log("loss", loss.item())
            model.eval()
            with torch.no_grad():
                acc = (model(x_val).argmax(1) == y_val).float().mean().item()
            flor.log("val_acc", acc)

    scores.append(acc)
    flor.log("fold_acc", acc)
    weights += [parameter.detach().numpy().tobytes() for parameter in model.parameters()]

flor.log("mean_acc", float(np.mean(scores)))
flor.log("digest", hashlib.sha256(b"".join(weights)).hexdigest())
