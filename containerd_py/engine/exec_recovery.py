"""After a start of the daemon, or the loss of the spawner: what was executed in containers is whole again, or has ended."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from containerd_py.engine import worker
from containerd_py.engine.exec import REVERTED, SEPARATOR, Exec
from containerd_py.engine.exec_launching import compiled
from containerd_py.engine.views import ExecStatus
from containerd_py.errors import ContainerdError
from containerd_py.runtime import identity
from containerd_py.runtime.init import dialogue
from containerd_py.runtime.linux.pidfd import WaitStatus
from containerd_py.runtime.spec.models import parse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from containerd_py.engine.containers import Container
    from containerd_py.engine.exec_lifecycle import ExecLifecycle
    from containerd_py.engine.inventory import Inventory
    from containerd_py.engine.parts import Parts
    from containerd_py.runtime.spawner.client import Inherited
    from containerd_py.store.records import ExecRecord

    Left = tuple[list[ExecRecord], list[tuple[str, str]]]
    """Records, and (id, problem) of those that had to be set aside."""

_log = structlog.get_logger()

_UNKNOWN = WaitStatus(None, None)


class ExecRecovery:
    def __init__(self, parts: Parts, lifecycle: ExecLifecycle) -> None:
        self._parts = parts
        self._lifecycle = lifecycle

    async def load(self, containers: Iterable[Container]) -> dict[str, Left]:
        """Return what an earlier daemon left in each container, by id: by one thread, since most have nothing."""
        ids = [container.id for container in containers]
        return await asyncio.to_thread(lambda: {one: self._parts.store.execs(one).load() for one in ids})

    async def restore(self, container: Container, left: Left, inventory: Inventory) -> None:
        """Bring back what was left in a container; what is taken from the inventory goes on."""
        records, broken = left
        for exec_id, problem in broken:
            _log.error("record of an exec set aside", container=container.id, exec=exec_id, problem=problem)
        for record in records:
            log = self._lifecycle.records.log_of(record)
            log.resume()
            one = Exec(record, log, container.oom_kills)
            self._parts.execs.add(container, one)
            inherited = None if one.status is ExecStatus.CREATED else inventory.take(one.spawn_id)
            await self._restore(container, one, inherited)
        if not container.alive:
            await self._lifecycle.end_all(container)

    async def _restore(self, container: Container, one: Exec, inherited: Inherited | None) -> None:
        if inherited is not None:
            self._take(one, inherited)
        if one.status is ExecStatus.STARTING and one.record.pid is None:  # it was never told to become the program
            self._lifecycle.discard(one)
            await self._lifecycle.records.note(one, one.next_record(REVERTED))
        elif one.status is ExecStatus.STARTING and inherited is not None:
            work = self._go_on(container, one, inherited.exit)
            self._parts.tasks.start(work, name=f"go on with exec {one.id}")
        elif one.status in (ExecStatus.STARTING, ExecStatus.RUNNING):
            await self._go_on_running(container, one, inherited)
        else:
            self._close_ended(one)

    def _take(self, one: Exec, inherited: Inherited) -> None:
        """Hold the descriptors that the spawner has kept."""
        kept = inherited.kept
        one.pid, one.pidfd, one.ended = inherited.pid, inherited.pidfd, inherited.exit
        control = kept.pop("control", None)
        if control is not None:
            one.control = dialogue.resumed(control.take())
        if kept:
            one.stdio = self._lifecycle.streams_of(one, kept)
            one.stdio.start()

    async def _go_on(self, container: Container, one: Exec, ended: WaitStatus | None) -> None:
        """The earlier daemon may have told the worker, or not: it is told again, and says how it goes."""
        async with one.lock:
            one.plan = plan = await compiled(container, one, parse(container.config))
            try:
                if one.control is not None:
                    await worker.resume(one, plan, self._parts.attendant(container, one.record.pid or 0))
            except ContainerdError as problem:
                _log.warning("a start failed while nobody looked", exec=one.id, error=problem.message)
                await self._lifecycle.undo(container, one, problem)
                return
            await self._lifecycle.note_start(one)
        if ended is not None:
            await self._lifecycle.note_exit(container, one, ended)

    async def _go_on_running(self, container: Container, one: Exec, inherited: Inherited | None) -> None:
        one.release_control()
        if one.status is ExecStatus.STARTING:  # without its control socket nothing but the program can be there
            await self._lifecycle.note_start(one)
        ended = None if inherited is None else inherited.exit
        if inherited is None:
            one.pid = one.record.pid
            one.pidfd = identity.find(one.record.pid or 0, one.record.identity, one.record.boot_id)
            if one.pidfd is None:
                ended = _UNKNOWN
            else:
                self._parts.link.adopt(one.spawn_id, one.record.pid or 0, one.pidfd, {})
        if ended is not None:
            await self._lifecycle.note_exit(container, one, ended)

    def _close_ended(self, one: Exec) -> None:
        """What has ended may have left somebody who still writes to its output."""
        if one.status is ExecStatus.STOPPED:
            one.finish()
            if one.stdio is None or one.stdio.ended:
                self._lifecycle.let_go(one)

    # ── the loss of the spawner ──

    def meet_again(self, entry: Inherited) -> bool:
        """For a spawner that is the same after all: tell whether a process is known; its descriptors are closed then."""
        container_id, _separator, exec_id = entry.id.partition(SEPARATOR)
        container = self._parts.registry.get(container_id)
        one = None if container is None else container.execs.get(exec_id)
        if one is None or one.pidfd is None or one.pid != entry.pid:
            return False
        for fd in (entry.pidfd, *entry.kept.values()):
            fd.close()
        if entry.exit is not None:
            self._lifecycle.exited(entry.id, entry.exit)
        return True

    def hand_over(self, container: Container, known: set[str]) -> None:
        """Give a new spawner what the old one had, `known` aside."""
        for one in container.execs.values():
            if one.spawn_id not in known and one.pidfd is not None and one.pid is not None:
                self._parts.link.adopt(one.spawn_id, one.pid, one.pidfd, one.fds())
