"""How long training stands still for a state of so many MB in so many tensors: MB TENSORS ROUNDS [PEERS].

All of it has changed since the last one. In turn with it: one copy in memory, and what other ways take.
"""

import json
import shutil
import sys
import time
from pathlib import Path
from statistics import median

import torch

from flor.checkpoints.scope import Scope
from flor.checkpoints.store import CheckpointStore
from flor.checkpoints.walk import walk
from flor.checkpoints.writer import Draft, Writer

took = {}


def timed(name, work):
    begun = time.perf_counter()
    found = work()
    took.setdefault(name, []).append(time.perf_counter() - begun)
    return found


def fail(error):
    raise error


def draft_of(walked, position):
    facts = {"opaque": [], "around": [], "facts": {}, "graph": walked.graph.to_bytes}
    return Draft("f" * 16, 0, 0, f"0/0 top({position})", position, 0, 0, **facts)


def keep(writer, state, position):
    """What the training thread does for one state."""
    walked = walk([], {"state": state}, Scope(Path.cwd()))
    if not writer.submit(draft_of(walked, position), walked.leaves, lambda cost: None):
        raise RuntimeError("two states are in flight")
    return walked


def peers(state):
    from safetensors.torch import save_file
    from torch.distributed.checkpoint import async_save

    timed("torch.save", lambda: torch.save(state, "state.pt"))
    timed("safetensors", lambda: save_file(state, "state.safetensors"))
    timed("async_save", lambda: async_save(state, checkpoint_id="dcp", no_dist=True)).result()
    shutil.rmtree("dcp")


def main(megabytes, count, rounds, with_peers=""):
    elements = max(1, int(float(megabytes) * 2**20 / 4 / int(count)))
    state = {f"layer{number}": torch.randn(elements) for number in range(int(count))}
    twins = [torch.empty_like(tensor) for tensor in state.values()]
    writer = Writer(CheckpointStore(Path("kept")), fail)
    for position in range(int(rounds)):
        torch._foreach_add_(list(state.values()), 1.0)
        timed("copy", lambda: torch._foreach_copy_(twins, list(state.values())))
        torch._foreach_add_(list(state.values()), 1.0)
        timed("flor", lambda position=position: keep(writer, state, position))
        writer.wait()
        if with_peers:
            peers(state)
    shutil.rmtree("kept")
    # The first two of each make the buffers that the next ones use again.
    print(json.dumps({name: median(values[2:]) for name, values in took.items()}))


main(*sys.argv[1:])
