"""What the engine shows of its containers: frozen snapshots, made without waiting for any container."""

from __future__ import annotations

import time
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from containerd_py.light.dataclasses import dataclass, field, replace

if TYPE_CHECKING:
    from datetime import datetime

    from containerd_py.errors import ContainerdError


class Status(StrEnum):
    """The states of the OCI runtime specification, section "State", and that of a frozen container."""

    CREATING = "creating"
    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"


class Stream(StrEnum):
    STDOUT = "stdout"
    STDERR = "stderr"


@dataclass(frozen=True)
class Exit:
    """How a payload ended.

    exit_code: what wait(2) told, 128 + n after signal n, None where nobody saw it (reason "lost").
    reason:    "exited", "signaled", "oom" (by the kernel, for want of memory) or "lost"; of an exec also "failed": it was
               never executed, and the code tells why as a shell does (127: no such program, 126: it cannot be executed).
    signal:    "SIGKILL", where a signal ended it.
    stopped_by: "systemd", where its unit was stopped by somebody who did not ask this daemon.
    ran_s:     how long the run has lasted, by a clock that nobody sets; None where nobody knows.
    """

    exit_code: int | None
    reason: str
    signal: str | None
    finished_at: datetime
    oom_killed: bool = False
    ran_s: float | None = None
    stopped_by: Literal["systemd"] | None = None


@dataclass(frozen=True)
class CheckResult:
    """One health check. exit_code: 0 for success; of a TCP or HTTP check 1 for failure."""

    started_at: datetime
    duration_s: float
    exit_code: int
    output: str


@dataclass(frozen=True)
class HealthView:
    """status: "starting", "healthy" or "unhealthy", since then; results: the last ones, the oldest first."""

    status: str
    failing_streak: int
    since: datetime
    results: tuple[CheckResult, ...]


@dataclass(frozen=True)
class NotifyView:
    """What a payload has told of itself (sd_notify(3)). watchdog_s: how often at least it says so."""

    ready: bool
    ready_at: datetime | None
    status: str
    stopping: bool
    errno: int | None
    watchdog_s: float | None


@dataclass(frozen=True)
class Reached:
    """What was waited for, where that is no end of a run: "healthy" or "ready"."""

    condition: str


@dataclass(frozen=True)
class TimedStep:
    """phase: "create" or "start"; times in nanoseconds of the monotonic clock, from the arrival of the request."""

    phase: str
    step: str
    description: str
    start_ns: int
    duration_ns: int


@dataclass(frozen=True, eq=False)
class ContainerSummary:
    """What a list shows of a container: the same object for as long as nothing in it changes.

    health: "starting", "healthy" or "unhealthy", of the run that there is; None where nothing is checked.
    """

    id: str
    name: str
    status: Status
    args: tuple[str, ...]
    rootfs: str
    labels: dict[str, str]
    terminal: bool
    pid: int | None
    created_at: datetime
    started_at: datetime | None
    exit: Exit | None
    restart_count: int
    next_start_at: datetime | None
    health: str | None


@dataclass(frozen=True)
class ContainerView:
    summary: ContainerSummary
    stdin: bool
    previous_exit: Exit | None
    restart: str
    stop_signal: str | None
    stop_timeout_s: float | None
    durable: bool
    auto_remove: bool
    cgroup_paths: tuple[str, ...]
    output_bytes: int
    lost_output_bytes: int
    spec: dict[str, Any] = field(repr=False)
    oci: dict[str, Any] = field(repr=False)
    health: HealthView | None = None
    """Of the run that there is, or was last; None for one that is not checked, or has not run."""
    notify: NotifyView | None = None
    """The same; None for one that does not notify."""
    running_s: float | None = None
    """How long this run has lasted so far; None unless it runs, and where nobody knows."""
    pids: tuple[int, ...] = ()
    """All its processes, as the daemon numbers them; only where one container is asked for."""


class ExecStatus(StrEnum):
    """created: recorded, not started yet; starting: a worker is becoming the program; stopped: it has ended, or failed."""

    CREATED = "created"
    STARTING = "starting"
    RUNNING = "running"
    STOPPED = "stopped"


@dataclass(frozen=True)
class ExecView:
    """A process that was executed in a container. process: its OCI document."""

    id: str
    container_id: str
    status: ExecStatus
    args: tuple[str, ...]
    terminal: bool
    stdin: bool
    detach: bool
    pid: int | None
    created_at: datetime
    started_at: datetime | None
    exit: Exit | None
    output_bytes: int
    lost_output_bytes: int
    process: dict[str, Any] = field(repr=False)
    running_s: float | None = None
    """As of a `ContainerView`."""


@dataclass(frozen=True)
class Peer:
    """A process that has connected to the API (SO_PEERCRED, unix(7))."""

    uid: int
    pid: int


@dataclass(frozen=True)
class Event:
    """One thing that happened. type: "container.created", ".started" and so on (openapi.yaml, `EventType`), or "gap"."""

    seq: int
    time: datetime
    type: str
    id: str | None
    name: str | None
    attributes: dict[str, str]
    labels: dict[str, str] = field(default_factory=dict)
    """Those that the container had then."""
    asked_by: Peer | None = None
    """Who asked for it; None for what came by itself."""


@dataclass(frozen=True)
class OutputChunk:
    """Bytes of the container's output; `offset` is where they begin in all of its output.

    time_ns: when they came, in nanoseconds since the epoch; 0 where that was lost.
    """

    stream: Stream
    offset: int
    data: bytes
    time_ns: int = field(default=0, compare=False)

    def before(self, end: int) -> OutputChunk | None:
        """Return the part of it that lies before an offset; None where nothing does."""
        data = self.data[: max(0, end - self.offset)]
        return replace(self, data=data) if data else None


@dataclass(frozen=True)
class OutputGap:
    """Output from offset `start` up to `end` is kept no more."""

    start: int
    end: int


@dataclass(frozen=True)
class Window:
    """Which part of output is wanted. Times in nanoseconds since the epoch; tail: so many lines at its end.

    kept: only what is kept, and no word of what is not.
    """

    since_ns: int | None = None
    until_ns: int | None = None
    tail: int | None = None
    kept: bool = False

    def is_over(self) -> bool:
        """Whether nothing that comes from now on is in it."""
        return self.until_ns is not None and self.until_ns <= time.time_ns()


@dataclass(frozen=True)
class PlanStep:
    step: str
    description: str


@dataclass(frozen=True)
class Explanation:
    namespaces: tuple[str, ...]
    steps: tuple[PlanStep, ...]


@dataclass(frozen=True)
class ContainerFailure:
    id: str
    name: str
    message: str


@dataclass(frozen=True)
class Pruned:
    """removed: ids; freed_bytes: of output."""

    removed: tuple[str, ...]
    freed_bytes: int
    failed: tuple[ContainerFailure, ...]


@dataclass(frozen=True)
class ShutDown:
    """stopped: ids, in the order in which they were told to."""

    stopped: tuple[str, ...]
    failed: tuple[ContainerFailure, ...]


@dataclass(frozen=True)
class OperationView:
    """container_id: None for one about all containers. result: an Exit, a Pruned, a ShutDown or None."""

    id: str
    action: str
    container_id: str | None
    container_name: str | None
    started_at: datetime
    finished_at: datetime | None
    asked_by: Peer | None
    error: ContainerdError | None
    result: Any


@dataclass(frozen=True)
class DeclaredFile:
    """container, name, status: of what was made from it; None without one. problem: why it is not as the file says."""

    file: str
    container: str | None
    name: str | None
    status: Status | None
    problem: str | None


@dataclass(frozen=True)
class Declared:
    """at: when all of it was looked at last. problem: why the directory could not be read."""

    directory: str | None
    at: datetime | None
    problem: str | None
    files: tuple[DeclaredFile, ...]


@dataclass(frozen=True)
class EngineInfo:
    containers: dict[Status, int]
    state_dir: str
    data_dir: str
    cgroup_driver: str
    cgroup_controllers: tuple[str, ...]
    cgroup_parent: str
    features: dict[str, bool]
    daemon_pid: int
    spawner_pid: int | None
    daemon_rss_bytes: int
    spawner_rss_bytes: int | None
