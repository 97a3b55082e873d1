"""Want of memory in a scope on cgroup v1, where systemd takes the counter of kills away with the cgroup, at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from containerd_py.runtime.cgroups.oom import OomWatch

if TYPE_CHECKING:
    from containerd_py.runtime.cgroups.cgroup import Cgroup

_ATTEMPTS = 10
_PAUSE_S = 0.01


class OomEvents:
    """Opened in the event loop, once the cgroup is there; `close` before the loop ends. Raises OSError."""

    def __init__(self, cgroup: Cgroup) -> None:
        self._watch = OomWatch(cgroup)
        asyncio.get_running_loop().add_reader(self._watch.fileno(), self._watch.killed)

    async def killed(self) -> int:
        """Return how many of its processes were killed. The payload has ended: what is not known yet comes in a moment."""
        for _attempt in range(_ATTEMPTS):
            if self._watch.killed():
                break
            await asyncio.sleep(_PAUSE_S)  # what tells, where the cgroup is gone, comes from a queue of the kernel's
        return self._watch.killed()

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._watch.fileno())
        self._watch.close()
