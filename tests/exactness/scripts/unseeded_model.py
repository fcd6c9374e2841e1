"""No seed anywhere: the model and the split are drawn before the first flor call."""

# matrix: by_chance = true
# matrix: kill = ["loss 4", "val_acc 2", "loss 13 + 2 ms", "loss 8 SIGTERM"]

import hashlib

import numpy as np
import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import flor

x, y = load_wine(return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split(scale(x).astype(np.float32), y, test_size=0.3)
model = nn.Sequential(nn.Linear(13, 24), nn.ReLU(), nn.Dropout(0.2), nn.Linear(24, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
loader = DataLoader(
    TensorDataset(torch.from_numpy(x_train), torch.from_numpy(y_train)), batch_size=32, shuffle=True
)

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(flor.arg("epochs", 4))):
        model.train()
        for inputs, targets in flor.loop("step", loader):
            loss = nn.functional.cross_entropy(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            flor.log("loss", loss.item())
        model.eval()
        hits = model(torch.from_numpy(x_val)).argmax(1) == torch.from_numpy(y_val)
        flor.log("val_acc", hits.float().mean().item())
        flor.log("draw", np.random.random())

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
