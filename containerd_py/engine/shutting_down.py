"""Stopping all containers because the host shuts down.

Nobody has asked for the end of any single one: their restart policies hold, and the next boot starts what they say. So
they are on record as to be started again where the policy wants it, but this daemon starts nothing any more.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from containerd_py.engine.supervision import stop_by
from containerd_py.engine.views import ContainerFailure, ShutDown
from containerd_py.errors import ContainerdError

if TYPE_CHECKING:
    from datetime import datetime

    from containerd_py.engine.containers import Container
    from containerd_py.engine.lifecycle import Lifecycle
    from containerd_py.engine.parts import Parts
    from containerd_py.engine.supervision import Supervision

_log = structlog.get_logger()

_HEAD_START_S = 1.0
"""What is to end waits for what was started after it, but not longer: a hundred that ignore their signal take as long as
their patience and a hundred seconds, not a hundred times their patience."""


class ShuttingDown:
    def __init__(self, parts: Parts, lifecycle: Lifecycle, supervision: Supervision) -> None:
        self._parts = parts
        self._lifecycle = lifecycle
        self._supervision = supervision

    async def run(self) -> ShutDown:
        """Stop the newest first, each by its own signal and patience. One that cannot be stopped costs only itself."""
        self._supervision.hold()
        alive = sorted((one for one in self._parts.registry if one.alive), key=_began, reverse=True)
        _log.info("stopping all containers", count=len(alive))
        stopping = []
        for container in alive:
            task = self._parts.tasks.start(self._stop(container), name=f"shutdown {container.id}", quiet=True)
            stopping.append(task)
            await asyncio.wait([task], timeout=_HEAD_START_S)
        failures = [failure for failure in await asyncio.gather(*stopping) if failure is not None]
        failed = {failure.id for failure in failures}
        return ShutDown(tuple(one.id for one in alive if one.id not in failed), tuple(failures))

    async def _stop(self, container: Container) -> ContainerFailure | None:
        try:
            await self._lifecycle.stop(container, *stop_by(container, None, None))
        except ContainerdError as problem:
            _log.error("cannot stop container", container=container.id, error=problem.message)
            return ContainerFailure(container.id, container.name, problem.message)
        return None


def _began(container: Container) -> datetime:
    return container.record.started_at or container.record.created_at
