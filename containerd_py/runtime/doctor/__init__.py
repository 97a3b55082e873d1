"""What this host can and cannot do: a list of checks, each of which looks at one thing, and changes nothing."""

from __future__ import annotations

import os

from containerd_py.runtime.doctor import confinement, ids, kernel, room
from containerd_py.runtime.doctor.finding import Finding, Host, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CHECKS", "Finding", "Host", "State", "examine"]

CHECKS: dict[str, Callable[[Host], Finding]] = {
    "kernel": kernel.version,
    "cgroup_layout": kernel.cgroup_layout,
    "cgroup_controllers": kernel.cgroup_controllers,
    "memfd": kernel.memfd,
    "systemd": kernel.systemd,
    "user_namespaces": ids.user_namespaces,
    "id_mapping_programs": ids.mapping_programs,
    "idmapped_mounts": ids.idmapped_mounts,
    "seccomp": confinement.seccomp,
    "landlock": confinement.landlock,
    "mandatory_access_control": confinement.mandatory,
    "state_dir": room.state_dir,
    "data_dir": room.data_dir,
    "descriptors": room.descriptors,
    "processes": room.processes,
}


def examine(host: Host) -> dict[str, Finding]:
    """Return what each check has found. One that cannot look says so, and costs the others nothing. Blocking."""
    return {name: _found(check, host) for name, check in CHECKS.items()}


def _found(check: Callable[[Host], Finding], host: Host) -> Finding:
    try:
        return check(host)
    except OSError as problem:
        told = os.strerror(problem.errno) if problem.errno else str(problem)
        where = f" {problem.filename!r}" if problem.filename else ""
        return Finding(
            State.WARN, "unknown", f"this could not be looked at{where}: {told}", "see that the daemon may read it"
        )
