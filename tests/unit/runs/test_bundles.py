import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flor.errors import FormatTooNew, Unreadable
from flor.runs import bundles, parquet
from flor.runs.bundles import BundleName, Sealed
from flor.runs.schema import RECORDS
from unit.runs.given import described, losses


def sealed(number, table, **fields):
    run = f"{number:016x}"
    return Sealed(f"{run}.0.parquet", table, described(run, len(table), **fields))


MEMBERS = [
    sealed(1, losses(3)),
    sealed(2, RECORDS.empty_table(), environment={"packages": {"ünï": "1"}}),
    sealed(3, losses(2, "accuracy", source="replay", vs="text")),
    sealed(4, losses(1, "loss", path="", it=[])),
    sealed(5, RECORDS.empty_table()),
]


@pytest.fixture
def bundle(tmp_path):
    made = bundles.make(MEMBERS, tmp_path)
    return made.runs.read_bytes(), made.records.read_bytes()


def content(one):
    return one.file, one.table.to_pylist(), one.description


def test_each_sealed_file_comes_out_as_it_went_in(bundle):
    files = {one.file for one in MEMBERS}

    found = list(bundles.unpack(*bundle, files))

    assert [content(one) for one in found] == [content(one) for one in MEMBERS]
    assert all(one.table.schema.equals(RECORDS) for one in found)


def test_only_what_is_wanted_comes_out(bundle):
    wanted = {MEMBERS[1].file, MEMBERS[3].file, "ffffffffffffffff.0.parquet"}

    found = list(bundles.unpack(*bundle, wanted))

    assert [content(one) for one in found] == [content(MEMBERS[1]), content(MEMBERS[3])]


def test_a_file_that_comes_out_holds_no_values_of_others(bundle):
    [found] = bundles.unpack(*bundle, {MEMBERS[2].file})

    assert found.table["name"].chunk(0).dictionary.to_pylist() == ["accuracy"]
    assert found.table["source"].chunk(0).dictionary.to_pylist() == ["replay"]


def test_members_are_named_without_reading_their_records(bundle):
    assert bundles.members(bundle[0]) == [one.file for one in MEMBERS]


def test_anything_that_reads_parquet_can_read_a_bundle(bundle):
    runs, records = (pq.read_table(pa.BufferReader(part)) for part in bundle)

    assert runs["run"].to_pylist() == [0, 1, 2, 3, 4]
    assert runs["rows"].to_pylist() == [3, 0, 2, 1, 0]
    assert records["run"].to_pylist() == [0, 0, 0, 2, 2, 3]
    assert runs["description"].to_pylist()[0].encode() == MEMBERS[0].description


def test_a_bundle_is_named_by_its_content(tmp_path):
    first, same = (bundles.make(MEMBERS, tmp_path).name for _ in range(2))
    other = bundles.make(MEMBERS[:2], tmp_path).name

    assert first == same != other
    names = [first.runs, first.records, other.runs, "bundles/../x.runs.parquet", "a.0.parquet"]
    assert bundles.find(names) == [first]
    assert BundleName.of("ab" * 16).records == f"bundles/{'ab' * 16}.records.parquet"


def test_of_nothing_there_is_no_bundle(tmp_path):
    assert bundles.make([], tmp_path) is None
    assert bundles.find([]) == []


def test_many_rows_are_written_and_read_a_part_at_a_time(tmp_path):
    rows = 120_000
    big = pa.concat_tables([losses(1_000)] * 120).unify_dictionaries()
    members = [sealed(number, big) for number in range(12)]

    made = bundles.make(iter(members), tmp_path)

    assert pq.ParquetFile(made.records).num_row_groups == 4
    found = bundles.unpack(made.runs.read_bytes(), made.records.read_bytes(), {members[7].file})
    assert [len(one.table) for one in found] == [rows]


@pytest.mark.parametrize("part", [0, 1])
def test_a_damaged_bundle_is_an_error(bundle, part):
    damaged = list(bundle)
    damaged[part] = damaged[part][:-20]

    with pytest.raises(Unreadable):
        list(bundles.unpack(*damaged, {MEMBERS[0].file}))


def test_a_bundle_whose_parts_do_not_belong_together_is_an_error(bundle, tmp_path):
    other = bundles.make(MEMBERS[2:], tmp_path)

    with pytest.raises(Unreadable, match="not whole"):
        list(bundles.unpack(bundle[0], other.records.read_bytes(), {MEMBERS[0].file}))


def test_a_bundle_of_a_newer_flordb_is_refused(bundle, tmp_path):
    [table] = parquet.pieces(bundle[0], ["file"])
    parquet.write(tmp_path / "newer", table, b'{"format": 99}')

    with pytest.raises(FormatTooNew, match="99"):
        bundles.members((tmp_path / "newer").read_bytes())
