"""What the parent decided before it compiles."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Placing:
    """What the parent decided: the root's path on the host, the container's id, how many v1 cgroups are to be joined."""

    rootfs: str
    container_id: str
    v1_cgroups: int
