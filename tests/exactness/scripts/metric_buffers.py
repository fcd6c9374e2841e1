"""A metric object whose state is in buffers that are not persistent: its state_dict is empty."""

# matrix: kill = ["loss 5", "confusion 2", "loss 16 + 2 ms"]

import hashlib

import torch
from sklearn.datasets import load_iris
from torch import nn

import flor


class Confusion(nn.Module):
    """Counts of (true, predicted) since it was made, and the best accuracy it has seen."""

    def __init__(self, classes):
        super().__init__()
        self.register_buffer("counts", torch.zeros(classes, classes, dtype=torch.long), persistent=False)
        self.register_buffer("total", torch.zeros((), dtype=torch.float64), persistent=False)
        self.best = 0.0

    def forward(self, predicted, true):
        index = true * self.counts.shape[1] + predicted
        self.counts += index.bincount(minlength=self.counts.numel()).reshape(self.counts.shape)
        self.total += len(true)
        accuracy = (self.counts.diagonal().sum() / self.total).item()
        self.best = max(self.best, accuracy)
        return accuracy


torch.manual_seed(44)
x, y = load_iris(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
model = nn.Sequential(nn.Linear(4, 10), nn.Tanh(), nn.Linear(10, 3))
metric = Confusion(3)
optimizer = torch.optim.Adam(model.parameters(), lr=0.03)

with flor.checkpointing(model=model, optimizer=optimizer, metric=metric):
    for epoch in flor.loop("epoch", range(5)):
        for batch in flor.loop("step", torch.randperm(150).split(30)):
            logits = model(x[batch])
            loss = nn.functional.cross_entropy(logits, y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            flor.log("loss", loss.item())
            flor.log("running_accuracy", metric(logits.argmax(1), y[batch]))
        flor.log("confusion", metric.counts.tolist())

assert not metric.state_dict()
flor.log("best", metric.best)
digest = hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in model.parameters()))
digest.update(metric.counts.numpy().tobytes())
flor.log("digest", digest.hexdigest())
