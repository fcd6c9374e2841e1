"""Built to defeat the analysis: objects that lie about their class and refuse to be compared or pickled."""

# matrix: kill = ["loss 5", "budget 2", "loss 16 + 1 ms"]
# matrix: refusal = "opaque|lock"

import hashlib
import threading

import torch
from sklearn.datasets import load_iris
from torch import nn

import flor


class Attributes(dict):
    """A dictionary that is its own __dict__."""

    def __init__(self, **items):
        super().__init__(items)
        self.__dict__ = self


class Budget:
    """Counts down; anything but `spend` raises."""

    __slots__ = ("__weakref__", "_left", "_me")

    def __init__(self, left):
        self._left, self._me = left, self

    def spend(self, amount):
        self._left -= amount
        return self._left

    def _refuse(self, *arguments):
        raise RuntimeError("not for you")

    __eq__ = __bool__ = __len__ = __iter__ = __reduce_ex__ = __getstate__ = __copy__ = __deepcopy__ = _refuse
    __hash__ = None


class Proxy:
    """Pretends to be a list."""

    def __init__(self):
        self.items = {"count": 0}

    @property
    def __class__(self):
        return list

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        self.items["count"] += 1  # whoever looks leaves a trace
        return self.items["count"]


torch.manual_seed(114)
x, y = load_iris(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
model = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
settings, budget, proxy, lock = Attributes(lr=0.1), Budget(100.0), Proxy(), threading.Lock()
settings.itself = settings

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(4)):
        for batch in flor.loop("step", torch.randperm(150).split(30)):
            with lock:
                loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                left = budget.spend(loss.item())
            settings.lr *= 0.5 + left / 210
            optimizer.param_groups[0]["lr"] = settings["lr"]
            flor.log("loss", loss.item())
        flor.log("budget", left)
        flor.log("looks", proxy.looks)

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
