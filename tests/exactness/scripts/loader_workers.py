"""Images are augmented by two worker processes of the loader, which has a generator of its own."""

# matrix: kill = ["loss 5", "epoch_loss 2", "loss 11 + 4 ms", "loss 6 SIGTERM"]
# matrix: refusal = "worker|loader|iterator|process"

import hashlib
import random

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset

import flor

torch.manual_seed(3)
loader_seeds = torch.Generator()
loader_seeds.manual_seed(flor.arg("loader_seed", 11))


class JitteredDigits(Dataset):
    """Digits moved by a pixel or so, and a little noisy."""

    def __init__(self, limit):
        digits = load_digits()
        self.images = torch.from_numpy((digits.images / 16).astype("float32"))[:limit]
        self.labels = torch.from_numpy(digits.target)[:limit]

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        image = torch.roll(self.images[i], random.choice((-1, 0, 1)), dims=1)
        noise = np.random.normal(0, 0.05, image.shape).astype("float32")
        return image + torch.from_numpy(noise) * torch.rand(1), self.labels[i]


def seed_worker(worker_id):
    np.random.seed(torch.initial_seed() % 2**32)
    random.seed(torch.initial_seed())


data = JitteredDigits(600)
loader = DataLoader(
    data,
    batch_size=100,
    shuffle=True,
    num_workers=2,
    worker_init_fn=seed_worker,
    generator=loader_seeds,
    multiprocessing_context="fork",
)

model = nn.Sequential(nn.Flatten(), nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(3)):
        epoch_loss = 0.0
        for x, y in flor.loop("batch", loader):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            epoch_loss += flor.log("loss", loss.item()) * len(x)
        flor.log("epoch_loss", epoch_loss / len(data))

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
