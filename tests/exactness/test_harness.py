"""The harness that compares notices whatever a flor could change. (Its scripts run where torch is.)"""

from pathlib import Path

import pytest

from exactness import harness
from exactness.interpreters import Forking
from exactness.matrix import Script

TRAIN = """
import logging, os, random, subprocess, sys
import flor

with_flor = hasattr(flor, "__version__")
for epoch in flor.loop("epoch", range(2)):
    flor.log("loss", 0.1 * epoch)
if with_flor:
    {change}
"""


@pytest.mark.parametrize(
    ("change", "noticed"),
    [
        ("flor.log('loss', -0.0)", "record loss = -0.0 is too many (3 of 2)"),
        ("flor.commit(); flor.log('loss', 1)", "2 runs are in the store, not 1"),
        ("random.random()", "left behind: random is "),
        ("logging.basicConfig()", "left behind: logging is "),
        ("os.environ['LEFT'] = '1'", "left behind: environ is "),
        ("print('hello')", "printed: hello is too many"),
        ("sys.exit(3)", "exit codes [3], not [0]"),
        ("open('notes.txt', 'a').write('.')", "file notes.txt: "),
        ("subprocess.run(['git', 'add', 'notes.txt'])", "git: index changed"),
        ("subprocess.run(['git', 'stash', 'drop', '-q'])", "git: stash changed"),
        ("subprocess.run(['git', 'checkout', '-q', '-b', 'mine'])", "git: HEAD changed"),
    ],
)
def test_a_change_is_noticed(change: str, noticed: str, one_thread: Forking, tmp_path: Path) -> None:
    script = script_of(TRAIN.format(change=change))

    found = harness.differences(script, one_thread, tmp_path)

    assert any(text.startswith(noticed) for text in found), found


def test_nothing_is_noticed_where_nothing_changes(one_thread: Forking, tmp_path: Path) -> None:
    assert harness.differences(script_of(TRAIN.format(change="pass")), one_thread, tmp_path) == []


def script_of(text: str) -> Script:
    return Script("given", {"train.py": text.encode()}, "train.py", about="A test.", kill=())
