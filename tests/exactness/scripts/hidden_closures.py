"""Built to defeat the analysis: all that matters is in cells of closures, made before and in the loop."""

# matrix: kill = ["loss 6", "temperature 2", "loss 15 + 1 ms"]

import hashlib

import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import scale
from torch import nn

import flor


def make_temperature(start):
    value = start

    def cool(by):
        nonlocal value
        value *= by
        return value

    def read():
        return value

    return cool, read


def make_memory():
    seen = []
    return lambda item: seen.append(item) or sum(seen[-3:])


def main():
    torch.manual_seed(101)
    x, y = load_wine(return_X_y=True)
    x, y = torch.tensor(scale(x), dtype=torch.float32), torch.tensor(y)
    model = nn.Sequential(nn.Linear(13, 16), nn.ReLU(), nn.Linear(16, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
    cool, temperature = make_temperature(4.0)
    remember = make_memory()
    total = 0.0
    penalties = []

    def add(amount):
        nonlocal total  # a cell of the frame that runs the loop
        total += amount
        return total

    with flor.checkpointing(model=model, optimizer=optimizer):
        for epoch in flor.loop("epoch", range(4)):
            penalties.append(lambda loss, scale=0.01 * (epoch + 1): scale * loss + 1e-4 * total)
            for batch in flor.loop("step", torch.randperm(len(x)).split(45)):
                loss = nn.functional.cross_entropy(model(x[batch]) / temperature(), y[batch])
                loss = loss + sum(penalty(loss) for penalty in penalties)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                cool(0.97)
                add(remember(loss.item()))
                flor.log("loss", loss.item())
            flor.log("temperature", temperature())
            flor.log("total", total)
    return model


final = main()
weights = b"".join(p.detach().numpy().tobytes() for p in final.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
