"""Built to defeat the analysis: a thread makes the batches ahead of time and hands them over in a queue."""

# matrix: kill = ["loss 5", "handed_over 2", "loss 14 + 2 ms", "loss 8 SIGTERM"]
# matrix: refusal = "thread|queue"

import hashlib
import queue
import threading

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

import flor

x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)


class BatchMaker(threading.Thread):
    """Always two batches ahead of whoever takes them."""

    def __init__(self, seed):
        super().__init__(daemon=True)
        self.rng = np.random.default_rng(seed)
        self.ready = queue.Queue(maxsize=2)
        self.noise = 0.2

    def run(self):
        while True:
            rows = self.rng.choice(1200, 150, replace=False)
            noisy = x[rows].numpy() + self.rng.normal(scale=self.noise, size=(150, 64))
            self.noise *= 0.98
            self.ready.put((torch.tensor(noisy, dtype=torch.float32), y[rows]))


torch.manual_seed(106)
model = nn.Sequential(nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
maker = BatchMaker(seed=1)
maker.start()
handed_over = 0

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(4)):
        for _ in flor.loop("step", range(5)):
            inputs, targets = maker.ready.get()
            handed_over += 1
            loss = nn.functional.cross_entropy(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            flor.log("loss", loss.item())
        flor.log("handed_over", handed_over)

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
