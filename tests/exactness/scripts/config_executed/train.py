"""A configuration file is executed into the module's globals; the command line overrides them."""

# matrix: argv = ["--batch_size=40", "--decay_lr=False"]
# matrix: kill = ["loss 9", "val_loss 2", "loss 21 + 1 ms"]

import hashlib
import sys
from ast import literal_eval

import torch
from sklearn.datasets import load_iris
from torch import nn

import flor

batch_size = 16
hidden = 8
max_iters = 30
eval_interval = 10
learning_rate = 1e-2
decay_lr = True
weight_decay = 0.0
config_keys = [k for k, v in globals().items() if not k.startswith("_") and isinstance(v, (int, float, str))]
exec(open("config.py").read())
for argument in sys.argv[1:]:
    key, value = argument.removeprefix("--").split("=")
    globals()[key] = literal_eval(value)
config = {k: globals()[k] for k in config_keys}
for key, value in config.items():
    flor.log(key, value)

torch.manual_seed(1337)
x, y = load_iris(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
order = torch.randperm(150)
train, val = order[:110], order[110:]

model = nn.Sequential(nn.Linear(4, hidden), nn.ReLU(), nn.Linear(hidden, 3))
optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=weight_decay)


def get_batch():
    batch = train[torch.randint(len(train), (batch_size,))]
    return x[batch], y[batch]


@torch.no_grad()
def estimate_loss():
    model.eval()
    loss = nn.functional.cross_entropy(model(x[val]), y[val]).item()
    model.train()
    return loss


best_val_loss = 1e9
X, Y = get_batch()  # the very first batch
with flor.checkpointing(model=model, optimizer=optimizer):
    for iter_num in flor.loop("iter", range(max_iters)):
        lr = learning_rate * (1 - iter_num / max_iters) if decay_lr else learning_rate
        for param_group in optimizer.param_groups:
            param_group["lr"] = lr
        if iter_num % eval_interval == 0:
            best_val_loss = min(best_val_loss, flor.log("val_loss", estimate_loss()))
        loss = nn.functional.cross_entropy(model(X), Y)
        X, Y = get_batch()  # fetch the next one while the model works
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        flor.log("loss", loss.item())

flor.log("best_val_loss", best_val_loss)
weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
