"""After a start of the daemon, or the loss of the spawner: every container is made whole again, or gone.

Three sources are compared: the records, the spawner's inventory, and what is really there (processes, cgroups, output).
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog

from containerd_py.engine import worker
from containerd_py.engine.containers import Container
from containerd_py.engine.creation import compiled
from containerd_py.engine.definitions import brought_back
from containerd_py.engine.exec import SEPARATOR
from containerd_py.engine.fd_store import PIDFD
from containerd_py.engine.inventory import Inventory
from containerd_py.engine.notify import listening
from containerd_py.engine.notify.discarding import retire
from containerd_py.engine.output import OutputLog
from containerd_py.engine.readiness import is_readable
from containerd_py.engine.stored_documents import DocumentCheck
from containerd_py.engine.views import Status
from containerd_py.errors import ContainerdError
from containerd_py.light_dataclasses import replace
from containerd_py.runtime import identity
from containerd_py.runtime.cgroups.destroying import destroy
from containerd_py.runtime.cgroups.manager import Cgroup
from containerd_py.runtime.init import dialogue
from containerd_py.runtime.linux.pidfd import WaitStatus, pidfd_send_signal
from containerd_py.runtime.spec.models import parse
from containerd_py.store.records import ContainerRecord, StoredContainer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from containerd_py.engine.cgroup_drivers import CgroupDriver
    from containerd_py.engine.exec_recovery import ExecRecovery
    from containerd_py.engine.lifecycle import Lifecycle
    from containerd_py.engine.parts import Parts
    from containerd_py.runtime.cgroups.layout import Layout
    from containerd_py.runtime.linux.fd import Fd
    from containerd_py.runtime.plan.plan import Plan
    from containerd_py.runtime.spawner.client import Inherited
    from containerd_py.store.containers import Quarantined
    from containerd_py.store.records import Definition

_log = structlog.get_logger()

_UNKNOWN = WaitStatus(None, None)


class Recovery:
    def __init__(self, parts: Parts, lifecycle: Lifecycle, execs: ExecRecovery) -> None:
        self._parts = parts
        self._lifecycle = lifecycle
        self._execs = execs

    async def run(self) -> None:
        """Bring everything back that an earlier daemon left."""
        check = DocumentCheck()
        stored, quarantined = await asyncio.to_thread(self._parts.store.load, check)
        definitions, broken = await asyncio.to_thread(self._parts.definitions.load, check)
        for container_id, path, problem in broken:
            _log.error("definition set aside", container=container_id, path=path, problem=problem)
        link = self._parts.link
        inventory = Inventory(await link.start(), link.store)
        rebuilt: dict[str, Inherited] = {}
        for lost in quarantined:
            stored += self._rebuild(lost, inventory, rebuilt, definitions.get(lost.id))
        known = {entry.record.id for entry in stored}
        for container_id, definition in definitions.items():
            if container_id not in known:
                stored += await asyncio.to_thread(self._bring_back, definition)
        for entry in stored:  # all ids before any name: a record with another's id as its name must not cost that one
            self._parts.registry.reserve(entry.record.id, entry.record.id)
        for entry in stored:
            await self._restore(entry, rebuilt.get(entry.record.id) or inventory.take(entry.record.id))
        left = await self._execs.load(self._parts.registry)
        for container in self._parts.registry:
            await self._execs.restore(container, left[container.id], inventory)
            await self._define(container)
        for stranger in inventory.rest():
            self._dismiss(stranger)
        self._settle(inventory.recalled)
        await asyncio.to_thread(self._sweep)

    # ── one container ──

    async def _restore(self, stored: StoredContainer, inherited: Inherited | None) -> None:
        record = stored.record
        if Status(record.status) is Status.CREATING:
            if inherited is not None:
                self._dismiss(inherited)
            await asyncio.to_thread(self._undo, record)
            self._parts.registry.release(record.id, record.id)
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
            self._dismiss(inherited)  # of a start that was cut off before it was on record
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

    def _bring_back(self, definition: Definition) -> list[StoredContainer]:
        """Blocking: put a container on record of which only the definition is left, as after a boot."""
        container_id = definition.record.id
        try:
            spec = parse(definition.config)
            where = self._parts.drivers.current.locate(spec, container_id)
            if not spec.linux.cgroups_path:  # ours alone: what is left in there is of its last run
                self._remove_cgroup(where)
            record = brought_back(definition).with_(cgroup_v2=where.v2, cgroups_v1=where.v1, scope=where.scope)
            stored = StoredContainer(record=record, request=definition.request, config=definition.config)
            self._parts.store.create(stored)
            if record.notify:
                self._parts.store.make_notify_directory(container_id)
        except (OSError, ContainerdError) as problem:
            _log.error("cannot bring container back", container=container_id, error=str(problem))
            return []
        _log.info("container brought back", container=container_id, name=record.name)
        return [stored]

    async def _define(self, container: Container) -> None:
        """The record is right: a daemon may have died between the two."""
        try:
            await self._parts.definitions.keep(container, container.record)
        except ContainerdError as problem:
            _log.error("cannot record definition", container=container.id, error=problem.message)

    def _rebuild(
        self, lost: Quarantined, inventory: Inventory, rebuilt: dict[str, Inherited], definition: Definition | None
    ) -> list[StoredContainer]:
        """A record that cannot be read costs its history only: a process that is still there can be killed and deleted."""
        _log.error("record set aside", container=lost.id, path=lost.path, problem=lost.problem)
        inherited = inventory.take(lost.id)
        if inherited is None:
            return []
        rebuilt[lost.id] = inherited
        stored = _rebuilt(self._parts, lost, inherited, definition)
        try:
            self._parts.store.create(stored)
            if stored.record.notify:
                self._parts.store.make_notify_directory(lost.id)
        except ContainerdError as problem:  # a full disk: this daemon knows of it all the same
            _log.error("cannot record what was rebuilt", container=lost.id, error=problem.message)
        return [stored]

    def _dismiss(self, inherited: Inherited) -> None:
        """End a process that no record asks for: its creation was never answered, or its deletion had begun."""
        with suppress(ProcessLookupError):
            pidfd_send_signal(inherited.pidfd.fileno(), signal.SIGKILL)
        inherited.pidfd.close()
        told = inherited.kept.pop("notify", None)
        if told is not None:
            retire(listening.resumed(told))
        for fd in inherited.kept.values():
            fd.close()
        self._parts.link.forget(inherited.id)

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

    def _undo(self, record: ContainerRecord) -> None:
        """Blocking: undo a creation that was cut off."""
        _log.info("undoing a creation that was cut off", container=record.id)
        self._remove_cgroup(Cgroup(record.cgroup_v2, record.cgroups_v1, scope=record.scope))
        self._parts.output_log(record.id, record).remove()
        self._parts.definitions.remove(record.id)
        self._parts.store.remove(record.id)

    def _remove_cgroup(self, cgroup: Cgroup) -> None:
        try:
            destroy(cgroup)
        except (OSError, ContainerdError) as problem:
            _log.warning("cannot remove cgroup", cgroup=cgroup.paths, error=str(problem))

    def _sweep(self) -> None:
        """Blocking: remove cgroups and output of containers that no record knows."""
        for driver in self._parts.drivers.all:
            for name in self._parts.cgroups.children(driver.parent):
                container_id = driver.container_of(name)
                if container_id is not None and self._parts.registry.get(container_id) is None:
                    _log.info("removing a cgroup without a container", name=name)
                    self._remove_cgroup(_found(self._parts, driver, name))
        for place in self._parts.output_places():
            for name in _folders(place):
                if self._parts.registry.get(name) is None and not self._parts.definitions.has(name):
                    _remove_output(OutputLog(os.path.join(place, name)))
        known = {exec_id for container in self._parts.registry for exec_id in container.execs}
        for name in _folders(os.path.join(self._parts.data_dir, "execs")):
            if name not in known:
                _remove_output(self._parts.exec_log(name))

    # ── the loss of the spawner ──

    async def adopt_all(self) -> None:
        """Give a new spawner everything that the old one had."""
        known = set()
        for entry in await self._parts.link.start():
            if SEPARATOR in entry.id:
                if self._execs.meet_again(entry):
                    known.add(entry.id)
                else:
                    self._dismiss(entry)
                continue
            container = self._parts.registry.get(entry.id)
            if container is None or container.record.pid != entry.pid:
                self._dismiss(entry)
                continue
            # It is the same spawner after all: only the connection was lost. We have these descriptors already.
            known.add(entry.id)
            for fd in (entry.pidfd, *entry.kept.values()):
                fd.close()
            if entry.exit is not None:
                self._lifecycle.exited(entry.id, entry.exit)
        for container in self._parts.registry:
            if container.id not in known and container.pidfd is not None and container.record.pid is not None:
                self._parts.link.adopt(container.id, container.record.pid, container.pidfd, container.fds())
            self._execs.hand_over(container, known)


async def _plan(container: Container, layout: Layout) -> Plan:
    return await compiled(parse(container.config), container.id, container.cgroup, layout)


def _same_process(record: ContainerRecord) -> Fd | None:
    """Open the recorded process, if the one with its number is still the same (SECURITY R10)."""
    return identity.find(record.pid or 0, record.identity, record.boot_id)


def _rebuilt(parts: Parts, lost: Quarantined, inherited: Inherited, definition: Definition | None) -> StoredContainer:
    """definition: tells all but the run, where it is durable."""
    config = lost.config or ({} if definition is None else definition.config)
    where = _place(parts, lost.id, config)
    if definition is not None:
        record = definition.record
    else:
        record = ContainerRecord(
            id=lost.id,
            name=lost.id,
            status="running",
            created_at=datetime.fromtimestamp(os.stat(lost.path).st_mtime, UTC),
            rootfs=config.get("root", {}).get("path", ""),
        )
    place = {"cgroup_v2": where.v2, "cgroups_v1": where.v1, "scope": where.scope}
    record = record.with_(status="running", exit=None, pid=inherited.pid, **place)
    return StoredContainer(record=record, request={} if definition is None else definition.request, config=config)


def _place(parts: Parts, container_id: str, config: dict[str, Any]) -> Cgroup:
    """Return where its cgroup lies, whoever has made it: by its name in a parent of ours, else by its document."""
    for driver in reversed(parts.drivers.all):
        for name in parts.cgroups.children(driver.parent):
            if driver.container_of(name) == container_id:
                return _found(parts, driver, name)
    if not config.get("linux", {}).get("cgroupsPath"):
        return parts.cgroups.everywhere(f"{parts.drivers.all[0].parent}/{container_id}")
    return parts.drivers.current.locate(parse(config), container_id)


def _found(parts: Parts, driver: CgroupDriver, name: str) -> Cgroup:
    """Return the cgroup of a name in the parent of a driver."""
    return replace(parts.cgroups.everywhere(f"{driver.parent}/{name}"), scope=name if name.endswith(".scope") else "")


def _remove_output(log: OutputLog) -> None:
    """What cannot be removed costs its room on the disk only."""
    try:
        log.remove()
    except OSError as problem:
        _log.warning("cannot remove output that is no container's", directory=log.directory, error=problem.strerror)


def _folders(path: str) -> Iterable[str]:
    """Return the names of the directories in one; what else is there is not ours."""
    try:
        with os.scandir(path) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return ()
