"""Waiting for what becomes of a container: its health, the end of this run, or of the next, or its removal."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from containerd_py.engine.views import Reached, Status
from containerd_py.errors import Conflict, NotFound
from containerd_py.light.dataclasses import dataclass

if TYPE_CHECKING:
    from containerd_py.engine.containers import Container
    from containerd_py.engine.runs import Run
    from containerd_py.engine.views import Exit
    from containerd_py.store.records import ContainerRecord


class Condition(StrEnum):
    NOT_RUNNING = "not-running"
    NEXT_EXIT = "next-exit"
    REMOVED = "removed"
    HEALTHY = "healthy"
    READY = "ready"

    @property
    def holds_for_removed(self) -> bool:
        """True where a container that is no more has fulfilled it."""
        return self in (Condition.NOT_RUNNING, Condition.REMOVED)


@dataclass(frozen=True)
class Known:
    """An end that needs no waiting for."""

    exit: Exit

    async def result(self) -> Exit:
        return self.exit


class Waiting:
    """It counts from its making on: what happens between that and `result` is not missed."""

    def __init__(self, container: Container, condition: Condition) -> None:
        """Raises Conflict for a condition that cannot come."""
        if condition is Condition.HEALTHY and container.record.health is None:
            raise _never(container, condition, "it has no health check", 'create it with "health": {"tcp": {"port": 80}}')
        if condition is Condition.READY and not container.record.notify:
            raise _never(container, condition, "it has no socket to tell it by", 'create it with "notify": true')
        self._container = container
        self._condition = condition
        self._run = container.run

    async def result(self) -> Exit | Reached:
        """Return how it ended, or what it has reached. Raises NotFound where it is removed before there was such an end."""
        if self._condition in (Condition.HEALTHY, Condition.READY):
            return await self._reached()
        if self._condition is Condition.REMOVED:
            return await self._removal()
        run = self._run
        if self._condition is Condition.NEXT_EXIT and run.exit is not None:
            run = await self._after(run)
        return await self._end_of(run)

    async def _reached(self) -> Exit | Reached:
        """The end of the run, where that comes first."""
        container = self._container
        while self._run.exit is None:
            container.check("wait for", *Status)
            if container.status is Status.RUNNING and _is(container.record, self._condition):
                return Reached(self._condition.value)
            await container.changes.wait()
        return self._run.exit

    async def _end_of(self, run: Run) -> Exit:
        while run.exit is None:
            self._container.check("wait for", *Status)
            await self._container.changes.wait()
        return run.exit

    async def _after(self, run: Run) -> Run:
        while run.next is None:
            self._container.check("wait for", *Status)
            await self._container.changes.wait()
        return run.next

    async def _removal(self) -> Exit:
        while not self._container.deleted:
            await self._container.changes.wait()
        ended = self._container.run.exit
        if ended is None:
            raise NotFound(f"cannot wait for container {self._container.name!r}: it was removed before it ran", step="wait")
        return ended


def _is(record: ContainerRecord, condition: Condition) -> bool:
    if condition is Condition.READY:
        return record.notify_state is not None and record.notify_state.ready
    return record.health_state is not None and record.health_state.status == "healthy"


def _never(container: Container, condition: Condition, cause: str, hint: str) -> Conflict:
    return Conflict(f"cannot wait for {container.title} to be {condition}: {cause}", step="wait", hint=hint)
