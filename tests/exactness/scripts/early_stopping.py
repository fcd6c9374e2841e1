"""Training stops by `break` when the validation loss has not fallen for two epochs."""

# matrix: argv = ["--kwargs", "patience=2", "max_epochs=30"]
# matrix: kill = ["val_loss 2", "loss 14", "checkpoint 2", "loss 17 SIGTERM"]

import hashlib

import torch
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from torch import nn

import flor

torch.manual_seed(23)
patience = flor.arg("patience", 3)

x, y = load_iris(return_X_y=True)
x_train, x_val, y_train, y_val = (
    torch.from_numpy(part) for part in train_test_split(x.astype("float32"), y, test_size=0.5, random_state=3)
)
model = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.08)

best, waited = float("inf"), 0
with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(flor.arg("max_epochs", 50))):
        for batch in flor.loop("step", torch.randperm(len(x_train)).split(25)):
            loss = nn.functional.cross_entropy(model(x_train[batch]), y_train[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            flor.log("loss", loss.item())

        with torch.no_grad():
            val_loss = nn.functional.cross_entropy(model(x_val), y_val).item()
        flor.log("val_loss", val_loss)
        if val_loss < best:
            best, waited = val_loss, 0
        else:
            waited += 1
        if waited >= patience:
            break
    else:
        print("never stopped")

flor.log("stopped_after", epoch + 1)
flor.log("best", best)
weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
