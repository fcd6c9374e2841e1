"""A sweep over learning rates: train() holds a checkpointing block and is called in an outer loop."""

# matrix: argv = ["--kwargs", "epochs=2"]
# matrix: kill = ["loss 6", "accuracy 3", "loss 27 + 1 ms", "final_accuracy 1"]

import hashlib

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import scale
from torch import nn

import flor

torch.manual_seed(35)
x, y = load_breast_cancer(return_X_y=True)
x, y = torch.tensor(scale(x), dtype=torch.float32), torch.tensor(y)
trained = []


def train(model, lr, epochs):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    with flor.checkpointing(model=model, optimizer=optimizer):
        for epoch in flor.loop("epoch", range(epochs)):
            for batch in flor.loop("step", torch.randperm(450).split(75)):
                loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                flor.log("loss", loss.item())
            accuracy = (model(x[450:]).argmax(1) == y[450:]).float().mean().item()
            flor.log("accuracy", accuracy)
    return accuracy


results = {}
for lr in flor.loop("lr", [0.001, 0.01, 0.1]):
    model = nn.Sequential(nn.Linear(30, 12), nn.ReLU(), nn.Linear(12, 2))
    results[lr] = train(model, lr, flor.arg("epochs", 3))
    flor.log("final_accuracy", results[lr])
    trained += [p.detach().numpy().tobytes() for p in model.parameters()]

flor.log("best_lr", max(results, key=results.get))
flor.log("digest", hashlib.sha256(b"".join(trained)).hexdigest())
