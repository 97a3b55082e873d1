"""What only systemd's side tells of the end of a container that is a scope: who had it stopped, and kills for memory.

systemd removes the cgroup of a scope the moment that its last process ends, and its counter of kills with it, often before
it can be read. The counter of the slice has them too (memory.events of cgroup v2 counts what is below): what that has more
than all that were read is of the container whose own counter is gone. On cgroup v1 no slice counts: `oom_events`.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from containerd_py.engine.scopes import SystemdDriver
from containerd_py.runtime.cgroups import files
from containerd_py.runtime.cgroups.keyed import keyed

if TYPE_CHECKING:
    from containerd_py.engine.containers import Container
    from containerd_py.engine.lifecycle import Lifecycle
    from containerd_py.engine.parts import Parts

_EVENTS = "memory.events"


class ScopeEnds:
    """`begin` once all containers are back."""

    def __init__(self, parts: Parts, lifecycle: Lifecycle) -> None:
        self._parts = parts
        self._past_kills = 0
        lifecycle.before_end.append(self._look)

    def begin(self) -> None:
        driver = self._parts.drivers.current
        if isinstance(driver, SystemdDriver):
            alive = [one for one in self._parts.registry if one.alive and one.cgroup.scope]
            for container in alive:
                driver.watch(container)
            driver.forget_empty({container.cgroup.scope for container in alive})
            self._past_kills = (self._total() or 0) - sum(_own(container) or 0 for container in alive)

    async def _look(self, container: Container) -> None:
        """Before the end is put on record."""
        driver = self._parts.drivers.current
        if not container.cgroup.scope or not isinstance(driver, SystemdDriver):
            return
        container.kills_elsewhere = await self._kills_of(container)
        if not container.stop_asked and await driver.stopped_by_systemd(container.cgroup.scope):
            container.stopped_by = "systemd"
            container.stop_asked = True  # by somebody: so it is not started again, and a SIGKILL is no riddle

    async def _kills_of(self, container: Container) -> int:
        if container.oom_events is None:
            return await asyncio.to_thread(self._kills, container)
        return await container.oom_events.killed()

    def _kills(self, container: Container) -> int:
        """Blocking. Return how many of its processes were killed for want of memory."""
        found = _own(container)
        if found is None:
            total = self._total() if self._is_ours(container) else None
            others = (one for one in self._parts.registry if one.alive and one.cgroup.scope and one is not container)
            found = 0 if total is None else max(0, total - self._past_kills - sum(_own(one) or 0 for one in others))
        self._past_kills += found
        return found

    def _is_ours(self, container: Container) -> bool:
        return os.path.dirname(container.cgroup.v2 or "") == self._directory()

    def _total(self) -> int | None:
        return _count(self._directory())

    def _directory(self) -> str:
        return f"{self._parts.host.cgroups.v2}{self._parts.drivers.current.parent}"


def _own(container: Container) -> int | None:
    return _count(container.cgroup.v2 or "")


def _count(directory: str) -> int | None:
    text = files.read(f"{directory}/{_EVENTS}")
    return None if text is None else keyed(text).get("oom_kill", 0)
