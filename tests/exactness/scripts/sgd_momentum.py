"""SGD with Nesterov momentum and weight decay; the rate is lowered by hand."""

# matrix: kill = ["loss 9", "val_loss 2", "checkpoint 3", "loss 22 + 1 ms"]

import hashlib

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler
from torch import nn

import flor

torch.manual_seed(flor.arg("seed", 5))

features, target = load_breast_cancer(return_X_y=True)
features = torch.tensor(StandardScaler().fit_transform(features), dtype=torch.float32)
target = torch.tensor(target, dtype=torch.float32)
order = torch.randperm(len(features))
train, val = order[:450], order[450:]

model = nn.Sequential(nn.Linear(30, 24), nn.ReLU(), nn.Linear(24, 1))
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-3)

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(5)):
        if epoch in (2, 4):
            for group in optimizer.param_groups:
                group["lr"] *= 0.3
        shuffled = train[torch.randperm(len(train))]
        for batch in flor.loop("step", shuffled.split(64)):
            optimizer.zero_grad()
            loss = criterion(model(features[batch]).squeeze(1), target[batch])
            loss.backward()
            optimizer.step()
            flor.log("loss", loss.item())
        with torch.no_grad():
            flor.log("val_loss", criterion(model(features[val]).squeeze(1), target[val]).item())

digest = hashlib.sha256()
for parameter in model.parameters():
    digest.update(parameter.detach().numpy().tobytes())
    digest.update(optimizer.state[parameter]["momentum_buffer"].numpy().tobytes())
flor.log("digest", digest.hexdigest())
