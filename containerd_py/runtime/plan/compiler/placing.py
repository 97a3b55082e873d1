"""What the parent decided before it compiles."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Placing:
    """What the parent decided: the root's path on the host, the container's id, how many v1 cgroups are to be joined.

    rendezvous: the container is started at a socket, by whoever comes; preserved: how many descriptors the payload gets
    beyond its streams; may_drop_groups: in a new user namespace setgroups(2) is allowed.
    """

    rootfs: str
    container_id: str
    v1_cgroups: int
    rendezvous: bool = False
    preserved: int = 0
    may_drop_groups: bool = True
