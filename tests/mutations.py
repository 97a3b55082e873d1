"""Documents with one thing wrong, and which places of an OCI document an error's message names."""

import copy
import re
from collections.abc import Iterator
from typing import Any

from containerd_py.runtime.spec.models import Spec

Place = tuple[str | int, ...]

ACTIONS = ("replace", "remove", "double", "add")
_TOP = {field.key for field in Spec.fields.values()}
_DOTTED = re.compile(r"(?<![\w./'\"])[a-zA-Z]+(?:\.[^\s:;,()]*)+")
_ALONE = re.compile(r"(?:: |; |\()([a-zA-Z]+)(?=[:);,]|$)")


def places(value: object, here: Place = ()) -> Iterator[Place]:
    """Yield the place of every value in a document, its own excepted."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield (*here, key)
        yield from places(inner, (*here, key))


def _entry(value: Any, key: str | int) -> Any:
    return value[key]


def changed(document: dict[str, Any], place: Place, action: str, value: object) -> Any:
    """Return a document with one value replaced, taken out, doubled or joined by an unknown one."""
    made: Any = copy.deepcopy(document)
    inside: Any = made
    for key in place[:-1]:
        inside = _entry(inside, key)
    if action == "replace":
        inside[place[-1]] = value
    elif action == "remove":
        del inside[place[-1]]
    elif isinstance(inside, list):
        inside.insert(0, value if action == "add" else copy.deepcopy(_entry(inside, place[-1])))
    else:
        inside[str(value)[:10]] = value
    return made


def named(message: str) -> tuple[str, ...]:
    """Return the JSON paths in a message: "mounts.3.options". A single name counts where it is told as a place only."""
    found = (*_DOTTED.findall(message), *_ALONE.findall(message))
    return tuple(path for path in found if path.split(".")[0] in _TOP)
