"""The stored records. They are written by one version of the daemon and read by the next: each has its schema's version."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

SCHEMA = 1


class Stored(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ExitRecord(Stored):
    """exit_code: None where nobody saw the end (reason "lost"). oom_killed: memory ran out, and a process was killed.
    stopped_by: who had its unit stopped, beside this daemon.

    ran_s: how long the run has lasted, by CLOCK_BOOTTIME; None where nobody knows. "failed": of an exec that was never
    executed.
    """

    exit_code: int | None
    reason: Literal["exited", "signaled", "oom", "lost", "failed"]
    signal: str | None
    finished_at: AwareDatetime
    oom_killed: bool = False
    stopped_by: Literal["systemd"] | None = None
    ran_s: float | None = None


class NextStart(Stored):
    """When a container is to be started. cause: its restart policy, or somebody who has asked for it.

    boottime_ns: by CLOCK_BOOTTIME in the boot `boot_id`, which is what counts; in another boot it is due at once.
    """

    at: AwareDatetime
    cause: Literal["policy", "request"]
    boottime_ns: int | None = None
    boot_id: str = ""


class IdempotencyKey(Stored):
    """What a creation was asked for with. digest: of its body."""

    text: str
    digest: str


class DeclaredBy(Stored):
    """The file that declares a container. digest: of all that it was made from, as it was then."""

    file: str
    digest: str


class HealthCheck(Stored):
    """How a container is checked. kind: which of the fields after it count. host: an address; path: of the HTTP request."""

    kind: Literal["exec", "tcp", "http"]
    args: tuple[str, ...] = ()
    host: str = ""
    port: int = 0
    path: str = ""
    interval_s: float
    timeout_s: float
    retries: int
    start_period_s: float
    on_failure: Literal["none", "kill", "restart", "stop"]


class HealthResult(Stored):
    started_at: AwareDatetime
    duration_s: float
    exit_code: int
    output: str


class HealthState(Stored):
    """What the checks of a run have found. since: the status; results: the last ones, as far as they are on record."""

    status: Literal["starting", "healthy", "unhealthy"]
    failing_streak: int = 0
    since: AwareDatetime
    results: tuple[HealthResult, ...] = ()


class NotifyState(Stored):
    """What the payload has told of itself in this run. watchdog_s: how often at least it says so; None: never."""

    ready: bool = False
    ready_at: AwareDatetime | None = None
    status: str = ""
    stopping: bool = False
    errno: int | None = None
    watchdog_s: float | None = None


class Timing(Stored):
    """When the steps of creation and start ended, in nanoseconds of the monotonic clock.

    parent: (name, start, end) of the daemon's own steps; created, started: ends of the worker's steps, in the plan's order.
    """

    arrived_ns: int
    parent: tuple[tuple[str, int, int], ...] = ()
    created_ns: tuple[int, ...] = ()
    start_ns: int | None = None
    started_ns: tuple[int, ...] = ()


class ContainerRecord(Stored):
    """state.json. "creating" is the intent: it is on record before anything is made, and undone by recovery.

    exit: of the run that has ended, None while there is another; previous_exit: of the run before.
    next_start: it is to be started, by this daemon or the next. restart_count: starts by its policy, since somebody did.
    failures: ends in a row that came soon after the start. stopped_on_request: its policy does not count any more.
    updating: its limits are being changed. left: its creation has failed, all that lived in its cgroup was killed, and the
    cgroup stays all the same.
    durable: it outlives a boot, by its `Definition`. auto_remove: it goes with its end. ever_started: its payload has run.
    started_boottime_ns: when its run began, by CLOCK_BOOTTIME in the boot `boot_id`.
    health_state, notify_state: of the run that there is, or was last; None where it is not checked, or does not notify, or
    has not run. watchdog_s: as the creation has it.
    pid, identity, boot_id: which process is the payload's; identity: what no other of that boot has, "" where unknown.
    """

    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    id: str
    name: str
    status: Literal["creating", "created", "running", "paused", "stopped"]
    created_at: AwareDatetime
    started_at: AwareDatetime | None = None
    started_boottime_ns: int | None = None
    exit: ExitRecord | None = None
    previous_exit: ExitRecord | None = None
    restart: str = "no"
    restart_count: int = 0
    next_start: NextStart | None = None
    failures: int = 0
    stopped_on_request: bool = False
    ever_started: bool = False
    durable: bool = False
    auto_remove: bool = False
    stop_signal: str | None = None
    stop_timeout_s: float | None = None
    updating: bool = False
    left: bool = False
    health: HealthCheck | None = None
    health_state: HealthState | None = None
    notify: bool = False
    watchdog_s: float | None = None
    notify_state: NotifyState | None = None
    labels: dict[str, str] = {}
    stdin: bool = False
    log_driver: Literal["file", "journald", "none"] = "file"
    log_max_bytes: int | None = None
    log_max_files: int | None = None
    log_tag: str | None = None
    pid: int | None = None
    identity: str = ""
    boot_id: str = ""
    rootfs: str
    cgroup_v2: str | None = None
    cgroups_v1: tuple[str, ...] = ()
    scope: str = ""
    """The unit of systemd's that its cgroup is; "" where it is none."""
    lost_output_bytes: int = 0
    timing: Timing | None = None
    key: IdempotencyKey | None = None
    declared: DeclaredBy | None = None

    def with_(self, **changes: Any) -> ContainerRecord:
        return self.model_copy(update=changes)


class ExecRecord(Stored):
    """A process that was executed in a container. process: its OCI document.

    "starting" is the intent: on record before a worker is forked. pid: not None once the worker may have been told to
    become the program; identity, boot_id, started_boottime_ns: as in a `ContainerRecord`. oom_kills_before: of its
    container, when it began.
    """

    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    id: str
    container_id: str
    status: Literal["created", "starting", "running", "stopped"]
    created_at: AwareDatetime
    started_at: AwareDatetime | None = None
    started_boottime_ns: int | None = None
    exit: ExitRecord | None = None
    process: dict[str, Any]
    stdin: bool = False
    detach: bool = False
    pid: int | None = None
    identity: str = ""
    boot_id: str = ""
    lost_output_bytes: int = 0
    key: IdempotencyKey | None = None
    oom_kills_before: int | None = None

    def with_(self, **changes: Any) -> ExecRecord:
        return self.model_copy(update=changes)


class StoredContainer(Stored):
    """All that is stored of one container. request: as it was given; config: the OCI document."""

    record: ContainerRecord
    request: dict[str, Any]
    config: dict[str, Any]


class Definition(Stored):
    """A container that outlives a boot, at rest: without what passes (runs, places, restarts)."""

    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    record: ContainerRecord
    request: dict[str, Any]
    config: dict[str, Any]
