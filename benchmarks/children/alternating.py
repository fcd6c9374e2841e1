"""Runs a training script of which a few steps are recorded, and a few not, in turn: SCRIPT KEY=VALUE …

Two processes differ by a percent in how memory happens to lie; two steps of one process do not. A step is
timed by the clock on the wall, and the median taken: what else the machine does meets only some of them.
"""

import json
import os
import random
import runpy
import sys
import time
from contextlib import nullcontext
from statistics import median

script = sys.argv[1]
given = dict(pair.split("=") for pair in sys.argv[2:])
sys.argv = [script]

import flor  # noqa: E402  (it takes its arguments out of sys.argv)

BLOCK, WARMING = 6, 2
original_arg, original_log, original_loop = flor.arg, flor.log, flor.loop
clock, draw = time.perf_counter, random.Random(0)
took = {True: [], False: []}
state = {"is_recorded": False}


def arg(name, default=None):
    return original_arg(name, type(default)(given[name]) if name in given else default)


def log(name, value):
    return original_log(name, value) if state["is_recorded"] else value


class Steps:
    """Draws the items of a loop through FlorDB's or not, and times what lies between two headers."""

    def __init__(self, iterable):
        self.bare = iter(iterable)
        self.recorded = None
        self.number = self.begun = 0

    def __iter__(self):
        self.recorded = iter(original_loop("step", self.bare))
        return self

    def __next__(self):
        place, now = self.number % BLOCK, clock()
        if self.number and (place - 1) % BLOCK >= WARMING:
            took[state["is_recorded"]].append(now - self.begun)
        if place == 0:
            state["is_recorded"] = draw.random() < 0.5
        self.number += 1
        self.begun = now
        return next(self.recorded if state["is_recorded"] else self.bare)


flor.arg, flor.log = arg, log
flor.loop = lambda name, iterable: Steps(iterable) if name == "step" else original_loop(name, iterable)
if os.environ.get("BENCH_WITHOUT_STATES"):
    flor.checkpointing = lambda **objects: nullcontext()
original_log("ready", True)
time.sleep(1.5)  # the start is not counted: packages are listed in the background
cpu, own = time.process_time(), time.thread_time()
runpy.run_path(script, run_name="__main__")
own = time.thread_time() - own
background = time.process_time() - cpu - own
print(
    json.dumps(
        {
            "bare": median(took[False]),
            "recorded": median(took[True]),
            "steps": len(took[True]),
            "background": background / own,
        }
    )
)
