"""DuckDB in memory: the only module that imports it. Knows no table of FlorDB's and no run.

A database sees what it is given and nothing else: no file, no extension, no variable of the program, and
no setting can be changed once it is sealed.
"""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import pandas as pd
import pyarrow as pa

from flor.errors import QueryError
from flor.query.syntax import Node

_SPILL = Path(tempfile.gettempdir())


class DoesNotFit(Exception):
    """The types of an expression do not fit each other, or it stands where it may not."""


class Database:
    """One in-memory database; close it, or use it as a context."""

    def __init__(self) -> None:
        self._connection = duckdb.connect(
            ":memory:",
            config={
                "allow_persistent_secrets": "false",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "python_enable_replacements": "false",
                # The default is a folder in the working directory, which is the user's.
                "temp_directory": str(_SPILL / f"flordb-{os.getpid()}"),
            },
        )
        self._connection.execute("SET enable_progress_bar = false")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        if isinstance(error, RecursionError):
            raise QueryError("This SQL is nested too deeply.", "Write it with fewer parts.") from error

    def seal(self) -> None:
        """Close the way to files and settings, for good."""
        self._connection.execute("SET enable_external_access = false")
        self._connection.execute("SET lock_configuration = true")

    def view(self, name: str, table: pa.Table, columns: Mapping[str, str]) -> None:
        """Make `table` readable as `name`; `columns` gives each column's SQL expression over the table."""
        projection = ", ".join(f"{expression} AS {quoted(column)}" for column, expression in columns.items())
        self._connection.from_arrow(table).project(projection).create_view(name)

    def parse(self, sql: str) -> list[Node]:
        """The syntax trees of the statements in `sql`.

        Raises:
            QueryError: there is a syntax error, or a statement that is no SELECT.
        """
        try:
            [[text]] = self._cursor("SELECT json_serialize_sql(?)", [sql]).fetchall()
            answer = json.loads(text)
        except (duckdb.Error, RecursionError) as error:
            raise QueryError(f"This SQL cannot be parsed: {message(error)}.") from error
        if not answer["error"]:
            return list(answer["statements"])
        if answer["error_type"] == "not implemented":
            raise QueryError(
                "Only SELECT statements can be run here.",
                "A query reads; it writes no file, changes no table and no setting, and loads nothing.",
            )
        raise QueryError(f"This is not SQL: {answer['error_message']}.")

    def text(self, statement: Node) -> str:
        """The SQL text of a syntax tree."""
        tree = json.dumps({"error": False, "statements": [statement]})
        with _translated():
            [[text]] = self._cursor("SELECT json_deserialize_sql(?::JSON)", [tree]).fetchall()
        return str(text)

    def types(self, sql: str) -> list[str]:
        """The types of the columns that a query would give; it is not run.

        Raises:
            DoesNotFit: the types in it do not fit each other.
            QueryError: it cannot be run, whatever the types.
        """
        try:
            return [str(kind) for kind in self._cursor(sql).types]
        except duckdb.BinderException as error:
            raise DoesNotFit(message(error)) from error
        except duckdb.Error as error:
            raise QueryError(f"{message(error)}.") from error

    def table(self, sql: str) -> pa.Table:
        """The result of a query."""
        with _translated():
            return self._cursor(sql).to_arrow_table()

    def frame(self, sql: str) -> pd.DataFrame:
        """The result of a query as pandas has it; integers stay integers."""
        with _translated():
            result = self._cursor(sql)
            frame: pd.DataFrame = _narrowed(result) if _is_wide(result) else result.df()
            return frame

    def _cursor(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        return self._connection.cursor().sql(sql, params=list(parameters) or None)


def quoted(identifier: str) -> str:
    """The name as SQL takes it, whatever it holds."""
    return '"' + identifier.replace('"', '""') + '"'


def message(error: Exception) -> str:
    """What DuckDB says in its first line, without the class of error in front."""
    first = str(error).strip().partition("\n")[0]
    _, colon, rest = first.partition("Error: ")
    return (rest if colon else first).rstrip(".!")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except duckdb.InterruptException as error:
        raise KeyboardInterrupt from error
    except duckdb.Error as error:
        raise QueryError(f"{message(error)}.") from error
    except RuntimeError as error:
        # How DuckDB 2.0 says that Ctrl-C stopped a query.
        if "interrupted" in str(error):
            raise KeyboardInterrupt from error
        raise


def _is_wide(result: Any) -> bool:
    """Whether a column is of 128 bits, as the sum of integers is, and can be addressed by its name."""
    return len(set(result.columns)) == len(result.columns) and "HUGEINT" in map(str, result.types)


def _narrowed(result: Any) -> Any:
    """The frame with 64-bit integers where pandas would get floats for want of wider ones."""
    columns = [
        f"CAST({quoted(name)} AS BIGINT) AS {quoted(name)}" if str(kind) == "HUGEINT" else quoted(name)
        for name, kind in zip(result.columns, result.types, strict=True)
    ]
    try:
        return result.project(", ".join(columns)).df()
    except duckdb.ConversionException:
        return result.df()
