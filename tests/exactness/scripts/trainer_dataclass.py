"""The state of training is a dataclass with slots; functions take it and change it."""

# matrix: kill = ["loss 7", "ema_loss 3", "loss 18 SIGTERM"]

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field

import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import scale
from torch import Tensor, nn

import flor


@dataclass(slots=True)
class TrainState:
    model: nn.Module
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    step: int = 0
    ema_loss: float | None = None
    counts: dict = field(default_factory=lambda: defaultdict(int))

    def update(self, loss: float) -> None:
        self.step += 1
        self.ema_loss = loss if self.ema_loss is None else 0.8 * self.ema_loss + 0.2 * loss


@dataclass(frozen=True)
class Data:
    x: Tensor
    y: Tensor

    def batches(self, size: int, generator: torch.Generator):
        return torch.randperm(len(self.x), generator=generator).split(size)


def load() -> Data:
    x, y = load_wine(return_X_y=True)
    return Data(torch.tensor(scale(x), dtype=torch.float32), torch.tensor(y))


def train_step(state: TrainState, data: Data, batch: Tensor) -> float:
    logits = state.model(data.x[batch])
    loss = nn.functional.cross_entropy(logits, data.y[batch])
    state.optimizer.zero_grad()
    loss.backward()
    state.optimizer.step()
    state.update(loss.item())
    for label in data.y[batch].tolist():
        state.counts[label] += 1
    return loss.item()


def run(epochs: int) -> TrainState:
    torch.manual_seed(21)
    data = load()
    model = nn.Sequential(nn.Linear(13, 18), nn.ReLU(), nn.Linear(18, 3))
    optimizer = torch.optim.Adagrad(model.parameters(), lr=0.05)
    state = TrainState(model, optimizer, torch.Generator().manual_seed(flor.arg("order", 5)))
    with flor.checkpointing(state=state):
        for _ in flor.loop("epoch", range(epochs)):
            for batch in flor.loop("step", data.batches(32, state.generator)):
                flor.log("loss", train_step(state, data, batch))
            flor.log("ema_loss", state.ema_loss)
            flor.log("seen", [state.counts[label] for label in range(3)])
    return state


final = run(epochs=flor.arg("epochs", 4))
flor.log("steps", final.step)
weights = b"".join(p.detach().numpy().tobytes() for p in final.model.parameters())
flor.log("digest", hashlib.sha256(weights).hexdigest())
