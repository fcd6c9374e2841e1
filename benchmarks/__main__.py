"""`python -m benchmarks [GROUP …] [--quick]`: measures, prints a table, writes JSON."""

import argparse
import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from benchmarks import machine, page, results
from benchmarks.figures import number, table
from benchmarks.results import Group
from benchmarks.scratch import Bench

GROUPS = (
    "log",
    "process",
    "size",
    "frame",
    "runs",
    "snapshot",
    "training",
    "checkpoints",
    "kill",
    "propagation",
    "replay",
)


def main() -> int:
    """Measure the groups that were asked for."""
    parser = _parser()
    arguments = parser.parse_args()
    unknown = set(arguments.groups) - set(GROUPS)
    if unknown:
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    facts = machine.describe()
    print(machine.in_words(facts), file=sys.stderr)
    groups = results.read(arguments.json)
    with tempfile.TemporaryDirectory(prefix="flor-bench-", dir=arguments.scratch) as scratch:
        bench = Bench(Path(scratch), arguments.quick)
        found = {group: _measured(group, bench) for group in arguments.groups or GROUPS}
    groups = {name: (groups | found)[name] for name in GROUPS if name in groups | found}
    print(table([figure for group in found.values() for figure in group.figures]))
    results.write(arguments.json, facts, groups)
    if arguments.page:
        arguments.page.write_text(page.rendered(facts, groups), "utf-8")
    return 0


def _measured(name: str, bench: Bench) -> Group:
    load, figures = os.getloadavg()[0], []
    for figure in import_module(f"benchmarks.{name}").figures(bench):
        print(f"{figure.name}: {number(figure.measured)} {figure.unit}", file=sys.stderr)
        figures.append(figure)
    return Group(round(load, 1), figures)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m benchmarks", description="Measure FlorDB beside other trackers."
    )
    parser.add_argument(
        "groups", nargs="*", metavar="GROUP", help=f"which figures: {' '.join(GROUPS)} (default: all)"
    )
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the page for docs/ as well")
    parser.add_argument("--quick", action="store_true", help="less of everything: shows that the bench works")
    parser.add_argument(
        "--json", type=Path, default=Path("build/bench.json"), metavar="FILE", help="default: %(default)s"
    )
    parser.add_argument(
        "--scratch",
        type=Path,
        metavar="FOLDER",
        help="where to work (default: the system's temporary folder)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
