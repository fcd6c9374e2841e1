"""A classifier of handwritten digits, with dropout and a shuffling loader."""

# matrix: argv = ["--kwargs", "epochs=4", "lr=0.002"]
# matrix: kill = ["loss 7", "val_acc 2", "loss 29 + 3 ms", "checkpoint 2", "loss 20 SIGTERM"]

import hashlib

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import flor

torch.manual_seed(flor.arg("seed", 9288))
num_epochs = flor.arg("epochs", 3)
batch_size = flor.arg("batch_size", 128)

images, labels = load_digits(return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split(
    (images / 16).astype("float32"), labels, test_size=0.3, random_state=0
)
train_data = TensorDataset(torch.from_numpy(x_train), torch.from_numpy(y_train))
val_data = TensorDataset(torch.from_numpy(x_val), torch.from_numpy(y_val))
train_loader = DataLoader(train_data, batch_size=batch_size, shuffle=True)
val_loader = DataLoader(val_data, batch_size=256)

model = nn.Sequential(
    nn.Linear(64, flor.arg("hidden", 64)), nn.ReLU(), nn.Dropout(0.2), nn.Linear(flor.arg("hidden", 64), 10)
)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=flor.arg("lr", 1e-3))

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(num_epochs)):
        model.train()
        for x, y in flor.loop("step", train_loader):
            loss = criterion(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            flor.log("loss", loss.item())

        model.eval()
        with torch.no_grad():
            correct = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
        flor.log("val_acc", correct / len(val_data))

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
