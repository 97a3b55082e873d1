"""Containers that systemd-machined knows, so that `machinectl` shows them, from start to end: where it is wished.

Nothing waits for it but the record of an end, for a moment, and no container fails for it: what goes wrong is logged.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, TypeVar

import structlog

from containerd_py.engine.systemd_bus import SystemdBus
from containerd_py.engine.views import Status
from containerd_py.errors import ContainerdError
from containerd_py.runtime.cgroups.systemd import machines
from containerd_py.runtime.cgroups.systemd.bus import system_addresses
from containerd_py.runtime.cgroups.systemd.conversation import ConnectionLost

if TYPE_CHECKING:
    from containerd_py.engine.containers import Container
    from containerd_py.engine.lifecycle import Lifecycle
    from containerd_py.engine.parts import Parts
    from containerd_py.runtime.cgroups.systemd.conversation import Steps

_log = structlog.get_logger()
Outcome = TypeVar("Outcome")

_END_S = 1.0


class Machines:
    """`begin` once all containers are back. To be made after what looks at the end of scopes: machined may have one stopped
    that has just ended, which is nobody's wish."""

    def __init__(self, parts: Parts, lifecycle: Lifecycle, *, wanted: bool) -> None:
        self._parts = parts
        self._wanted = wanted
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._names: dict[str, tuple[str, int]] = {}
        if wanted:
            lifecycle.on_start.append(self._register_later)
            lifecycle.before_end.append(self._unregister)

    def begin(self) -> None:
        """Register what an earlier daemon has not; what that has stays."""
        if not self._wanted:
            return
        if self._parts.drivers.current.name != "systemd":
            _log.warning("containers are not registered with machined: their cgroups are made without systemd")
        for container in self._parts.registry:
            if container.status in (Status.RUNNING, Status.PAUSED):
                self._register_later(container)

    def _register_later(self, container: Container) -> None:
        """Only a scope: in the unit of another process machined would take that for the container's, and stop it."""
        if container.cgroup.scope:
            work = self._register(container, container.record.pid or 0)
            self._under_way[container.id] = self._parts.tasks.start(work, name=f"machine {container.id}")

    async def _register(self, container: Container, leader: int) -> None:
        root = str(container.config.get("root", {}).get("path", ""))
        machine = machines.machine_of(container.id, container.name, leader, root)
        try:
            name = await self._perform(machines.register(machine), f"register machine {machine.names[0]!r}")
        except (ContainerdError, ConnectionLost) as problem:
            if container.alive and container.record.pid == leader:
                _log.warning("container is not registered with machined", container=container.id, error=_told(problem))
        else:
            self._names[container.id] = name, leader
            if name != container.name:
                _log.info(
                    "container has another name with machined", container=container.id, name=container.name, machine=name
                )

    async def _unregister(self, container: Container) -> None:
        """The lock is held: there is no next run yet."""
        under_way = self._under_way.pop(container.id, None)
        if under_way is not None:
            await asyncio.wait((under_way,), timeout=_END_S)
        name, leader = self._names.pop(container.id, ("", 0))
        if not name:
            return
        try:
            await self._perform(machines.unregister(name, leader), f"unregister machine {name!r}", timeout_s=_END_S)
        except (ContainerdError, ConnectionLost) as problem:
            _log.warning("container is left to machined", container=container.id, error=_told(problem))

    async def _perform(self, wanted: Steps[Outcome], task: str, *, timeout_s: float = 5.0) -> Outcome:
        """On a connection of its own: it is rare, and no bus that is not there is to be looked for again and again."""
        addresses = tuple(one for one in system_addresses(os.environ) if one.bus)
        bus = SystemdBus(addresses, self._parts.tasks, timeout_s=timeout_s)
        try:
            return await bus.perform(wanted, task)
        finally:
            bus.close()


def _told(problem: ContainerdError | ConnectionLost) -> str:
    return problem.message if isinstance(problem, ContainerdError) else str(problem)
