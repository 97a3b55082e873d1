"""Waiting for what becomes of a container: its health, the end of this run, or of the next, or its removal."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from containerd_py.engine.views import Reached, Status
from containerd_py.errors import Conflict, NotFound

if TYPE_CHECKING:
    from containerd_py.engine.containers import Container
    from containerd_py.engine.runs import Run
    from containerd_py.engine.views import Exit


class Condition(StrEnum):
    NOT_RUNNING = "not-running"
    NEXT_EXIT = "next-exit"
    REMOVED = "removed"
    HEALTHY = "healthy"


class Waiting:
    """It counts from its making on: what happens between that and `result` is not missed."""

    def __init__(self, container: Container, condition: Condition) -> None:
        """Raises Conflict for a condition that cannot come."""
        if condition is Condition.HEALTHY and container.record.health is None:
            raise Conflict(
                f"cannot wait for {container.title} to be healthy: it has no health check",
                step="wait",
                hint='create it with "health", such as {"tcp": {"port": 80}}',
            )
        self._container = container
        self._condition = condition
        self._run = container.run

    async def result(self) -> Exit | Reached:
        """Return how it ended, or what it has reached. Raises NotFound where it is removed before there was such an end."""
        if self._condition is Condition.HEALTHY:
            return await self._health()
        if self._condition is Condition.REMOVED:
            return await self._removal()
        run = self._run
        if self._condition is Condition.NEXT_EXIT and run.exit is not None:
            run = await self._after(run)
        return await self._end_of(run)

    async def _health(self) -> Exit | Reached:
        """The end of the run, where that comes first."""
        container = self._container
        while self._run.exit is None:
            container.check("wait for", *Status)
            state = container.record.health_state
            if container.status is Status.RUNNING and state is not None and state.status == "healthy":
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
