"""The tree in ARCHITECTURE.md is the tree on disk."""

import re
from collections.abc import Iterator
from pathlib import Path

from docs.blocks import read
from docs.runner import PROJECT

_LINE = re.compile(r"^(?P<indent> *)(?P<name>[\w./]+?(?:/|\.py))(?P<purpose> .*|$)")


def test_every_module_is_named_and_every_name_is_a_module() -> None:
    named = {path for path, _ in _tree()}

    on_disk = {path.relative_to(PROJECT).as_posix() for path in (PROJECT / "src" / "flor").rglob("*.py")}
    empty = {path for path in on_disk if path.endswith("__init__.py") and path != "src/flor/__init__.py"}
    assert sorted(named - empty) == sorted(on_disk - empty), "make docs brings the tree up to date"


def test_every_module_has_a_line_that_says_what_it_is_for() -> None:
    assert [path for path, purpose in _tree() if len(purpose.split()) < 3] == []


def _tree() -> Iterator[tuple[str, str]]:
    """Path and purpose of each module in the tree."""
    folders: list[str] = []
    for line in _text().splitlines():
        match = _LINE.match(line)
        if not match:
            continue
        depth = len(match["indent"]) // 2
        folders[depth:] = [match["name"].rstrip("/")]
        if match["name"].endswith(".py"):
            yield "/".join(folders), match["purpose"].strip()


def _text() -> str:
    document = PROJECT / "ARCHITECTURE.md"
    return next(block.text for block in read(document) if block.text.startswith("src/flor/\n"))


def test_files_named_in_the_journeys_exist() -> None:
    text = Path(PROJECT / "ARCHITECTURE.md").read_text("utf-8")

    named = set(re.findall(r"`((?:\w+/)*\w+\.py)`", text))

    assert {name for name in named if not (PROJECT / "src" / "flor" / name).exists()} == set()
