"""The daemon and its host."""

from __future__ import annotations

from containerd_py import wire
from containerd_py.client.calls import Calls


class HostCalls(Calls):
    async def ping(self) -> None:
        """Return when the daemon answers."""
        await self._connection.exchange("GET", "/v1/_ping")

    async def version(self) -> wire.Version:
        """Return the versions of the daemon, and of what it runs on."""
        return await self._connection.fetch(wire.Version, "GET", "/v1/version")

    async def info(self) -> wire.Info:
        """Return what the daemon knows of itself, and of its host."""
        return await self._connection.fetch(wire.Info, "GET", "/v1/info")

    async def doctor(self) -> wire.Doctor:
        """Return what the daemon's host can and cannot do."""
        return await self._connection.fetch(wire.Doctor, "GET", "/v1/doctor")

    async def declared(self) -> wire.Declared:
        """Return what has come of the directory of declared containers."""
        return await self._connection.fetch(wire.Declared, "GET", "/v1/declared")

    async def metrics(self) -> str:
        """Return what the daemon measures, in the text format of Prometheus."""
        return (await self._connection.exchange("GET", "/metrics")).decode()

    async def shut_down(self) -> wire.ShutDown:
        """Stop all containers, the newest first, for the host shuts down; the daemon starts nothing any more.

        The next boot, and the next daemon, start what restart policies say. What could not be stopped is told in the
        answer, not raised.
        """
        return await self._connection.fetch(wire.ShutDown, "POST", "/v1/shutdown")

    async def explain(self, request: wire.CreateRequest) -> wire.Explanation:
        """Return what `create` and `start` would do; nothing is made.

        NotSupported: the host or this version cannot serve a part of it, which is named.
        """
        return await self._connection.fetch(wire.Explanation, "POST", "/v1/explain", body=request)
