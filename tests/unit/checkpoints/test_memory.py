"""How much memory is free is read from what Linux says of machine and control groups."""

from pathlib import Path

import pytest

from flor.checkpoints import memory

MB = 1 << 20


def told(root: Path, files: dict[str, object]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")
    return root


MACHINE = {"proc/meminfo": f"MemTotal: 99999 kB\nMemFree: 1 kB\nMemAvailable:   {100 * 1024} kB"}
SECOND = {
    "proc/self/cgroup": "0::/job/step",
    "sys/fs/cgroup/job/memory.max": 60 * MB,
    "sys/fs/cgroup/job/memory.current": 50 * MB,
    "sys/fs/cgroup/job/memory.stat": f"anon 1\ninactive_file {20 * MB}\nactive_file 7",
    "sys/fs/cgroup/job/step/memory.max": "max",
    "sys/fs/cgroup/job/step/memory.current": 50 * MB,
    "sys/fs/cgroup/job/step/memory.stat": "inactive_file 0",
}
FIRST = {
    "proc/self/cgroup": "5:cpu,cpuacct:/slurm\n4:memory:/slurm/job",
    "sys/fs/cgroup/memory/slurm/job/memory.limit_in_bytes": 40 * MB,
    "sys/fs/cgroup/memory/slurm/job/memory.usage_in_bytes": 30 * MB,
    "sys/fs/cgroup/memory/slurm/job/memory.stat": "total_inactive_file 0",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": 1 << 63,
    "sys/fs/cgroup/memory/memory.usage_in_bytes": 30 * MB,
    "sys/fs/cgroup/memory/memory.stat": "total_inactive_file 0",
}
CONTAINER = {  # the names of groups are those of the host, and its own stands at the top
    "proc/self/cgroup": "0::/docker/3fa9c1",
    "sys/fs/cgroup/memory.max": 30 * MB,
    "sys/fs/cgroup/memory.current": 25 * MB,
    "sys/fs/cgroup/memory.stat": "inactive_file 0",
}


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({}, float("inf")),
        (MACHINE, 100 * MB),
        (MACHINE | SECOND, 30 * MB),
        (MACHINE | FIRST, 10 * MB),
        (MACHINE | CONTAINER, 5 * MB),
    ],
)
def test_the_narrowest_limit_counts(tmp_path: Path, files: dict[str, object], free: float) -> None:
    root = told(tmp_path, files)

    assert memory.available_bytes(root) == free
    assert memory.has_room(4 * MB, root) == (free >= 8 * MB)


def test_half_of_it_is_left_to_training(tmp_path: Path) -> None:
    root = told(tmp_path, MACHINE)

    assert memory.has_room(50 * MB, root)
    assert not memory.has_room(51 * MB, root)


def test_this_machine_has_some() -> None:
    assert memory.available_bytes() > MB
