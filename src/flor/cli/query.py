"""`flor query`: SQL over everything that was recorded."""

from argparse import ArgumentParser, Namespace

from flor.cli import arrow, here, store, tabular
from flor.cli.console import Console
from flor.query import sql

EXAMPLES = """examples:
  flor query "SELECT run, tstamp, status FROM runs"
  flor query "SELECT name, count(*) FROM logs GROUP BY name" --json
  flor query "SELECT * FROM dataframe('loss', 'lr') WHERE lr < 0.01" --csv losses.csv
  flor query "SELECT filename, length(contents) FROM git"

tables: runs args logs loops versions git files dataframe('NAME', ...)
"""


def configure(parser: ArgumentParser) -> None:
    """Add the command's arguments and examples."""
    parser.epilog = EXAMPLES
    parser.add_argument("sql", metavar="SQL", help="a SELECT statement")
    tabular.add_outputs(parser, "row", parquet=True)


def execute(arguments: Namespace, console: Console) -> int:
    """Show what the query gives."""
    project = here.project()
    catalog = store.listed(project, store.catalog(project, console))
    result = sql.table(catalog, arguments.sql, project.repository, catalog.layout.checkpoints)
    arrow.deliver(result, arguments, console, newest=False)
    return 0
