"""What a unit is told of itself, before it is D-Bus."""

from __future__ import annotations

from containerd_py.light.dataclasses import dataclass

UNLIMITED = 2**64 - 1
"""CGROUP_LIMIT_MAX and USEC_INFINITY of systemd."""


@dataclass(frozen=True)
class Property:
    """signature: of the value, in D-Bus's letters; asked_by: the JSON path of what asks for it, "" for what we decide."""

    name: str
    signature: str
    value: object
    asked_by: str = ""


@dataclass(frozen=True)
class Target:
    """What the properties are for. version: systemd's; unified: the controller is in cgroup v2, else in one of v1."""

    version: int
    unified: bool


def limit(name: str, value: int, asked_by: str) -> Property:
    """Return a property of a number that -1 is no limit of."""
    return Property(name, "t", UNLIMITED if value < 0 else value, asked_by)
