"""Built to defeat the analysis: only the order in containers changes, and decides what is drawn next."""

# matrix: kill = ["loss 5", "order 2", "loss 16 + 1 ms"]
# matrix: refusal = "order|set"

import hashlib
from collections import OrderedDict, deque

import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import scale
from torch import nn

import flor

torch.manual_seed(110)
x, y = load_wine(return_X_y=True)
x, y = torch.tensor(scale(x), dtype=torch.float32), torch.tensor(y)
model = nn.Sequential(nn.Linear(13, 12), nn.ReLU(), nn.Linear(12, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

chunks = OrderedDict((i, torch.arange(i, len(x), 5)) for i in range(5))  # the least recently used comes first
turns = deque(range(3))
tags = {16 * i for i in range(8)}
plain = dict.fromkeys("abc")

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(4)):
        for step in flor.loop("step", range(5)):
            key = list(chunks)[(3 * step + turns[0]) % 5]
            chunks.move_to_end(key, last=step % 2 == 0)
            turns.rotate(1 + step % 2)
            tag = tags.pop()
            tags.add(tag)
            first = next(iter(plain))
            plain[first] = plain.pop(first)
            loss = nn.functional.cross_entropy(model(x[chunks[key]]), y[chunks[key]])
            loss = loss * (1 + (tag + ord(next(iter(plain)))) / 1000)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            flor.log("loss", loss.item())
        tags.discard(16 * epoch)
        tags.add(16 * epoch + 128)
        flor.log("order", [*chunks, *turns, *plain])

weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
