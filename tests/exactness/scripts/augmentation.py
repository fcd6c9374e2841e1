"""Augmentation draws from numpy's and Python's own random numbers, cutout from torch's."""

# matrix: kill = ["loss 4", "flips 1", "flips 2", "loss 15 + 2 ms"]

import hashlib
import random

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

import flor

seed = flor.arg("seed", 12)
random.seed(seed)
np.random.seed(seed)
torch.manual_seed(seed)

digits = load_digits()
images = (digits.images[:900] / 16).astype(np.float32)
labels = digits.target[:900]

flips = 0


def augment(image):
    global flips
    if random.random() < 0.3:
        flips += 1
        image = np.fliplr(image)
    dx, dy = np.random.randint(-1, 2, size=2)
    image = np.roll(image, (dx, dy), axis=(0, 1))
    return image + np.random.normal(scale=0.03, size=image.shape).astype(np.float32)


def cutout(batch):
    row, column = torch.randint(0, 6, (2,)).tolist()
    batch[:, :, row : row + 2, column : column + 2] = 0
    return batch


net = nn.Sequential(
    nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(96, 10)
)
opt = torch.optim.AdamW(net.parameters(), lr=4e-3)

with flor.checkpointing(net=net, opt=opt):
    for epoch in flor.loop("epoch", range(4)):
        order = np.random.permutation(len(images))
        for start in flor.loop("step", range(0, len(images), 180)):
            chosen = order[start : start + 180]
            batch = torch.from_numpy(np.stack([augment(images[i]) for i in chosen])).unsqueeze(1)
            loss = nn.functional.cross_entropy(net(cutout(batch)), torch.from_numpy(labels[chosen]))
            opt.zero_grad()
            loss.backward()
            opt.step()
            flor.log("loss", loss.item())
        flor.log("flips", flips)

weights = b"".join(p.detach().numpy().tobytes() for p in net.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
