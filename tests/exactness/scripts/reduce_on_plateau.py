"""The rate falls when the validation loss no longer does."""

# matrix: kill = ["lr 2", "loss 17", "lr 5", "loss 21 SIGTERM"]

import hashlib

import torch
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

import flor

torch.manual_seed(8)

x, y = load_iris(return_X_y=True)
x_train, x_val, y_train, y_val = (
    torch.from_numpy(part) for part in train_test_split(x.astype("float32"), y, test_size=0.4, random_state=1)
)

model = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.2)
scheduler = ReduceLROnPlateau(optimizer, factor=0.5, patience=0, cooldown=1, threshold=0.12)
criterion = nn.CrossEntropyLoss()

with flor.checkpointing(model=model, optimizer=optimizer, scheduler=scheduler):
    for epoch in flor.loop("epoch", range(8)):
        for batch in flor.loop("step", torch.randperm(len(x_train)).split(30)):
            optimizer.zero_grad()
            loss = criterion(model(x_train[batch]), y_train[batch])
            loss.backward()
            optimizer.step()
            flor.log("loss", loss.item())
        with torch.no_grad():
            val_loss = criterion(model(x_val), y_val).item()
        scheduler.step(val_loss)
        flor.log("val_loss", val_loss)
        flor.log("lr", optimizer.param_groups[0]["lr"])
        flor.log("bad_epochs", scheduler.num_bad_epochs)

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
