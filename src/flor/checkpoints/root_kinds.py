"""The nodes a walk begins with: the root, frames, names of modules and of registered objects, modes."""

from typing import TYPE_CHECKING, Any

from flor.checkpoints.atoms import dump, load
from flor.checkpoints.environment import Modes, all_modes
from flor.checkpoints.frames import UNBOUND, FrameState, Unbound
from flor.checkpoints.graph import Node
from flor.checkpoints.kinds import Kind, fill_nothing
from flor.checkpoints.library_writes import Written, put, remove
from flor.checkpoints.lookup import resolve_dotted
from flor.checkpoints.lost import Lost, read
from flor.checkpoints.roots import Names, Roots

if TYPE_CHECKING:
    from flor.checkpoints.rebuild import Rebuild
    from flor.checkpoints.walk import Walk


def _read_root(walk: "Walk", thing: Roots) -> Node:
    refs = walk.all_refs(thing.parts.values())
    return Node("root", shape=walk.shape(tuple(thing.parts)), refs=refs)


def _read_frame(walk: "Walk", thing: FrameState) -> Node:
    refs, blob = walk.refs(list(thing.names.values()))
    return Node("frame", None, thing.qualname, walk.shape(tuple(thing.names)), refs, blob)


def _read_names(walk: "Walk", thing: Names) -> Node:
    refs, blob = walk.refs(list(thing.names.values()))
    return Node("names", shape=walk.shape(tuple(thing.names)), refs=refs, blob=blob)


def _fill_names(rebuild: "Rebuild", number: int, node: Node, thing: Names) -> None:
    """Bind the globals of a module anew, where they differ."""
    for name, value in zip(rebuild.shape(node), rebuild.named_values(number), strict=True):
        if name in thing.bound and value is UNBOUND:
            del thing.bound[name]
        elif name in thing.names and thing.names[name] is value:
            continue
        elif thing.bound and value is not UNBOUND:
            thing.bound[name] = value


def _read_written(walk: "Walk", thing: Written) -> Node:
    refs, blob = walk.refs(list(thing.names.values()))
    return Node("library", shape=walk.shape(tuple(thing.names)), refs=refs, blob=blob)


def _fill_written(rebuild: "Rebuild", number: int, node: Node, thing: Written) -> None:
    """Assign the attributes of libraries anew; one that was not there goes."""
    wanted = dict(zip(rebuild.shape(node), rebuild.named_values(number), strict=True))
    for name, owner in thing.owners.items():
        if name not in wanted:
            remove(owner, name.rpartition(".")[2])
    for name, value in wanted.items():
        owner = thing.owners.get(name) or resolve_dotted(name.rpartition(".")[0])
        if owner is None:
            rebuild.refuse(number, f"{name} is not there")
        elif name not in thing.names or thing.names[name] is not value:
            put(owner, name.rpartition(".")[2], value)


def _read_modes(walk: "Walk", thing: Modes) -> Node:
    modes = {name: dump(value) for name, value in thing.read().items()}
    refs, blob = walk.refs(list(modes.values()))
    return Node("modes", shape=walk.shape(tuple(modes)), refs=refs, blob=blob)


def _fill_modes(rebuild: "Rebuild", number: int, node: Node, thing: Modes) -> None:
    modes = all_modes()
    for name, value in zip(rebuild.shape(node), rebuild.named_values(number), strict=True):
        if name not in modes:
            rebuild.refuse(number, f"the setting {name} is not there")
        elif dump(modes[name].read()) != value:
            modes[name].set(load(value))


def _read_lost(walk: "Walk", thing: Lost) -> Node:
    """A stand-in reads as what it stands for: it still is as opaque as it was."""
    of = read(thing, "_of")
    return Node(read(thing, "_kind"), walk.name(of) if isinstance(of, str) else walk.ref(of))


def _no_other(rebuild: "Rebuild", number: int, node: Node) -> Any:
    return rebuild.lost(number, "the program has no such frame or module now")


TYPES: dict[type, Kind] = {
    Roots: Kind("root", _read_root, _no_other, fill_nothing),
    FrameState: Kind("frame", _read_frame, _no_other, fill_nothing, same_meta=True),
    Names: Kind("names", _read_names, _no_other, _fill_names),
    Written: Kind("library", _read_written, _no_other, _fill_written),
    Lost: Kind("lost", _read_lost, _no_other),
    Modes: Kind("modes", _read_modes, _no_other, _fill_modes),
    Unbound: Kind(
        "unbound", _read_root, _no_other, named=lambda walk, thing: "flor.checkpoints.frames:UNBOUND"
    ),
}
