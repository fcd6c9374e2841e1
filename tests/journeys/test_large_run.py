"""A run of more records than are left to the next reader."""

import subprocess
import sys
from pathlib import Path

from flor.runs.catalog import Catalog
from flor.runs.layout import Layout

RECORDS = 250_000
SCRIPT = f"""
import flor

for step in flor.loop("step", range({RECORDS})):
    flor.log("loss", step / 7)
flor.log("note", "done")
"""


def test_a_large_run_is_sealed_when_it_ends_and_loads_no_pandas(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)

    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "train.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    imported = [line for line in ended.stderr.splitlines() if line.startswith("import time:")]
    said = [line for line in ended.stderr.splitlines() if not line.startswith("import time:")]
    assert [line for line in said if "no code version" not in line] == []
    assert not any("pandas" in line for line in imported)
    layout = Layout(tmp_path / ".flor")
    assert list(layout.journals.iterdir()) == []
    [run] = Catalog.open(layout).runs
    assert run.values == {"loss": (RECORDS - 1) / 7, "note": "done"}
