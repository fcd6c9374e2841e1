"""Built to defeat the analysis: state in attributes of classes, metaclasses, functions, and in defaults."""

# matrix: kill = ["loss 5", "registry 2", "loss 16 + 1 ms"]

import hashlib

import torch
from sklearn.datasets import load_iris
from torch import nn

import flor


class Counting(type):
    made = 0

    def __call__(cls, *arguments):
        Counting.made += 1
        return super().__call__(*arguments)


class Schedule(metaclass=Counting):
    lr = 0.2
    registry = {}

    def __init__(self, name):
        self.registry[name] = len(self.registry)  # the class's own dict

    @classmethod
    def decay(cls):
        cls.lr *= 0.8  # on a subclass this makes an attribute of its own

    @staticmethod
    def scale(loss, history=[]):  # noqa: B006  (the point)
        history.append(loss)
        return sum(history) / len(history)


class Warm(Schedule):
    pass


def noise(shape):
    noise.calls += 1
    return torch.randn(shape) / noise.calls


noise.calls = 0

torch.manual_seed(102)
x, y = load_iris(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
model = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=Warm.lr)

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(4)):
        Warm(f"epoch {epoch}")
        for batch in flor.loop("step", torch.randperm(150).split(30)):
            inputs = x[batch] + noise(x[batch].shape)
            loss = nn.functional.cross_entropy(model(inputs), y[batch])
            optimizer.zero_grad()
            (loss / Schedule.scale(loss.item())).backward()
            optimizer.step()
            flor.log("loss", loss.item())
        Warm.decay()
        optimizer.param_groups[0]["lr"] = Warm.lr / Counting.made
        flor.log("registry", Schedule.registry)
        flor.log("lr", optimizer.param_groups[0]["lr"])

flor.log("base_lr", Schedule.lr)
weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
