"""Records of containers: those that are there, those that are made anew of what is left, those of definitions alone."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog

from containerd_py.engine.definitions import brought_back
from containerd_py.engine.stored_documents import DocumentCheck
from containerd_py.engine.sweeping import found
from containerd_py.errors import ContainerdError
from containerd_py.runtime.spec.models import parse
from containerd_py.store.records import ContainerRecord, StoredContainer

if TYPE_CHECKING:
    from containerd_py.engine.inventory import Inventory
    from containerd_py.engine.parts import Parts
    from containerd_py.engine.sweeping import Sweeping
    from containerd_py.runtime.cgroups.manager import Cgroup
    from containerd_py.runtime.spawner.client import Inherited
    from containerd_py.store.containers import Quarantined
    from containerd_py.store.records import Definition

_log = structlog.get_logger()


class Rebuilding:
    def __init__(self, parts: Parts, sweeping: Sweeping) -> None:
        self._parts = parts
        self._sweeping = sweeping
        self._stored: list[StoredContainer] = []
        self._quarantined: list[Quarantined] = []
        self._definitions: dict[str, Definition] = {}

    async def load(self) -> None:
        """Read what is on disk. What cannot be read is set aside, and told."""
        check = DocumentCheck()
        self._stored, self._quarantined = await asyncio.to_thread(self._parts.store.load, check)
        self._definitions, broken = await asyncio.to_thread(self._parts.definitions.load, check)
        for container_id, path, problem in broken:
            _log.error("definition set aside", container=container_id, path=path, problem=problem)

    async def run(self, inventory: Inventory) -> tuple[list[StoredContainer], dict[str, Inherited]]:
        """Return every record, and of those that were made anew what was taken for them from the inventory."""
        rebuilt: dict[str, Inherited] = {}
        for lost in self._quarantined:
            self._stored += self._rebuild(lost, inventory, rebuilt, self._definitions.get(lost.id))
        known = {entry.record.id for entry in self._stored}
        for container_id, definition in self._definitions.items():
            if container_id not in known:
                self._stored += await asyncio.to_thread(self._bring_back, definition)
        return self._stored, rebuilt

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

    def _bring_back(self, definition: Definition) -> list[StoredContainer]:
        """Blocking: put a container on record of which only the definition is left, as after a boot."""
        container_id = definition.record.id
        try:
            spec = parse(definition.config)
            where = self._parts.drivers.current.locate(spec, container_id)
            if not spec.linux.cgroups_path:  # ours alone: what is left in there is of its last run
                self._sweeping.remove_cgroup(where)
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
                return found(parts, driver, name)
    if not config.get("linux", {}).get("cgroupsPath"):
        return parts.cgroups.everywhere(f"{parts.drivers.all[0].parent}/{container_id}")
    return parts.drivers.current.locate(parse(config), container_id)
