"""`Trainer.fit` calls `_epoch` for training and validation, and returns out of the nested loop at the end."""

# matrix: kill = ["train_loss 5", "train_mean 2", "valid_loss 5", "train_loss 15 + 2 ms"]

import hashlib

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import flor


class Trainer:
    def __init__(self, model, budget):
        self.model, self.budget = model, budget
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
        self.steps = 0
        self.reached = None

    def fit(self, train_loader, valid_loader, epochs):
        with flor.checkpointing(model=self.model, optimizer=self.optimizer):
            for epoch in flor.loop("epoch", range(epochs)):
                train_mean = self._epoch("train", train_loader)
                if train_mean is None:
                    return epoch
                flor.log("train_mean", train_mean)
                with torch.no_grad():
                    flor.log("valid_mean", self._epoch("valid", valid_loader))
        return epochs

    def _epoch(self, split, loader):
        """The mean loss, or None where the budget of steps is used up."""
        self.model.train(split == "train")
        total = 0.0
        for x, y in flor.loop("step", loader):
            loss = nn.functional.cross_entropy(self.model(x), y)
            if split == "train":
                if self.steps == self.budget:
                    self.reached = loss.item()
                    return None
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                self.steps += 1
            total += flor.log(f"{split}_loss", loss.item())
        return total / len(loader)


torch.manual_seed(38)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)
train_loader = DataLoader(TensorDataset(x[:1400], y[:1400]), batch_size=200, shuffle=True)
valid_loader = DataLoader(TensorDataset(x[1400:], y[1400:]), batch_size=200)

trainer = Trainer(nn.Sequential(nn.Linear(64, 40), nn.ReLU(), nn.Dropout(0.3), nn.Linear(40, 10)), budget=24)
flor.log("epochs", trainer.fit(train_loader, valid_loader, epochs=10))
flor.log("reached", trainer.reached)
weights = b"".join(p.detach().numpy().tobytes() for p in trainer.model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
