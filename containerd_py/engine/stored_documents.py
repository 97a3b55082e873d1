"""Stored OCI documents at a start of the daemon: looked at before anything relies on them.

What many have in common they share from then on.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from containerd_py.errors import ContainerdError
from containerd_py.runtime.spec.models import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHARED = {
    "linux": ("seccomp", "maskedPaths", "readonlyPaths", "namespaces", "resources"),
    "process": ("capabilities", "rlimits", "env"),
    "": ("mounts",),
}
"""Optional parts, by the object that they are in; most documents have the same in them, since they have the defaults."""
_MOST_KNOWN = 4


class DocumentCheck:
    """Checks documents one after the other. A part that was found good in one is not read again in the next, which gets the
    same object: a filter of system calls is most of a document, in memory and in time.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], deque[Any]] = {
            (section, key): deque(maxlen=_MOST_KNOWN) for section, keys in _SHARED.items() for key in keys
        }

    def __call__(self, config: dict[str, Any]) -> None:
        """Put what is known already in its place in the document, and look at the rest.

        Raises ValueError for a document that later steps would stumble over. {}: of a container that was rebuilt.
        """
        if not config:
            return
        unknown, known = self._divided(config)
        try:
            spec = parse(unknown)
        except ContainerdError as problem:
            raise ValueError(problem.message) from problem
        if spec.process is None:
            raise ValueError("config.json: process is missing")
        for place, value in known:
            self._known[place].append(value)

    def _divided(self, config: dict[str, Any]) -> tuple[dict[str, Any], list[tuple[tuple[str, str], Any]]]:
        """Return the document without what is known, and what is new in it of the parts that can be."""
        rest, new = dict(config), []
        for section, holder, key in _parts(config):
            place, value = (section, key), holder[key]
            found = next((one for one in self._known[place] if one == value), None)
            if found is None:
                new.append((place, value))
                continue
            holder[key] = found
            left = {name: other for name, other in (rest[section] if section else rest).items() if name != key}
            rest = rest | {section: left} if section else left
        return rest, new


def _parts(config: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield (name of an object, the object, key) of those parts that are there."""
    for section, keys in _SHARED.items():
        holder = config.get(section) if section else config
        if isinstance(holder, dict):
            yield from ((section, holder, key) for key in keys if key in holder)
