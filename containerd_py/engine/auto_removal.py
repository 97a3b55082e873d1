"""Containers that go with their end (`auto_remove`, docker's `--rm`): by the daemon, so that nobody has to stay for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from containerd_py.engine.asking import asked_by
from containerd_py.engine.views import Status
from containerd_py.errors import Conflict, ContainerdError, NotFound

if TYPE_CHECKING:
    from containerd_py.engine.containers import Container
    from containerd_py.engine.lifecycle import Lifecycle
    from containerd_py.engine.parts import Parts

_log = structlog.get_logger()


class AutoRemoval:
    """`begin` once all containers are back; `close` before their tasks are ended."""

    def __init__(self, parts: Parts, lifecycle: Lifecycle) -> None:
        self._parts = parts
        self._lifecycle = lifecycle
        self._active = False
        lifecycle.on_end.append(self._look_at)

    def begin(self) -> None:
        """Remove what has ended while no daemon was there, or just before one ended."""
        self._active = True
        for container in self._parts.registry:
            self._look_at(container)

    def close(self) -> None:
        self._active = False

    def _look_at(self, container: Container) -> None:
        record = container.record
        if not (self._active and record.auto_remove) or record.next_start is not None:
            return
        if container.status is Status.STOPPED and not container.deleted:
            with asked_by(None):  # whoever has asked for the end has not asked for this
                self._parts.tasks.start(self._remove(container), name=f"remove {container.id}")

    async def _remove(self, container: Container) -> None:
        try:
            await self._lifecycle.delete(container, force=False)
        except (Conflict, NotFound):
            return  # somebody has started it again, or was faster
        except ContainerdError as problem:
            _log.error("cannot remove container that has ended", container=container.id, error=problem.message)
