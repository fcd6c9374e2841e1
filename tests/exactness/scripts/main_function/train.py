"""Everything happens in main(); data, model and evaluation are modules of the project."""

# matrix: argv = ["--epochs", "3", "--kwargs", "lr=0.005"]
# matrix: kill = ["loss 6", "accuracy 2", "loss 14 + 2 ms", "checkpoint 3", "loss 8 SIGTERM"]

import argparse
import logging

from digits.data import loaders
from digits.evaluate import accuracy, fingerprint
from digits.model import build
from torch import nn, optim
from utils import AverageMeter, seed_everything

import flor

logger = logging.getLogger(__name__)


def train_one_epoch(model, loader, criterion, optimizer, meter):
    model.train()
    for x, y in flor.loop("step", loader):
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        meter.update(loss.item(), len(x))
        flor.log("loss", loss.item())


def main(argv=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=2)
    options = parser.parse_args(argv)

    seed_everything(flor.arg("seed", 17))
    train_loader, test_loader = loaders(batch_size=flor.arg("batch_size", 256))
    model = build(hidden=flor.arg("hidden", 32), dropout=0.3)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.05)
    optimizer = optim.Adam(model.parameters(), lr=flor.arg("lr", 1e-3))

    best = 0.0
    with flor.checkpointing(model=model, optimizer=optimizer):
        for epoch in flor.loop("epoch", range(options.epochs)):
            meter = AverageMeter()
            train_one_epoch(model, train_loader, criterion, optimizer, meter)
            score = accuracy(model, test_loader)
            best = max(best, score)
            flor.log("mean_loss", meter.average)
            flor.log("accuracy", score)
            logger.info("epoch %d: %.3f", epoch, score)

    flor.log("best", best)
    flor.log("digest", fingerprint(model))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
