"""A file of the store has one writer and is never edited; code is committed before the first record."""

import os
from collections.abc import Iterator
from pathlib import Path

from workplace import Workplace, eventually

BUSY = """
    import multiprocessing, time
    import flor

    def work():
        for i in flor.loop("i", range(300)):
            flor.log("x", i * 0.5)
            time.sleep(0.002)

    if __name__ == "__main__":
        children = [multiprocessing.get_context("fork").Process(target=work) for _ in range(2)]
        weights = [0.0]
        with flor.checkpointing(weights=weights):
            for epoch in flor.loop("epoch", range(3)):
                weights[0] += flor.log("text", "x" * 100_000).count("x")
                for child in children if epoch == 0 else []:
                    child.start()
                time.sleep(0.3)
        for child in children:
            child.join()
"""


def contents(store: Path) -> dict[tuple[str, int], bytes]:
    """What is in each file of a store, by name and inode; lock files and git's indexes left out."""
    found = {}
    for path in [
        path for path in store.rglob("*") if path.suffix != ".lock" and "snapshots" not in path.parts
    ]:
        try:
            with path.open("rb") as file:
                found[path.as_posix(), os.fstat(file.fileno()).st_ino] = file.read()
        except (FileNotFoundError, IsADirectoryError):
            continue
    return found


def seen(place: Workplace) -> Iterator[dict[tuple[str, int], bytes]]:
    """The store from time to time, while runs are recorded, read, and sealed."""
    place.write("train.py", BUSY)
    for _ in range(2):
        started = place.start("train.py", env={"FLOR_EPSILON": "1000"})
        while started.process.poll() is None:
            yield contents(place.layout.home)
            place.catalog()
        assert started.ended() == 0, started.output
    place.catalog()
    yield contents(place.layout.home)


def test_files_only_grow_or_are_replaced_whole(place: Workplace) -> None:
    known: dict[tuple[str, int], bytes] = {}
    edited = set()
    for now in seen(place):
        edited |= {file for file, was in known.items() if file in now and not now[file].startswith(was)}
        known |= now

    assert edited == set()
    assert {Path(name).suffix for name, _ in known} >= {".journal", ".parquet", ".safetensors"}
    assert place.statuses() == ["finished", "finished"]


def test_each_process_writes_a_journal_of_its_own(place: Workplace) -> None:
    place.write("train.py", BUSY)
    started = place.start("train.py")
    eventually(lambda: len(list(place.layout.journals.glob("*.journal"))) == 3)
    writers = {path: _writers(path) for path in place.layout.journals.glob("*.journal")}
    assert started.ended() == 0, started.output

    assert sorted(map(len, writers.values())) == [1, 1, 1]
    assert len(set.union(*writers.values())) == 3


def _writers(path: Path) -> set[int]:
    """The processes that have the file open."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if link.resolve() == path:
                found.add(int(link.parts[2]))
        except OSError:
            continue
    return found


def test_the_code_is_committed_before_the_journal_begins(place: Workplace) -> None:
    done = place.run(
        """
        import sys
        acts = []

        def note(event, args):
            if event == "subprocess.Popen" and "update-ref" in args[1]:
                acts.append("commit")
            if event == "open" and str(args[0]).endswith(".journal"):
                acts.append("journal")

        sys.addaudithook(note)
        import flor
        flor.log("x", 1)
        print(acts)
        """
    )

    assert "['commit', 'journal']" in done.stdout.splitlines()
