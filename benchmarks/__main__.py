"""`python -m benchmarks [GROUP …] [--quick]`: measures, prints a table, writes JSON."""

import argparse
import json
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from benchmarks import machine, page
from benchmarks.figures import Figure, number, table
from benchmarks.scratch import Bench

GROUPS = ("log", "process", "size", "frame", "runs", "snapshot", "training", "kill")


def main() -> int:
    """Measure the groups that were asked for."""
    parser = _parser()
    arguments = parser.parse_args()
    unknown = set(arguments.groups) - set(GROUPS)
    if unknown:
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    facts = machine.describe()
    print(machine.in_words(facts), file=sys.stderr)
    found: dict[str, list[Figure]] = {}
    with tempfile.TemporaryDirectory(prefix="flor-bench-", dir=arguments.scratch) as scratch:
        bench = Bench(Path(scratch), arguments.quick)
        for group in arguments.groups or GROUPS:
            found[group] = [_told(figure) for figure in import_module(f"benchmarks.{group}").figures(bench)]
    figures = [figure for group in found.values() for figure in group]
    print(table(figures))
    _write(arguments.json, facts, found)
    if arguments.page:
        arguments.page.write_text(page.rendered(facts, found), "utf-8")
    return 0


def _told(figure: Figure) -> Figure:
    print(f"{figure.name}: {number(figure.measured)} {figure.unit}", file=sys.stderr)
    return figure


def _write(path: Path, facts: dict[str, object], found: dict[str, list[Figure]]) -> None:
    listed = [figure.as_json(group) for group, figures in found.items() for figure in figures]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps({"machine": facts, "figures": listed}, indent=1, ensure_ascii=False) + "\n", "utf-8"
    )
    print(f"\nWritten to {path}", file=sys.stderr)


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
