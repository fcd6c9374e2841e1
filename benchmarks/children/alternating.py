"""Runs a training script whose epochs are recorded and not recorded in turn: SCRIPT KEY=VALUE …

Two processes differ by a percent in how memory happens to lie; two epochs of one process do not.
"""

import json
import runpy
import sys
import time
from contextlib import nullcontext
from statistics import median

script = sys.argv[1]
given = dict(pair.split("=") for pair in sys.argv[2:])
sys.argv = [script]

import flor  # noqa: E402  (it takes its arguments out of sys.argv)

original_arg, original_log, original_loop = flor.arg, flor.log, flor.loop
took = {True: [], False: []}
state = {"is_recorded": False}


def arg(name, default=None):
    return original_arg(name, type(default)(given[name]) if name in given else default)


def log(name, value):
    return original_log(name, value) if state["is_recorded"] else value


def loop(name, iterable):
    return alternating(iterable) if name == "step" else original_loop(name, iterable)


def alternating(iterable):
    """The steps of one epoch, and the CPU time of this thread that they took."""
    is_recorded = state["is_recorded"] = not state["is_recorded"]
    begun = time.thread_time()
    yield from original_loop("step", iterable) if is_recorded else iter(iterable)
    took[is_recorded].append(time.thread_time() - begun)


flor.arg, flor.log, flor.loop = arg, log, loop
flor.checkpointing = lambda **objects: nullcontext()
original_log("ready", True)
cpu, own = time.process_time(), time.thread_time()
runpy.run_path(script, run_name="__main__")
background = (time.process_time() - cpu) - (time.thread_time() - own)
bare, recorded = median(took[False]), median(took[True])
print(
    json.dumps(
        {"bare": bare, "recorded": recorded, "background": background, "all": sum(map(sum, took.values()))}
    )
)
