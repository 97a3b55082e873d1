"""Capabilities by the names that people write, as the sets of an OCI document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py.errors import InvalidArgument
from containerd_py.runtime.linux.process import capget
from containerd_py.runtime.spec import defaults
from containerd_py.runtime.spec.process import CAPABILITIES, Capabilities

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from containerd_py.wire import Isolation

_ALL = "ALL"
_PREFIX = "CAP_"
_HINT = "names are as in capabilities(7), such as CAP_KILL"


def chosen(asked: Isolation) -> Capabilities:
    """Return those of a container: the usual ones, more, and fewer, as docker reads it. Raises InvalidArgument."""
    if not (asked.privileged or asked.cap_add or asked.cap_drop):
        return defaults.capabilities()
    more, fewer = _named(asked.cap_add, "cap_add"), _named(asked.cap_drop, "cap_drop")
    both = sorted((more & fewer) - {_ALL})
    if both:
        raise _refusal("cap_drop", both[0], "cap_add has it too", "leave it out of one of them")
    kept = set(all_of_ours()) if asked.privileged or _ALL in more else set(defaults.capabilities().bounding)
    if _ALL in fewer:
        kept = set()
    return sets(name for name in CAPABILITIES if name in (kept | more) - fewer)


def all_of_ours() -> tuple[str, ...]:
    """Those that the daemon has: nobody can give what he has not."""
    _effective, permitted, _inheritable = capget()
    return tuple(name for number, name in enumerate(CAPABILITIES) if permitted & 1 << number)


def sets(names: Iterable[str]) -> Capabilities:
    kept = tuple(names)
    return Capabilities(bounding=kept, effective=kept, permitted=kept)


def _named(given: Collection[str], field: str) -> set[str]:
    """Read "net_admin", "NET_ADMIN" and "CAP_NET_ADMIN", and "ALL"."""
    found = set()
    for index, text in enumerate(given):
        name = text.upper()
        whole = name if name == _ALL or name.startswith(_PREFIX) else _PREFIX + name
        if whole != _ALL and whole not in CAPABILITIES:
            raise _refusal(f"{field}[{index}]", text, "no such capability", _HINT)
        found.add(whole)
    return found


def _refusal(place: str, name: str, cause: str, hint: str) -> InvalidArgument:
    return InvalidArgument(f"cannot create container: {place} {name!r}: {cause}", step="lower", hint=hint)
