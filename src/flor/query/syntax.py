"""The syntax tree of a SQL statement, as DuckDB's parser writes it: reading and rewriting. Pure.

DuckDB 1.5 and 2.0 write some nodes differently; what differs is known here only.
"""

from collections.abc import Iterator, Sequence
from typing import Any

Node = dict[str, Any]

_LOCATION = ("query_location", "query_location_length")
_OPERANDS = {"COMPARISON": ("left", "right"), "BETWEEN": ("input", "lower", "upper")}


def children(node: Any) -> Iterator[Any]:
    """The parts of a node, in the order of the text."""
    if isinstance(node, dict):
        yield from node.values()
    elif isinstance(node, list):
        yield from node


def walk(node: Any) -> Iterator[Node]:
    """Every node of a tree, itself included, in the order of the text."""
    pending = [node]
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            yield part
        pending.extend(reversed(list(children(part))))


def references(node: Any, parameters: frozenset[str] = frozenset()) -> Iterator[Node]:
    """The references to columns; what a lambda calls its own parameters is none."""
    if isinstance(node, dict) and node.get("class") == "LAMBDA":
        own = {name.casefold() for part in walk(node["lhs"]) for name in part.get("column_names", ())}
        yield from references(node["expr"], parameters | own)
    elif isinstance(node, dict) and node.get("class") == "COLUMN_REF":
        if node["column_names"][0].casefold() not in parameters:
            yield node
    else:
        for part in children(node):
            yield from references(part, parameters)


def tables(statement: Node) -> frozenset[str]:
    """The tables named in a statement, in lower case; one that is only described is not meant."""
    named = set()
    pending: list[Any] = [statement]
    while pending:
        part = pending.pop()
        if isinstance(part, dict) and part.get("type") == "BASE_TABLE":
            named.add(part["table_name"].lower())
        if not (isinstance(part, dict) and part.get("show_type") == "DESCRIBE"):
            pending.extend(children(part))
    return frozenset(named)


def functions(statement: Node) -> frozenset[str]:
    """The functions called in a statement, in lower case."""
    return frozenset(node["function_name"].lower() for node in walk(statement) if "function_name" in node)


def calls(statement: Node, function: str) -> list[Node]:
    """The nodes that read from the table function of this name."""
    return [
        node
        for node in walk(statement)
        if node.get("type") == "TABLE_FUNCTION"
        and node["function"].get("function_name", "").lower() == function
    ]


def arguments(call: Node) -> list[str | None]:
    """The texts that a table function is given; None for an argument that is not one text."""
    function = call["function"]
    if "arguments" not in function:
        return [None if part["alias"] else _text(part) for part in function["children"]]
    return [None if part["name"] else _text(part["expression"]) for part in function["arguments"]]


def _text(node: Node) -> str | None:
    """What a text constant holds, or the name in a column reference (`"loss"`)."""
    if node["class"] == "COLUMN_REF" and len(node["column_names"]) == 1:
        return str(node["column_names"][0])
    if is_text(node):
        return str(node["literal"]["text"] if "literal" in node else node["value"]["value"])
    return None


def is_text(node: Node) -> bool:
    """Whether a node is a text constant."""
    if node.get("class") != "CONSTANT":
        return False
    if "literal" in node:
        return bool(node["literal"]["kind"] == "STRING")
    return bool(node["value"]["type"]["id"] == "VARCHAR" and not node["value"]["is_null"])


def is_empty(condition: Node) -> bool:
    """Whether this is what DuckDB 2.0 makes of parentheses with nothing in them; 1.5 refuses them."""
    return condition.get("function_name") == "row" and condition.get("arguments") == []


def unlocated(node: Any) -> Any:
    """The tree without positions in the text, to compare it with another."""
    if isinstance(node, dict):
        return {key: unlocated(part) for key, part in node.items() if key not in _LOCATION}
    return [unlocated(part) for part in node] if isinstance(node, list) else node


def with_clauses(statement: Node, **clauses: Any) -> Node:
    """The statement with clauses of its outermost SELECT replaced."""
    return {**statement, "node": {**statement["node"], **clauses}}


def table_name(name: str) -> Node:
    """The parts of a BASE_TABLE node that say which table it is."""
    return {"table_name": name, "qualified_name": {"path": [name]}}


def operands(node: Node) -> list[Node]:
    """What a comparison compares, the first with each of the others; empty for any other node."""
    if _is_list(node):
        return list(node["children"])
    return [node[key] for key in _OPERANDS.get(node.get("class", ""), ())]


def with_operands(node: Node, parts: Sequence[Node]) -> Node:
    """The comparison with these in place of `operands(node)`."""
    if _is_list(node):
        return {**node, "children": list(parts)}
    return {**node, **dict(zip(_OPERANDS[node["class"]], parts, strict=True))}


def _is_list(node: Node) -> bool:
    return node.get("type") in ("COMPARE_IN", "COMPARE_NOT_IN")
