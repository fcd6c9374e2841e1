import pyarrow as pa
import pytest

from flor.errors import Unreadable
from flor.runs import parquet
from flor.runs.schema import RECORDS

DESCRIPTION = b'{"run": "0123456789abcdef", "args": {"lr": 0.1}}'
ROWS = 5_000


@pytest.fixture
def file(tmp_path):
    """A sealed file with many values of many kinds."""
    fixed = {
        "rank": 0,
        "process": 0,
        "path": "epoch",
        "kind": "float",
        "source": "log",
        "vi": None,
        "vs": None,
    }
    rows = [
        fixed | {"seq": n, "ts": n * 1_000, "name": "loss", "it": [n], "vf": 1 / (n + 1)} for n in range(ROWS)
    ]
    path = tmp_path / "0123456789abcdef.0.parquet"
    parquet.write(path, pa.Table.from_pylist(rows, schema=RECORDS), DESCRIPTION)
    return path


def flipped(path, offset, bit):
    content = bytearray(path.read_bytes())
    content[offset] ^= 1 << bit
    path.write_bytes(content)


def test_records_and_description_come_back(file):
    assert parquet.description(file) == DESCRIPTION
    assert parquet.read(file, ["vf"])["vf"][2].as_py() == 1 / 3


@pytest.mark.parametrize("part", range(10))
def test_a_flipped_bit_among_the_values_is_an_error(file, part):
    size = file.stat().st_size
    flipped(file, size // 4 + part * size // 20, part % 8)

    with pytest.raises(Unreadable, match="fsck"):
        parquet.read(file, RECORDS.names)


def test_no_flipped_bit_gives_another_description(file):
    content, damaged = file.read_bytes(), 0
    for offset in range(len(content) - 4_000, len(content), 13):
        file.write_bytes(content)
        flipped(file, offset, offset % 8)
        try:
            assert parquet.description(file) == DESCRIPTION
        except Unreadable:
            damaged += 1

    assert damaged > 10


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_a_file_cut_short_is_an_error(file, keep):
    file.write_bytes(file.read_bytes()[:keep])

    with pytest.raises(Unreadable):
        parquet.description(file)
    with pytest.raises(Unreadable):
        parquet.read(file, RECORDS.names)


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    (tmp_path / "runs").write_text("a file where the folder should be")

    with pytest.raises(OSError, match="runs"):
        parquet.write(tmp_path / "runs" / "a.parquet", RECORDS.empty_table(), DESCRIPTION)
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
