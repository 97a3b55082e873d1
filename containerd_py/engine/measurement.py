"""What is measured at one moment. How it is written down is not told here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py.light.dataclasses import dataclass

if TYPE_CHECKING:
    from containerd_py.engine.latencies import Latencies


@dataclass(frozen=True)
class ContainerFigures:
    """Of one run of a container, its cgroups below included. healthy: None for one that is not checked."""

    id: str
    name: str
    cpu_s: float
    memory_bytes: int
    memory_limit_bytes: int | None
    anon_bytes: int
    file_bytes: int
    pids: int
    oom_kills: int
    restarts: int
    healthy: bool | None = None


@dataclass(frozen=True)
class Measurement:
    """published: events by type; failures: by operation and kind of error. Both, and `dropped`, since the daemon began.

    loop_lag: by how much later than asked for the event loop came to something, looked at every few seconds.
    spawner_round_trips: from asking for a worker to having it.
    """

    statuses: dict[str, int]
    containers: tuple[ContainerFigures, ...]
    published: dict[str, int]
    failures: dict[tuple[str, str], int]
    dropped: int
    loop_lag: Latencies
    spawner_round_trips: Latencies
    resident_bytes: int
    spawner_resident_bytes: int | None
    open_fds: int
    most_fds: int
    tasks: int
    began_at_s: float
