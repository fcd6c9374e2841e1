"""The script ends by an exception of its own in the third epoch; what it had learnt until then is logged."""

# matrix: exit_code = 1
# matrix: kill = ["loss 4", "acc 1", "loss 8 + 1 ms", "loss 13"]

import hashlib

import torch
from sklearn.datasets import load_iris
from torch import nn

import flor

torch.manual_seed(3)
x, y = load_iris(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
model = nn.Sequential(nn.Linear(4, 10), nn.ReLU(), nn.Linear(10, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)


def digest():
    return hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in model.parameters())).hexdigest()


try:
    with flor.checkpointing(model=model, optimizer=optimizer):
        for epoch in flor.loop("epoch", range(5)):
            for i, batch in flor.loop("step", enumerate(torch.randperm(150).split(30))):
                if epoch == 2 and i == 3:
                    raise RuntimeError("the data of epoch 3 are damaged")
                loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                flor.log("loss", loss.item())
            flor.log("acc", (model(x).argmax(1) == y).float().mean().item())
finally:
    flor.log("digest", digest())
