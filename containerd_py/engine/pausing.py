"""Pausing: every process of a container stops where it stands, and goes on later.

The freezer is the truth, not the record: whichever of the two a daemon that died had got to, the next one asks the kernel.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from containerd_py.engine.containers import PAUSED, RESUMED
from containerd_py.engine.views import Status
from containerd_py.errors import ContainerdError
from containerd_py.runtime.cgroups import freezer

if TYPE_CHECKING:
    from containerd_py.engine.containers import Container
    from containerd_py.engine.lifecycle import Lifecycle
    from containerd_py.engine.parts import Parts


class Pausing:
    def __init__(self, parts: Parts, lifecycle: Lifecycle) -> None:
        self._parts = parts
        self._lifecycle = lifecycle

    async def pause(self, container: Container) -> None:
        """Return once every process has stopped. Raises Conflict unless it runs, NotSupported, Unavailable."""
        async with container.lock:
            container.check("pause", Status.RUNNING)
            await asyncio.to_thread(freezer.freeze, container.cgroup)
            try:
                await self._lifecycle.remember(container, container.next_record(PAUSED))
            except ContainerdError:
                freezer.thaw(container.cgroup)
                raise
            container.pauses += 1
            self._parts.events.publish("container.paused", container.id, container.name)

    async def resume(self, container: Container) -> None:
        """Let everything go on. Raises Conflict unless it is paused."""
        async with container.lock:
            container.check("resume", Status.PAUSED)
            await self._resume(container)

    async def let_go_on(self, container: Container) -> None:
        """Resume it where it is paused: a process that is to hear a signal must run."""
        async with container.lock:
            if container.status is Status.PAUSED and not container.deleted:
                await self._resume(container)

    async def see(self, container: Container) -> None:
        """Bring the record to what the freezer says; for a container that an earlier daemon left."""
        async with container.lock:
            if container.status not in (Status.RUNNING, Status.PAUSED):
                return
            frozen = freezer.is_frozen(container.cgroup)
            if frozen != (container.status is Status.PAUSED):
                record = container.next_record(PAUSED if frozen else RESUMED)
                await self._lifecycle.remember_if_possible(container, record)

    async def _resume(self, container: Container) -> None:
        """It goes on whether that can be stored or not: it must be possible to stop a container on a full disk."""
        freezer.thaw(container.cgroup)
        await self._lifecycle.remember_if_possible(container, container.next_record(RESUMED))
        self._parts.events.publish("container.resumed", container.id, container.name)
