"""What a program leaves behind in its interpreter: written down by its very last exit hook.

A program with FlorDB must leave what it would leave without.
"""

import atexit
import gc
import hashlib
import json
import locale
import logging
import os
import pickle
import random
import re
import signal
import sys
import threading
import warnings
from pathlib import Path
from typing import Any


def write_at_exit(path: str) -> None:
    """Write the state of the interpreter to `path` when everybody else's exit hooks have run."""
    begun_in = os.getcwd()

    def write() -> None:
        state = {"cwd": os.path.relpath(os.getcwd(), begun_in), **_of_python(), **_of_numpy(), **_of_torch()}
        # Where an object lies says nothing.
        Path(path).write_text(re.sub(r" at 0x[0-9a-f]+", "", json.dumps(state, indent=1)), "utf-8")

    atexit.register(write)


def _of_python() -> dict[str, Any]:
    return {
        "random": _hash(repr(random.getstate()).encode()),
        "argv": sys.argv,
        "environ": {name: value for name, value in os.environ.items() if not name.startswith("EXACTNESS_")},
        "locale": locale.setlocale(locale.LC_ALL),
        "signals": {name.name: repr(signal.getsignal(name)) for name in signal.Signals},
        "logging": [logging.root.level, list(map(repr, logging.root.handlers)), logging.root.disabled],
        "warnings": list(map(repr, warnings.filters)),
        "hooks": [repr(sys.excepthook), repr(threading.excepthook), repr(sys.displayhook)],
        "tracing": [repr(sys.gettrace()), repr(sys.getprofile()), sys.getrecursionlimit()],
        "gc": [gc.isenabled(), gc.get_threshold()],
        "stdout": [type(sys.stdout).__name__, type(sys.stderr).__name__],
    }


def _of_numpy() -> dict[str, Any]:
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return {}
    return {
        "numpy.random": _hash(pickle.dumps(numpy.random.get_state())),
        "numpy.errors": numpy.geterr(),
        "numpy.print": repr(numpy.get_printoptions()),
    }


def _of_torch() -> dict[str, Any]:
    torch = sys.modules.get("torch")
    if torch is None:
        return {}
    return {
        "torch.random": _hash(torch.get_rng_state().numpy().tobytes()),
        "torch.threads": [torch.get_num_threads(), torch.get_num_interop_threads()],
        "torch.modes": [
            torch.is_grad_enabled(),
            str(torch.get_default_dtype()),
            torch.are_deterministic_algorithms_enabled(),
            torch.is_inference_mode_enabled(),
            torch.is_autocast_enabled("cpu"),
            torch.get_float32_matmul_precision(),
        ],
        "torch.cuda": torch.cuda.is_initialized(),
    }


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
