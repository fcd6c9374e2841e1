"""Hindsight equals foresight: run train.py as the first run was, now with the statement in it; compare."""

import subprocess
import sys

import flor

NAMES = ("device", "seed", "hidden", "epochs", "batch_size", "lr", "print_every")

first = flor.dataframe(*NAMES).iloc[0]
given = [f"{name}={first[name]}" for name in NAMES]
subprocess.run([sys.executable, "train.py", "--kwargs", *given], check=True, stdout=subprocess.DEVNULL)

values = flor.dataframe("gradient_norm", provenance=True)
hindsight = values[values["tstamp"] == values["tstamp"].min()]
foresight = flor.utils.latest(values)
print(f"\nin hindsight ({hindsight['gradient_norm_source'].iloc[0]}): {list(hindsight['gradient_norm'])}")
print(f"in foresight ({foresight['gradient_norm_source'].iloc[0]}):    {list(foresight['gradient_norm'])}")
same = list(map(float.hex, hindsight["gradient_norm"])) == list(map(float.hex, foresight["gradient_norm"]))
print("The same, bit for bit." if same else "They differ.")
sys.exit(not same)
