"""The kernel, and how it was set up at boot."""

from __future__ import annotations

from containerd_py.runtime.doctor.finding import Finding, State
from containerd_py.runtime.host import OLDEST, parse_release

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.doctor.finding import Host

_TELLS_EXITS = (6, 15)
_LIMITS = {"cpu": "cpu", "cpuset": "cpuset", "io": "blkio", "memory": "memory", "pids": "pids"}
"""Controllers that containers are limited by most often: the name in cgroup v2, and in v1."""


def version(host: Host) -> Finding:
    found, number = f"Linux {host.release}", parse_release(host.release)
    if number < OLDEST:
        return Finding(State.FAIL, found, "calls that every container needs are missing", "boot Linux 5.14 or later")
    if number < _TELLS_EXITS:
        meaning = "the exit code of a container that ends while daemon and spawner are both gone is lost"
        return Finding(State.WARN, found, meaning, "Linux 6.15 or later keeps it")
    return Finding(State.OK, found, "everything that is used is there")


def cgroup_layout(host: Host) -> Finding:
    if host.cgroups.v2 is None and not host.cgroups.v1:
        return Finding(State.FAIL, "none", "containers have nothing to be held by", "mount cgroup2 at /sys/fs/cgroup")
    found = host.cgroups.driver()
    if host.cgroups.v2 is None:
        meaning = "killing and counting go by cgroup v1, which this version has not been tried with alone"
        return Finding(State.WARN, found, meaning, "boot with systemd.unified_cgroup_hierarchy=1")
    if host.cgroups.v1:
        meaning = "limits are split between cgroup v1 and v2; pressure and io limits of v2 are not there for what v1 has"
        return Finding(State.OK, found, meaning)
    return Finding(State.OK, found, "all limits are in one hierarchy")


def cgroup_controllers(host: Host) -> Finding:
    there = set(host.cgroups.controllers())
    missing = sorted(name for name, old in _LIMITS.items() if not there & {name, old})
    if missing:
        return Finding(
            State.WARN,
            f"without {', '.join(missing)}",
            f"containers with limits of {', '.join(missing)} are refused",
            "boot with cgroup_enable=NAME, and without cgroup_disable=NAME; within a container, have them delegated",
        )
    return Finding(State.OK, " ".join(sorted(there)), "the usual limits can be set")


def memfd(host: Host) -> Finding:
    """vm.memfd_noexec: Linux 6.3."""
    found = host.text("proc/sys/vm/memfd_noexec")
    if found == "2":
        meaning = "the sealed copy of the interpreter must lie on an overlay instead of in memory"
        return Finding(State.WARN, "vm.memfd_noexec is 2", meaning, "sysctl vm.memfd_noexec=1")
    return Finding(State.OK, f"vm.memfd_noexec is {found or 'not there'}", "the interpreter can be sealed in memory")


def systemd(host: Host) -> Finding:
    if host.has("run/systemd/system"):
        return Finding(State.OK, "running", "the daemon can be a service, and start again by itself after a crash")
    return Finding(
        State.WARN,
        "not running",
        "nothing starts the daemon again after a crash; containers run on meanwhile",
        "have another supervisor start pycontainerd",
    )
