"""What travels over the HTTP API: the Python twin of openapi.yaml.

Requests are strict (no coercion, no unknown field), everything is frozen. Nothing here knows how a request is
served; the client and the daemon share this module and nothing else.
"""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from containerd_py.signal_names import signal_number

IDENTIFIER_PATTERN = r"^[a-zA-Z0-9][a-zA-Z0-9_.+-]{0,127}$"

RESTART_PATTERN = r"^(no|always|unless-stopped|on-failure(:[1-9][0-9]{0,5})?)$"
LONGEST_STOP_S = 86_400.0


def _without_parent_reference(value: str) -> str:
    if ".." in value:
        raise ValueError("must not contain '..'")
    return value


def _known_signal(value: str) -> str:
    if signal_number(value) is None:
        raise ValueError("no such signal")
    return value


def _numeric(value: str) -> str:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        raise ValueError("must be an IPv4 or IPv6 address") from None
    if "%" in value:
        raise ValueError("must have no zone")
    return value


Identifier = Annotated[str, StringConstraints(pattern=IDENTIFIER_PATTERN), AfterValidator(_without_parent_reference)]
"""An id or a name of a container (SECURITY R20): it becomes a file name and a cgroup name."""

Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
AbsolutePath = Annotated[str, StringConstraints(pattern=r"^/[^\x00]*$", max_length=4095)]
Strings = Annotated[tuple[Text, ...], Field(strict=False)]
Signal = Annotated[str, StringConstraints(min_length=1), AfterValidator(_known_signal)]
"""A signal by its name, with or without "SIG", or its number."""

Address = Annotated[str, StringConstraints(max_length=64), AfterValidator(_numeric)]
"""An IPv4 or IPv6 address; no name: nobody would look it up."""

UrlPath = Annotated[str, StringConstraints(pattern=r"^/[!-~]*$", max_length=2048)]
"""The path of a URL with its query, percent-encoded where it is not ASCII."""

RestartPolicy = Annotated[str, StringConstraints(pattern=RESTART_PATTERN)]
"""Which ends of a container it is started again after; "on-failure:3": three times at most."""

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
    "container.health",
    "container.restarting",
    "container.restart_failed",
    "container.deleted",
    "exec.created",
    "exec.started",
    "exec.exited",
    "exec.killed",
)
"""What happens. A subscriber may hear of a "gap" besides."""

Status = Literal["creating", "created", "running", "paused", "stopped"]
Reason = Literal["exited", "signaled", "oom", "lost", "failed"]
ExecStatus = Literal["created", "starting", "running", "stopped"]
Stream = Literal["stdout", "stderr"]
LogDriver = Literal["file", "none"]
CheckStatus = Literal["ok", "warn", "fail"]
Network = Literal["private", "none", "host"]
HealthStatus = Literal["starting", "healthy", "unhealthy"]
HealthAction = Literal["none", "kill", "restart", "stop"]
"""What is done once a container is unhealthy. "kill": its restart policy goes on; "stop": as if somebody had asked."""


class Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


# ── requests ──────────────────────────────────────────────────────────────────────────────────────────────────


class MountSpec(Wire):
    """One mount: a bind of `source` where `type` is "bind" (the default when a source is given), else a file system."""

    target: AbsolutePath
    source: Text | None = None
    type: Text | None = None
    options: Strings = ()


class ResourcesSpec(Wire):
    """Limits. One that this host cannot enforce is refused, never ignored. cpus: 0.5 is half of the time of one CPU."""

    pids: Annotated[int, Field(ge=1, le=4_194_304)] | None = None
    memory_bytes: Annotated[int, Field(ge=1)] | None = None
    cpus: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


class LogSpec(Wire):
    """How output is kept. max_bytes: of one file; max_files: how many. None: as the daemon's settings say."""

    driver: LogDriver = "file"
    """ "none": it can be followed by attached clients, and is not kept."""
    max_bytes: Annotated[int, Field(ge=4096)] | None = None
    max_files: Annotated[int, Field(ge=1, le=1000)] | None = None


class TcpCheck(Wire):
    """Well where it takes a connection. host: an address, seen from within the container."""

    port: Annotated[int, Field(ge=1, le=65535)]
    host: Address = "127.0.0.1"


class HttpCheck(Wire):
    """Well where it answers a GET with a status from 200 to 399; redirections are not followed."""

    port: Annotated[int, Field(ge=1, le=65535)]
    host: Address = "127.0.0.1"
    path: UrlPath = "/"


class HealthSpec(Wire):
    """How it is found out whether a container is well; exactly one of exec, tcp and http."""

    exec: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)] | None = None
    """A program and its arguments, executed as the payload is; well where it exits with 0."""
    tcp: TcpCheck | None = None
    http: HttpCheck | None = None
    interval_s: Annotated[float, Field(ge=0.1, le=86_400, allow_inf_nan=False)] = 30.0
    timeout_s: Annotated[float, Field(ge=0.1, le=3_600, allow_inf_nan=False)] = 30.0
    retries: Annotated[int, Field(ge=1, le=1_000)] = 3
    """So many failures in a row make it unhealthy."""
    start_period_s: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = 0.0
    """So long after its start a failure does not count until the first success, and it is looked at each second."""
    on_failure: HealthAction = "none"

    @model_validator(mode="after")
    def _one_kind(self) -> HealthSpec:
        if sum(one is not None for one in (self.exec, self.tcp, self.http)) != 1:
            raise ValueError("exactly one of exec, tcp and http must be given")
        return self


class Common(Wire):
    """What every form of creation may carry."""

    id: Identifier | None = None
    name: Identifier | None = None
    labels: dict[Text, Text] = {}
    stdin: bool = False
    """Keep the payload's standard input open for attached clients; without it stdin is /dev/null."""
    log: LogSpec = LogSpec()
    restart: RestartPolicy = "no"
    stop_signal: Signal | None = None
    stop_timeout_s: Annotated[float, Field(ge=0, le=LONGEST_STOP_S, allow_inf_nan=False)] | None = None
    health: HealthSpec | None = None


class ContainerSpec(Common):
    """The friendly form: what most people need, lowered to an OCI document with safe defaults."""

    rootfs: AbsolutePath
    args: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]
    env: dict[Text, Text] = {}
    cwd: AbsolutePath = "/"
    user: Text | None = None
    """ "uid[:gid]" or a name (or "name:group") of the container's own /etc/passwd and /etc/group."""
    hostname: Text | None = None
    terminal: bool = False
    read_only: bool = False
    mounts: Annotated[tuple[MountSpec, ...], Field(strict=False)] = ()
    resources: ResourcesSpec = ResourcesSpec()
    network: Network = "private"


class BundleSpec(Common):
    """An OCI bundle on the daemon's host: a directory with config.json."""

    bundle: AbsolutePath


class OciSpec(Common):
    """An OCI runtime document as is; its root.path must be absolute."""

    oci: dict[str, Any]


CreateRequest = ContainerSpec | BundleSpec | OciSpec
"""Told apart by which of `rootfs`, `bundle` and `oci` is present."""


class ExecSpec(Wire):
    """A further process for a running container. What is not given is as for the container's own process."""

    args: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]
    env: dict[Text, Text] = {}
    """Beside, or in place of, the container's own."""
    cwd: AbsolutePath | None = None
    user: Text | None = None
    additional_groups: Strings = ()
    """Numbers, or names of the container's /etc/group."""
    terminal: bool = False
    stdin: bool = False
    detach: bool = False
    """Nobody looks at it: no input, and its output is thrown away."""
    privileged: bool = False
    """All capabilities that the daemon has, and no_new_privs off; the container's seccomp filter stays."""
    capabilities: Strings | None = None
    """Exactly these, which must be among the container's."""


class UpdateRequest(Wire):
    """What changes; the rest stays. A limit that is null is lifted."""

    resources: ResourcesSpec | None = None
    restart: RestartPolicy | None = None


# ── responses ─────────────────────────────────────────────────────────────────────────────────────────────────


class ErrorBody(Wire):
    kind: str
    message: str
    step: str | None = None
    errno: str | None = None
    hint: str | None = None


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


class Reached(Wire):
    """What was waited for, where that is no end of a run."""

    condition: Literal["healthy"]


class CheckResult(Wire):
    """One health check. exit_code: 0 for success; of a TCP or HTTP check 1 for failure. output: its beginning."""

    started_at: str
    duration_s: float
    exit_code: int
    output: str


class HealthState(Wire):
    """What the checks of a run have found; of the last run where there is none now."""

    status: HealthStatus
    failing_streak: int
    since: str
    results: Annotated[tuple[CheckResult, ...], Field(strict=False)]


class ExecCreated(Wire):
    id: str


class ExecDetail(Wire):
    id: str
    container_id: str
    status: ExecStatus
    args: Strings
    terminal: bool
    stdin: bool
    detach: bool
    pid: int | None
    created_at: str
    started_at: str | None
    exit: Exit | None
    process: dict[str, Any]
    """The OCI document of the process."""
    output_bytes: int
    lost_output_bytes: int


class ExecList(Wire):
    execs: Annotated[tuple[ExecDetail, ...], Field(strict=False)]


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
    health_state: HealthState | None = None
    stdin: bool
    spec: dict[str, Any]
    """The request as it was given."""
    oci: dict[str, Any]
    """The OCI runtime document it was lowered to."""
    cgroup_paths: Strings
    output_bytes: int
    """How much output is in the log: the offset at which the next byte will stand."""
    lost_output_bytes: int


class ContainerList(Wire):
    containers: Annotated[tuple[ContainerSummary, ...], Field(strict=False)]


class Stall(Wire):
    """Percentages of the last 10, 60 and 300 seconds, and the total in microseconds."""

    avg10: float
    avg60: float
    avg300: float
    total_us: int


class Pressure(Wire):
    """some: at least one process waited; full: all did."""

    some: Stall
    full: Stall


class CpuStats(Wire):
    """percent: of one CPU, since the line before; null in the first."""

    usage_ns: int
    user_ns: int
    kernel_ns: int
    percent: float | None
    throttled_periods: int
    throttled_ns: int
    pressure: Pressure | None


class MemoryStats(Wire):
    usage_bytes: int
    limit_bytes: int | None
    peak_bytes: int
    working_set_bytes: int
    anon_bytes: int
    file_bytes: int
    kernel_bytes: int
    swap_bytes: int
    oom_kills: int
    pressure: Pressure | None


class PidsStats(Wire):
    current: int
    limit: int | None


class IoStats(Wire):
    read_bytes: int
    write_bytes: int
    reads: int
    writes: int
    pressure: Pressure | None


class Stats(Wire):
    """What one container uses; sums count from its start."""

    id: str
    name: str
    time: str
    cpu: CpuStats
    memory: MemoryStats
    pids: PidsStats
    io: IoStats


class StatsRound(Wire):
    """Measured together."""

    time: str
    containers: Annotated[tuple[Stats, ...], Field(strict=False)]


class Process(Wire):
    pid: int
    container_pid: int
    parent_pid: int
    user_id: int
    state: str
    name: str
    args: Strings
    threads: int
    cpu_ns: int
    rss_bytes: int
    started_at: str


class ProcessList(Wire):
    processes: Annotated[tuple[Process, ...], Field(strict=False)]


class PruneFailure(Wire):
    id: str
    name: str
    message: str


class Pruned(Wire):
    removed: Strings
    freed_bytes: int
    failed: Annotated[tuple[PruneFailure, ...], Field(strict=False)]


class Version(Wire):
    version: str
    api_version: str
    oci_version: str
    python: str
    kernel: str
    machine: str


class Info(Wire):
    """The host as probed, and the daemon's own state."""

    containers: dict[Status, int]
    state_dir: str
    data_dir: str
    cgroup_driver: str
    cgroup_controllers: Strings
    cgroup_parent: str
    features: dict[str, bool]
    """What this host has: kernel features by name, each true or false."""
    daemon_pid: int
    spawner_pid: int | None
    daemon_rss_bytes: int
    spawner_rss_bytes: int | None


class Check(Wire):
    """One thing of the host that was looked at. hint: what to do about it."""

    name: str
    status: CheckStatus
    found: str
    meaning: str
    hint: str | None


class Doctor(Wire):
    """What this host can and cannot do. status: the worst of the checks."""

    status: CheckStatus
    checks: Annotated[tuple[Check, ...], Field(strict=False)]


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
    attributes: dict[str, str] = {}
    asked_by: Peer | None = None
    """Whose request it came of; None for what came by itself."""


class PlanStep(Wire):
    index: int
    step: str
    description: str


class Explanation(Wire):
    namespaces: Strings
    steps: Annotated[tuple[PlanStep, ...], Field(strict=False)]


class TimedStep(Wire):
    """`start_us` counts from the request's arrival, on the monotonic clock."""

    phase: Literal["create", "start"]
    step: str
    description: str
    start_us: float
    duration_us: float


class Timeline(Wire):
    steps: Annotated[tuple[TimedStep, ...], Field(strict=False)]
