"""Creations that have failed, or were cut off, until nothing of them is left.

What stays busy (a process in the kernel, say) keeps its record, its id and its name, and is tried again by this daemon and
by the next.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from containerd_py.errors import ContainerdError
from containerd_py.runtime.cgroups.destroying import destroy, remove_left
from containerd_py.runtime.cgroups.manager import Cgroup

if TYPE_CHECKING:
    from containerd_py.engine.parts import Parts
    from containerd_py.store.records import ContainerRecord

_log = structlog.get_logger()

_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0


class Undoing:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def finish(self, record: ContainerRecord, name: str) -> None:
        """Undo a creation of an earlier daemon, later where something is busy. Then the id and the name are let go."""
        _log.info("undoing a creation that was cut off", container=record.id)
        if record.left or not await asyncio.to_thread(self._undo, record):
            self.go_on(record, name)
        else:
            self._parts.registry.release(record.id, name)

    def go_on(self, record: ContainerRecord, name: str) -> None:
        """Try again from time to time; the id and the name are let go once nothing is left."""
        self._parts.tasks.start(self._go_on(record, name), name=f"undo {record.id}")

    def leave(self, record: ContainerRecord) -> ContainerRecord:
        """Blocking: put on record that nothing of it is to be killed again. Return the record."""
        left = record.with_(status="creating", left=True)
        try:
            self._parts.store.save(left)
        except (OSError, ContainerdError) as problem:
            _log.warning("cannot record what is left of a creation", container=record.id, error=str(problem))
        return left

    async def _go_on(self, record: ContainerRecord, name: str) -> None:
        left = record if record.left else await asyncio.to_thread(self.leave, record)
        pause_s = 0.0
        while not await asyncio.to_thread(self._remove, left):
            pause_s = min(max(2 * pause_s, _PAUSE_S), _LONGEST_PAUSE_S)
            await asyncio.sleep(pause_s)
        _log.info("nothing is left of a creation that failed", container=record.id)
        self._parts.registry.release(record.id, name)

    def _undo(self, record: ContainerRecord) -> bool:
        """Blocking."""
        try:
            destroy(_cgroup(record))
            self._forget(record)
        except (OSError, ContainerdError) as problem:
            _log.warning("cannot take back all of a creation", container=record.id, error=str(problem))
            return False
        return True

    def _remove(self, left: ContainerRecord) -> bool:
        """Blocking."""
        try:
            if not remove_left(_cgroup(left)):
                return False
            self._forget(left)
        except (OSError, ContainerdError):  # told when it was tried first
            return False
        return True

    def _forget(self, record: ContainerRecord) -> None:
        self._parts.output_log(record.id, record).remove()
        self._parts.definitions.remove(record.id)
        self._parts.store.remove(record.id)  # last: by it all is found


def _cgroup(record: ContainerRecord) -> Cgroup:
    return Cgroup(record.cgroup_v2, record.cgroups_v1, scope=record.scope)
