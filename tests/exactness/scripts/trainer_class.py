"""A Trainer holds model, optimizer, step counter and history as attributes of itself."""

# matrix: kill = ["train_loss 5", "val_loss 2", "train_loss 16 + 2 ms"]

import hashlib

import torch
from sklearn.datasets import load_diabetes
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

import flor


class Trainer:
    def __init__(self, model, train_set, val_set, lr, batch_size=64):
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        self.scheduler = torch.optim.lr_scheduler.ExponentialLR(self.optimizer, gamma=0.8)
        self.train_loader = DataLoader(train_set, batch_size=batch_size, shuffle=True)
        self.val_loader = DataLoader(val_set, batch_size=batch_size)
        self.loss_fn = nn.HuberLoss()
        self.step = 0
        self.history = []
        self.best = None

    def fit(self, epochs):
        with flor.checkpointing(model=self.model, optimizer=self.optimizer):
            for self.epoch in flor.loop("epoch", range(epochs)):
                self._train_epoch()
                self._validate()
                self.scheduler.step()
        return self

    def _train_epoch(self):
        self.model.train()
        for batch in flor.loop("batch", self.train_loader):
            loss = self._loss(*batch)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.step += 1
            flor.log("train_loss", loss.item())

    @torch.no_grad()
    def _validate(self):
        self.model.eval()
        losses = [self._loss(*batch).item() for batch in self.val_loader]
        mean = sum(losses) / len(losses)
        self.history.append((self.step, mean))
        if self.best is None or mean < self.best["loss"]:
            self.best = {"loss": mean, "state": {k: v.clone() for k, v in self.model.state_dict().items()}}
        flor.log("val_loss", mean)
        flor.log("seen", self.step)

    def _loss(self, x, y):
        return self.loss_fn(self.model(x).squeeze(1), y)


torch.manual_seed(flor.arg("seed", 4))
x, y = load_diabetes(return_X_y=True)
data = TensorDataset(torch.tensor(x * 10, dtype=torch.float32), torch.tensor(y / 100, dtype=torch.float32))
train_set, val_set = random_split(data, [340, 102])
net = nn.Sequential(nn.Linear(10, 24), nn.ELU(), nn.Dropout(0.1), nn.Linear(24, 1))

trainer = Trainer(net, train_set, val_set, lr=flor.arg("lr", 0.01)).fit(epochs=4)
net.load_state_dict(trainer.best["state"])

flor.log("history", [loss for _, loss in trainer.history])
weights = b"".join(p.detach().numpy().tobytes() for p in net.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
