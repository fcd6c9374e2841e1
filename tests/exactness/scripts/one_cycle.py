"""A one-cycle schedule, stepped after each batch, that moves rate and momentum."""

# matrix: kill = ["lr 8", "epoch_lr 2", "lr 20 + 2 ms"]

import hashlib

import torch
import torch.nn.functional as F  # noqa: N812
from sklearn.datasets import load_digits
from torch import nn, optim
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader, TensorDataset

import flor

EPOCHS = flor.arg("epochs", 4)
torch.manual_seed(77)

X, y = load_digits(return_X_y=True)
dataset = TensorDataset(torch.tensor(X / 16, dtype=torch.float32), torch.tensor(y))
loader = DataLoader(dataset, batch_size=256, shuffle=True, drop_last=True)

net = nn.Sequential(nn.Linear(64, 40), nn.LeakyReLU(), nn.Dropout(0.1), nn.Linear(40, 10))
opt = optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
sched = OneCycleLR(opt, max_lr=0.2, epochs=EPOCHS, steps_per_epoch=len(loader))

with flor.checkpointing(net=net, opt=opt, sched=sched):
    for epoch in flor.loop("epoch", range(EPOCHS)):
        for xb, yb in flor.loop("step", loader):
            loss = F.cross_entropy(net(xb), yb)
            opt.zero_grad()
            loss.backward()
            opt.step()
            sched.step()
            flor.log("loss", loss.item())
            flor.log("lr", sched.get_last_lr()[0])
            flor.log("momentum", opt.param_groups[0]["momentum"])
        flor.log("epoch_lr", opt.param_groups[0]["lr"])

weights = b"".join(p.detach().numpy().tobytes() for p in net.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
