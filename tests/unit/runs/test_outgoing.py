import numpy as np
import pytest

from flor.entities import BlobReference
from flor.runs import bundles, outgoing
from flor.runs.blobs import keeper
from flor.runs.cache import describe
from flor.runs.catalog import sealed_names
from flor.runs.layout import Layout
from flor.runs.packs import Member
from unit.runs.given import losses, naming, seal

A, B, C = ("a" * 16, "b" * 16, "c" * 16)


@pytest.fixture
def layout(tmp_path):
    layout = Layout(tmp_path / ".flor")
    for folder in (layout.sealed, layout.cache):
        folder.mkdir(parents=True)
    return layout


def prepared(layout, known=()):
    found, _ = describe(layout, sealed_names(layout))
    members = [Member(str(one.name), one.size, one.mtime_ns, one.metadata.rows) for one in found]
    return outgoing.prepare(layout, members, known, layout.cache)


def sent(files):
    """The sealed files in what is sent."""
    single = [name for name in files if "/" not in name]
    return sorted(
        single
        + [file for name in bundles.find(files) for file in bundles.members(files[name.runs].read_bytes())]
    )


def test_small_sealed_files_are_sent_in_one_bundle(layout):
    for run in (A, B, C):
        seal(layout, run, losses(2))

    found = prepared(layout)

    assert len(found.files) == 2
    assert sent(found.files) == [f"{run}.0.parquet" for run in (A, B, C)]
    assert found.problems == ()


def test_what_the_other_side_has_is_not_sent_again(layout):
    for run in (A, B):
        seal(layout, run, losses(2))

    assert sent(prepared(layout, {f"{A}.0.parquet"}).files) == [f"{B}.0.parquet"]
    assert prepared(layout, {f"{A}.0.parquet", f"{B}.0.parquet"}).files == {}


def test_a_large_sealed_file_is_sent_as_it_is(layout, monkeypatch):
    monkeypatch.setattr(outgoing, "LARGE_ROWS", 10)
    large = seal(layout, A, losses(11))
    seal(layout, B, losses(10))

    found = prepared(layout)

    assert found.files[large.name] == large
    assert len(bundles.find(found.files)) == 1
    assert sent(found.files) == [f"{A}.0.parquet", f"{B}.0.parquet"]


def member(number, rows=100, size=1_000):
    return Member(f"{number:016x}.0", size, 0, rows)


@pytest.mark.parametrize(
    ("rows", "size", "groups"),
    [(200_000, 1_000, [20, 20, 5]), (1, 4 << 20, [10, 10, 10, 10, 5]), (1, 1, [45])],
)
def test_no_bundle_has_many_rows_or_bytes(rows, size, groups):
    found = outgoing.group(member(number, rows, size) for number in range(45))

    assert [len(together) for together in found.together] == groups
    assert [one for together in found.together for one in together] == [
        member(n, rows, size) for n in range(45)
    ]


def test_blobs_that_the_records_name_are_sent(layout):
    keep = keeper(layout)
    named, other = keep(np.zeros(2_000)), keep(np.ones(2_000))
    seal(layout, A, naming(named, named))

    files = prepared(layout).files

    assert files[f"blobs/{named.hash[:2]}/{named.hash}.npy"] == layout.blob(named.hash, "npy")
    assert not any(other.hash in name for name in files)


def test_blobs_of_a_large_sealed_file_are_sent_too(layout, monkeypatch):
    monkeypatch.setattr(outgoing, "LARGE_ROWS", 0)
    named = keeper(layout)(np.zeros(2_000))
    seal(layout, A, naming(named))

    assert f"blobs/{named.hash[:2]}/{named.hash}.npy" in prepared(layout).files


def test_blobs_over_50_mb_are_counted_and_stay(layout):
    large = BlobReference("ab" * 16, (1,), "uint8", "npy", (50 << 20) + 1)
    seal(layout, A, naming(large))

    found = prepared(layout)

    assert (found.large_blobs, found.problems) == (1, ())
    assert sent(found.files) == sorted(name for name in [f"{A}.0.parquet"])


def test_a_damaged_blob_and_a_damaged_sealed_file_are_named_and_the_rest_is_sent(layout):
    named = keeper(layout)(np.zeros(2_000))
    layout.blob(named.hash, "npy").write_bytes(b"damaged")
    seal(layout, A, naming(named))
    damaged = seal(layout, B, losses(5_000))
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)

    found = prepared(layout)

    assert sent(found.files) == [f"{A}.0.parquet"]
    assert len(found.problems) == 2
    assert str(damaged) in found.problems[0]
    assert named.hash in found.problems[1]
