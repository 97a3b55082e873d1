"""Containers: how one is asked for, and how it is shown."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from containerd_py.wire.common import AbsolutePath, Identifier, Signal, Strings, Text, Wire
from containerd_py.wire.health import HealthSpec, HealthState, HealthStatus
from containerd_py.wire.isolation import Isolation

RESTART_PATTERN = r"^(no|always|unless-stopped|on-failure(:[1-9][0-9]{0,5})?)$"
LONGEST_STOP_S = 86_400.0

RestartPolicy = Annotated[str, StringConstraints(pattern=RESTART_PATTERN)]
"""Which ends of a container it is started again after; "on-failure:3": three times at most."""

Status = Literal["creating", "created", "running", "paused", "stopped"]
Reason = Literal["exited", "signaled", "oom", "lost", "failed"]
Stream = Literal["stdout", "stderr"]
LogDriver = Literal["file", "journald", "none"]
Network = Literal["private", "none", "host"]
CpuList = Annotated[str, StringConstraints(pattern=r"^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$", max_length=4096)]
"""As cpuset(7) lists them: "0-3,7"."""


LONGEST_LABELS = 65_536


def _not_too_long(labels: dict[str, str]) -> dict[str, str]:
    length = sum(len(key) + len(value) for key, value in labels.items())
    if length > LONGEST_LABELS:
        raise ValueError(f"{length} characters are too many, keys and values together: the most is {LONGEST_LABELS}")
    return labels


class MountSpec(Wire):
    """One mount: a bind of `source` where `type` is "bind" (the default when a source is given), else a file system."""

    target: AbsolutePath
    source: Text | None = None
    type: Text | None = None
    options: Strings = ()


class ResourcesSpec(Wire):
    """Limits. One that this host cannot enforce is refused, never ignored. cpus: 0.5 is half of the time of one CPU."""

    pids: Annotated[int, Field(ge=1, le=4_194_304)] | None = None
    memory_bytes: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = None
    memory_swap_bytes: Annotated[int, Field(ge=-1, le=2**63 - 1)] | None = None
    """Memory and swap together; -1: no limit."""
    memory_reservation_bytes: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = None
    """What is left to it where the host runs short."""
    cpus: Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)] | None = None
    cpu_shares: Annotated[int, Field(ge=2, le=262_144)] | None = None
    """Its part where CPUs are short; 1024 is usual."""
    cpuset_cpus: CpuList | None = None
    cpuset_mems: CpuList | None = None
    blkio_weight: Annotated[int, Field(ge=10, le=1000)] | None = None


class LogSpec(Wire):
    """How output is kept. max_bytes: of one file; max_files: how many. None: as the daemon's settings say.

    "journald": these bound what waits for the journal. "none": it can be followed by attached clients, and is not kept.
    """

    driver: LogDriver = "file"
    max_bytes: Annotated[int, Field(ge=4096)] | None = None
    max_files: Annotated[int, Field(ge=1, le=1000)] | None = None
    tag: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=128)] | None = None
    """CONTAINER_TAG and SYSLOG_IDENTIFIER in the journal; without it the latter is the container's name."""

    @model_validator(mode="after")
    def _tag_has_a_journal(self) -> Self:
        if self.tag is not None and self.driver != "journald":
            raise ValueError("a tag is for the driver 'journald'")
        return self


class Common(Wire):
    """What every form of creation may carry."""

    id: Identifier | None = None
    name: Identifier | None = None
    labels: Annotated[dict[Text, Text], AfterValidator(_not_too_long)] = Field(default_factory=dict)
    """LONGEST_LABELS characters in all: events and operations have them too."""
    stdin: bool = False
    """Keep the payload's standard input open for attached clients; without it stdin is /dev/null."""
    log: LogSpec = LogSpec()
    restart: RestartPolicy = "no"
    stop_signal: Signal | None = None
    stop_timeout_s: Annotated[float, Field(ge=0, le=LONGEST_STOP_S, allow_inf_nan=False)] | None = None
    durable: bool = False
    """It outlives a boot of the host: stopped then, or started again by its restart policy."""
    auto_remove: bool = False
    """Remove it once it has ended. Its output and its exit can be read by its id for a while yet."""
    init: bool = False
    """Have a first process of ours that reaps, and passes signals on to the payload."""
    health: HealthSpec | None = None
    notify: bool = False
    """Give the payload a socket by which it tells how it is (sd_notify(3))."""
    watchdog_s: Annotated[float, Field(ge=0.1, le=86_400, allow_inf_nan=False)] | None = None
    """How often at least it is to say WATCHDOG=1, once it has said READY=1, or be killed."""

    @model_validator(mode="after")
    def _what_goes_does_not_come_back(self) -> Self:
        if self.auto_remove and (self.durable or self.restart != "no"):
            other = "durable" if self.durable else "restart"
            raise ValueError(f"auto_remove and {other} ask for the opposite: leave out one of them")
        return self


class ContainerSpec(Common, Isolation):
    """The friendly form: what most people need, lowered to an OCI document with safe defaults."""

    rootfs: AbsolutePath
    args: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]
    env: dict[Text, Text] = Field(default_factory=dict)
    cwd: AbsolutePath = "/"
    user: Text | None = None
    """ "uid[:gid]" or a name (or "name:group") of the container's own /etc/passwd and /etc/group."""
    hostname: Text | None = None
    terminal: bool = False
    read_only: bool = False
    mounts: Annotated[tuple[MountSpec, ...], Field(strict=False)] = ()
    resources: ResourcesSpec = ResourcesSpec()
    network: Network = "private"
    annotations: dict[Text, Text] = Field(default_factory=dict)
    """Of the OCI document, for tools that read it."""


class BundleSpec(Common):
    """An OCI bundle on the daemon's host: a directory with config.json."""

    bundle: AbsolutePath


class OciSpec(Common):
    """An OCI runtime document as is; its root.path must be absolute."""

    oci: dict[str, Any]


CreateRequest = ContainerSpec | BundleSpec | OciSpec
"""Told apart by which of `rootfs`, `bundle` and `oci` is present."""


class UpdateRequest(Wire):
    """What changes; the rest stays. A limit that is null is lifted."""

    resources: ResourcesSpec | None = None
    restart: RestartPolicy | None = None
    durable: bool | None = None


class Created(Wire):
    id: str
    name: str


class Exit(Wire):
    """How a payload ended. `exit_code` is 128 + n after signal n, and null where nobody saw the end ("lost").

    Of an exec that was never executed ("failed"): 127 where there is no such program, else 126.
    """

    exit_code: int | None
    reason: Reason
    signal: str | None = None
    finished_at: str
    oom_killed: bool = False
    """The kernel has killed a process of it for want of memory; with the reason "oom", its first one."""
    stopped_by: Literal["systemd"] | None = None
    """Who has had it stopped without asking the daemon: systemd, by its unit (systemctl stop)."""
    ran_s: float | None = None
    """How long it ran, by a clock that nobody sets (CLOCK_BOOTTIME); None where nobody knows."""


class Reached(Wire):
    """What was waited for, where that is no end of a run."""

    condition: Literal["healthy", "ready"]


class NotifyState(Wire):
    """What a payload has told of itself in its run; of the last run where there is none now.

    errno: a number of errno(3). watchdog_s: how often at least it says so.
    """

    ready: bool
    ready_at: str | None
    status: str
    stopping: bool
    errno: int | None
    watchdog_s: float | None


class ContainerSummary(Wire):
    id: str
    name: str
    status: Status
    args: Strings
    rootfs: str
    labels: dict[str, str]
    terminal: bool
    pid: int | None
    created_at: str
    started_at: str | None
    exit: Exit | None
    restart_count: int = 0
    """How often its restart policy has started it, since somebody did."""
    next_start_at: str | None = None
    """When its restart policy starts it again; it is stopped until then."""
    health: HealthStatus | None = None
    """Of the run that there is; None where nothing is checked."""


class ContainerDetail(ContainerSummary):
    previous_exit: Exit | None = None
    """How the run before this one, or before the one that has ended, did end."""
    restart: RestartPolicy = "no"
    stop_signal: str | None = None
    stop_timeout_s: float | None = None
    durable: bool = False
    auto_remove: bool = False
    health_state: HealthState | None = None
    notify_state: NotifyState | None = None
    stdin: bool
    spec: dict[str, Any]
    """The request as it was given."""
    oci: dict[str, Any]
    """The OCI runtime document it was lowered to."""
    cgroup_paths: Strings
    output_bytes: int
    """How much output is in the log: the offset at which the next byte will stand."""
    lost_output_bytes: int
    pids: Annotated[tuple[int, ...], Field(strict=False)] = ()
    """All its processes, in the daemon's pid namespace."""
    running_s: float | None = None
    """How long this run has lasted so far, as `Exit.ran_s`; None unless it runs."""


class ContainerList(Wire):
    containers: Annotated[tuple[ContainerSummary, ...], Field(strict=False)]


class ContainerFailure(Wire):
    id: str
    name: str
    message: str


class Pruned(Wire):
    removed: Strings
    freed_bytes: int
    failed: Annotated[tuple[ContainerFailure, ...], Field(strict=False)]


class ShutDown(Wire):
    stopped: Strings
    """Ids, in the order in which they were told to end."""
    failed: Annotated[tuple[ContainerFailure, ...], Field(strict=False)]
