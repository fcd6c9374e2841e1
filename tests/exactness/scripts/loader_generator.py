"""The loader shuffles by a generator of its own; everything else draws from the global one."""

# matrix: kill = ["loss 6", "noise 2", "loss 17 + 2 ms"]

import hashlib

import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import scale
from torch import nn
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

import flor

x, y = load_wine(return_X_y=True)
data = TensorDataset(torch.tensor(scale(x), dtype=torch.float32), torch.tensor(y))

torch.manual_seed(1)
shuffling = torch.Generator().manual_seed(flor.arg("order", 40))
loader = DataLoader(data, batch_size=24, shuffle=True, generator=shuffling)
sampler = RandomSampler(data, replacement=True, generator=shuffling)
bootstrap = DataLoader(data, batch_size=60, sampler=sampler)

model = nn.Sequential(nn.Linear(13, 20), nn.Tanh(), nn.Linear(20, 3))
optimizer = torch.optim.RMSprop(model.parameters(), lr=5e-3)

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(4)):
        for inputs, targets in flor.loop("step", loader):
            noisy = inputs + 0.1 * torch.randn_like(inputs)
            loss = nn.functional.cross_entropy(model(noisy), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            flor.log("loss", loss.item())
        flor.log("noise", torch.randn(1).item())
        with torch.no_grad():
            accuracies = [(model(x).argmax(1) == y).float().mean().item() for x, y in bootstrap]
        flor.log("bootstrap_accuracy", min(accuracies))

digest = hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in model.parameters()))
digest.update(shuffling.get_state().numpy().tobytes())
flor.log("digest", digest.hexdigest())
