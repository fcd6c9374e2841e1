import pytest

from flor.entities import RunId
from flor.errors import StoreError
from flor.runs.layout import Layout, SealedName
from flor.runs.receive import is_sealed_name, receive, sealed_files

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


def test_a_received_file_is_in_the_store_and_the_store_ignores_itself(tmp_path):
    layout = Layout(tmp_path / ".flor")

    receive(layout, NAME, b"content")

    path = layout.sealed_file(SealedName(RunId("0123456789abcdef"), 0))
    assert sealed_files(layout) == {NAME: path}
    assert path.read_bytes() == b"content"
    assert layout.ignore.read_text() == "*\n"
    assert list(layout.sealed.iterdir()) == [path]


def test_a_file_that_is_there_already_stays(tmp_path):
    layout = Layout(tmp_path / ".flor")
    receive(layout, NAME, b"ours")

    receive(layout, NAME, b"theirs")

    assert sealed_files(layout)[NAME].read_bytes() == b"ours"


def test_a_store_that_cannot_be_written_is_an_error_with_a_remedy(tmp_path):
    (tmp_path / ".flor").write_text("a file where the store should be")

    with pytest.raises(StoreError, match="FLOR_HOME"):
        receive(Layout(tmp_path / ".flor"), NAME, b"content")
