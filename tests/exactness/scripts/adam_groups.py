"""AdamW with amsgrad, and another rate and decay for the biases."""

# matrix: argv = ["--kwargs", "lr=0.02"]
# matrix: kill = ["loss 5", "accuracy 3", "loss 13 SIGTERM"]

import hashlib

import torch
from sklearn.datasets import load_iris
from torch import nn

import flor

torch.manual_seed(0)
lr = flor.arg("lr", 1e-2)

x, y = load_iris(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)

model = nn.Sequential(nn.Linear(4, 16), nn.GELU(), nn.Linear(16, 16), nn.GELU(), nn.Linear(16, 3))
weights = [p for name, p in model.named_parameters() if name.endswith("weight")]
biases = [p for name, p in model.named_parameters() if name.endswith("bias")]
optimizer = torch.optim.AdamW(
    [{"params": weights, "weight_decay": 0.05}, {"params": biases, "weight_decay": 0.0, "lr": lr / 2}],
    lr=lr,
    amsgrad=True,
    betas=(0.8, 0.99),
)

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(5)):
        for batch in flor.loop("step", torch.randperm(len(x)).split(50)):
            loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
            optimizer.zero_grad(set_to_none=False)
            loss.backward()
            optimizer.step()
            flor.log("loss", loss.item())
        flor.log("accuracy", (model(x).argmax(1) == y).float().mean().item())
        flor.log("second_moment", float(optimizer.state[weights[0]]["max_exp_avg_sq"].sum()))

state = [p.detach() for p in model.parameters()] + [
    value for p in weights + biases for value in optimizer.state[p].values()
]
weights = b"".join(t.numpy().tobytes() for t in state)
flor.log("digest", hashlib.sha256(weights).hexdigest())
