import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash

from flor.entities import FileState as State
from flor.entities import RunId
from flor.runs import frames, liveness, metadata
from flor.runs.check import Role, check
from flor.runs.layout import JournalName, Layout, SealedName
from flor.runs.liveness import LockFile
from flor.runs.metadata import RunMetadata
from flor.runs.schema import METADATA_KEY

RUN = RunId("0123456789abcdef")
NAME = JournalName(RUN, 0, 0)


@pytest.fixture
def layout(tmp_path):
    layout = Layout(tmp_path / ".flor")
    for folder in (layout.journals, layout.sealed, layout.cache, layout.blobs):
        folder.mkdir(parents=True)
    return layout


@pytest.fixture
def journal(layout):
    """A journal of three frames by a process that is gone."""
    header = {"host": liveness.host_name(), "boot": liveness.boot_id(), "pid": 1}
    content = frames.pack_facts(frames.HEADER, header)
    content += frames.pack(frames.SLOTS, bytes(64)) + frames.pack(frames.SLOTS, bytes(96))
    layout.journal(NAME).write_bytes(content)
    return layout.journal(NAME)


def described(**fields):
    facts = dict.fromkeys(("projid", "filename", "cwd", "user", "host"), "")
    facts |= {
        "run": RUN,
        "status": "finished",
        "rank_count": 1,
        "tstamp": 1,
        "started": 1,
        "ended": 2,
        "pid": 1,
    }
    facts |= {name: {} for name in ("args", "values", "names", "loops", "journals")}
    return metadata.pack(RunMetadata(**(facts | {"format": 1, "argv": [], "rows": 0} | fields)))


def write_sealed(layout, content):
    """A sealed file of two parts."""
    path = layout.sealed_file(SealedName(RUN, 0))
    table = pa.table({"seq": list(range(2_000))}).replace_schema_metadata({METADATA_KEY: content})
    pq.write_table(table, path, row_group_size=1_000, write_page_checksum=True)
    return path


@pytest.fixture
def sealed(layout):
    return write_sealed(layout, described())


def only(layout):
    [finding] = check(layout)
    return finding


def flip(path, offset):
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)


def test_a_store_that_is_not_there_has_nothing_to_report(tmp_path):
    assert list(check(Layout(tmp_path))) == []


def test_a_whole_journal_is_whole(layout, journal):
    finding = only(layout)

    assert (finding.role, finding.state, finding.parts) == (Role.JOURNAL, State.WHOLE, 3)


def test_a_journal_cut_short_is_torn_and_its_whole_frames_count(layout, journal):
    journal.write_bytes(journal.read_bytes()[:-10])

    finding = only(layout)

    assert (finding.state, finding.parts) == (State.TORN, 2)
    assert "102 bytes" in finding.detail
    assert finding.remedy


def test_the_end_that_a_living_process_is_writing_is_no_loss(layout, journal):
    lock = LockFile(layout.lock(NAME))
    header = {"host": "elsewhere", "boot": "another", "pid": 1}
    journal.write_bytes(frames.pack_facts(frames.HEADER, header) + b"FLRs")

    finding = only(layout)
    lock.release()

    assert finding.state is State.GROWING
    assert not finding.state.is_loss


def test_a_flipped_bit_in_the_middle_is_damage_and_the_rest_is_readable(layout, journal):
    flip(journal, len(journal.read_bytes()) - 96 - frames.PREFIX.size - 5)

    finding = only(layout)

    assert (finding.state, finding.parts) == (State.DAMAGED, 2)


@pytest.mark.parametrize("content", [b"", b"\0" * 500, b"FLRh"])
def test_a_journal_without_a_header_is_damaged(layout, journal, content):
    journal.write_bytes(content)

    finding = only(layout)

    assert (finding.state, finding.parts) == (State.DAMAGED, 0)


def test_a_whole_sealed_file_is_whole(layout, sealed):
    finding = only(layout)

    assert (finding.role, finding.state, finding.parts) == (Role.SEALED, State.WHOLE, 2)


def test_a_sealed_file_remembers_what_its_journals_had_lost(layout):
    write_sealed(layout, described(damaged_bytes=77))

    finding = only(layout)

    assert (finding.state, finding.parts) == (State.TORN, 2)
    assert "77 bytes" in finding.detail


def test_a_file_of_a_newer_version_is_no_damage(layout):
    write_sealed(layout, described(format=99))

    finding = only(layout)

    assert finding.state is State.NEWER
    assert not finding.state.is_loss
    assert "pip install --upgrade" in finding.remedy


def test_a_sealed_file_that_tells_of_no_run_is_damaged(layout):
    write_sealed(layout, b"{}")

    assert only(layout).state is State.DAMAGED


def test_a_journal_that_was_set_aside_is_reported(layout, journal):
    journal.rename(journal.with_name(journal.name + ".damaged"))

    finding = only(layout)

    assert (finding.role, finding.state, finding.parts) == (Role.JOURNAL, State.DAMAGED, 3)


def test_one_flipped_bit_in_a_sealed_file_costs_one_part(layout, sealed):
    flip(sealed, 100)

    finding = only(layout)

    assert (finding.state, finding.parts) == (State.DAMAGED, 1)
    assert "1 of 2 parts" in finding.detail


@pytest.mark.parametrize("keep", [0, 3, 500])
def test_a_sealed_file_cut_short_is_damaged(layout, sealed, keep):
    sealed.write_bytes(sealed.read_bytes()[:keep])

    finding = only(layout)

    assert (finding.state, finding.parts) == (State.DAMAGED, 0)
    assert "flor pull" in finding.remedy


@pytest.mark.parametrize(
    ("name", "content"), [("part.parquet", b"PAR1"), ("catalog", b"FLRm"), ("catalog", b"")]
)
def test_a_damaged_cache_file_is_reported_as_one_that_rebuilds_itself(layout, name, content):
    (layout.cache / name).write_bytes(content)

    finding = only(layout)

    assert (finding.role, finding.state) == (Role.CACHE, State.DAMAGED)
    assert "made again" in finding.remedy


def test_a_whole_cache_file_is_whole(layout):
    (layout.cache / "catalog").write_bytes(frames.pack(frames.META, b"[]"))

    assert only(layout).state is State.WHOLE


def test_a_blob_is_whole_if_its_content_has_the_hash_of_its_name(layout):
    digest = xxhash.xxh3_128_hexdigest(b"weights")
    path = layout.blob(digest, "npy")
    path.parent.mkdir()
    path.write_bytes(b"weights")

    assert only(layout).state is State.WHOLE

    path.write_bytes(b"weight5")

    assert only(layout).state is State.DAMAGED
