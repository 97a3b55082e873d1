"""After a start of the daemon: every container is made whole again, or gone.

Three sources are compared: the records, the spawner's inventory, and what is really there (processes, cgroups, output).
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from containerd_py.engine import worker
from containerd_py.engine.containers import Container
from containerd_py.engine.creation import compiled
from containerd_py.engine.fd_store import PIDFD
from containerd_py.engine.inventory import Inventory, dismiss
from containerd_py.engine.notify import listening
from containerd_py.engine.readiness import is_readable
from containerd_py.engine.rebuilding import Rebuilding
from containerd_py.engine.sweeping import Sweeping
from containerd_py.engine.undoing import Undoing
from containerd_py.engine.views import Status
from containerd_py.errors import ContainerdError
from containerd_py.runtime import identity
from containerd_py.runtime.init import dialogue
from containerd_py.runtime.linux.pidfd import WaitStatus, pidfd_send_signal
from containerd_py.runtime.spec.models import parse

if TYPE_CHECKING:
    from containerd_py.engine.exec_recovery import ExecRecovery
    from containerd_py.engine.lifecycle import Lifecycle
    from containerd_py.engine.parts import Parts
    from containerd_py.runtime.cgroups.layout import Layout
    from containerd_py.runtime.linux.fd import Fd
    from containerd_py.runtime.plan.plan import Plan
    from containerd_py.runtime.spawner.client import Inherited
    from containerd_py.store.records import ContainerRecord, StoredContainer

_log = structlog.get_logger()

_UNKNOWN = WaitStatus(None, None)


class Recovery:
    def __init__(self, parts: Parts, lifecycle: Lifecycle, execs: ExecRecovery) -> None:
        self._parts = parts
        self._lifecycle = lifecycle
        self._execs = execs
        self._sweeping = Sweeping(parts)
        self._undoing = Undoing(parts)
        self._rebuilding = Rebuilding(parts, self._sweeping)

    async def run(self) -> None:
        """Bring everything back that an earlier daemon left."""
        await self._rebuilding.load()
        link = self._parts.link
        inventory = Inventory(await link.start(), link.store)
        stored, rebuilt = await self._rebuilding.run(inventory)
        for entry in stored:  # all ids before any name: a record with another's id as its name must not cost that one
            self._parts.registry.reserve(entry.record.id, entry.record.id)
        for entry in stored:
            await self._restore(entry, rebuilt.get(entry.record.id) or inventory.take(entry.record.id))
        left = await self._execs.load(self._parts.registry)
        for container in self._parts.registry:
            await self._execs.restore(container, left[container.id], inventory)
            await self._define(container)
        link.listen()
        for stranger in inventory.rest():
            dismiss(stranger, link)
        self._settle(inventory.recalled)
        await asyncio.to_thread(self._sweeping.sweep)

    # ── one container ──

    async def _restore(self, stored: StoredContainer, inherited: Inherited | None) -> None:
        record = stored.record
        if Status(record.status) is Status.CREATING:
            if inherited is not None:
                dismiss(inherited, self._parts.link)
            await self._undoing.finish(record, record.id)
            return
        if not self._parts.registry.take_name(record.id, record.name):
            _log.error("name is another container's: its id is its name now", container=record.id, name=record.name)
            record = record.with_(name=record.id)
        log = self._parts.output_log(record.id, record)
        log.resume()
        container = Container(record, stored.request, stored.config, log)
        container.stop_asked = record.stopped_on_request
        if container.status is Status.STOPPED:
            container.run.end(container.exit(), log.size)
        if inherited is not None and container.status is Status.STOPPED and inherited.exit is None:
            dismiss(inherited, self._parts.link)  # of a start that was cut off before it was on record
            inherited = None
        self._parts.registry.add(container)
        if inherited is not None:
            await self._take_over(container, inherited)
        elif container.alive:
            await self._find_process(container)
        else:
            container.close()
        self._parts.journal.follow(container)
        await self._lifecycle.pausing.see(container)
        await self._lifecycle.changing.go_on_with(container)

    async def _take_over(self, container: Container, inherited: Inherited) -> None:
        """Go on with the descriptors that the spawner has kept."""
        kept = inherited.kept
        control = kept.pop("control", None)
        told = kept.pop("notify", None)
        if told is not None:
            container.notify = listening.resumed(told)
        container.pidfd = inherited.pidfd
        if control is not None:
            container.control = dialogue.resumed(control.take())
        if kept:
            container.stdio = self._lifecycle.streams_of(container, kept)
            container.stdio.start()
        if container.status is Status.CREATED and inherited.exit is None:
            await self._note_missed_start(container)
        if inherited.exit is not None and container.alive:
            await self._lifecycle.note_exit(container, inherited.exit)
        elif not container.alive and (container.stdio is None or container.stdio.ended):
            self._parts.link.forget(container.id)
            container.close()

    async def _note_missed_start(self, container: Container) -> None:
        """The daemon may have died between asking for a start and recording it: the control socket tells.

        It can be read where the worker has said something since it was ready, or has become the payload.
        """
        try:
            container.plan = plan = await _plan(container, self._parts.host.cgroups)
        except ContainerdError as problem:
            _log.error("cannot be started any more", container=container.id, error=problem.message)
            return
        if container.control is not None and not is_readable(container.control.fileno()):
            return
        try:
            attendant = self._parts.attendant(container, container.record.pid or 0)
            async with container.lock:
                times = None
                if container.control is not None:
                    times = await worker.outcome(container, plan, attendant, heard_before=True)
                await self._lifecycle.note_start(container, None, times.ended_ns if times else ())
        except ContainerdError as problem:
            _log.warning("a start failed while nobody looked", container=container.id, error=problem.message)

    async def _find_process(self, container: Container) -> None:
        """The spawner is gone too: find the process by its identity, or its end is lost."""
        pidfd = _same_process(container.record)
        if pidfd is None or container.status is Status.CREATED:
            # A worker that waits for start ended with its control socket.
            if pidfd is not None:
                pidfd_send_signal(pidfd.fileno(), signal.SIGKILL)
                pidfd.close()
            await self._lifecycle.note_exit(container, _UNKNOWN)
            return
        container.pidfd = pidfd
        self._parts.link.adopt(container.id, container.record.pid or 0, pidfd, {})

    async def _define(self, container: Container) -> None:
        """The record is right: a daemon may have died between the two."""
        try:
            await self._parts.definitions.keep(container, container.record)
        except ContainerdError as problem:
            _log.error("cannot record definition", container=container.id, error=problem.message)

    # ── what is left over ──

    def _settle(self, recalled: set[str]) -> None:
        """Three hold the same from now on: this daemon, the spawner, the service manager."""
        wanted: dict[str, dict[str, int]] = {}
        for container in self._parts.registry:
            found = [
                (container.id, container.record.pid, container),
                *((e.spawn_id, e.pid, e) for e in container.execs.values()),
            ]
            for spawn_id, pid, attended in found:
                if attended.pidfd is None:
                    continue
                wanted[spawn_id] = {PIDFD: attended.pidfd.fileno()} | attended.fds()
                if spawn_id in recalled:
                    self._parts.link.adopt(spawn_id, pid or 0, attended.pidfd, attended.fds())
        for stranger in self._parts.link.settle_store(wanted):
            with suppress(ProcessLookupError):
                pidfd_send_signal(stranger.fileno(), signal.SIGKILL)
            stranger.close()


async def _plan(container: Container, layout: Layout) -> Plan:
    return await compiled(parse(container.config), container.id, container.cgroup, layout)


def _same_process(record: ContainerRecord) -> Fd | None:
    """Open the recorded process, if the one with its number is still the same (SECURITY R10)."""
    return identity.find(record.pid or 0, record.identity, record.boot_id)
