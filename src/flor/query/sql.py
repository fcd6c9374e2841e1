"""A SQL statement of the user's over the tables of FlorDB."""

import re
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path
from typing import TypeVar

import pandas as pd
import pyarrow as pa

from flor.errors import FlorWarning, QueryError
from flor.query import answer, syntax
from flor.query.answer import Query
from flor.query.closest import hint
from flor.query.database import Database
from flor.query.mixed import is_mixed
from flor.query.syntax import Node
from flor.query.tables import EMPTY, TABLES, Origin, Records, View
from flor.query.text import fields_of, is_numeric, number_of, text_of
from flor.snapshots.repository import Repository

Answer = TypeVar("Answer")

_FRAME = "dataframe"
_NO_TABLE = re.compile(r'^Table with name "?(.+?)"? does not exist')
_NO_COLUMN = re.compile(r'(?:^Referenced column|does not have a column named) "(.+)"')
_REFUSED = frozenset(
    {
        # They run SQL that is hidden in a text, so that nobody could say which tables it names.
        "json_execute_serialized_sql",
        "query",
        "query_table",
        # They take addresses in memory.
        "arrow_scan",
        "arrow_scan_dumb",
        "pandas_scan",
        "python_arrow_scan",
        "python_map_function",
        "python_pandas_scan",
    }
)


def query(
    catalog: Records, sql: str, repository: Repository | None, checkpoints: Path | None = None
) -> pd.DataFrame:
    """The result of one SELECT statement; integers stay integers where there are gaps.

    Only the tables that the statement names are loaded, and nothing but them can be read.

    Args:
        checkpoints: the folder of training states, where there is one.

    Raises:
        QueryError: it is no such statement, or DuckDB cannot run it.
    """
    return _answered(Origin(catalog, repository, checkpoints), sql, Database.frame)


def table(
    catalog: Records, sql: str, repository: Repository | None, checkpoints: Path | None = None
) -> pa.Table:
    """The result of `query` in Arrow's types, which tell NULL from NaN.

    Raises:
        QueryError: as `query`.
    """
    return _answered(Origin(catalog, repository, checkpoints), sql, Database.table)


def _answered(origin: Origin, sql: str, give: Callable[[Database, str], Answer]) -> Answer:
    with Database() as database:
        statement = _statement(database, sql)
        views = _tables(statement, origin)
        frames = _frames(statement)
        views.update({_view_name(names): _frame(origin.catalog, names) for names in frames})
        for name, view in views.items():
            database.view(name, view.table, view.columns)
        text = _with_views(database, statement) if frames else sql
        database.seal()
        with _explained(views):
            return give(database, text)


def _statement(database: Database, sql: str) -> Node:
    """The syntax tree of the one statement, known to read only what it names."""
    statements = database.parse(sql)
    if len(statements) != 1:
        raise QueryError(f"One SELECT statement is needed; here are {len(statements)}.")
    [statement] = statements
    if statement["named_param_map"]:
        raise QueryError("A statement cannot have parameters here.", "Write the values in their places.")
    refused = syntax.functions(statement) & _REFUSED
    if refused:
        raise QueryError(
            f"{min(refused)}() cannot be used here.", "Name the tables themselves in the statement."
        )
    return statement


def _tables(statement: Node, origin: Origin) -> dict[str, View]:
    """Every table, those that the statement does not name without rows."""
    named = syntax.tables(statement)
    return {name: make(origin if name in named else EMPTY) for name, make in TABLES.items()}


def _frames(statement: Node) -> list[tuple[str, ...]]:
    """The names of each data frame that the statement reads from."""
    return list(dict.fromkeys(_names(call) for call in syntax.calls(statement, _FRAME)))


def _names(call: Node) -> tuple[str, ...]:
    names = [name for name in syntax.arguments(call) if name is not None]
    if len(names) < len(syntax.arguments(call)):
        raise QueryError("dataframe() takes names, each a text: dataframe('loss', 'lr').")
    return tuple(dict.fromkeys(names))


def _view_name(names: tuple[str, ...]) -> str:
    return f"{_FRAME}({', '.join(map(repr, names))})"


def _with_views(database: Database, statement: Node) -> str:
    """The statement with a view in place of each call of dataframe()."""
    for call in syntax.calls(statement, _FRAME):
        [pattern] = database.parse("SELECT * FROM t")
        table = pattern["node"]["from_table"] | syntax.table_name(_view_name(_names(call)))
        kept = {key: call[key] for key in ("column_name_alias", "sample")}
        alias = {"alias": call["alias"] or _FRAME}
        call.clear()
        call.update(table | kept | alias)
    return database.text(statement)


def _frame(catalog: Records, names: tuple[str, ...]) -> View:
    """The one implementation of data frames as a view.

    A column of mixed types is text; where it holds floats and integers only, floats.
    """
    _warn_of_unknown(names, catalog.names)
    raw: dict[str, pa.ChunkedArray] = {}
    columns: dict[str, str] = {}
    for name, cells in answer.columns(catalog.chunks(names or None), Query(names)).items():
        prefix, title = f"c{len(columns)}", _unlike(name, columns)
        if not is_mixed(cells):
            raw[prefix], columns[title] = cells, prefix
            continue
        raw.update(fields_of(cells, prefix))
        columns[title] = number_of(prefix) if is_numeric(cells) else text_of(prefix)
    return View(pa.table(raw), columns)


def _warn_of_unknown(names: Sequence[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            warnings.warn(f"Nobody logged {name!r}. {hint(name, known)}".strip(), FlorWarning, stacklevel=5)


def _unlike(name: str, taken: Collection[str]) -> str:
    """The name, numbered where one is taken that differs in case only: SQL cannot tell them apart."""
    lowered = {other.lower() for other in taken}
    candidates = chain([name], (f"{name}_{number}" for number in count(1)))
    return next(candidate for candidate in candidates if candidate.lower() not in lowered)


@contextmanager
def _explained(views: Mapping[str, View]) -> Iterator[None]:
    """Says of an unknown table or column what there is instead."""
    try:
        yield
    except QueryError as error:
        raise _explanation(error, views) from error.__cause__


def _explanation(error: QueryError, views: Mapping[str, View]) -> QueryError:
    table, column = _NO_TABLE.search(error.message), _NO_COLUMN.search(error.message)
    if table:
        return QueryError(f"There is no table {table[1]!r}.", hint(table[1], TABLES))
    if column:
        loaded = dict.fromkeys(
            name for view in views.values() if view.table.num_rows for name in view.columns
        )
        return QueryError(
            f"There is no column {column[1]!r}.",
            f"{hint(column[1], loaded)} Text stands in single quotes: 'adam'.",
        )
    is_file = "Cannot access" in error.message
    return QueryError(
        error.message, "A query sees the tables of FlorDB and no file." if is_file else error.hint
    )
