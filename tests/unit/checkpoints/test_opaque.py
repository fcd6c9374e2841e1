"""What cannot be kept is named with its reason; what need not be kept is not."""

import contextvars
import logging
import mmap
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tqdm import tqdm

from flor.checkpoints.walk import walk
from flor.errors import StateLost
from unit.checkpoints.programs import Program, came_back
from unit.checkpoints.project.handles import Countdown, numbers
from unit.checkpoints.project.objects import Box

Names = dict[str, Any]


def reason_of(thing: Any) -> str | None:
    """Why an object is opaque; None if it is not."""
    found = {one.path: one.reason for one in Program({"box": Box(thing)}).walk().opaque}
    return found.get("box.parts[0]")


@pytest.fixture
def handle(tmp_path: Path) -> Iterator[Any]:
    path = tmp_path / "file.txt"
    path.write_text("abc")
    with path.open() as readable:
        yield readable


def test_generators_and_coroutines_are_opaque() -> None:
    assert reason_of(numbers()) == "it is a generator"
    assert reason_of(sys._getframe()) == "it is a running frame"


def test_a_lock_is_opaque_only_while_it_is_held() -> None:
    lock, reentrant = threading.Lock(), threading.RLock()
    assert reason_of(lock) is None
    with lock, reentrant:
        assert reason_of(lock) == reason_of(reentrant) == "it is a lock that is held"
    assert reason_of(reentrant) is None


def test_a_file_that_can_be_read_is_opaque_and_one_that_is_written_is_an_output(
    handle: Any, tmp_path: Path
) -> None:
    assert reason_of(handle) == "it is a file that can be read"
    with (tmp_path / "log").open("w") as log:
        assert reason_of(log) is None
    assert reason_of(log) is None


def test_connections_processes_and_threads_are_opaque() -> None:
    with socket.socket() as connection:
        assert reason_of(connection) == "it is a connection"
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        assert reason_of(process) == "it is another process"
    assert reason_of(threading.current_thread()) == "it is a thread"
    assert reason_of(queue.Queue()) == "it is shared with other threads"
    assert reason_of(contextvars.ContextVar("x")) == "it belongs to a context"
    with mmap.mmap(-1, 10) as memory:
        assert reason_of(memory) == "it is a file in memory"


def test_loggers_bars_and_streams_are_no_state() -> None:
    for thing in (logging.getLogger("x"), sys.stdout, tqdm(disable=True), logging.StreamHandler()):
        assert reason_of(thing) is None


def test_worker_processes_of_a_loader_are_opaque() -> None:
    torch = pytest.importorskip("torch")
    loader = torch.utils.data.DataLoader(torch.arange(4.0), num_workers=1, multiprocessing_context="fork")

    iterator = iter(loader)

    assert reason_of(iterator) == "its items come from worker processes"
    iterator._shutdown_workers()


def test_an_iterator_of_a_project_class_is_an_ordinary_object() -> None:
    def build() -> Names:
        return {"count": Countdown(5)}

    def change(names: Names) -> None:
        next(names["count"])
        next(names["count"])

    for program in came_back(build, change):
        assert list(program.names["count"]) == [2, 1, 0]


def test_a_live_object_stays_where_an_opaque_one_stood() -> None:
    program = Program({"generator": numbers(), "x": 1})
    kept = program.keep()
    generator = program.names["generator"]
    program.names["x"] = 2

    restored = program.restore(kept)

    assert restored.refused == []
    assert (program.names["generator"] is generator, program.names["x"]) == (True, 1)


def test_where_there_is_none_a_stand_in_raises_on_any_use() -> None:
    program = Program({"box": Box()})
    program.names["box"].source = numbers()
    kept = program.keep()

    fresh = Program({"box": Box()})
    fresh.restore(kept)
    source = fresh.names["box"].source

    for use in (next, iter, len, bool, str, list, lambda it: it.send, lambda it: it + 1, lambda it: it == 1):
        with pytest.raises(StateLost, match=r"box\.source was not restored"):
            use(source)
    assert "box.source" in repr(source)
    assert fresh.differences(kept) == []


def test_past_the_limit_the_rest_is_opaque() -> None:
    program = Program({"boxes": [Box([place]) for place in range(1000)]})

    walked = walk([], {"boxes": program.names["boxes"]}, program.scope, limit=500)

    assert "the program holds too many objects" in {one.reason for one in walked.opaque}
    assert walked.node_count < 3000
