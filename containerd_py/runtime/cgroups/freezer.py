"""Stopping all processes of a cgroup where they stand, and letting them go on.

Cgroup v2 does it in its core (cgroup-v2.rst, "cgroup.freeze"), so that a container on a host with both needs no hierarchy
for it. Else the freezer of v1 does (Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst).
"""

from __future__ import annotations

import os
import select
import time

from containerd_py.errors import Conflict, ContainerdError, NotSupported, Unavailable
from containerd_py.light import contextlib
from containerd_py.runtime.cgroups import files
from containerd_py.runtime.cgroups.members import pids
from containerd_py.runtime.linux.fd import Fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.cgroups.cgroup import Cgroup

TIMEOUT_S = 10.0
_SHORT_S = 0.5
_V2 = "cgroup.freeze"
_V1 = "freezer.state"
_RETRY_S = 0.001
_TRIES_BETWEEN_THAWS = 50
_THAWED_S = 0.01
_LOOK_S = 0.05


def freeze(cgroup: Cgroup, *, timeout_s: float = TIMEOUT_S) -> None:
    """Return when every process has stopped.

    Raises NotSupported without a freezer, Conflict where this process is itself in the cgroup, Unavailable where a process
    does not stop in time (in an uninterruptible sleep): then all go on.
    """
    if os.getpid() in pids(cgroup):
        raise Conflict("cannot freeze cgroup: this process is in it", step="freeze")
    deadline = time.monotonic() + timeout_s
    v2, v1 = cgroup.holding(_V2), cgroup.holding(_V1)
    if v2 is None and v1 is None:
        raise NotSupported("cannot freeze cgroup: neither cgroup v2 nor the freezer of v1 is there", step="freeze")
    try:
        stopped = _freeze_v2(v2, deadline) if v2 else _freeze_v1(v1 or "", deadline)
    except BaseException:
        thaw(cgroup)
        raise
    if not stopped:
        thaw(cgroup)
        raise Unavailable(
            f"cannot freeze cgroup {v2 or v1!r}: a process did not stop within {timeout_s:g} s",
            step="freeze",
            hint="a process in an uninterruptible sleep (state D) cannot be stopped; try again later",
        )


def thaw(cgroup: Cgroup) -> None:
    """Let all go on; does nothing where nothing is frozen, or the cgroup is gone."""
    for path in cgroup.paths:
        if not files.write_if_there(f"{path}/{_V2}", "0"):
            files.write_if_there(f"{path}/{_V1}", "THAWED")


@contextlib.contextmanager
def stopped(cgroup: Cgroup) -> Iterator[None]:
    """Keep everything stopped for a while, where there is a freezer; what is frozen already stays so."""
    mine = False
    if not is_frozen(cgroup):
        with contextlib.suppress(ContainerdError, OSError):
            freeze(cgroup, timeout_s=_SHORT_S)
            mine = True
    try:
        yield
    finally:
        if mine:
            thaw(cgroup)


def is_frozen(cgroup: Cgroup) -> bool:
    """Tell whether `freeze` was asked for; not whether somebody froze a parent."""
    v2 = cgroup.holding(_V2)
    if v2 is not None:
        return files.read(f"{v2}/{_V2}") == "1"
    v1 = cgroup.holding(_V1)
    return v1 is not None and files.read(f"{v1}/freezer.self_freezing") == "1"


def await_change(cgroup: Cgroup) -> None:
    """Return once what is frozen may be so no more, a little later at the latest."""
    v2 = cgroup.holding(_V2)
    if v2 is None:
        time.sleep(_LOOK_S)
        return
    with Fd(os.open(f"{v2}/cgroup.events", os.O_RDONLY | os.O_CLOEXEC)) as events:
        poll = select.poll()
        poll.register(events.fileno(), select.POLLPRI)
        if b"frozen 1" in os.pread(events.fileno(), 4096, 0):
            poll.poll(_SHORT_S * 1000)


def _freeze_v2(directory: str, deadline: float) -> bool:
    """Wait for cgroup.events to tell it: the file wakes poll(2) with each change (cgroup-v2.rst, "Interface Files")."""
    with Fd(os.open(f"{directory}/cgroup.events", os.O_RDONLY | os.O_CLOEXEC)) as events:
        files.write(f"{directory}/{_V2}", "1")
        poll = select.poll()
        poll.register(events.fileno(), select.POLLPRI)
        while b"frozen 1" not in os.pread(events.fileno(), 4096, 0):
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return False
            poll.poll(left_s * 1000)
    return True


def _freeze_v1(directory: str, deadline: float) -> bool:
    """Ask again and again: processes that are born meanwhile keep the cgroup FREEZING, and a new write catches them.

    Thawing at times gives way to what holds it up: a fork, or a move into the cgroup (opencontainers/cgroups, freezer.go).
    """
    tries = 0
    while time.monotonic() < deadline:
        tries += 1
        if tries % _TRIES_BETWEEN_THAWS == 0:
            files.write(f"{directory}/{_V1}", "THAWED")
            time.sleep(_THAWED_S)
        files.write(f"{directory}/{_V1}", "FROZEN")
        if files.read(f"{directory}/{_V1}") == "FROZEN":
            return True
        time.sleep(_RETRY_S)
    return False
