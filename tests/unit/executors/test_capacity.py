"""How many tasks a machine takes at a time."""

from pathlib import Path

import pytest

from flor.executors import capacity
from flor.executors.capacity import Machine

GB = 1_000_000_000


@pytest.mark.parametrize(
    ("machine", "threads", "peak", "expected"),
    [
        (Machine(16, 64 * GB), 1, None, 16),
        (Machine(16, 64 * GB), 4, None, 4),
        (Machine(16, 64 * GB), 5, None, 3),
        (Machine(2, 64 * GB), 8, None, 1),
        (Machine(16, 64 * GB), 1, 10 * GB, 5),
        (Machine(16, 64 * GB), 4, 1 * GB, 4),
        (Machine(16, 8 * GB), 1, 10 * GB, 1),
        (Machine(16, None), 1, 10 * GB, 16),
        (Machine(16, 64 * GB), 0, 0, 16),
    ],
)
def test_cores_and_memory_decide(machine: Machine, threads: int, peak: int | None, expected: int) -> None:
    assert capacity.workers(machine, threads, peak) == expected


def test_a_container_has_what_its_group_may_use(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    (tmp_path / "memory.max").write_text("4000000\n")
    (tmp_path / "memory.current").write_text("1500000\n")
    (tmp_path / "meminfo").write_text("MemTotal: 99 kB\nMemAvailable:   9000 kB\n")

    found = capacity.machine(tmp_path, tmp_path / "meminfo")

    assert found.cores <= 2
    assert found.memory_bytes == 2_500_000


def test_without_limits_the_machine_counts(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("max 100000\n")
    (tmp_path / "memory.max").write_text("max\n")

    assert capacity.machine(tmp_path, tmp_path / "absent") == Machine(capacity.machine(tmp_path).cores, None)
