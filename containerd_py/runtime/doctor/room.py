"""What may run out."""

from __future__ import annotations

import os
import resource

from containerd_py.runtime.doctor.finding import Finding, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.doctor.finding import Host

_MIB = 1 << 20
_LEAST_INODES = 1000
_PER_CONTAINER = 8
_FEW = 512


def state_dir(host: Host) -> Finding:
    meaning = "without room no container is created; those that are there can be stopped and deleted"
    return _room(host.state_dir, warn=16 * _MIB, fail=_MIB, meaning=meaning)


def data_dir(host: Host) -> Finding:
    meaning = "without room the output of containers is lost, and counted; they are not held up"
    return _room(host.data_dir, warn=1024 * _MIB, fail=None, meaning=meaning)


def _room(path: str, *, warn: int, fail: int | None, meaning: str) -> Finding:
    """warn, fail: fewer bytes than that are that."""
    disk = os.statvfs(path)
    free, inodes = disk.f_bavail * disk.f_frsize, disk.f_favail
    found = f"{free // _MIB} MiB free at {path}"
    if free < warn:
        state = State.FAIL if fail is not None and free < fail else State.WARN
        return Finding(state, found, meaning, "free some, or name another directory in the settings")
    if disk.f_files and inodes < _LEAST_INODES:  # btrfs counts none
        found += f", {inodes} inodes"
        return Finding(State.WARN, found, meaning, "remove files there, or make the file system with more inodes")
    return Finding(State.OK, found, meaning)


def descriptors(host: Host) -> Finding:
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = host.number("proc/sys/fs/file-max")
    count = soft if soft != resource.RLIM_INFINITY else most or 0
    meaning = f"enough for about {max(0, count - _FEW) // _PER_CONTAINER} containers; more are refused with 503"
    if 0 < count < 8 * _FEW:
        return Finding(State.WARN, f"{count} for the daemon", meaning, "raise LimitNOFILE= of the unit, or ulimit -Hn")
    return Finding(State.OK, f"{count} for the daemon", meaning)


def processes(host: Host) -> Finding:
    """The least of what the kernel allows and of what the cgroups above the daemon do."""
    limits = {
        "kernel.pid_max": host.number("proc/sys/kernel/pid_max"),
        "kernel.threads-max": host.number("proc/sys/kernel/threads-max"),
    }
    limits |= {path: host.number(path.lstrip("/")) for path in _pids_files(host)}
    told = {name: count for name, count in limits.items() if count is not None}
    meaning = "more processes than that cannot be started, in all containers together"
    if not told:
        return Finding(State.OK, "no limit", meaning)
    name = min(told, key=lambda one: told[one])
    count, found = told[name], f"{told[name]} by {name}"
    if count < 4 * _FEW:
        return Finding(State.WARN, found, meaning, "raise it; for the cgroup of a unit, by TasksMax=")
    return Finding(State.OK, found, meaning)


def _pids_files(host: Host) -> list[str]:
    mount = host.cgroups.v1.get("pids") or host.cgroups.v2
    own = host.cgroups.own.get(mount or "")
    return [] if own is None else [f"{own}/pids.max"]
