"""Entry points in words that a user knows: the names of their loops, counting from 1. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence

from flor.checkpoints.entry import EntryPoint, parse
from flor.checkpoints.manifest import Manifest

MainLoop = tuple[int, int]
"""A main loop of a process: block and loop."""


def main_loops(manifests: Sequence[Manifest]) -> dict[MainLoop, str]:
    """The name of each main loop, as far as one of its entry points tells it."""
    points = [(parse(each.entry), each.facts.get("name")) for each in manifests]
    return {(at.block, at.loop): name for at, name in points if at.kind in ("top", "done") and name}


def in_words(manifests: Sequence[Manifest]) -> list[str]:
    """The entry points of one run; no two are called the same."""
    names = main_loops(manifests)
    short = [_words(each, names, is_full=False) for each in manifests]
    counts = Counter(short)
    return [
        text if counts[text] == 1 else _words(each, names, is_full=True)
        for each, text in zip(manifests, short, strict=True)
    ]


def moment(point: EntryPoint, main: str) -> str:
    """An entry point in a sentence: `after epoch 3`. `main` is the name of its main loop."""
    if point.kind == "top":
        return f"after {main} {point.iteration}" if point.iteration else f"before {main} 1"
    if point.kind in ("after", "step"):
        where = "after" if point.kind == "after" else "in"
        return f"in {main} {point.iteration + 1}, {where} its loop {point.nested + 1}"
    return f"behind the loop {main}" if point.kind == "done" else f"at the {point.kind}"


def _words(manifest: Manifest, names: Mapping[MainLoop, str], *, is_full: bool) -> str:
    point = parse(manifest.entry)
    parts = [f"rank {manifest.rank}"] if manifest.rank else []
    parts += [f"process {manifest.process}"] if manifest.process else []
    parts += [f"{name} {number}" for name, number in manifest.around]
    if is_full and point.kind != "start":
        parts.append(f"block {point.block + 1}")
        parts += [f"loop {point.loop + 1}"] if point.kind != "end" else []
    return ", ".join([*parts, *_place(point, names.get((point.block, point.loop), ""), manifest)])


def _place(point: EntryPoint, main: str, manifest: Manifest) -> list[str]:
    """The place within its block."""
    if point.kind in ("start", "end"):
        return [point.kind]
    loop = f"loop {point.loop + 1}"
    if point.kind == "done":
        return [f"{main or loop} done"]
    iteration = main or f"{loop}, iteration"
    if point.kind == "top":
        # At the header of the fourth iteration the third is over.
        return [f"after {iteration} {point.iteration}" if point.iteration else f"before {iteration} 1"]
    name, number = manifest.facts.get("name"), f"nested loop {point.nested + 1}"
    if point.kind == "step":
        step = f"{name} {point.step + 1} ({number})" if name else f"{number}, step {point.step + 1}"
        return [f"{iteration} {point.iteration + 1}", step]
    return [f"{iteration} {point.iteration + 1}", f"after {name} ({number})" if name else f"after {number}"]
