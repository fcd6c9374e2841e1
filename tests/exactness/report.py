"""Asks past runs of every script of the matrix, and writes docs/exactness.md.

python -m exactness.report                every script (make exactness)
python -m exactness.report gan kfold      these; the document keeps what it says of the others
"""

import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from exactness import matrix
from exactness.hindsight import Answer, Asked, Replayer
from exactness.interpreters import OF_REPLAYS, Forking, ForkingExecutor, Interpreter
from exactness.matrix import Script

DOCUMENT = Path(__file__).parents[2] / "docs" / "exactness.md"

HEAD = """# Hindsight equals foresight

Each script of `tests/exactness/scripts` is run twice: with a statement at each of its places from the start,
and without any. Each statement is then asked of the second run: it is added to today's file, `flor replay`
answers it, and all rows are compared with those of the first, bit for bit, with their loops and their order,
as records and in the data frame. Nothing that was recorded may change, nor any file, branch, index or stash
of the user's.

A statement logs a number made of a model's parameters, or a fingerprint of the newest name; one with `: all`
a fingerprint of every object that the program may still read from there on, to the last bit, and of what they
share. Checkpoints are kept wherever there can be one, and restored wherever that is exact, however short the
run. *Iterations* are those of main loops that are executed in full, and behind a `+` in part, of all that
there are; *rows* is how many values were compared, and a place without any is *never reached*. Of scripts
that say something else each time, without a seed or by the clock, values may be other ones; `flor replay`
then says of them that they *diverged*, or are *unverified*, and why.

`make exactness` writes this page; `make test-matrix` proves every line of it.
"""
COLUMNS = ("script", "place", "plan", "iterations", "rows", "outcome")
NOT_REACHED = "never reached"
OUTCOMES = ("exact", "refused", "diverged", "unverified", NOT_REACHED)
_PLACE = re.compile(r"[a-z ]+")


@dataclass(frozen=True)
class Line:
    """What became of one question, as the document says it."""

    script: str
    place: str
    plan: str
    iterations: str
    rows: str
    outcome: str

    @property
    def kind(self) -> str:
        """Of the place."""
        found = _PLACE.match(self.place)
        return found.group().strip() if found else ""


def main(names: Sequence[str]) -> None:
    """Ask, and write the document."""
    asked = {script.name for script in (matrix.named(*names) if names else matrix.all_scripts())}
    lines = [line for line in read() if line.script not in asked] if names else []
    with Forking(1) as interpreter, Forking(1, OF_REPLAYS) as other:
        replayer = Replayer(ForkingExecutor(other))
        for script in matrix.named(*sorted(asked)):
            lines += _show(ask(script, interpreter, replayer))
    DOCUMENT.write_text(document(lines), "utf-8")


def ask(script: Script, interpreter: Interpreter, replayer: Replayer) -> Iterator[Line]:
    """The lines of one script."""
    with tempfile.TemporaryDirectory(prefix="exactness-") as folder:
        asked = Asked.of(script, interpreter, Path(folder) / "of")
        for question in asked.questions:
            yield line_of(script, asked.answer(question, replayer))


def line_of(script: Script, answer: Answer) -> Line:
    """What the document says of an answer."""
    in_part = f"+{answer.entered}" if answer.entered else ""
    reason = answer.reason or "; ".join(answer.problems)
    return Line(
        script.name,
        str(answer.question),
        answer.level,
        f"{answer.executed}{in_part} of {answer.iterations}",
        str(answer.rows),
        _outcome(answer, reason),
    )


def _outcome(answer: Answer, reason: str) -> str:
    if answer.outcome == "exact" and not answer.rows:
        return NOT_REACHED
    return answer.outcome + (f": {reason}" if reason else "")


def document(lines: Iterable[Line]) -> str:
    """The whole text."""
    ordered = sorted(lines, key=lambda line: line.script)  # those of a script stay in the order of its places
    kinds = sorted({line.kind for line in ordered})
    counts = [_row(kind, *_counts(line for line in ordered if line.kind == kind)) for kind in kinds]
    parts = (
        HEAD,
        "## By kind of place\n",
        *_table(("place", *OUTCOMES), [*counts, _row("all", *_counts(ordered))]),
        "\n## By script\n",
        *_table(COLUMNS, [_row(*astuple(line)) for line in ordered]),
    )
    return "\n".join(parts) + "\n"


def _counts(lines: Iterable[Line]) -> list[str]:
    found = Counter(line.outcome.partition(":")[0] for line in lines)
    return [str(found[outcome]) for outcome in OUTCOMES]


def read() -> list[Line]:
    """What the document says now."""
    if not DOCUMENT.exists():
        return []
    table = DOCUMENT.read_text("utf-8").partition("## By script\n")[2]
    rows = [row.strip("| ").split(" | ") for row in table.splitlines() if row.startswith("| ")]
    return [Line(*row) for row in rows[2:]]


def _show(lines: Iterable[Line]) -> Iterator[Line]:
    for line in lines:
        print(*astuple(line), sep="\t", flush=True)
        yield line


def _table(columns: Sequence[str], rows: Sequence[str]) -> list[str]:
    return [_row(*columns), _row(*["---"] * len(columns)), *rows]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


if __name__ == "__main__":
    main(sys.argv[1:])
