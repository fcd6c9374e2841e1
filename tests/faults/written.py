"""Dies again and again while it writes checkpoints to one store; asks each time what is left.

python written.py STORE COUNT      prints for each death: at which line of FlorDB's, and what is wrong
"""

import os
import random
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from flor.checkpoints.buffers import address_of
from flor.checkpoints.inspection import inspect
from flor.checkpoints.leaves import Leaf
from flor.checkpoints.store import CheckpointStore
from flor.checkpoints.writer import Draft, Writer
from flor.entities import FileState
from flor.errors import StoreError

STATES = 5
SIZES = (1, 5_000, 300_000, 2_000_000)


def main(store: Path, count: int) -> None:
    """Die `count` times; the last line says how a process fares that does not."""
    moments, lines = random.Random(count), _lines(store.with_name("first"))
    for attempt in range(count):
        line = moments.randrange(lines)
        died = _forked(store, f"run{attempt}", line)
        print(line if died else "none", *_wrong(store))
    died = _forked(store, "last", -1)
    print("survived" if not died else "died", len(CheckpointStore(store).kept("last", whole=True)))


def _forked(store: Path, run: str, line: int) -> bool:
    """Write in a child that dies at this line; whether it did."""
    child = os.fork()
    if not child:
        try:
            _write(store, run, line)
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in (0, -signal.SIGKILL):
        raise SystemExit(f"the child ended with {code}")
    return code != 0


def _lines(store: Path) -> int:
    """How many lines of FlorDB's a whole execution has."""
    read, write = os.pipe()
    if not os.fork():
        os.write(write, str(_write(store, "first", -1, os.getpid)).encode())
        os._exit(0)
    os.wait()
    return int(os.read(read, 100))


def _write(store: Path, run: str, line: int, leave: Any = lambda: os._exit(0)) -> int:
    """Keep some states, of which parts stay the same and parts are those of other runs."""
    lines = _Lines(line)
    threading.settrace(lines.trace)
    sys.settrace(lines.trace)
    writer = Writer(CheckpointStore(store), _fail)
    contents = [bytearray(b"\x07" * size) for size in SIZES]
    for position in range(STATES):
        contents[position % len(contents)][:1] = bytes([position])
        contents[-1][:8] = os.urandom(8)
        leaves = [Leaf(len(each), each, address_of(memoryview(each))) for each in contents]
        writer.submit(_draft(run, position), leaves, lambda cost: None, must_wait=True)
    writer.close()
    leave()
    return lines.executed


class _Lines:
    """Counts the lines of FlorDB's that are executed, and dies at one of them."""

    def __init__(self, last: int) -> None:
        self.executed, self._last = 0, last

    def trace(self, frame: FrameType, event: str, argument: object) -> Any:
        if "/flor/checkpoints/" not in frame.f_code.co_filename:
            return None
        if event == "line":
            self.executed += 1
            if self.executed == self._last:
                os.kill(os.getpid(), signal.SIGKILL)
        return self.trace


def _fail(error: BaseException) -> None:
    print(repr(error), flush=True)
    os._exit(1)


def _draft(run: str, position: int) -> Draft:
    graph = f"graph {run} {position}".encode()
    return Draft(run, 0, 0, f"0/0 top({position})", position, 0, 0, lambda: graph, [], [], {})


def _wrong(folder: Path) -> list[str]:
    """Files that are not whole, and states that are listed and lack something."""
    wrong = [found.path.name for found in inspect(folder) if found.state is not FileState.WHOLE]
    store = CheckpointStore(folder)
    for kept in store.all():
        try:
            for digest in kept.manifest.hashes():
                store.content(digest)
        except StoreError as error:
            wrong.append(f"{kept.path.parent.name}/{kept.path.name}: {error}")
    return wrong


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
