"""Signals to all processes of a cgroup. Needs no free disk and no new process, and leaves nothing frozen."""

from __future__ import annotations

import os

from containerd_py.light import signal
from containerd_py.runtime.cgroups import files, freezer
from containerd_py.runtime.cgroups.members import pids
from containerd_py.runtime.linux.fd import Fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.cgroups.cgroup import Cgroup

_ROUNDS = 64  # of killing what is listed: each round leaves only what was forked meanwhile


def kill(cgroup: Cgroup) -> None:
    """Kill everything in the cgroup and below, at once where the kernel can (cgroup.kill, Linux 5.14).

    Else all are stopped first, so that none forks away from it. A process that is frozen by the freezer of v1 dies when it
    is thawed only.
    """
    if cgroup.v2 and files.write_if_there(f"{cgroup.v2}/cgroup.kill", "1"):
        freezer.thaw(cgroup)
        return
    try:
        signal_all(cgroup, signal.SIGKILL)
    finally:
        freezer.thaw(cgroup)
    for _ in range(_ROUNDS):
        if not _signal_listed(cgroup, signal.SIGKILL):
            return


def signal_all(cgroup: Cgroup, number: int) -> None:
    """Send a signal to every process, all being stopped meanwhile where that can be, so that none is born unseen."""
    if pids(cgroup):
        with freezer.stopped(cgroup):
            _signal_listed(cgroup, number)


def _signal_listed(cgroup: Cgroup, number: int) -> int:
    """Send a signal to every process that is listed now; return how many there were."""
    found = pids(cgroup)
    for pid in found:
        _signal_member(cgroup, pid, number)
    return len(found)


def _signal_member(cgroup: Cgroup, pid: int, number: int) -> None:
    """By pidfd, and only if the process is still in the cgroup once it is held (SECURITY R10)."""
    try:
        with Fd(os.pidfd_open(pid)) as pidfd:
            if pid in pids(cgroup):
                signal.pidfd_send_signal(pidfd.fileno(), number)
    except ProcessLookupError:
        return
