"""The bench, quick and in part: that it still fits what it measures."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GROUPS = (
    "log",
    "process",
    "size",
    "frame",
    "runs",
    "snapshot",
    "training",
    "checkpoints",
    "kill",
    "propagation",
    "replay",
)


@pytest.mark.parametrize("group", GROUPS)
def test_each_group_is_measured_and_written(group: str, tmp_path: Path) -> None:
    found, page = tmp_path / "bench.json", tmp_path / "performance.md"

    subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks",
            group,
            "--quick",
            "--json",
            found,
            "--page",
            page,
            "--scratch",
            tmp_path,
        ],
        cwd=ROOT,
        check=True,
    )

    figures = json.loads(found.read_text("utf-8"))["groups"][group]["figures"]
    assert figures
    assert all(figure["name"] in page.read_text("utf-8") for figure in figures)
