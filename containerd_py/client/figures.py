"""What containers use and do, and where the time of their start went."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from containerd_py import wire
from containerd_py.client.calls import Calls
from containerd_py.client.failures import read_model
from containerd_py.client.lines import whole_lines
from containerd_py.client.paths import container_path

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable


class FigureCalls(Calls):
    async def stats(self, container: str, *, interval_s: float | None = None) -> AsyncGenerator[wire.Stats, None]:
        """Yield what it uses: once, or with an interval until it ends.

        NotFound: there is no such container. Conflict: it does not run.
        """
        path = container_path(container, "stats")
        async with contextlib.aclosing(self._connection.stream("GET", path, _interval(interval_s))) as chunks:
            async for line in whole_lines(chunks):
                yield read_model(wire.Stats, line, f"GET {path}")

    async def all_stats(
        self, containers: Iterable[str] = (), labels: Iterable[str] = (), *, interval_s: float | None = None
    ) -> AsyncGenerator[wire.StatsRound, None]:
        """Yield what containers use, all that live unless some are named: once, or with an interval without end.

        NotFound: one that was named does not exist.
        """
        query = [("container", one) for one in containers] + [("label", label) for label in labels]
        query += _interval(interval_s)
        async with contextlib.aclosing(self._connection.stream("GET", "/v1/stats", query)) as chunks:
            async for line in whole_lines(chunks):
                yield read_model(wire.StatsRound, line, "GET /v1/stats")

    async def top(self, container: str) -> wire.ProcessList:
        """Return its processes, as the host sees them. NotFound: no such container. Conflict: it does not run."""
        return await self._connection.fetch(wire.ProcessList, "GET", container_path(container, "top"))

    async def timeline(self, container: str) -> wire.Timeline:
        """Return the steps of its creation and its start, with the time that each took. NotFound: no such container."""
        return await self._connection.fetch(wire.Timeline, "GET", container_path(container, "timeline"))


def _interval(seconds: float | None) -> list[tuple[str, str]]:
    return [] if seconds is None else [("follow", "true"), ("interval", str(seconds))]
