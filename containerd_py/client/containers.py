"""Which containers there are: making, finding, changing and removing them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py import wire
from containerd_py.client.calls import BOOLEAN, Calls, given
from containerd_py.client.paths import container_path

if TYPE_CHECKING:
    from collections.abc import Iterable


class ContainerCalls(Calls):
    async def create(self, request: wire.CreateRequest, *, key: str | None = None) -> wire.Created:
        """Make a container; `start` executes its program. If this call is cancelled, the creation is undone.

        key: who asks again with the same one gets the same container; 1 to 255 visible ASCII characters, such as a UUID.
        Conflict: its name or id is taken. NotSupported: the host or this version cannot serve a part of it, which is
        named. OutOfSpace: the state directory is full. DeadlineExceeded: a step of it hangs.
        """
        return await self._connection.fetch(wire.Created, "POST", "/v1/containers", body=request, key=key)

    async def containers(
        self,
        status: str | Iterable[str] | None = None,
        labels: Iterable[str] = (),
        *,
        names: Iterable[str] = (),
        health: str | Iterable[str] | None = None,
        since: str | None = None,
        before: str | None = None,
        sort: str | None = None,
        limit: int | None = None,
    ) -> tuple[wire.ContainerSummary, ...]:
        """Return the containers, the oldest first.

        status: one or several of a container's states, and "restarting". labels: "K" or "K=V", all of which must hold.
        names: what the name has in it, one of them. health: one or several of "starting", "healthy", "unhealthy", "none".
        since, before: containers; NotFound where there is none such.
        sort: "created", "started", "name" or "status", with "-" before it for the other way round.
        """
        query = [("label", label) for label in labels] + [("status", one) for one in _several(status)]
        query += [("health", one) for one in _several(health)]
        query += [("name", name) for name in names]
        query += given(since=since, before=before, sort=sort, limit=limit).items()
        return (await self._connection.fetch(wire.ContainerList, "GET", "/v1/containers", query)).containers

    async def container(self, container: str) -> wire.ContainerDetail:
        """Return everything that is known about a container. NotFound: there is none such."""
        return await self._connection.fetch(wire.ContainerDetail, "GET", container_path(container))

    async def delete(self, container: str, *, force: bool = False) -> None:
        """Remove a container, its output too.

        NotFound: there is none such. Conflict: it runs, and without `force` it is not killed.
        DeadlineExceeded: the kernel does not let it go; it is tried again by another call.
        """
        await self._connection.exchange("DELETE", container_path(container), {"force": BOOLEAN[force]})

    async def rename(self, container: str, name: str) -> None:
        """Give it another name. NotFound: there is none such. Conflict: the name is taken. OutOfSpace: nothing changed."""
        await self._connection.exchange("POST", container_path(container, "rename"), {"name": name})

    async def update(self, container: str, changes: wire.UpdateRequest) -> None:
        """Change limits, at once where it runs, its restart policy, and whether it outlives a boot; None lifts a limit.

        NotFound: there is none such. Conflict: it is being started or removed. NotSupported: the host cannot enforce it.
        OutOfSpace, DeadlineExceeded: nothing has changed.
        """
        await self._connection.exchange("POST", container_path(container, "update"), body=changes)

    async def prune(self, labels: Iterable[str] = ()) -> wire.Pruned:
        """Remove every container that has stopped, and that nothing starts again.

        labels: "K" or "K=V", all of which must hold. What could not be removed is told in the answer, not raised.
        """
        return await self._connection.fetch(wire.Pruned, "POST", "/v1/prune", [("label", label) for label in labels])


def _several(given: str | Iterable[str] | None) -> tuple[str, ...]:
    return () if given is None else (given,) if isinstance(given, str) else tuple(given)
