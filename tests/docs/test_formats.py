"""docs/formats.md names what is on disk, no more and no less."""

import re

from docs.runner import PROJECT
from flor.checkpoints.manifest import Manifest
from flor.entities import Kind, Source
from flor.runs.schema import RECORDS

FORMATS = (PROJECT / "docs" / "formats.md").read_text("utf-8")


def test_every_column_of_a_sealed_record_is_described() -> None:
    assert _first_cells("column | type") == RECORDS.names


def test_every_kind_of_value_is_described() -> None:
    assert _first_cells("`kind` | column") == [kind.name.lower() for kind in Kind]


def test_every_source_of_a_row_is_described() -> None:
    assert sorted(_first_cells("`source` | the row is")) == sorted(source.name.lower() for source in Source)


def test_every_field_of_a_manifest_is_described() -> None:
    assert _first_cells("field | meaning") == list(Manifest.__struct_fields__)


def _first_cells(head: str) -> list[str]:
    """The words in code type of the first column of the table with this head."""
    table = FORMATS.partition(f"\n| {head} |")[2].partition("\n\n")[0]
    return [name for line in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", line.split("|")[1])]
