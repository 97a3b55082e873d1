"""Being told when a container runs out of memory, and how many of its processes that has cost."""

from __future__ import annotations

import contextlib
import os
import sys

from containerd_py.runtime.cgroups import files
from containerd_py.runtime.cgroups.keyed import keyed
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.inotify import Watch, inotify_add_watch, inotify_init1, masks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

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
    return _count_v2(v2) if v2 else 0


class OomWatch:
    """A descriptor that becomes readable when memory runs out, or the cgroup is removed; a context manager.

    Without a memory controller it never wakes. `killed` may be behind: ask once more when the container has ended.
    """

    def __init__(self, cgroup: Cgroup) -> None:
        self._cgroup = cgroup
        self._seen = 0
        v1, v2 = cgroup.holding(_V1), cgroup.holding(_V2)
        self._events = _EventsV1(v1) if v1 else _EventsV2(v2) if v2 else _NoEvents()

    def fileno(self) -> int:
        return self._events.fd.fileno()

    def killed(self) -> int:
        """Return `oom_kills`, and let the descriptor wake with the next event. It never falls."""
        self._seen = max(self._seen, self._events.kills_of_what_is_gone(), oom_kills(self._cgroup))
        return self._seen

    def close(self) -> None:
        self._events.fd.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_problem: object) -> None:
        self.close()


class _NoEvents:
    def __init__(self) -> None:
        self.fd = Fd(os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK))

    def kills_of_what_is_gone(self) -> int:
        """Take note of the events that came; return how many kills they tell of, where the counter is gone by now.

        systemd removes the cgroup of a scope at once, and the counter with it.
        """
        return 0


class _EventsV1(_NoEvents):
    """An eventfd behind cgroup.event_control (cgroup-v1/memory.rst, "OOM Control"), which wakes before anybody is killed.

    It comes once more when the cgroup goes (memcg_event_remove), so one that came while it was there tells of a kill; so
    does a second.
    """

    def __init__(self, directory: str) -> None:
        super().__init__()
        self._directory = directory
        self._events = 0
        self._ran_out = False
        try:
            with Fd(os.open(f"{directory}/{_V1}", os.O_RDONLY | os.O_CLOEXEC)) as control:
                files.write(f"{directory}/cgroup.event_control", f"{self.fd.fileno()} {control.fileno()}")
        except BaseException:
            self.fd.close()
            raise

    def kills_of_what_is_gone(self) -> int:
        there = os.path.isdir(self._directory)
        with contextlib.suppress(BlockingIOError):
            self._events += int.from_bytes(os.read(self.fd.fileno(), 8), sys.byteorder)
            self._ran_out = self._ran_out or there or self._events > 1
        return 1 if self._ran_out and not there else 0


class _EventsV2(_NoEvents):
    """inotify on memory.events. It tells of memory that is short, too; the counter of what lies above has the kills."""

    def __init__(self, directory: str) -> None:
        self.fd = inotify_init1()
        self._directory = directory
        self._told = False
        try:
            inotify_add_watch(self.fd.fileno(), f"{directory}/{_V2}", Watch.MODIFY)
        except BaseException:
            self.fd.close()
            raise
        self._before = _of_nobody_below(os.path.dirname(directory))

    def kills_of_what_is_gone(self) -> int:
        with contextlib.suppress(BlockingIOError):
            self._told = self._told or any(mask & Watch.MODIFY for mask in masks(os.read(self.fd.fileno(), _EVENTS_BYTES)))
        if not self._told or os.path.isdir(self._directory):
            return 0
        return max(0, _of_nobody_below(os.path.dirname(self._directory)) - self._before)


def _of_nobody_below(directory: str) -> int:
    """Return how many kills a cgroup has counted that none of those in it has: theirs that are gone."""
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        below = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        return _count_v2(directory) - sum(map(_count_v2, below))
    return 0


def _count_v2(directory: str) -> int:
    return keyed(files.read(f"{directory}/{_V2}")).get("oom_kill", 0)
