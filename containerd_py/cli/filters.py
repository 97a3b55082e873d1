"""Filters as they are typed, `--filter status=running`. Errors are InvalidArgument and name the filter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from containerd_py.wire import ContainerSummary

_STATES = {"exited": "stopped"}
"""What docker and podman call a state that has another word here."""

_EVENTS = {
    "create": "container.created",
    "start": "container.started",
    **dict.fromkeys(("die", "died"), "container.exited"),
    **dict.fromkeys(("destroy", "remove"), "container.deleted"),
    "kill": "container.killed",
    "pause": "container.paused",
    "unpause": "container.resumed",
    "rename": "container.renamed",
    "update": "container.updated",
    "health_status": "container.health",
    "exec_create": "exec.created",
    "exec_start": "exec.started",
    **dict.fromkeys(("exec_die", "exec_died"), "exec.exited"),
}
"""The same for events."""

MATCHED = ("id", "exited")
"""Filters of containers that are looked at here."""


def parse_filters(filters: Iterable[str], keys: Sequence[str]) -> dict[str, list[str]]:
    """Return the values given for each key."""
    found: dict[str, list[str]] = {}
    for text in filters:
        key, separator, value = text.partition("=")
        if not separator or not value:
            raise _wrong(text, "KEY=VALUE is needed", keys)
        if key not in keys:
            raise _wrong(text, f"there is no filter {key!r}", keys)
        found.setdefault(key, []).append(_STATES.get(value, value) if key == "status" else value)
    return found


def single(found: dict[str, list[str]], key: str) -> str | None:
    """Return the one value of a key that cannot have several."""
    values = found.get(key, [])
    if len(values) > 1:
        raise InvalidArgument(f"cannot read filter {key!r}: it is given {len(values)} times", step="parse")
    return values[0] if values else None


def event_type(word: str) -> str:
    """Return "container.exited" for "exited", and for docker's "die"."""
    return _EVENTS.get(word) or (word if "." in word else f"container.{word}")


def matcher(found: dict[str, list[str]]) -> Callable[[ContainerSummary], bool] | None:
    """Return what tells whether the filters of `MATCHED` let a container through; None where there are none."""
    ids, codes = found.get("id", []), [_exit_code(text) for text in found.get("exited", [])]
    if not (ids or codes):
        return None

    def matches(one: ContainerSummary) -> bool:
        return (not ids or any(one.id.startswith(text) for text in ids)) and (
            not codes or (one.exit is not None and one.exit.exit_code in codes)
        )

    return matches


def _exit_code(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 4):
        raise InvalidArgument(f"cannot read filter 'exited={text}': an exit code is needed", step="parse")
    return int(text)


def _wrong(text: str, cause: str, keys: Sequence[str]) -> InvalidArgument:
    hint = f"filters are {', '.join(keys)}"
    return InvalidArgument(f"cannot read filter {text!r}: {cause}", step="parse", hint=hint)
