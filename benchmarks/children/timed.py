"""Runs a training script and times what stands inside its `flor.checkpointing`: SCRIPT KEY=VALUE …

With BENCH_WITHOUT_STATES set, no training state is kept: what logging alone costs.
"""

import json
import os
import runpy
import sys
import time
from contextlib import contextmanager, nullcontext

script = sys.argv[1]
given = dict(pair.split("=") for pair in sys.argv[2:])
sys.argv = [script]

import flor  # noqa: E402  (it takes its arguments out of sys.argv)

original_arg, original_checkpointing = flor.arg, flor.checkpointing
took = {}


@contextmanager
def checkpointing(**objects):
    """The script's own, between two looks at the clocks."""
    is_without = os.environ.get("BENCH_WITHOUT_STATES")
    with nullcontext() if is_without else original_checkpointing(**objects):
        cpu, wall = time.process_time(), time.perf_counter()
        yield
        took.update(cpu=time.process_time() - cpu, wall=time.perf_counter() - wall)


def arg(name, default=None):
    return original_arg(name, type(default)(given[name]) if name in given else default)


flor.checkpointing, flor.arg = checkpointing, arg
runpy.run_path(script, run_name="__main__")
print(json.dumps(took))
