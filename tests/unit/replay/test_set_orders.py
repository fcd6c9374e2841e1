"""What may depend on the hashes of strings is found; what only asks what is in a set is not."""

import pytest

from flor.replay import set_orders


@pytest.mark.parametrize(
    "text",
    [
        "for name in set(names): pass",
        "classes = list(set(names))",
        "found = {name for name in names}\nfirst = [name for name in found]",
        "seen = set()\nseen.add(name)\nlast = seen.pop()",
        "self.classes = {'a', 'b'}\nnumbers = dict(enumerate(self.classes))",
        "def labels():\n    return set(names)\nfor label in labels(): pass",
        "for name in old.keys() & new.keys(): pass",
        "left = set(a) - set(b)\n', '.join(left)",
        "most = max(set(votes), key=votes.count)",
        "first, second = {'a', 'b'}",
        "print(*{'a', 'b'})",
        "train(frozenset(names))",
        "part = hash(name) % 10",
        "text = f'{set(names)}'",
    ],
)
def test_it_is_found(text: str) -> None:
    assert set_orders.lines_of(text) == [len(text.splitlines())]


@pytest.mark.parametrize(
    "text",
    [
        "classes = sorted(set(names))",
        "if name in {'a', 'b'}: pass",
        "count = len(set(names))",
        "seen = set()\nif name not in seen: seen.add(name)",
        "both = set(a) & set(b)\nif both: raise ValueError(sorted(both))",
        "found = {f(name) for name in set(names)}",
        "total = sum(len(name) for name in set(names))",
        "for number in {1, 2, 3}: pass",
        "for number in set(range(9)): pass",
        "seen = set()\nseen.update(set(names))\nassert seen >= set(others)",
        "for name in old.keys(): pass",
        "class Key:\n    def __hash__(self):\n        return hash(self.name)",
        "model = build()\nfor name in model: pass",
    ],
)
def test_it_does_not_count(text: str) -> None:
    assert set_orders.lines_of(text) == []
