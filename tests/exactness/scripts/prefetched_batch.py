"""At the end of each step the next batch is fetched, so one is always under way when an epoch ends."""

# matrix: kill = ["loss 5", "acc 2", "loss 17 + 1 ms", "loss 10 SIGTERM"]

import hashlib

import torch
from sklearn.datasets import load_digits
from torch import nn

import flor


class Prefetcher:
    """Hands out the batch that was fetched before, and fetches the next."""

    def __init__(self, x, y, size):
        self.x, self.y, self.size = x, y, size
        self.order, self.position = torch.randperm(len(x)), 0
        self.preload()

    def preload(self):
        if self.position + self.size > len(self.x):
            self.order, self.position = torch.randperm(len(self.x)), 0
        chosen = self.order[self.position : self.position + self.size]
        self.position += self.size
        noise = 0.1 * torch.randn(self.size, self.x.shape[1])
        self.next_x, self.next_y = self.x[chosen] + noise, self.y[chosen]

    def next(self):
        x, y = self.next_x, self.next_y
        self.preload()
        return x, y


torch.manual_seed(64)
images, labels = load_digits(return_X_y=True)
images, labels = torch.tensor(images / 16, dtype=torch.float32), torch.tensor(labels)
model = nn.Sequential(nn.Linear(64, 36), nn.ReLU(), nn.Linear(36, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
prefetcher = Prefetcher(images[:1100], labels[:1100], 150)

with flor.checkpointing(model=model, optimizer=optimizer):
    x, y = prefetcher.next()
    for epoch in flor.loop("epoch", range(4)):
        for _ in flor.loop("step", range(6)):
            loss = nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            x, y = prefetcher.next()
            flor.log("loss", loss.item())
        flor.log("acc", (model(images[1100:]).argmax(1) == labels[1100:]).float().mean().item())

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
