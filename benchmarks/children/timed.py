"""Runs a training script and times what stands inside its `flor.checkpointing`: SCRIPT KEY=VALUE …"""

import json
import runpy
import sys
import time
from contextlib import contextmanager

script = sys.argv[1]
given = dict(pair.split("=") for pair in sys.argv[2:])
sys.argv = [script]

import flor  # noqa: E402  (it takes its arguments out of sys.argv)

original_arg, original_checkpointing = flor.arg, flor.checkpointing
took = {}


@contextmanager
def checkpointing(**objects):
    """The script's own, between two looks at the clocks."""
    with original_checkpointing(**objects):
        cpu, own, wall = time.process_time(), time.thread_time(), time.perf_counter()
        yield
        cpu, own, wall = time.process_time() - cpu, time.thread_time() - own, time.perf_counter() - wall
        took.update(cpu=cpu, background=cpu - own, wall=wall)


def arg(name, default=None):
    return original_arg(name, type(default)(given[name]) if name in given else default)


flor.checkpointing, flor.arg = checkpointing, arg
runpy.run_path(script, run_name="__main__")
print(json.dumps(took))
