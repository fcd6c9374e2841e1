"""Functions, their cells and methods: defaults, attributes and closures are state, code is not."""

from functools import partial
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from xxhash import xxh3_64_intdigest

from flor.checkpoints.atoms import dump
from flor.checkpoints.frames import UNBOUND
from flor.checkpoints.graph import Node
from flor.checkpoints.instances import name_of, put_attributes
from flor.checkpoints.kinds import Kind
from flor.checkpoints.layouts import getter

if TYPE_CHECKING:
    from flor.checkpoints.rebuild import Rebuild
    from flor.checkpoints.walk import Walk

CELL = "cell "
"""Before the name of a free variable, among the labels of a function."""


def _function_name(walk: "Walk", thing: FunctionType) -> str | None:
    """The name of a library function that keeps nothing: no closure, and found under its own name."""
    if (
        thing.__closure__
        or walk.scope.has_file(thing.__code__.co_filename)
        or "<" in thing.__code__.co_qualname
    ):
        return None
    module = thing.__globals__.get("__name__")
    return (
        None
        if type(module) is not str or module in walk.project_modules
        else f"{module}:{thing.__qualname__}"
    )


def _read_function(walk: "Walk", thing: FunctionType) -> Node:
    code, cells = thing.__code__, thing.__closure__ or ()
    names = thing.__dict__
    for name, cell in zip(code.co_freevars, cells, strict=True):
        walk.frame_cells.note(code, name, cell)
    labels = (*(CELL + name for name in code.co_freevars), *names)
    refs, blob = walk.refs([thing.__defaults__, thing.__kwdefaults__, *cells, *names.values()])
    if "<" in code.co_qualname:
        walk.hint(code_hint(code))
    module = thing.__globals__.get("__name__", "")
    return Node("function", None, f"{module}:{code.co_qualname}", walk.shape(labels), refs, blob)


def code_hint(code: CodeType) -> list[int]:
    """What tells apart code objects of one qualified name: the line, and a hash of what they do."""
    constants = tuple(each for each in code.co_consts if not isinstance(each, CodeType | frozenset))
    content = (code.co_code, code.co_names, code.co_varnames, code.co_freevars, constants)
    return [code.co_firstlineno, xxh3_64_intdigest(dump(content))]


def _make_function(rebuild: "Rebuild", number: int, node: Node) -> Any:
    """A function of the code that the program has under this name."""
    module, _, qualname = str(node.meta).partition(":")
    code = rebuild.code(module, qualname, rebuild.graph.hints.get(number))
    if code is None:
        return rebuild.lost(number, f"the code of {qualname}() is not there")
    names = rebuild.globals_of(module)
    cells = tuple(rebuild.named(number, CELL + name) for name in code.co_freevars)
    if not all(isinstance(cell, CellType) for cell in cells):
        return rebuild.lost(number, f"{qualname}() has other free variables now")
    return FunctionType(code, names, code.co_name, None, cells)


def _fill_function(rebuild: "Rebuild", number: int, node: Node, thing: FunctionType) -> None:
    values = rebuild.values(number)
    thing.__defaults__, thing.__kwdefaults__ = values[:2]
    labels = rebuild.shape(node)
    wanted = {
        label: value for label, value in zip(labels, values[2:], strict=True) if not label.startswith(CELL)
    }
    put_attributes(thing, wanted)


def _read_cell(walk: "Walk", thing: CellType) -> Node:
    try:
        content = thing.cell_contents
    except ValueError:
        content = UNBOUND
    refs, blob = walk.refs([content])
    return Node("cell", refs=refs, blob=blob)


def _make_cell(rebuild: "Rebuild", number: int, node: Node) -> Any:
    """The variable of a running function where it is one, else a cell of its own."""
    if isinstance(node.meta, str):
        return rebuild.frame_cell(number, node.meta)
    return CellType()


def _fill_cell(rebuild: "Rebuild", number: int, node: Node, thing: CellType) -> None:
    content = rebuild.values(number)[0]
    if content is not UNBOUND:
        thing.cell_contents = content
        return
    try:
        del thing.cell_contents
    except ValueError:
        return


def _read_method(walk: "Walk", thing: MethodType) -> Node:
    refs, blob = walk.refs([thing.__func__, thing.__self__])
    return Node("method", refs=refs, blob=blob)


def _make_method(rebuild: "Rebuild", number: int, node: Node) -> Any:
    function, owner = rebuild.values(number)
    return MethodType(function, owner)


def _read_partial(walk: "Walk", thing: Any) -> Node:
    names = _partial_dict(thing)
    refs, blob = walk.refs([*(get(thing) for get in _PARTIAL), names or None])
    return Node("partial", refs=refs, blob=blob)


def _make_partial(rebuild: "Rebuild", number: int, node: Node) -> Any:
    made = partial(len)
    made.__setstate__(tuple(rebuild.values(number)))  # type: ignore[attr-defined]
    return made


_PARTIAL = [getter(partial, name) for name in ("func", "args", "keywords")]
_partial_dict = getter(partial, "__dict__")


def _builtin_name(walk: "Walk", thing: Any) -> str | None:
    owner = thing.__self__
    if owner is None or type(owner) is ModuleType:
        return f"{thing.__module__}:{thing.__qualname__}" if type(thing.__module__) is str else None
    if issubclass(type(owner), type):
        return f"{name_of(owner)}.{thing.__name__}"
    return None


def _read_builtin_method(walk: "Walk", thing: Any) -> Node:
    return Node("builtin method", meta=thing.__name__, refs=[walk.ref(thing.__self__)])


def _make_builtin_method(rebuild: "Rebuild", number: int, node: Node) -> Any:
    return getattr(rebuild.values(number)[0], str(node.meta))


def _member_name(walk: "Walk", thing: Any) -> str | None:
    owner = thing.__objclass__
    return f"{name_of(owner)}.{thing.__name__}"


def _read_property(walk: "Walk", thing: property) -> Node:
    refs, blob = walk.refs([thing.fget, thing.fset, thing.fdel])
    return Node("property", refs=refs, blob=blob)


def _make_property(rebuild: "Rebuild", number: int, node: Node) -> Any:
    return property(*rebuild.values(number))


def _read_wrapped(walk: "Walk", thing: Any) -> Node:
    refs, blob = walk.refs([thing.__func__])
    return Node(type(thing).__name__, refs=refs, blob=blob)


FUNCTION = Kind("function", _read_function, _make_function, _fill_function, _function_name, same_meta=True)
CELL_KIND = Kind("cell", _read_cell, _make_cell, _fill_cell, same_meta=True)
PARTIAL = Kind("partial", _read_partial, _make_partial)
METHOD = Kind("method", _read_method, _make_method)
BUILTIN = Kind("builtin method", _read_builtin_method, _make_builtin_method, named=_builtin_name)
MEMBER = Kind("member", _read_property, _make_property, named=_member_name)
PROPERTY = Kind("property", _read_property, _make_property)
STATIC = Kind(
    "staticmethod", _read_wrapped, lambda rebuild, number, node: staticmethod(rebuild.values(number)[0])
)
CLASSMETHOD = Kind(
    "classmethod", _read_wrapped, lambda rebuild, number, node: classmethod(rebuild.values(number)[0])
)
