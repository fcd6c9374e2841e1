"""Fine-tunes the head of a frozen network for some epochs, every state kept: MB EPOCHS FILE."""

import sys

import torch
from torch import nn

import flor

megabytes, epochs = float(sys.argv[1]), int(sys.argv[2])
width = 1024
layers = max(1, round(megabytes * 2**20 / 4 / width**2))
torch.manual_seed(0)
backbone = nn.Sequential(*(nn.Linear(width, width) for _ in range(layers))).requires_grad_(False)
head = nn.Linear(width, 10)
optimizer = torch.optim.Adam(head.parameters())
inputs, targets = torch.randn(8, width), torch.randint(10, (8,))

with flor.checkpointing(backbone=backbone, head=head, optimizer=optimizer):
    for _ in flor.loop("epoch", range(epochs)):
        for _ in flor.loop("step", range(3)):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(head(backbone(inputs)), targets)
            loss.backward()
            optimizer.step()
            flor.log("loss", loss.item())

torch.save(
    {"backbone": backbone.state_dict(), "head": head.state_dict(), "optimizer": optimizer.state_dict()},
    sys.argv[3],
)
