import pytest

from flor.errors import StoreError
from flor.runs import parquet
from flor.runs.bundles import Sealed
from flor.runs.layout import Layout
from flor.runs.receive import Plain, is_blob_name, is_sealed_name, receive
from flor.runs.schema import RECORDS
from unit.runs.given import described, losses

NAME = "0123456789abcdef.0.parquet"


@pytest.mark.parametrize("name", [NAME, "my-run_7.12.parquet"])
def test_names_of_sealed_files_are_taken(name):
    assert is_sealed_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "../0123456789abcdef.0.parquet",
        "/etc/a.0.parquet",
        "a/b.0.parquet",
        "a.parquet",
        "a.0.parquet.tmp",
        "a.x.parquet",
        ".0.parquet",
        "a.0.parquet\n",
        "a.٣.parquet",
    ],
)
def test_no_other_name_is_taken_from_elsewhere(name):
    assert not is_sealed_name(name)


BLOB = "blobs/22/2258fd8b06485fc32679775480830170.npy"


def test_names_of_blobs_are_taken():
    assert is_blob_name(BLOB)


@pytest.mark.parametrize(
    "name",
    ["blobs/aa/" + BLOB[9:], "blobs/22/../x.npy", BLOB[:-4] + ".py", "/" + BLOB, BLOB + "\n", BLOB[6:]],
)
def test_no_other_name_is_taken_for_a_blobs(name):
    assert not is_blob_name(name)


def test_received_files_are_in_the_store_and_the_store_ignores_itself(tmp_path):
    layout = Layout(tmp_path / ".flor")
    table, description = losses(3), described("b" * 16, 3)

    received = receive(
        layout,
        [Plain(NAME, b"content"), Sealed(f"{'b' * 16}.0.parquet", table, description), Plain(BLOB, b"blob")],
    )

    single, bundled = layout.sealed / NAME, layout.sealed / f"{'b' * 16}.0.parquet"
    assert received == [single, bundled, layout.home / BLOB]
    assert single.read_bytes() == b"content"
    assert (layout.home / BLOB).read_bytes() == b"blob"
    assert parquet.description(bundled) == description
    assert parquet.read(bundled, RECORDS.names).to_pylist() == table.to_pylist()
    assert layout.ignore.read_text() == "*\n"
    assert sorted(layout.sealed.iterdir()) == [single, bundled]


def test_a_file_that_is_there_already_stays(tmp_path):
    layout = Layout(tmp_path / ".flor")
    receive(layout, [Plain(NAME, b"ours")])

    assert receive(layout, [Plain(NAME, b"theirs")]) == []
    assert (layout.sealed / NAME).read_bytes() == b"ours"


def test_of_two_files_of_one_name_the_first_is_taken(tmp_path):
    layout = Layout(tmp_path / ".flor")

    assert len(receive(layout, [Plain(NAME, b"first"), Plain(NAME, b"second")])) == 1
    assert (layout.sealed / NAME).read_bytes() == b"first"
    assert len(list(layout.sealed.iterdir())) == 1


def test_hundreds_of_files_are_all_taken(tmp_path):
    layout = Layout(tmp_path / ".flor")

    received = receive(layout, (Plain(f"{number:016x}.0.parquet", b"content") for number in range(600)))

    assert len(received) == len(list(layout.sealed.iterdir())) == 600


def test_a_blob_is_whole_if_its_content_has_its_hash():
    assert Plain(BLOB, b"blob").is_whole
    assert not Plain(BLOB, b"glob").is_whole


def test_a_store_that_cannot_be_written_is_an_error_with_a_remedy(tmp_path):
    (tmp_path / ".flor").write_text("a file where the store should be")

    with pytest.raises(StoreError, match="FLOR_HOME"):
        receive(Layout(tmp_path / ".flor"), [Plain(NAME, b"content")])


def test_what_fails_in_the_middle_leaves_nothing_half_written(tmp_path):
    layout = Layout(tmp_path / ".flor")

    def files():
        yield Plain(NAME, b"content")
        raise RuntimeError("the other side is gone")

    with pytest.raises(RuntimeError):
        receive(layout, files())
    assert list(layout.sealed.iterdir()) == []
