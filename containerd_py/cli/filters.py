"""Filters as they are typed, `--filter status=running`. Errors are InvalidArgument and name the filter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_STATES = {"exited": "stopped"}
"""What docker and podman call a state that has another word here."""


def parse_filters(filters: Iterable[str], keys: Sequence[str]) -> dict[str, list[str]]:
    """Return the values given for each key."""
    found: dict[str, list[str]] = {}
    for text in filters:
        key, separator, value = text.partition("=")
        if key not in keys or not separator or not value:
            raise InvalidArgument(
                f"cannot read filter {text!r}: KEY=VALUE is needed", step="parse", hint=f"keys are {', '.join(keys)}"
            )
        found.setdefault(key, []).append(_STATES.get(value, value) if key == "status" else value)
    return found


def single(found: dict[str, list[str]], key: str) -> str | None:
    """Return the one value of a key that cannot have several."""
    values = found.get(key, [])
    if len(values) > 1:
        raise InvalidArgument(f"cannot read filter {key!r}: it is given {len(values)} times", step="parse")
    return values[0] if values else None
