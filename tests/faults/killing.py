"""Programs that are killed at a chosen moment: at the n-th line of FlorDB's code that they execute."""

import re
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

from workplace import Workplace

_KILLER = """
    import atexit, os, runpy, signal, sys, threading
    limit, executed, logging = int(sys.argv[1]), 0, [0]
    del sys.argv[:2]

    def trace(frame, event, arg):
        global executed
        if "/flor/" not in frame.f_code.co_filename:
            return None
        if event == "call" and frame.f_code.co_name == "log":
            logging.append(executed)
        if event == "line":
            executed += 1
            if executed == limit:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    atexit.register(lambda: print("lines", executed, logging[:2][-1], logging[-1]))
    threading.settrace(trace)
    sys.settrace(trace)
    sys.path.insert(0, os.getcwd())
    runpy.run_path(sys.argv[0], run_name="__main__")
"""

PROGRESS = """
    import mmap

    class Progress:
        '''How many calls have returned, as a killed process leaves it behind.'''
        def __init__(self):
            with open("progress", "w+b") as file:
                file.write(bytes(8 * 8))
                file.flush()
                self.counts = memoryview(mmap.mmap(file.fileno(), 64)).cast("Q")
        def note(self, count, place=0):
            self.counts[place] = count  # one store: `struct.pack_into` writes zeros first
"""


@dataclass(frozen=True)
class Lines:
    """The lines that a whole execution has, by their numbers."""

    all: range
    logging: range  # from the first call of `flor.log` to the last


class Killing:
    """Runs `train.py` of a workplace, and kills it."""

    def __init__(self, place: Workplace, script: str, name: str = "train.py") -> None:
        self.place, self.name = place, name
        place.write(name, textwrap.dedent(PROGRESS) + textwrap.dedent(script))
        place.write(".gitignore", "progress\n")
        self.killer = Path(place.environ["HOME"]) / "killer.py"
        self.killer.write_text(textwrap.dedent(_KILLER))

    def lines(self) -> Lines:
        """The lines of a whole execution."""
        done = self.place.python(str(self.killer), "0", self.name)
        [found] = re.findall(r"^lines (\d+) (\d+) (\d+)$", done.stdout, re.MULTILINE)
        count, first, last = map(int, found)
        return Lines(range(count), range(first, last))

    def count_lines(self) -> int:
        """How many lines a whole execution has."""
        return len(self.lines().all)

    def kill_at(self, line: int) -> bool:
        """Execute it up to the line; False if it came to its end before."""
        process = self.place.start(str(self.killer), str(line), self.name)
        code = process.ended()
        assert code in (0, -9), process.output
        return code == -9

    def returned(self, place: int = 0) -> int:
        """How many calls had returned, as the program noted it in one of its places."""
        path = self.place.root / "progress"
        content = path.read_bytes() if path.exists() else b""
        return int.from_bytes(content[8 * place : 8 * place + 8], sys.byteorder)

    def forget(self) -> None:
        """Remove what it noted."""
        (self.place.root / "progress").unlink(missing_ok=True)
