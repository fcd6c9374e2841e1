"""`dropout.p` is annealed from epoch to epoch, noise is scaled by an attribute: no state_dict has either."""

# matrix: kill = ["loss 7", "dropout_p 2", "loss 18 + 2 ms"]

import hashlib

import torch
from sklearn.datasets import load_digits
from torch import nn

import flor


class Noise(nn.Module):
    def __init__(self, scale):
        super().__init__()
        self.scale = scale

    def forward(self, x):
        return x + self.scale * torch.randn_like(x) if self.training else x


torch.manual_seed(80)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)
model = nn.Sequential(Noise(0.3), nn.Linear(64, 48), nn.ReLU(), nn.Dropout(0.5), nn.Linear(48, 10))
noise, dropout = model[0], model[3]
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(4)):
        model.train()
        for batch in flor.loop("step", torch.randperm(1000).split(150)):
            loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            noise.scale *= 0.97
            flor.log("loss", loss.item())
        dropout.p *= 0.6
        flor.log("dropout_p", dropout.p)
        model.eval()
        flor.log("acc", (model(x[1000:]).argmax(1) == y[1000:]).float().mean().item())

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
