"""What reading the live program costs: a node of ordinary objects, and a thousand tensors."""

import json
import time
from pathlib import Path

import torch

from flor.checkpoints.scope import Scope
from flor.checkpoints.walk import walk

ROUNDS = 7


class Record:
    """As programs have them by the thousand."""

    def __init__(self, number):
        self.number, self.name, self.parts = number, f"record {number}", [number, {"half": number / 2}]


def cost(state):
    """CPU seconds of a walk, and its nodes."""
    took = []
    for _ in range(ROUNDS):
        begun = time.thread_time()
        walked = walk([], {"state": state}, Scope(Path.cwd()))
        took.append(time.thread_time() - begun)
    return sorted(took)[ROUNDS // 2], walked.node_count


empty, _ = cost([])
node_s, count = cost([Record(number) for number in range(3_000)])
tensors_s, _ = cost([torch.randn(16) for _ in range(1_000)])
print(json.dumps({"node": (node_s - empty) / count, "tensors": tensors_s - empty, "empty": empty}))
