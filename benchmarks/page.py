"""`docs/performance.md`, as a run of the bench gives it."""

from collections.abc import Mapping

from benchmarks.figures import table
from benchmarks.results import Group

INTRODUCTION = """\
# Performance

What FlorDB costs. `make bench` measures it; `python -m benchmarks --page docs/performance.md`
writes this page. The figures of a table were measured in turn, so that a busy minute met all of
them. Times are medians of wall time unless something else is said; where CPU seconds are shown,
the difference is what the rest of the machine was doing, and a goal may be said to hold in CPU
seconds. A ratio of 2x means that the other needs twice as much.

- **Machine**: {cores} shared cores ({processor}), {memory_gib} GiB, {system}
- **Versions**: Python {python}, git {git}, {packages}
- **Beside it**: {peers}; SQLite from Python's own module
"""
SECTIONS = {
    "log": """\
## One call

Each call is timed alone, in two nested loops, and what the clock itself takes is subtracted.
`bare` is a clock and an append to a list; `sqlite` a row and a transaction for each value (WAL).
""",
    "process": """\
## One process

Durable: the process has ended, and another one reads every record. `bare` loses them all.
""",
    "size": """\
## On disk

What a folder grows by from a run of one record to a run of many. Of a float64 loss alone 6.9 bytes
remain in any lossless form; the rest is its time and its place in the loops.
""",
    "frame": """\
## Reading back

In a fresh process. Loading pandas and pyarrow is not counted, opening and reading the files is.
""",
    "runs": """\
## Many runs

The first query over many small runs packs their files in the cache; the next ones read the pack.
""",
    "snapshot": """\
## Keeping the code

A whole run, with the commit at its start and the one at its end.
""",
    "training": """\
## A real training

The loop of `examples/digits/train.py`, its loss logged at every step; the start and the end of the
run are not counted. Two processes differ by a percent or two in how memory happens to lie, so the
first lines compare steps of one process, recorded and not in turn, by the medians of their times.
A call that takes half a microsecond in a loop takes several between two steps: by then it has left
the processor's caches, and what it brings back takes the place of what the training uses.

Where states are kept too, the tolerance bounds what that costs over a longer training, and a run of
a few seconds pays for the first of them.
""",
    "checkpoints": """\
## Keeping the state

What the training waits for is the walk over the live program and one copy; hashing and writing
follow in the background. Several states of a run share what has not changed. The scripts are those
of `tests/exactness`, made longer: the loop alone, all threads, against the same with a stub.
Two processes differ by some percent, in both directions: what one process says of itself is above.
""",
    "kill": """\
## kill -9

Records whose call had returned when the process was killed, and that no reader finds.
""",
    "propagation": """\
## Carrying a probe into an old version

Both files are read anew each time; a replay of many versions reads today's file once.
""",
    "replay": """\
## Hindsight

A training is recorded once; then statements are added to it and replayed, each in a fresh process
that starts, imports torch and executes the script up to its loop, as running it again would. The
published versions do the same work in a repository of their own; 3.4.12 answers with other values
than a run with the statement has, 4.0.1 executes everything again.
""",
}


def rendered(facts: Mapping[str, object], groups: Mapping[str, Group]) -> str:
    """The page, one section for each group that was measured."""
    packages, peers = _listed(facts["packages"]), _listed(facts["peers"]) or "nothing else is installed"
    parts = [INTRODUCTION.format(**{**facts, "packages": packages, "peers": peers})]
    for name, group in groups.items():
        parts.append(f"{SECTIONS[name]}\n{table(group.figures)}\n\nLoad at the start: {group.load}\n")
    return "\n".join(parts)


def _listed(versions: object) -> str:
    known = versions.items() if isinstance(versions, dict) else ()
    return ", ".join(f"{name} {version}" for name, version in known if version)
