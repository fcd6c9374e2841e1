"""What a WHERE predicate mentions, and which rows satisfy it.

The table it is asked of has one Arrow column per column of the frame:

* a column of one type is a plain Arrow column (bool, int64, double, string, timestamp, date;
  dictionary-encoded or not), null where the cell is missing;
* any other column has the type `MIXED`, a struct of `kind` and the fields of a record
  (see `entities.Kind`), null where the cell is missing.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from flor.errors import QueryError
from flor.query import syntax
from flor.query.closest import hint
from flor.query.condition import Fitting
from flor.query.database import Database
from flor.query.mixed import MIXED, parts
from flor.query.syntax import Node

__all__ = ["MIXED", "referenced", "satisfied"]

_REFUSED = {
    "SUBQUERY": "a query of its own",
    "STAR": "*",
    "PARAMETER": "a parameter",
    "WINDOW": "a window function",
    "POSITIONAL_REFERENCE": "a column by its number",
}
_ONLY = "Write what may stand after WHERE, such as: lr < 0.01 and epoch >= 3"
# The closing parenthesis comes on a line of its own: the predicate may end in a comment.
_BEFORE = "SELECT * FROM t WHERE (\n"
# SQL writes these functions without parentheses, so the parser takes them for columns.
_CLOCKS = {"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"}


def referenced(predicate: str, columns: Collection[str]) -> tuple[str, ...]:
    """The members of `columns` that the predicate mentions, in order of mention, each once.

    A name is meant as it is written, else in whatever case; one with dots needs no quotes.

    Raises:
        QueryError: there is a syntax error, more than a predicate, or a column that nobody knows.
    """
    with Database() as database:
        condition = _parsed(database, predicate)
        return tuple(dict.fromkeys(name for _, name in _mentions(condition, columns)))


def satisfied(predicate: str, table: pa.Table) -> NDArray[np.bool_]:
    """For each row of `table`, whether it satisfies the predicate (NULL is not satisfied).

    A value of another type than the one it is compared with does not match: the comparison is NULL.

    Raises:
        QueryError: as `referenced`, or a part of the predicate has no meaning in any row.
    """
    with Database() as database:
        condition = _parsed(database, predicate)
        database.seal()
        return _evaluated(database, condition, _numbered(condition, table))


def _parsed(database: Database, predicate: str) -> Node:
    """The predicate's tree, known to be nothing but a predicate."""
    statements = _statements(database, predicate)
    [pattern] = database.parse(f"{_BEFORE}true)")
    if len(statements) != 1 or _without_condition(statements[0]) != _without_condition(pattern):
        raise QueryError(f"{predicate!r} is more than a predicate.", _ONLY)
    condition: Node = statements[0]["node"]["where_clause"]
    if syntax.is_empty(condition):
        raise QueryError("The predicate is empty.", _ONLY)
    for node in syntax.walk(condition):
        if node.get("class") in _REFUSED:
            raise QueryError(f"A predicate may not hold {_REFUSED[node['class']]}.", _ONLY)
    return condition


def _statements(database: Database, predicate: str) -> list[Node]:
    if not predicate.strip():
        raise QueryError("The predicate is empty.", _ONLY)
    try:
        return database.parse(f"{_BEFORE}{predicate}\n)")
    except QueryError as error:
        # The one that we wrote behind it.
        if 'near ")"' in error.message and ")" not in predicate:
            raise QueryError(f"The predicate {predicate!r} is not complete.") from error
        raise


def _without_condition(statement: Node) -> Any:
    return syntax.unlocated(syntax.with_clauses(statement, where_clause=None))


def _mentions(condition: Node, columns: Collection[str]) -> Iterator[tuple[Node, str]]:
    """Each reference to a column, with the one that is meant."""
    for node in syntax.references(condition):
        written = ".".join(node["column_names"])
        name = _meant(written, columns)
        if name is not None:
            yield node, name
        elif written.lower() not in _CLOCKS:
            raise QueryError(
                f"There is no column {written!r}.",
                f"{hint(written, columns)} Names that are no plain words stand in double quotes, text in "
                "single ones: \"my name\" = 'adam'.",
            )


def _meant(written: str, columns: Collection[str]) -> str | None:
    if written in columns:
        return written
    similar = [name for name in columns if name.casefold() == written.casefold()]
    if len(similar) > 1:
        raise QueryError(f"{written!r} may be any of {', '.join(similar)}.", "Write it as it was logged.")
    return similar[0] if similar else None


def _numbered(condition: Node, table: pa.Table) -> pa.Table:
    """The columns that are mentioned, by number in the table and in the condition.

    Names may differ in case only, which SQL does not tell apart.
    """
    numbers: dict[str, str] = {}
    for node, name in list(_mentions(condition, table.column_names)):
        node["column_names"] = [numbers.setdefault(name, f"c{len(numbers)}")]
    columns = {number: table[name] for name, number in numbers.items()}
    return pa.table({"rows": pa.nulls(table.num_rows), **columns})


def _evaluated(database: Database, condition: Node, table: pa.Table) -> NDArray[np.bool_]:
    mask = np.zeros(table.num_rows, np.bool_)
    misfits: list[Mapping[int, str]] = []
    for number, part in enumerate(parts(table)):
        database.view(f"part{number}", part.table, part.columns)
        fitting = Fitting(database, f"part{number}")
        answer = database.table(fitting.query(condition)).column(0)
        mask[part.rows] = pc.fill_null(answer, False).to_numpy()
        misfits.append(fitting.misfits)
    _require_meaning(misfits)
    return mask


def _require_meaning(misfits: Sequence[Mapping[int, str]]) -> None:
    for position, reason in misfits[0].items():
        if all(position in others for others in misfits):
            raise QueryError(f"This predicate has no meaning for these columns: {reason}.")
