"""A recurrent language model carries its hidden state from batch to batch, and into the next epoch."""

# matrix: kill = ["loss 6", "hidden_norm 2", "loss 16 + 2 ms"]

import hashlib

import torch
from sklearn.datasets import load_iris
from torch import nn

import flor

torch.manual_seed(47)
text = load_iris().DESCR[:1640]
alphabet = sorted(set(text))
encoded = torch.tensor([alphabet.index(letter) for letter in text])
rows = encoded[: len(encoded) // 8 * 8].reshape(8, -1)  # eight readers, each in its own part
window = 30


class CharModel(nn.Module):
    def __init__(self, letters, hidden=24):
        super().__init__()
        self.embed = nn.Embedding(letters, 12)
        self.gru = nn.GRU(12, hidden, batch_first=True)
        self.out = nn.Linear(hidden, letters)

    def forward(self, x, hidden):
        states, hidden = self.gru(self.embed(x), hidden)
        return self.out(states), hidden


model = CharModel(len(alphabet))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
hidden = torch.zeros(1, 8, 24)

with flor.checkpointing(model=model, optimizer=optimizer):
    for epoch in flor.loop("epoch", range(3)):
        for start in flor.loop("step", range(0, rows.shape[1] - window - 1, window)):
            x, y = rows[:, start : start + window], rows[:, start + 1 : start + window + 1]
            logits, hidden = model(x, hidden.detach())
            loss = nn.functional.cross_entropy(logits.transpose(1, 2), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            flor.log("loss", loss.item())
        hidden = 0.5 * hidden.detach()
        flor.log("hidden_norm", hidden.norm().item())

digest = hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in model.parameters()))
digest.update(hidden.numpy().tobytes())
flor.log("digest", digest.hexdigest())
