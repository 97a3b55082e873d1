"""Being told when a container runs out of memory, and how many of its processes that has cost."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Self

from containerd_py.runtime.cgroups import files
from containerd_py.runtime.cgroups.keyed import keyed
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.inotify import Watch, inotify_add_watch, inotify_init1

if TYPE_CHECKING:
    from containerd_py.runtime.cgroups.cgroup import Cgroup

_V1 = "memory.oom_control"
_V2 = "memory.events"
_EVENTS_BYTES = 4096


def oom_kills(cgroup: Cgroup) -> int:
    """Return how many processes of the cgroup, and below, the kernel has killed for want of memory."""
    v1 = cgroup.holding(_V1)
    if v1 is not None:  # of each cgroup alone
        return sum(keyed(files.read(f"{path}/{_V1}")).get("oom_kill", 0) for path, _folders, _files in os.walk(v1))
    v2 = cgroup.holding(_V2)
    return keyed(files.read(f"{v2}/{_V2}")).get("oom_kill", 0) if v2 else 0


class OomWatch:
    """A descriptor that becomes readable when memory runs out, or the cgroup is removed; a context manager.

    v1: an eventfd behind cgroup.event_control (cgroup-v1/memory.rst, "OOM Control"), which wakes before anybody is killed.
    v2: inotify on memory.events. Without a memory controller it never wakes.
    So `killed` may be behind: ask once more when the container has ended.

    systemd removes the cgroup of a scope at once, and the counter with it. On v1 the event tells then: it comes once more
    when the cgroup goes (memcg_event_remove), so one that came while it was there tells of a kill; so does a second.
    """

    def __init__(self, cgroup: Cgroup) -> None:
        self._cgroup = cgroup
        self._seen = self._events = 0
        self._ran_out = False
        v1, v2 = cgroup.holding(_V1), cgroup.holding(_V2)
        self._fd = _watch_v2(v2) if v2 and not v1 else Fd(os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK))
        self._v1 = v1
        if v1:
            try:
                _register_v1(v1, self._fd.fileno())
            except BaseException:
                self.close()
                raise

    def fileno(self) -> int:
        return self._fd.fileno()

    def killed(self) -> int:
        """Return `oom_kills`, and let the descriptor wake with the next event. It never falls."""
        there = self._v1 is not None and os.path.isdir(self._v1)
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._fd.fileno(), _EVENTS_BYTES)
            if self._v1 is not None:
                self._events += int.from_bytes(data, sys.byteorder)
                self._ran_out = self._ran_out or there or self._events > 1
        self._seen = max(self._seen, oom_kills(self._cgroup))
        if self._ran_out and not there:
            self._seen = max(self._seen, 1)
        return self._seen

    def close(self) -> None:
        self._fd.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_problem: object) -> None:
        self.close()


def _register_v1(directory: str, eventfd: int) -> None:
    with Fd(os.open(f"{directory}/{_V1}", os.O_RDONLY | os.O_CLOEXEC)) as control:
        files.write(f"{directory}/cgroup.event_control", f"{eventfd} {control.fileno()}")


def _watch_v2(directory: str) -> Fd:
    fd = inotify_init1()
    try:
        inotify_add_watch(fd.fileno(), f"{directory}/{_V2}", Watch.MODIFY)
    except BaseException:
        fd.close()
        raise
    return fd
