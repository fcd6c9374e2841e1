"""Parameters in bfloat16; the optimizer, written by hand, keeps state and master weights in float32."""

# matrix: kill = ["loss 7", "weight_sum 2", "loss 17 + 1 ms"]

import hashlib

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import scale
from torch import nn
from torch.optim import Optimizer

import flor


class MasterAdam(Optimizer):
    """Adam over float32 copies of low-precision parameters."""

    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr, "betas": (0.9, 0.99)})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            b1, b2 = group["betas"]
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["step"] = 0
                    state["master"] = p.detach().float()
                    state["m"] = torch.zeros_like(state["master"])
                    state["v"] = torch.zeros_like(state["master"])
                grad = p.grad.float()
                state["step"] += 1
                state["m"].lerp_(grad, 1 - b1)
                state["v"].mul_(b2).addcmul_(grad, grad, value=1 - b2)
                m = state["m"] / (1 - b1 ** state["step"])
                v = state["v"] / (1 - b2 ** state["step"])
                state["master"].addcdiv_(m, v.sqrt() + 1e-8, value=-group["lr"])
                p.copy_(state["master"])


torch.manual_seed(16)
x, y = load_breast_cancer(return_X_y=True)
x, y = torch.tensor(scale(x)).bfloat16(), torch.tensor(y)
model = nn.Sequential(nn.Linear(30, 20), nn.ReLU(), nn.Linear(20, 2)).bfloat16()
optimizer = MasterAdam(model.parameters(), lr=3e-3)

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(4)):
        for batch in flor.loop("step", torch.randperm(len(x)).split(100)):
            loss = nn.functional.cross_entropy(model(x[batch]).float(), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            flor.log("loss", loss.item())
        flor.log("weight_sum", sum(state["master"].sum().item() for state in optimizer.state.values()))

digest = hashlib.sha256()
for parameter in model.parameters():
    digest.update(parameter.detach().view(torch.int16).numpy().tobytes())
    digest.update(optimizer.state[parameter]["v"].numpy().tobytes())
flor.log("digest", digest.hexdigest())
