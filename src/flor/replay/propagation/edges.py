"""Where a block begins: what must stay its first statements. Pure."""

import ast

from flor.replay.propagation.statements import Block, Statement


def first_index(block: Block) -> int:
    """Past a docstring and what must stand first in a module."""
    index = 0
    owner = block.owner
    if owner is not None and owner.kind not in ("def", "ClassDef"):
        return 0
    if block.children and _is_docstring(block.children[0]):
        index = 1
    if owner is None:
        while index < len(block.children) and _is_future(block.children[index]):
            index += 1
    return index


def _is_docstring(statement: Statement) -> bool:
    node = statement.node
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_future(statement: Statement) -> bool:
    return isinstance(statement.node, ast.ImportFrom) and statement.node.module == "__future__"


def import_index(block: Block) -> int:
    """Where imports that come along stand: after those that the module begins with."""
    index = start = first_index(block)
    while index < len(block.children) and block.children[index].kind == "import":
        index += 1
    return max(index, start)
