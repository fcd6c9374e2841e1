"""No optimizer object: plain tensors with gradients, moved by hand, with momentum in a list."""

# matrix: kill = ["loss 6", "error 2", "loss 18 + 1 ms"]

import hashlib

import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import scale

import flor

torch.manual_seed(58)
lr = flor.arg("lr", 0.2)
x, y = load_wine(return_X_y=True)
x, y = torch.tensor(scale(x), dtype=torch.float64), torch.tensor(y)

w1 = (torch.randn(13, 10, dtype=torch.float64) * 0.3).requires_grad_()
b1 = torch.zeros(10, dtype=torch.float64, requires_grad=True)
w2 = (torch.randn(10, 3, dtype=torch.float64) * 0.3).requires_grad_()
params = [w1, b1, w2]
velocities = [torch.zeros_like(p) for p in params]


def forward(x):
    return torch.tanh(x @ w1 + b1) @ w2


with flor.checkpointing():
    for epoch in flor.loop("epoch", range(4)):
        for batch in flor.loop("step", torch.randperm(len(x)).split(30)):
            loss = torch.nn.functional.cross_entropy(forward(x[batch]), y[batch])
            grads = torch.autograd.grad(loss, params)
            with torch.no_grad():
                for i, (p, grad) in enumerate(zip(params, grads)):
                    velocities[i] = 0.8 * velocities[i] - lr * grad
                    p += velocities[i]
            flor.log("loss", loss.item())
        lr *= 0.9
        flor.log("error", (forward(x).argmax(1) != y).double().mean().item())

weights = b"".join(t.detach().numpy().tobytes() for t in params + velocities)
flor.log("digest", hashlib.sha256(weights).hexdigest())
