"""A condition made to fit columns of given types: a value of another type does not match.

DuckDB refuses to compare text with a number, or converts one to the other ('3' < 5, true = 1), or fails
at the first row that it cannot convert. Here an operand whose type does not fit becomes NULL, and
three-valued logic says the rest; what fails for a row is NULL in that row.
"""

from collections.abc import Sequence
from typing import Any

from flor.query import syntax
from flor.query.database import Database, DoesNotFit
from flor.query.syntax import Node

_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL", "BIGNUM")
_NOT_FROM_TEXT = frozenset({"number", "BOOLEAN", "BLOB", "JSON", "list", "struct"})
"""Families that a text constant does not stand for. It does for a time: tstamp > '2026-01-31'."""


def family(kind: str) -> str:
    """The name of the types that may be compared with each other, for one type of DuckDB's."""
    if kind.endswith("]"):
        return "list"
    base = kind.partition("(")[0].strip('"').upper()
    if base.removeprefix("U") in _NUMBERS:
        return "number"
    if base.startswith(("DATE", "TIMESTAMP")):
        return "time"
    return {"STRUCT": "struct", "ENUM": "VARCHAR"}.get(base, base)


class Fitting:
    """Writes a condition as SQL for one view of a database.

    `misfits` holds the parts of the condition that have no meaning there, by number, each with the reason.
    """

    def __init__(self, database: Database, view: str) -> None:
        self._database = database
        [pattern] = database.parse("SELECT NULL, CAST(NULL AS BOOLEAN), TRY(NULL) FROM t")
        source = {**pattern["node"]["from_table"], **syntax.table_name(view)}
        self._pattern: Node = syntax.with_clauses(pattern, from_table=source)
        expressions: list[Node] = pattern["node"]["select_list"]
        self._null, self._unknown, self._try = expressions
        self._count = 0
        self.misfits: dict[int, str] = {}

    def query(self, condition: Node) -> str:
        """A query for one column of type BOOLEAN, with a row for each of the view."""
        return self._text([self._condition(condition)])

    def _condition(self, node: Node) -> Node:
        if node["class"] == "CONJUNCTION" or node["type"] == "OPERATOR_NOT":
            return {**node, "children": [self._condition(part) for part in node["children"]]}
        self._count += 1
        try:
            return self._leaf(self._fitted(node))
        except DoesNotFit as misfit:
            self.misfits[self._count] = str(misfit)
            return self._unknown

    def _leaf(self, node: Node) -> Node:
        """The expression, NULL where it fails or is not of type BOOLEAN."""
        guarded = {**self._try, "children": [node]}
        # In WHERE too, where an aggregate may not stand.
        try:
            [kind] = self._types([guarded], where_clause=node)
        except DoesNotFit:
            # Some expressions may not be guarded (a random number).
            [kind] = self._types([node], where_clause=node)
            guarded = node
        return guarded if family(kind) == "BOOLEAN" else self._unknown

    def _fitted(self, node: Node) -> Node:
        """The tree with NULL for each operand that does not fit the one it is compared with."""
        # The types of a lambda's parameters are known to DuckDB only.
        if node.get("class") == "LAMBDA":
            return node
        fitted = {key: self._part(part) for key, part in node.items()}
        compared = syntax.operands(fitted)
        if not compared:
            return fitted
        families = [family(kind) for kind in self._types(compared)]
        fits = [_fits(compared[0], families[0], *other) for other in zip(compared, families, strict=True)]
        kept = [part if is_fit else self._null for part, is_fit in zip(compared, fits, strict=True)]
        return syntax.with_operands(fitted, kept)

    def _part(self, part: Any) -> Any:
        if isinstance(part, list):
            return [self._part(item) for item in part]
        return self._fitted(part) if isinstance(part, dict) else part

    def _types(self, expressions: Sequence[Node], **clauses: Node) -> list[str]:
        return self._database.types(self._text(expressions, **clauses))

    def _text(self, expressions: Sequence[Node], **clauses: Node) -> str:
        return self._database.text(
            syntax.with_clauses(self._pattern, select_list=list(expressions), **clauses)
        )


def _fits(first: Node, first_family: str, other: Node, other_family: str) -> bool:
    families = {first_family, other_family}
    if len(families) == 1 or "NULL" in families:
        return True
    has_text = (syntax.is_text(first) and first_family == "VARCHAR") or (
        syntax.is_text(other) and other_family == "VARCHAR"
    )
    return has_text and not families & _NOT_FROM_TEXT
