"""Removing all containers that have stopped, and nothing starts again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py.engine.labels import carries_all
from containerd_py.engine.views import ContainerFailure, Pruned, Status
from containerd_py.errors import Conflict, ContainerdError, NotFound

if TYPE_CHECKING:
    from containerd_py.engine.containers import Container
    from containerd_py.engine.parts import Parts
    from containerd_py.engine.supervision import Supervision


async def prune(parts: Parts, supervision: Supervision, labels: tuple[str, ...]) -> Pruned:
    """Remove one after the other; one that cannot be removed is told, and costs only itself."""
    removed: list[str] = []
    failed: list[ContainerFailure] = []
    freed_bytes = 0
    for container in parts.registry:
        if not _is_done_with(container) or not carries_all(container.record.labels, labels):
            continue
        size = container.log.size
        try:
            await supervision.delete(container, force=False, keep=False)  # it is to make room
        except (NotFound, Conflict):
            continue  # somebody was faster: it is removed, or started
        except ContainerdError as problem:
            failed.append(ContainerFailure(container.id, container.name, problem.message))
        else:
            removed.append(container.id)
            freed_bytes += size
    return Pruned(tuple(removed), freed_bytes, tuple(failed))


def _is_done_with(container: Container) -> bool:
    return container.status is Status.STOPPED and container.record.next_start is None and not container.deleted
