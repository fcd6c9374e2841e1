"""Softmax regression in numpy, with momentum; weights are changed in place and through views."""

# matrix: kill = ["loss 5", "accuracy 2", "loss 17 + 1 ms", "loss 9 SIGTERM"]

import hashlib

import numpy as np
from sklearn.datasets import load_iris

import flor

rng = np.random.default_rng(flor.arg("seed", 10))
lr, momentum = flor.arg("lr", 0.1), flor.arg("momentum", 0.9)

data = load_iris()
x = np.hstack([data.data, np.ones((150, 1))])
y = np.eye(3)[data.target]

parameters = rng.normal(scale=0.1, size=(5, 3))
weights, bias = parameters[:4], parameters[4]  # views
velocity = np.zeros_like(parameters)


def softmax(z):
    z = np.exp(z - z.max(axis=1, keepdims=True))
    return z / z.sum(axis=1, keepdims=True)


with flor.checkpointing():
    for epoch in flor.loop("epoch", range(5)):
        for batch in flor.loop("step", np.array_split(rng.permutation(len(x)), 5)):
            p = softmax(x[batch] @ parameters)
            gradient = x[batch].T @ (p - y[batch]) / len(batch)
            velocity *= momentum
            velocity -= lr * gradient
            parameters += velocity
            weights *= 1 - 1e-3  # decays all but the bias
            flor.log("loss", -np.log((p * y[batch]).sum(axis=1)).mean())
        flor.log("accuracy", float((softmax(x @ parameters).argmax(1) == data.target).mean()))
        flor.log("bias", bias)

flor.log("digest", hashlib.sha256(parameters.tobytes() + velocity.tobytes()).hexdigest())
