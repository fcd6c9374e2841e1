"""Methods that a probe calls on its own object and that an old version lacks."""

from flor.replay.propagation import scopes
from flor.replay.propagation.refusing import Refused
from flor.replay.propagation.statements import Statement


def method(chain: str, attribute: str, statement: Statement) -> Statement:
    """The method of today's class that a probe calls and that the old version lacks.

    Raises:
        Refused: it is no method.
    """
    function = scopes.function_of(statement.block) or statement
    owner = function.parent
    if owner is not None and owner.kind == "ClassDef" and chain.startswith(f"self.{attribute}"):
        for each in owner.blocks[0].children:
            if each.name == attribute:
                return each
    raise Refused(f"`{attribute}` is nowhere in this version")
