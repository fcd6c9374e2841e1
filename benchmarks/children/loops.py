"""Times iterations of `flor.loop` and of what it is compared with: bare ones, and tqdm's on a terminal."""

import json
import sys
import time

from tqdm import tqdm

import flor

COUNT = 100_000


def cost(iterable):
    """CPU seconds of one iteration."""
    before = time.thread_time()
    for _ in iterable:
        pass
    return (time.thread_time() - before) / COUNT


def main():
    flor.log("ready", True)
    rival = tqdm if sys.stderr.isatty() else iter
    pairs = [(cost(rival(range(COUNT))), cost(flor.loop("step", range(COUNT)))) for _ in range(5)]
    print(json.dumps({"rival": min(pair[0] for pair in pairs), "flor": min(pair[1] for pair in pairs)}))


main()
