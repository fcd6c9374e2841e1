"""Built to defeat the analysis: methods, layers and hooks of live objects are replaced on the way."""

# matrix: kill = ["loss 5", "kinds 2", "loss 16 + 1 ms", "kinds 3"]

import hashlib
from functools import partial
from types import MethodType

import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import scale
from torch import nn

import flor


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(13, 12)
        self.act = nn.ReLU()
        self.last = nn.Linear(12, 3)

    def forward(self, inputs):
        return self.last(self.act(self.first(inputs)))


def sharper(self, inputs, by):
    return self.last(self.act(self.first(inputs))) * by


def shrink(module, arguments, output, factor):
    return output * factor


torch.manual_seed(113)
x, y = load_wine(return_X_y=True)
x, y = torch.tensor(scale(x), dtype=torch.float32), torch.tensor(y)
model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
hook = model.first.register_forward_hook(partial(shrink, factor=0.5))

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(4)):
        for batch in flor.loop("step", torch.randperm(len(x)).split(45)):
            loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            flor.log("loss", loss.item())
        if epoch == 0:
            hook.remove()
            hook = model.last.register_forward_hook(partial(shrink, factor=0.9))
        if epoch == 1:
            model.forward = MethodType(partial(sharper, by=1.2), model)
            model.act = nn.Tanh()
        if epoch == 2:
            old = model.last
            model.last = nn.Linear(12, 3)
            optimizer.param_groups[0]["params"][2:] = model.last.parameters()
            del optimizer.state[old.weight], optimizer.state[old.bias]
        flor.log("kinds", [type(model.act).__name__, "forward" in vars(model), len(optimizer.state)])

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
