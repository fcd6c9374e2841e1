"""Parts of training scripts."""

import copy
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset, WeightedRandomSampler

SEEN: list[float] = []


def double(grad: Any) -> Any:
    return grad * 2


def note(module: Any, inputs: Any, output: Any) -> None:
    SEEN.append(output.item())


class Tagged(torch.Tensor):
    calls = 0

    @classmethod
    def __torch_function__(cls, *arguments: Any, **named: Any) -> Any:
        Tagged.calls += 1
        return super().__torch_function__(*arguments, **named)


class Scaled(torch.autograd.Function):
    """An operation with a gradient of its own, and a setting."""

    factor = 1.0

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        """Scaled by the setting."""
        return x * Scaled.factor

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        """And so is the gradient."""
        return gradient * Scaled.factor


class Net(nn.Module):
    """What a module may keep: batch norm, dropout, a buffer that no state_dict has, plain attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3))
        self.head = nn.Linear(8, 2)
        self.register_buffer("hidden", torch.zeros(8), persistent=False)
        self.steps = 0

    def forward(self, inputs: Any) -> Any:
        out = self.layers(inputs)
        self.hidden = 0.9 * self.hidden + 0.1 * out.detach().mean(0)
        self.steps += 1
        return self.head(out)


class Noisy(Dataset[Any]):
    def __len__(self) -> int:
        return 24

    def __getitem__(self, index: int) -> Any:
        return torch.randn(4) + index


class Trainer:
    """A class-based trainer: model, optimizer, scheduler, EMA, scaler, loader with a generator of its own."""

    def __init__(self, make_optimizer: Any, make_scheduler: Any) -> None:
        self.model = Net()
        self.optimizer = make_optimizer(self.model.parameters())
        self.scheduler = make_scheduler(self.optimizer)
        self.ema = copy.deepcopy(self.model)
        self.averaged = torch.optim.swa_utils.AveragedModel(self.model)
        self.scaler = torch.amp.GradScaler("cpu", enabled=True)
        self.generator = torch.Generator().manual_seed(7)
        data = TensorDataset(torch.randn(24, 4))
        self.loader = DataLoader(data, batch_size=8, shuffle=True, generator=self.generator)
        self.weighted = DataLoader(Noisy(), batch_size=8, sampler=WeightedRandomSampler([1.0] * 24, 24))
        self.best: dict[str, Any] | None = None
        self.history: list[float] = []

    def epoch(self) -> list[float]:
        for loader in (self.loader, self.weighted):
            for batch in loader:
                self.step(batch[0] if isinstance(batch, list) else batch)
        self.averaged.update_parameters(self.model)
        if self.best is None or self.history[-1] < min(self.history[:-1]):
            self.best = self.model.state_dict()
        return self.history

    def step(self, inputs: Any) -> None:
        def closure() -> Any:
            self.optimizer.zero_grad()
            loss = self.model(inputs).pow(2).mean()
            loss.backward()
            return loss

        loss = self.optimizer.step(closure)
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        by_metric = isinstance(self.scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau)
        self.scheduler.step(loss.item()) if by_metric else self.scheduler.step()
        with torch.no_grad():
            for mine, theirs in zip(self.ema.parameters(), self.model.parameters(), strict=True):
                mine.lerp_(theirs, 0.1)
        self.history.append(loss.item())
