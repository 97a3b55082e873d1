"""Want of memory in a scope on cgroup v1, where systemd takes the counter of kills away with the cgroup, at once.

The event of memory.oom_control comes when memory runs out, before anybody is killed, and once more when the cgroup goes
(cgroup-v1/memory.rst, "OOM Control"; memcg_event_remove). So one that comes while it is there tells; so does a second.
"""

from __future__ import annotations

import asyncio
import os

from containerd_py.runtime.cgroups.cgroup import Cgroup
from containerd_py.runtime.cgroups.oom import OomWatch

_LAST_S = 0.1  # the second event comes from a queue of the kernel's
_PAUSE_S = 0.01


class OomEvents:
    """Opened in the event loop, once the cgroup is there; `close` before the loop ends. Raises OSError."""

    def __init__(self, cgroup: Cgroup) -> None:
        self._directory = cgroup.holding("memory.oom_control") or ""
        self._watch = OomWatch(Cgroup(None, (self._directory,)) if self._directory else Cgroup(None, ()))
        self._events = 0
        self._told = False
        asyncio.get_running_loop().add_reader(self._watch.fileno(), self._read)

    def _read(self) -> None:
        there = os.path.isdir(self._directory)
        try:
            self._events += os.eventfd_read(self._watch.fileno())
        except BlockingIOError:
            return
        self._told = self._told or there

    async def told(self) -> bool:
        """Tell whether memory ran out. The payload has ended: what is not known yet comes in a moment."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _LAST_S
        while True:
            self._read()
            if self._told or self._events > 1:
                return True
            if loop.time() > deadline:
                return False
            await asyncio.sleep(_PAUSE_S)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._watch.fileno())
        self._watch.close()
