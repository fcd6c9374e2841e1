"""A module of the user's: what statements of today log of objects that are no simple values.

Everything that an object is made of counts, to the last bit, and which of its parts are one object. Nothing
is changed and nothing drawn; an iterator is never asked for its next item.
"""

import hashlib
import sys
from collections import deque


def fingerprint_of(*values):
    """A text that differs if anything of these values differs."""
    digest = hashlib.sha256()
    _add(values, digest.update, {})
    return digest.hexdigest()[:20]


def _add(value, update, seen):
    """Feed a value, or the number it has among those that were fed before, to `update`."""
    if issubclass(type(value), (type(None), int, float, complex, str, bytes)):
        update(f"{type(value).__name__} {value!r};".encode())
        return
    if id(value) in seen:
        update(f"again {seen[id(value)][0]};".encode())
        return
    if not issubclass(type(value), (tuple, frozenset)):  # nobody can tell two equal ones apart
        seen[id(value)] = (len(seen), value)  # held: no other object gets its address
    update(f"{type(value).__qualname__}(".encode())
    for part in _parts(value):
        _add(part, update, seen)
    update(b")")


def _parts(value):
    """What a value is made of."""
    for is_of, parts in _KINDS:
        if is_of(value):
            return parts(value)
    return ()


def _of(*classes):
    """What a value says of its class counts for nothing."""
    return lambda value: issubclass(type(value), classes)


def _in(module, name):
    """Whether a value is of a class of a module that may not be loaded."""
    return lambda value: module in sys.modules and issubclass(type(value), getattr(sys.modules[module], name))


def _of_tensor(value):
    import torch

    copy = value.detach().clone(memory_format=torch.contiguous_format).reshape(-1)
    gradient = value.grad if value.is_leaf else None
    return (str(value.dtype), list(value.shape), copy.view(torch.uint8).numpy().tobytes(), gradient)


def _of_array(value):
    content = value.tolist() if value.dtype == object else value.tobytes()
    return (str(value.dtype), list(value.shape), content)


def _of_set(value):
    return sorted(fingerprint_of(item) for item in value)


def _attributes(value):
    """The dictionary of an object, whatever its class makes of attributes; None where it has none."""
    try:
        return object.__getattribute__(value, "__dict__")
    except AttributeError:
        return None


def _of_object(value):
    """Attributes, by name; of what has none there is nothing to see."""
    return [part for name, held in sorted(_attributes(value).items()) for part in (name, held)]


def _is_plain_object(value):
    """Whether it is neither code nor an iterator."""
    kind = type(value)
    is_code = callable(value) and not hasattr(kind, "parameters") and not hasattr(kind, "step")
    return isinstance(_attributes(value), dict) and not is_code and not hasattr(kind, "__next__")


_KINDS = (
    (_in("torch", "Tensor"), _of_tensor),
    (_in("torch", "Generator"), lambda value: (value.get_state(),)),
    (_in("numpy", "ndarray"), _of_array),
    (_in("numpy", "generic"), lambda value: (str(value.dtype), value.tobytes())),
    (_of(list, tuple, deque), list),
    (_of(dict), lambda value: [part for item in value.items() for part in item]),
    (_of(set, frozenset), _of_set),
    (_of(type, type(sys)), lambda value: (value.__name__,)),
    (_in("threading", "Thread"), lambda value: ()),  # it goes on while somebody looks
    (_in("queue", "Queue"), lambda value: ()),
    (_is_plain_object, _of_object),
)
