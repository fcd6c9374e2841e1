"""`flor dataframe`: logged values as a table."""

from argparse import ArgumentParser, Namespace

from flor.cli import arrow, here, store, tabular
from flor.cli.console import Console
from flor.query import frame
from flor.runs.catalog import Catalog

EXAMPLES = """examples:
  flor dataframe lr,epochs,accuracy
  flor dataframe loss --where "lr < 0.01 AND epoch >= 3"
  flor dataframe loss --csv losses.csv
  flor dataframe loss --ranks all --json
  flor dataframe "a name, with a comma" accuracy
"""


def configure(parser: ArgumentParser) -> None:
    """Add the command's arguments and examples."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME[,NAME...]",
        help="names that were logged (default: all of the run level)",
    )
    parser.add_argument("--where", metavar="PREDICATE", help="keep the rows that satisfy a SQL predicate")
    parser.add_argument("--ranks", choices=["all"], help="records of all ranks, with a column rank")
    parser.add_argument(
        "--provenance", action="store_true", help="add NAME_source and, for values of replays, NAME_verdict"
    )
    tabular.add_outputs(parser, "row", parquet=True)


def execute(arguments: Namespace, console: Console) -> int:
    """Show the table."""
    project = here.project()
    catalog = store.listed(project, store.catalog(project, console))
    result = frame.table(
        catalog,
        names(arguments.names, catalog),
        where=arguments.where,
        provenance=arguments.provenance,
        ranks=arguments.ranks,
    )
    arrow.deliver(result, arguments, console)
    return 0


def names(given: list[str], catalog: Catalog) -> list[str]:
    """The names asked for: lists with commas, unless one is itself a name that was logged."""
    known = catalog.names
    found: list[str] = []
    for argument in given:
        found += [argument] if argument in known else [part.strip() for part in argument.split(",")]
    return [name for name in found if name]
