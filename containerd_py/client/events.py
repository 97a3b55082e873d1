"""What happens."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from containerd_py import wire
from containerd_py.client import event_socket, resuming
from containerd_py.client.calls import BOOLEAN, Calls, given
from containerd_py.client.failures import read_model
from containerd_py.client.lines import whole_lines

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable


class EventCalls(Calls):
    async def events(
        self,
        since_id: int | None = None,
        *,
        since: str | None = None,
        until: str | None = None,
        types: Iterable[str] = (),
        containers: Iterable[str] = (),
        labels: Iterable[str] = (),
        follow: bool = True,
        websocket: bool = False,
        resume: bool = False,
    ) -> AsyncGenerator[wire.Event, None]:
        """Yield events after number `since_id` (default: from now); with `follow` without end, or until `until`.

        since, until: RFC 3339 with a zone, or seconds since 1970. types, containers: one must fit. labels: all must.
        Where some that were asked for are kept no more, one of the type "gap" comes in their place.
        resume: where the daemon is restarted meanwhile, go on after the last one, instead of an end or Unavailable.
        websocket: the daemon then tells why there are no more: Unavailable where this client is too slow, or it stops.
        """
        query = [("follow", BOOLEAN[follow]), *given(since_id=since_id, since=since, until=until).items()]
        query += [("type", kind) for kind in types] + [("container", one) for one in containers]
        query += [("label", label) for label in labels]
        if resume and follow:
            async with contextlib.aclosing(resuming.events(self._connection, query)) as events:
                async for event in events:
                    yield event
            return
        if websocket:
            socket = await self._connection.upgrade("/v1/events", query, protocols=())
            async with contextlib.aclosing(event_socket.read(socket)) as events:
                async for event in events:
                    yield event
            return
        async with contextlib.aclosing(self._connection.stream("GET", "/v1/events", query)) as chunks:
            async for line in whole_lines(chunks):
                yield read_model(wire.Event, line, "GET /v1/events")
