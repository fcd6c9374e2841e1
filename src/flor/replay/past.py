"""Past objects of a run: fetched anew, or put into live ones."""

import os
import sys
import warnings
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flor.checkpoints import files, making
from flor.checkpoints.atoms import load as simple_values
from flor.checkpoints.compare import differences
from flor.checkpoints.fitting import counterparts, misfits, without_patches
from flor.checkpoints.graph import Graph, Ref
from flor.checkpoints.lookup import resolve
from flor.checkpoints.manifest import Manifest
from flor.checkpoints.packs import hash_of
from flor.checkpoints.parts import Part, live_part, part_of, registered
from flor.checkpoints.points import of_rank
from flor.checkpoints.reference import Reference
from flor.checkpoints.registry import guards
from flor.checkpoints.restore import restore as put_back
from flor.checkpoints.roots import Names, Roots
from flor.checkpoints.scope import Scope
from flor.checkpoints.store import CheckpointStore, Kept
from flor.checkpoints.walk import NODE_LIMIT, Walk
from flor.checkpoints.walked import Walked
from flor.entities import Run, Status
from flor.errors import CheckpointNotFound, FlorError, FlorWarning, StateLost
from flor.project import Project
from flor.record.ranks import job_of_process
from flor.replay.choosing import Context, choose
from flor.runs.catalog import Catalog


class NotRegistered(FlorError, LookupError):
    """The run gave no object of this name to `flor.checkpointing`."""

    def __init__(self, name: str, run: str, known: Collection[str]) -> None:
        super().__init__(
            f"Run {run} gave no object {name!r} to flor.checkpointing.",
            f"It gave {', '.join(known)}." if known else "It gave none.",
        )


class DoesNotFit(FlorError):
    """Live objects are built otherwise than those of the run were."""

    def __init__(self, found: Sequence[str]) -> None:
        super().__init__(" ".join(found), "Nothing was changed. Build the objects as the run did.")


@dataclass(frozen=True, slots=True)
class Moment:
    """One kept state of a run, and where its bytes are."""

    project: Project
    run: Run
    manifest: Manifest
    store: CheckpointStore
    graph: Graph

    @property
    def hashes(self) -> list[str]:
        """Of all its leaves."""
        return [leaf.hash for leaf in self.manifest.leaves]

    def part(self, objects: Mapping[str, int]) -> Part:
        """The part that these objects reach, its classes looked for where this program has them."""
        return part_of(self.graph, objects, _modules_now(self.project.root / self.run.filename))


class _Counterparts(Reference):
    """The live objects as what later ones are told by: each by the place where it stands."""

    def resolve(self, target: Graph) -> dict[int, int]:
        """The live node of each kept one."""
        return counterparts(target, self.graph)

    def object(self, number: int) -> Any:
        """The live object."""
        return self.held[number]


def find(project: Project, catalog: Catalog, run: str, context: Context) -> Moment:
    """The moment of a run; "last" is the newest run that kept any.

    Raises:
        RunNotFound: there is no such run.
        CheckpointNotFound: its state was not kept then; the message names the nearest moment.
        FormatTooNew: a newer FlorDB may have kept it.
    """
    for name, number in context.items():
        if type(number) is not int:
            raise FlorError(
                f"{name}={number!r} is no number of iterations.", f"{name}=3: after the third one."
            )
    store = CheckpointStore(catalog.layout.checkpoints)
    found, kept = _run(catalog, store, run)
    try:
        manifests = [one.manifest for one in kept]
        manifest = choose(manifests, found.run, context, _own_rank(manifests))
    except CheckpointNotFound:
        store.refuse_newer(found.run)
        raise
    return Moment(project, found, manifest, store, Graph.from_bytes(store.content(manifest.graph)))


def fetch(moment: Moment, name: str) -> Any:
    """The object that was registered under this name; of a torch module or optimizer its state dict.

    Raises:
        NotRegistered: there is none.
        StateLost: it cannot be made here.
    """
    objects = registered(moment.graph)
    if name not in objects:
        raise NotRegistered(name, moment.run.run, objects)
    ref = objects[name]
    if ref is None:
        return _simple(moment, name)
    if ref < 0:
        return resolve(moment.graph.name_of(ref))
    if _is_of_torch(moment.graph, ref):
        from flor.checkpoints.tensors import state_dicts

        return state_dicts.of(moment.graph, ref, lambda part: _made(moment, part))
    return _made(moment, moment.part({name: ref}))[name]


def put_into(moment: Moment, into: Mapping[str, Any]) -> None:
    """Make live objects, and what they reach, what they were at that moment: in place, bit for bit.

    Raises:
        NotRegistered: the run has no object of a name.
        DoesNotFit: names or shapes of their parts differ; nothing was changed.
        FlorError: the objects have no names, or one of them cannot be set in place; nothing was changed.
        Unreadable: what is needed is damaged; nothing was changed.
        StateLost: something could not be put back.
    """
    if not isinstance(into, Mapping):
        raise FlorError(f"into is a {type(into).__name__}, which names no object.", 'into={"model": model}')
    wanted = {name: _node(moment, name) for name in sorted(into, key=str)}
    then, scope = moment.part(wanted), Scope(moment.project.root)
    making.load_libraries(then.graph)
    live = _walk(into, scope)
    found = misfits(then.graph, live.graph)
    if found:
        raise DoesNotFit(found)
    then = without_patches(then, live.graph)
    then = replace(then, graph=files.left_alone(then.graph))
    hashes, now = [moment.hashes[leaf] for leaf in then.leaves], _hashes(live)
    _read_all(moment, then, now)
    restored = put_back(
        then.graph,
        hashes,
        moment.store.content,
        live,
        _Counterparts(live.graph, live.objects, live.numbers),
        now,
    )
    lost = [f"{one.path}: {one.reason}" for one in restored.refused]
    again = _walk(into, scope)
    new_hashes = _hashes(again)
    if new_hashes is not None:
        lost += map(str, differences(then.graph, hashes, again.graph, new_hashes))
    if lost:
        raise StateLost(f"Not everything is as it was: {'; '.join(lost[:5])}.", "The rest has been put back.")


def _run(catalog: Catalog, store: CheckpointStore, text: str) -> tuple[Run, list[Kept]]:
    """The run, and the states it kept."""
    if text != "last":
        run = catalog.find(text)
        return run, store.kept(run.run, whole=True)
    for run in reversed(catalog.runs):
        # A script that asks for the last run does not mean itself.
        is_this = run.status is Status.RUNNING and run.pid == os.getpid()
        if not is_this and (kept := store.kept(run.run, whole=True)):
            return run, kept
        store.refuse_newer(run.run)
    raise CheckpointNotFound


def _own_rank(kept: Sequence[Manifest]) -> int:
    """Whose part of the state is meant: in a job of several ranks one's own, where the run had it."""
    job = job_of_process()
    return job.rank if job and of_rank(kept, job.rank) else 0


def _modules_now(script: Path) -> dict[str, str]:
    """The name by which this program has the module that was the run's script."""
    for name, module in list(sys.modules.items()):
        if name != "__main__" and getattr(module, "__file__", None) == str(script):
            return {"__main__": name}
    return {}


def _simple(moment: Moment, name: str) -> Any:
    """A registered value that is no object of its own: a number, a text."""
    graph = moment.graph
    node = graph.nodes[graph.edges(0)["registered"] or 0]
    blob = moment.store.content(moment.hashes[node.blob]) if isinstance(node.blob, int) else node.blob
    names = [each for each, ref in registered(graph).items() if ref is None]
    return simple_values(blob or b"")[names.index(name)]


def _is_of_torch(graph: Graph, number: int) -> bool:
    labels = graph.edges(number)
    return graph.nodes[number].kind == "instance" and ("_modules" in labels or "param_groups" in labels)


def _made(moment: Moment, part: Part) -> Mapping[str, Any]:
    """The objects of a part; what of them is not as it was is said."""
    made = making.make(part, moment.hashes, moment.store.content)
    if any(making.is_lost(thing) for thing in made.objects.values()):
        raise _lost(moment, part, [f"{one.path}: {one.reason}" for one in made.refused])
    for one in made.refused:
        warnings.warn(FlorWarning(f"{one.path} is not as it was: {one.reason}."), stacklevel=5)
    return made.objects


def _lost(moment: Moment, part: Part, reasons: Sequence[str]) -> StateLost:
    """Why an object cannot be made, in the first place: its class is not here."""
    types = (node.type for node in part.graph.nodes if node.type is not None and node.type < 0)
    missing = [name for name in dict.fromkeys(map(part.graph.name_of, types)) if resolve(name) is None]
    if not missing:
        return StateLost(f"It cannot be made here: {'; '.join(reasons[:3])}.", "Look at `flor checkpoints`.")
    module, _, name = missing[0].partition(":")
    script = Path(moment.run.filename).stem if module == "__main__" else module
    return StateLost(
        f"Class {name} of {moment.run.filename if module == '__main__' else module} is not here.",
        f"Import it first: from {script} import {name.partition('.')[0]}",
    )


def _node(moment: Moment, name: str) -> int:
    objects = registered(moment.graph)
    if name not in objects:
        raise NotRegistered(name, moment.run.run, objects)
    ref: Ref = objects[name]
    if ref is None or ref < 0:
        raise FlorError(
            f"{name} is a value that cannot be set in place.", f"flor.load({name!r}, ...) returns it."
        )
    return ref


def _walk(into: Mapping[str, Any], scope: Scope) -> Walked:
    """The live objects, and what they reach."""
    with ExitStack() as stack:
        for guard in guards():
            stack.enter_context(guard)
        roots = Roots({"registered": Names(dict(sorted(into.items())))})
        walked = Walk(scope, [], NODE_LIMIT).run(roots, None)
    live = registered(walked.graph)
    objects = {name: ref for name, ref in live.items() if ref is not None and ref >= 0}
    for name in live.keys() - objects.keys():
        raise DoesNotFit([f"{name} is an object in the run and a simple value here."])
    return live_part(part_of(walked.graph, objects), walked)


def _hashes(walked: Walked) -> list[str] | None:
    """Of the live leaves; None where they cannot be read from here."""
    if not all(leaf.is_addressable for leaf in walked.leaves):
        return None
    return [hash_of(leaf.view()) for leaf in walked.leaves]


def _read_all(moment: Moment, part: Part, now: Sequence[str] | None) -> None:
    """Raise before anything is changed if something of the part is not there, or damaged."""
    for place in part.leaves:
        leaf = moment.manifest.leaves[place]
        if leaf.hash not in (now or ()):
            moment.store.content(leaf.hash)
