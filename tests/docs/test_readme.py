"""What the README and the docs show is what happens (the digits example needs torch)."""

from pathlib import Path

import pytest

from docs.blocks import read
from docs.runner import PROJECT, Reader, unexplained

DOCUMENTS = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").glob("*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_code_block_runs_and_prints_what_the_document_shows(document: Path, tmp_path: Path) -> None:
    reader = Reader(tmp_path)

    for block in read(document):
        reader.follow(block)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_code_block_goes_unchecked_without_a_reason(document: Path) -> None:
    assert unexplained(read(document)) == []
