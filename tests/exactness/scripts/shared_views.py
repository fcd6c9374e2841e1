"""One memory under several names: tied weights, numpy and torch over the same bytes, a view of a column."""

# matrix: kill = ["loss 5", "column 2", "loss 14 + 1 ms"]

import hashlib

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

import flor

torch.manual_seed(39)
x, _ = load_digits(return_X_y=True)
x = torch.tensor(x / 16, dtype=torch.float32)


class TiedAutoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(64, 16)
        self.decoder = nn.Linear(16, 64)
        self.decoder.weight = nn.Parameter(self.encoder.weight.data.t())  # one storage, two parameters

    def forward(self, inputs):
        return self.decoder(torch.sigmoid(self.encoder(inputs)))


model = TiedAutoencoder()
optimizer = torch.optim.SGD(model.parameters(), lr=2.0)
usage = np.zeros((4, 16), dtype=np.float32)  # a row for each epoch
usage_tensor = torch.from_numpy(usage)
column = usage[:, 3]
raw = model.encoder.bias.data  # escapes autograd

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(4)):
        for batch in flor.loop("step", torch.randperm(1000).split(200)):
            loss = nn.functional.mse_loss(model(x[batch]), x[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            usage_tensor[epoch] += torch.sigmoid(model.encoder(x[batch])).detach().mean(0)
            raw.mul_(0.99)
            flor.log("loss", loss.item())
        usage /= 1.5
        flor.log("column", column)
        flor.log("tied", torch.equal(model.encoder.weight, model.decoder.weight.t()))

digest = hashlib.sha256(b"".join(p.detach().contiguous().numpy().tobytes() for p in model.parameters()))
digest.update(usage.tobytes())
flor.log("digest", digest.hexdigest())
