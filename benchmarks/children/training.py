"""Trains a network on real images in plain numpy, float64, and logs the loss of every step: PEER STEPS.

PEER "float32" logs them rounded to float32, as most trainings compute them, and "random" as
many random doubles instead; both through FlorDB.
"""

import random
import sys

import numpy as np
import peers
from sklearn.datasets import load_digits


def losses(steps, batch=32, hidden=48, rate=0.2):
    """The cross-entropy of each step of a network with one hidden layer, by momentum."""
    images, labels = load_digits(return_X_y=True)
    images, labels = images / 16, np.eye(10)[labels]
    rng = np.random.default_rng(0)
    weights = [rng.normal(0, 0.1, (64, hidden)), rng.normal(0, 0.1, (hidden, 10))]
    speed = [np.zeros_like(weight) for weight in weights]
    for _ in range(steps):
        chosen = rng.integers(0, len(images), batch)
        x, y = images[chosen], labels[chosen]
        inner = np.maximum(x @ weights[0], 0)
        scores = inner @ weights[1]
        scores -= scores.max(axis=1, keepdims=True)
        likely = np.exp(scores)
        likely /= likely.sum(axis=1, keepdims=True)
        yield float(-np.log((likely * y).sum(axis=1)).mean())
        outer = (likely - y) / batch
        back = (outer @ weights[1].T) * (inner > 0)
        for layer, slope in enumerate((x.T @ back, inner.T @ outer)):
            speed[layer] = 0.9 * speed[layer] - 0.1 * rate * slope
            weights[layer] += speed[layer]


def values_of(peer_name, steps):
    if peer_name == "random":
        draw = random.Random(0).random
        return (draw() for _ in range(steps))
    if peer_name == "float32":
        return (float(np.float32(loss)) for loss in losses(steps))
    return losses(steps)


def main(peer_name, steps):
    peer = peers.named("flor" if peer_name in {"float32", "random"} else peer_name)
    log, per_epoch = peers.logger(peer), 1_000
    values = values_of(peer_name, int(steps))
    for epoch in peer.loop("epoch", range(max(1, int(steps) // per_epoch))):
        for step in peer.loop("step", range(min(int(steps), per_epoch))):
            log("loss", next(values), epoch * per_epoch + step)
    peer.close()


main(*sys.argv[1:])
