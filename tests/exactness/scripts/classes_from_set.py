"""Class numbers come from the order of a set of strings, which is another one in every process."""

# matrix: by_chance = true
# matrix: kill = ["loss 5", "per_class 2", "loss 14 + 1 ms"]
# matrix: refusal = "set|hash|PYTHONHASHSEED"

import hashlib

import torch
from sklearn.datasets import load_iris
from torch import nn

import flor

torch.manual_seed(18)
iris = load_iris()
names = [str(iris.target_names[i]) for i in iris.target]
classes = list(set(names))  # should have been sorted
number_of = {name: i for i, name in enumerate(classes)}

x = torch.tensor(iris.data, dtype=torch.float32)
y = torch.tensor([number_of[name] for name in names])
model = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, len(classes)))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
flor.log("classes", classes)

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(4)):
        for batch in flor.loop("step", torch.randperm(150).split(30)):
            loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            flor.log("loss", loss.item())
        predicted = model(x).argmax(1)
        remaining = set(names)
        flor.log("per_class", {name: int((predicted == number_of[name]).sum()) for name in remaining})

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
