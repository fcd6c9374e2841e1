"""Killed anywhere, taking out leaves every state that is still listed everything it needs."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec

from flor.checkpoints.store import CheckpointStore
from unit.checkpoints.given import manifest_of, state_of

TESTS = Path(__file__).parents[1]


def test_a_death_at_any_file_operation_costs_no_state_that_stays(tmp_path: Path) -> None:
    shared, store = bytes(60_000), tmp_path / "store"
    for run in ("gone", "old", "new"):
        for position in range(4):
            keep(store, run, position, {"shared": shared, "own": os.urandom(30_000)})
    environ = os.environ | {"PYTHONPATH": str(TESTS.parent / "src")}

    done = subprocess.run(
        [sys.executable, TESTS / "faults" / "taken_out.py", store],
        check=False,
        env=environ,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    *deaths, survived = done.stdout.splitlines()
    assert survived == "survived 0"
    assert len(deaths) > 50
    assert [line for line in deaths if not line.endswith(" 0")] == []


def keep(folder: Path, run: str, position: int, content: dict[str, bytes]) -> None:
    store = CheckpointStore(folder)
    described = msgspec.structs.replace(manifest_of(content, f"0/0 top({position})", position), run=run)
    missing = store.missing(described.hashes())
    store.keep(described, [blob for blob in state_of(content) if blob.hash in missing])
