"""One run of a given shape: EPOCHS STEPS NAMES."""

import random
import sys

import flor

epochs, steps, names = map(int, sys.argv[1:4])
flor.arg("hidden", 500)
flor.arg("lr", 1e-3)
flor.arg("optimizer", "adam")
draw = random.Random(0).random
for _ in flor.loop("epoch", range(epochs)):
    for _ in flor.loop("step", range(steps)):
        for name in ("loss", "acc", "norm")[:names]:
            flor.log(name, draw())
    flor.log("val_acc", draw())
