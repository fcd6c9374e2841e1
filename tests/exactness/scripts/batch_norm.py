"""BatchNorm: running statistics move in training mode only, without the optimizer."""

# matrix: kill = ["loss 5", "running_mean 2", "loss 18 + 3 ms"]

import hashlib

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

import flor

torch.manual_seed(flor.arg("seed", 31))
digits = load_digits()
images = torch.tensor(digits.images / 16, dtype=torch.float32).unsqueeze(1)
train_set, test_set = random_split(TensorDataset(images, torch.tensor(digits.target)), [1400, 397])
train_loader = DataLoader(train_set, batch_size=200, shuffle=True)
test_loader = DataLoader(test_set, batch_size=400)


class Block(nn.Module):
    def __init__(self, channels_in, channels_out):
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(channels_out, momentum=0.05)

    def forward(self, x):
        return torch.relu(self.bn(self.conv(x)))


model = nn.Sequential(Block(1, 4), nn.MaxPool2d(2), Block(4, 8), nn.Flatten(), nn.Linear(128, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(3)):
        model.train()
        for x, y in flor.loop("step", train_loader):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            flor.log("loss", loss.item())
        flor.log("running_mean", model[0].bn.running_mean.tolist())
        flor.log("batches", model[0].bn.num_batches_tracked)

        model.eval()
        with torch.no_grad():
            for x, y in flor.loop("test_batch", test_loader):
                flor.log("test_acc", (model(x).argmax(1) == y).float().mean().item())

weights = b"".join(t.numpy().tobytes() for t in model.state_dict().values())
flor.log("digest", hashlib.sha256(weights).hexdigest())
