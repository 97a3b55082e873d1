"""Waiting for what becomes of a container: the end of this run, or of the next, or its removal."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from containerd_py.engine.views import Status
from containerd_py.errors import NotFound

if TYPE_CHECKING:
    from containerd_py.engine.containers import Container
    from containerd_py.engine.runs import Run
    from containerd_py.engine.views import Exit


class Condition(StrEnum):
    NOT_RUNNING = "not-running"
    NEXT_EXIT = "next-exit"
    REMOVED = "removed"

    @property
    def holds_for_removed(self) -> bool:
        """True where a container that is no more has fulfilled it."""
        return self in (Condition.NOT_RUNNING, Condition.REMOVED)


@dataclass(frozen=True, slots=True)
class Known:
    """An end that needs no waiting for."""

    exit: Exit

    async def result(self) -> Exit:
        return self.exit


class Waiting:
    """It counts from its making on: what happens between that and `result` is not missed."""

    def __init__(self, container: Container, condition: Condition) -> None:
        self._container = container
        self._condition = condition
        self._run = container.run

    async def result(self) -> Exit:
        """Return how it ended. Raises NotFound where it is removed before there was such an end."""
        if self._condition is Condition.REMOVED:
            return await self._removal()
        run = self._run
        if self._condition is Condition.NEXT_EXIT and run.exit is not None:
            run = await self._after(run)
        return await self._end_of(run)

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
