"""What happens."""

from __future__ import annotations

from pydantic import Field

from containerd_py.wire.common import Wire

EVENT_TYPES = (
    "container.created",
    "container.started",
    "container.exited",
    "container.oom",
    "container.killed",
    "container.renamed",
    "container.updated",
    "container.paused",
    "container.resumed",
    "container.unpacked",
    "container.health",
    "container.ready",
    "container.restarting",
    "container.restart_failed",
    "container.deleted",
    "exec.created",
    "exec.started",
    "exec.exited",
    "exec.killed",
    "operation.ended",
)
"""What happens. A subscriber may hear of a "gap" besides."""


class Peer(Wire):
    """A process of the host that has connected to the API."""

    uid: int
    pid: int


class Event(Wire):
    """One event. `seq` grows by one; after a gap the type is "gap" and `attributes` tells how many were dropped."""

    seq: int
    time: str
    type: str
    id: str | None = None
    name: str | None = None
    attributes: dict[str, str] = Field(default_factory=dict)
    asked_by: Peer | None = None
    """Whose request it came of; None for what came by itself."""
