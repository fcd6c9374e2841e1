"""Classes and modules: those of a library are names; the attributes of a project class are state."""

from enum import Enum
from types import GetSetDescriptorType, MemberDescriptorType, ModuleType
from typing import TYPE_CHECKING, Any

from flor.checkpoints.graph import Node
from flor.checkpoints.instances import name_of
from flor.checkpoints.kinds import Kind, fill_nothing
from flor.checkpoints.layouts import Ancestors, module_of, namespace_of, qualname_of

if TYPE_CHECKING:
    from flor.checkpoints.rebuild import Rebuild
    from flor.checkpoints.walk import Walk

_NO_STATE = frozenset(
    {
        "__module__", "__qualname__", "__doc__", "__dict__", "__weakref__", "__slots__", "__slotnames__",
        "__annotations__", "__annotate__", "__annotate_func__", "__annotations_cache__", "__firstlineno__",
        "__static_attributes__", "__match_args__", "__dataclass_fields__", "__dataclass_params__",
        "__abstractmethods__", "_abc_impl", "__parameters__", "__orig_bases__", "__type_params__",
        "__classcell__", "__protocol_attrs__", "__non_callable_proto_members__",
        "_backward_cls",  # made by torch for each autograd.Function, and found nowhere else
    }
)  # fmt: skip
_DESCRIBES_MEMORY = frozenset(map(id, (MemberDescriptorType, GetSetDescriptorType)))


def _class_name(walk: "Walk", thing: type) -> str | None:
    """The name of a library class. An Enum is one too: its members are constants."""
    if module_of(thing) in walk.project_modules and Enum not in Ancestors(thing):
        return None
    return name_of(thing)


def _read_class(walk: "Walk", thing: type) -> Node:
    own = namespace_of(thing)
    labels = [name for name in own if _is_state(name, own[name])]
    refs, blob = walk.refs([own[name] for name in labels])
    return Node("class", None, name_of(thing), walk.shape(tuple(labels)), refs, blob)


def _is_state(name: str, value: Any) -> bool:
    return name not in _NO_STATE and id(type(value)) not in _DESCRIBES_MEMORY


def _make_class(rebuild: "Rebuild", number: int, node: Node) -> Any:
    found = rebuild.find_class(str(node.meta))
    return found or rebuild.lost(number, f"class {node.meta} was made while the program ran")


def _fill_class(rebuild: "Rebuild", number: int, node: Node, thing: type) -> None:
    own = namespace_of(thing)
    wanted = dict(zip(rebuild.shape(node), rebuild.named_values(number), strict=True))
    for name in [name for name in own if _is_state(name, own[name]) and name not in wanted]:
        type.__delattr__(thing, name)
    for name, value in wanted.items():
        if name not in own or own[name] is not value:
            type.__setattr__(thing, name, value)


def _module_name(walk: "Walk", thing: ModuleType) -> str:
    return f"{object.__getattribute__(thing, '__dict__').get('__name__')}:"


def _member_of_enum(walk: "Walk", thing: Any) -> str | None:
    """The name of a member; several members of a Flag together have none in their class."""
    name = object.__getattribute__(thing, "_name_")
    return f"{name_of(type(thing))}.{name}" if name in type(thing)._member_map_ else None


def _read_together(walk: "Walk", thing: Any) -> Node:
    refs, blob = walk.refs([object.__getattribute__(thing, "_value_")])
    return Node("enum", walk.ref(type(thing)), refs=refs, blob=blob)


def _make_together(rebuild: "Rebuild", number: int, node: Node) -> Any:
    return rebuild.class_of(node)(rebuild.values(number)[0])


def _read_flag(walk: "Walk", thing: Any) -> Node:
    return Node("enum", walk.ref(type(thing)), refs=None, blob=None)


CLASS = Kind("class", _read_class, _make_class, _fill_class, _class_name, same_meta=True)
MODULE = Kind("module", _read_flag, lambda *_: None, fill_nothing, _module_name)
ENUM = Kind("enum", _read_together, _make_together, named=_member_of_enum)
__all__ = ["CLASS", "ENUM", "MODULE", "qualname_of"]
