"""Only the head is trained; the backbone is frozen and in evaluation mode."""

# matrix: kill = ["loss 8", "accuracy 3", "loss 21 + 1 ms"]

import hashlib

import torch
from sklearn.datasets import load_digits
from torch import nn

import flor

torch.manual_seed(50)
x, y = load_digits(return_X_y=True)
images, y = torch.tensor(x / 16, dtype=torch.float32).reshape(-1, 1, 8, 8), torch.tensor(y)

backbone = nn.Sequential(
    nn.Conv2d(1, 12, 3), nn.BatchNorm2d(12), nn.ReLU(), nn.Conv2d(12, 16, 3), nn.ReLU(), nn.Flatten()
)
backbone.requires_grad_(False)
backbone.eval()
model = nn.Sequential(backbone, nn.Dropout(0.2), nn.Linear(256, 10))
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=5e-3)

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(flor.arg("epochs", 4))):
        model.train()
        backbone.eval()
        for batch in flor.loop("step", torch.randperm(1200).split(200)):
            loss = nn.functional.cross_entropy(model(images[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            flor.log("loss", loss.item())
        model.eval()
        with torch.no_grad():
            flor.log("accuracy", (model(images[1200:]).argmax(1) == y[1200:]).float().mean().item())

weights = b"".join(t.numpy().tobytes() for t in model.state_dict().values())
flor.log("digest", hashlib.sha256(weights).hexdigest())
