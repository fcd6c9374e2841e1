"""Look at the runs of train.py: their arguments and results, the loss of each step, and a plot."""

from pathlib import Path

import matplotlib as mpl
import pandas as pd

import flor

mpl.use("Agg")  # draws into a file; no screen is needed
from matplotlib import pyplot as plt

pd.set_option("display.width", 120, "display.max_columns", None)  # whole rows, however wide

print('\n>>> flor.dataframe("device", "seed", "epochs", "batch_size", "lr", "accuracy")')
print(flor.dataframe("device", "seed", "epochs", "batch_size", "lr", "accuracy"))

losses = flor.dataframe("lr", "loss")
print('\n>>> flor.dataframe("lr", "loss")')
print(losses)

accuracies = flor.dataframe("lr", "val_acc")

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
for (tstamp, lr), run in losses.groupby(["tstamp", "lr"]):
    label = f"{tstamp:%H:%M:%S}, lr = {lr:g}"
    steps_per_epoch = run["step"].max()
    left.plot(run["epoch"] - 1 + run["step"] / steps_per_epoch, run["loss"], label=label, linewidth=1)
    epochs = accuracies[accuracies["tstamp"] == tstamp]
    right.plot(epochs["epoch"], epochs["val_acc"], marker="o", label=label)

left.set(title="loss of each step", xlabel="epochs", ylabel="cross-entropy")
right.set(title="validation accuracy after each epoch", xlabel="epoch", ylabel="%")
right.xaxis.get_major_locator().set_params(integer=True)
for axes in (left, right):
    axes.grid(alpha=0.3)
    axes.legend()

picture = Path("losses.png").resolve()
figure.savefig(picture, dpi=120)
print(f"\nPlot: {picture}")
