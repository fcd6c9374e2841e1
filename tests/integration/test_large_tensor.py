"""One tensor of more than 4 GB (2 GB on a small machine) through the store, in bounded memory."""

import shutil
from pathlib import Path

import pytest

from flor.checkpoints import memory
from workplace import Workplace

GB = 1 << 30
TRAIN = """
import resource, sys
import numpy as np
import flor

def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) << 10

size, limit = int(sys.argv[1]), sys.argv[2] == "limited"
large = np.ones(size, np.uint8)
large[-1] = 7
flor.log("before", peak())
if limit:
    mapped = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + (512 << 20), resource.RLIM_INFINITY))
with flor.checkpointing(large=large):
    for epoch in flor.loop("epoch", range(1)):
        large[0] = 5
flor.log("after", peak())
"""
RESTORE = """
import sys
import numpy as np
import flor

size = int(sys.argv[1])
large = np.zeros(size, np.uint8)
flor.restore(epoch=1, into={"large": large})
print(large[0], large[1], large[size // 2], large[-1], int(large[:-1].min()))
"""


@pytest.fixture
def size_bytes(tmp_path: Path) -> int:
    fits = memory.available_bytes() > 14 * GB and shutil.disk_usage(tmp_path).free > 20 * GB
    return (4 if fits else 2) * GB + 12_345


@pytest.mark.parametrize("how", ["copied", "limited"])
def test_a_large_tensor_takes_one_copy_or_none_and_comes_back(
    place: Workplace, size_bytes: int, how: str
) -> None:
    env = {"FLOR_EPSILON": "1", "FLOR_STRICT": "1"}
    place.run(TRAIN, str(size_bytes), how, env=env)

    [before], [after] = place.values("before"), place.values("after")
    copies = 0 if how == "limited" else 2  # no more than two are ever in flight
    assert after - before < copies * size_bytes + 300 * (1 << 20)
    place.write("restore.py", RESTORE)
    done = place.python("restore.py", str(size_bytes))
    assert done.stdout.split() == ["5", "1", "1", "7", "1"]
    shutil.rmtree(place.root / ".flor")
