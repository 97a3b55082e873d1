"""Docker's words for what the daemon tells: fields of a template beside those of our own models."""

from __future__ import annotations

import datetime
import shlex
from typing import TYPE_CHECKING, Any

import containerd_py
from containerd_py.cli.figures import size_text
from containerd_py.cli.output import age_text, status_text
from containerd_py.cli.templates import Row, Struct

if TYPE_CHECKING:
    from containerd_py.wire import (
        ContainerDetail,
        ContainerSummary,
        Event,
        ExecDetail,
        Info,
        Process,
        Stats,
        Version,
    )

ID_LENGTH = 12
_CPU_PERIOD_US = 100_000


def container_row(one: ContainerSummary, *, whole: bool = False) -> Row:
    """whole: its id is not cut."""
    labels = one.labels
    words: dict[str, Any] = {
        "ID": one.id if whole else one.id[:ID_LENGTH],
        "Names": one.name,
        "Command": shlex.join(one.args),
        "CreatedAt": one.created_at,
        "RunningFor": age_text(one.created_at, datetime.datetime.now(datetime.UTC)),
        "Status": status_text(one),
        "State": _state(one),
        "Labels": ",".join(f"{key}={value}" for key, value in sorted(labels.items())),
        "Label": lambda key: labels.get(key, ""),
    }
    return Row(one, words)


def detail_row(one: ContainerDetail) -> Row:
    ended = one.exit
    health = one.health_state
    state = Struct(
        Status=_state(one),
        Running=one.status in ("running", "paused"),
        Paused=one.status == "paused",
        Restarting=one.next_start_at is not None,
        OOMKilled=ended is not None and ended.oom_killed,
        Pid=one.pid or 0,
        ExitCode=0 if ended is None else ended.exit_code,
        StartedAt=one.started_at or "",
        FinishedAt="" if ended is None else ended.finished_at,
        Health=None if health is None else Struct(Status=health.status, FailingStreak=health.failing_streak),
    )
    process: dict[str, Any] = one.oci.get("process") or {}
    config = Struct(
        Hostname=one.oci.get("hostname", ""),
        Env=process.get("env", []),
        Cmd=list(one.args),
        WorkingDir=process.get("cwd", ""),
        Labels=one.labels,
        Tty=one.terminal,
        OpenStdin=one.stdin,
        StopSignal=one.stop_signal or "SIGTERM",
    )
    words: dict[str, Any] = {"Created": one.created_at, "State": state, "Config": config, "HostConfig": _host_config(one)}
    return Row(one, {**words, "Path": one.args[0], "Args": list(one.args[1:]), "Mounts": _mounts(one)})


def _host_config(one: ContainerDetail) -> Struct:
    """Limits of 0 are none, as docker has them."""
    policy, _, most = one.restart.partition(":")
    linux: dict[str, Any] = one.oci.get("linux") or {}
    resources: dict[str, Any] = linux.get("resources") or {}
    cpu: dict[str, Any] = resources.get("cpu") or {}
    memory: dict[str, Any] = resources.get("memory") or {}
    spec = one.spec
    period_us, quota_us = cpu.get("period") or _CPU_PERIOD_US, max(0, cpu.get("quota") or 0)
    return Struct(
        Memory=max(0, memory.get("limit") or 0),
        MemoryReservation=max(0, memory.get("reservation") or 0),
        MemorySwap=memory.get("swap") or 0,
        CpuShares=cpu.get("shares") or 0,
        CpusetCpus=cpu.get("cpus") or "",
        CpusetMems=cpu.get("mems") or "",
        BlkioWeight=(resources.get("blockIO") or {}).get("weight") or 0,
        Privileged=bool(spec.get("privileged")),
        CapAdd=list(spec.get("cap_add") or ()),
        CapDrop=list(spec.get("cap_drop") or ()),
        GroupAdd=list(spec.get("additional_groups") or ()),
        Sysctls=linux.get("sysctl") or {},
        OomScoreAdj=(one.oci.get("process") or {}).get("oomScoreAdj") or 0,
        Init=bool(spec.get("init")),
        AutoRemove=one.auto_remove,
        NetworkMode=spec.get("network") or "private",
        PidMode=_mode(linux, "pid"),
        IpcMode=_mode(linux, "ipc"),
        UTSMode=_mode(linux, "uts"),
        NanoCpus=quota_us * 1_000_000_000 // period_us,
        PidsLimit=max(0, (resources.get("pids") or {}).get("limit") or 0),
        ReadonlyRootfs=bool((one.oci.get("root") or {}).get("readonly")),
        RestartPolicy=Struct(Name=policy, MaximumRetryCount=int(most or 0)),
    )


def _mode(linux: dict[str, Any], kind: str) -> str:
    """Return "host" where it has no namespace of this type of its own; one that is joined counts as its own."""
    own = any(namespace.get("type") == kind for namespace in linux.get("namespaces") or ())
    return "private" if own else "host"


def _mounts(one: ContainerDetail) -> list[Struct]:
    return [
        Struct(
            Type=mount.get("type") or "bind",
            Source=mount.get("source", ""),
            Destination=mount["destination"],
            Mode=",".join(mount.get("options") or ()),
            RW="ro" not in (mount.get("options") or ()),
        )
        for mount in one.oci.get("mounts") or ()
    ]


def stats_row(one: Stats, *, whole: bool = False) -> Row:
    """whole: its id is not cut."""
    memory, limit = one.memory, one.memory.limit_bytes
    used = size_text(memory.working_set_bytes)
    words = {
        "Container": one.id if whole else one.id[:ID_LENGTH],
        "ID": one.id if whole else one.id[:ID_LENGTH],
        "CPUPerc": "--" if one.cpu.percent is None else f"{one.cpu.percent:.2f}%",
        "MemUsage": f"{used} / {'--' if limit is None else size_text(limit)}",
        "MemPerc": f"{memory.working_set_bytes / limit * 100:.2f}%" if limit else "--",
        "BlockIO": f"{size_text(one.io.read_bytes)} / {size_text(one.io.write_bytes)}",
        "PIDs": one.pids.current,
    }
    return Row(one, words)


def process_row(one: Process) -> Row:
    return Row(one, {"PPID": one.parent_pid, "UID": one.user_id, "CMD": shlex.join(one.args), "Command": one.name})


def event_row(one: Event) -> Row:
    action = one.type.rpartition(".")[2]
    actor = Struct(ID=one.id or "", Attributes={"name": one.name or "", **one.attributes})
    return Row(one, {"Action": action, "Status": action, "Actor": actor})


def exec_row(one: ExecDetail) -> Row:
    running = one.status in ("starting", "running")
    return Row(one, {"Command": shlex.join(one.args), "Running": running})


def info_row(told: Info) -> Row:
    counts: dict[str, int] = dict(told.containers)  # type: ignore[arg-type]  # its keys are the literals of a state
    words: dict[str, Any] = {
        "Containers": sum(counts.values()),
        "ContainersRunning": counts.get("running", 0),
        "ContainersPaused": counts.get("paused", 0),
        "ContainersStopped": counts.get("stopped", 0),
    }
    return Row(told, words)


def version_row(told: Version) -> Row:
    server = Struct(Version=told.version, APIVersion=told.api_version, KernelVersion=told.kernel, Arch=told.machine)
    return Row(told, {"Server": server, "Client": Struct(Version=containerd_py.__version__)})


def _state(one: ContainerSummary) -> str:
    """In docker's words: "exited" for what we call stopped."""
    if one.next_start_at is not None:
        return "restarting"
    return "exited" if one.status == "stopped" else one.status
