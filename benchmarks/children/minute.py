"""Runs a training script, and says what keeping its states took of the loop: SCRIPT KEY=VALUE …"""

import json
import runpy
import sys
import time
from contextlib import contextmanager

script = sys.argv[1]
given = dict(pair.split("=") for pair in sys.argv[2:])
sys.argv = [script]

import flor  # noqa: E402  (it takes its arguments out of sys.argv)
from flor.record.keeper import Keeper  # noqa: E402

original_arg, original_checkpointing, original_keep = flor.arg, flor.checkpointing, Keeper._try_to_keep
took = {"stall": 0.0, "kept": 0}


def arg(name, default=None):
    return original_arg(name, type(default)(given[name]) if name in given else default)


def keep(self, *arguments):
    begun = time.thread_time()
    original_keep(self, *arguments)
    took["stall"] += time.thread_time() - begun
    took["kept"] += 1


@contextmanager
def checkpointing(**objects):
    """The script's own, between two looks at the clocks."""
    with original_checkpointing(**objects):
        cpu, own = time.process_time(), time.thread_time()
        yield
        cpu, own = time.process_time() - cpu, time.thread_time() - own
        took.update(own=own, background=cpu - own)


flor.arg, flor.checkpointing, Keeper._try_to_keep = arg, checkpointing, keep
runpy.run_path(script, run_name="__main__")
print(json.dumps(took))
