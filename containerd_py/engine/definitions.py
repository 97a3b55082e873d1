"""Keeping the definitions of durable containers true, and making containers of them after a boot.

A definition is written before what it tells is on record in the state directory, but at creation after it; and it is
removed before that record, or before that says that the container is not durable any more. So where a definition is found
without a record, the state directory was lost, by a boot: the container is brought back. Where both are there the record
is right, and the definition is written anew, or removed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from containerd_py.engine.clock import now
from containerd_py.engine.restart_policy import planned_start
from containerd_py.engine.tasks import to_its_end
from containerd_py.store.records import ContainerRecord, Definition, ExitRecord

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from containerd_py.engine.containers import Container
    from containerd_py.store.definitions import DefinitionStore


class Definitions:
    def __init__(self, store: DefinitionStore) -> None:
        self._store = store
        self._aside: set[str] = set()
        self._kept: dict[str, Definition | None] = {}
        """What is on the disk; None where it may be anything, since a change of it has failed."""

    def load(self, check: Callable[[dict[str, Any]], None]) -> tuple[dict[str, Definition], list[tuple[str, str, str]]]:
        """Blocking: return those that there are, by id, and (id, path, problem) of those that were set aside."""
        self._store.prepare()
        found, broken = self._store.load(check)
        self._aside = self._store.set_aside()
        by_id = {definition.record.id: definition for definition in found}
        self._kept = dict(by_id)
        return by_id, broken

    async def keep(self, container: Container, record: ContainerRecord, config: dict[str, Any] | None = None) -> None:
        """Write the definition of a container with this record, where that changes it; remove that of one not durable.

        config: its document, where it is about to be another one. Raises OutOfSpace or Internal.
        """
        if not record.durable:
            if record.id in self._kept:
                await to_its_end(asyncio.to_thread(self.remove, record.id))
            return
        definition = Definition(record=at_rest(record), request=container.request, config=config or container.config)
        if self._kept.get(record.id) != definition:
            self._kept[record.id] = None
            await to_its_end(asyncio.to_thread(self._store.save, definition))
            self._kept[record.id] = definition

    def remove(self, container_id: str) -> None:
        """Blocking. Nothing where there is none. Raises OutOfSpace or Internal."""
        if container_id in self._kept:
            self._kept[container_id] = None
        self._store.remove(container_id)
        self._kept.pop(container_id, None)

    def has(self, container_id: str) -> bool:
        """True also for one that was set aside."""
        return container_id in self._kept or container_id in self._aside


def at_rest(record: ContainerRecord) -> ContainerRecord:
    """Return what a container is without what passes: runs, places, restarts. Its end is kept if it has ended for good."""
    ended = record.status == "stopped" and record.next_start is None
    return record.with_(
        status="stopped",
        started_at=None,
        started_boottime_ns=None,
        exit=record.exit if ended else None,
        previous_exit=None,
        restart_count=0,
        next_start=None,
        failures=0,
        updating=False,
        health_state=None,
        notify_state=None,
        pid=None,
        identity="",
        boot_id="",
        cgroup_v2=None,
        cgroups_v1=(),
        lost_output_bytes=0,
        timing=None,
    )


def brought_back(definition: Definition) -> ContainerRecord:
    """Return the record of a container after a boot: stopped, and to be started where its policy says so.

    How it ended is lost, unless it had ended for good.
    """
    record, moment = definition.record, now()
    wanted = record.restart == "always" or (record.restart == "unless-stopped" and not record.stopped_on_request)
    planned = planned_start("policy", moment) if wanted and record.ever_started else None
    lost = ExitRecord(exit_code=None, reason="lost", signal=None, finished_at=moment.wall)
    return record.with_(exit=record.exit or lost, next_start=planned)
