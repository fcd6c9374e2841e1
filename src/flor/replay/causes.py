"""What in a program, or around it, may have made it come out differently. Pure."""

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence

from flor.replay.trees import readable

CLOCKS = frozenset(
    {"time", "time_ns", "perf_counter", "perf_counter_ns", "monotonic", "monotonic_ns", "process_time"}
    | {"process_time_ns", "thread_time", "now", "utcnow", "today", "getpid", "elapsed_time"}
)
"""Functions that tell something else each time."""
_ENTROPY = frozenset(
    {"urandom", "SystemRandom", "token_bytes", "token_hex", "token_urlsafe", "randbelow", "uuid1", "uuid4"}
)
_SEEDED = frozenset({"default_rng", "RandomState", "Random", "SeedSequence", "PCG64", "Philox", "seed"})
"""They take what the operating system gives, unless they are given a seed."""
_SHOWN = 3


def likely(changes: Sequence[str], texts: Mapping[str, str]) -> str:
    """The likely cause of a divergence, in words: what has changed since, else randomness without a seed."""
    known = [*dict.fromkeys(changes), *unseeded(texts)][:_SHOWN]
    return f"likely cause: {', '.join(known)}" if known else "nothing is known that has changed since"


def unseeded(texts: Mapping[str, str]) -> list[str]:
    """Where these files draw randomness that no seed decides."""
    found = []
    for filename, tree in trees(texts):
        for call in _calls(tree):
            if _is_unseeded(call):
                where = f"{identifier(call.func)}() in {filename}, line {call.lineno}"
                found.append(f"randomness without a seed ({where})")
    return found


def depend_on_clocks(texts: Mapping[str, str], probes: Mapping[str, Collection[int]]) -> bool:
    """Whether what stands in these lines may log a clock, or what no seed decides: then it is executed twice.

    Args:
        texts: of all files.
        probes: lines by file.
    """
    probed = {name: text for name, text in texts.items() if probes.get(name)}
    return any(_depends(tree, probes[filename]) for filename, tree in trees(probed))


def _depends(tree: ast.Module, lines: Collection[int]) -> bool:
    varying = _assigned_from_clocks(tree)
    nodes = [node for node in ast.walk(tree) if getattr(node, "lineno", None) in lines]
    return any(_is_varying(node, varying) for node in nodes)


def _assigned_from_clocks(tree: ast.Module) -> set[str]:
    """Names that hold what a clock told, or something computed of it."""
    found: set[str] = set()
    assignments = [node for node in ast.walk(tree) if isinstance(node, ast.Assign | ast.AugAssign)]
    while True:
        more = {
            name
            for each in assignments
            if any(_is_varying(node, found) for node in ast.walk(each.value))
            for name in targets(each)
        }
        if more <= found:
            return found
        found |= more


def _is_varying(node: ast.AST, names: Collection[str]) -> bool:
    if isinstance(node, ast.Call):
        return identifier(node.func) in CLOCKS or _is_unseeded(node)
    return identifier(node) in names


def targets(assignment: ast.Assign | ast.AugAssign) -> Iterator[str]:
    """The variables and attributes that are assigned."""
    for target in assignment.targets if isinstance(assignment, ast.Assign) else [assignment.target]:
        stored = (node for node in ast.walk(target) if isinstance(getattr(node, "ctx", None), ast.Store))
        yield from filter(None, map(identifier, stored))


def identifier(node: ast.AST) -> str:
    """Of a variable or an attribute."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def trees(texts: Mapping[str, str]) -> Iterator[tuple[str, ast.Module]]:
    """The files that can be parsed."""
    for filename, text in texts.items():
        tree = readable(text)
        if tree is not None:
            yield filename, tree


def _calls(tree: ast.Module) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _is_unseeded(call: ast.Call) -> bool:
    """Whether a call takes what the operating system gives."""
    name = identifier(call.func)
    return name in _ENTROPY or (name in _SEEDED and not _is_given(call))


def _is_given(call: ast.Call) -> bool:
    """Whether there is a seed that is not None."""
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return any(not (isinstance(each, ast.Constant) and each.value is None) for each in given)
