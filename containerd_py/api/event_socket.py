"""Events over a WebSocket: each is a text message, as a line is in the answer to a plain request; clients send nothing."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from aiohttp import WSCloseCode, web

from containerd_py.api import shown
from containerd_py.api.streams import broken_off_by_errors
from containerd_py.api.websockets import close_slow

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from containerd_py.engine.selection import Selection
    from containerd_py.engine.views import Event

_LARGEST_FRAME = 4096  # of what clients send: control frames alone are for them
_PING_S = 30.0
_SLOWEST_S = 60.0


async def serve(
    request: web.Request, events: AsyncGenerator[Event, None], selection: Selection, *, follow: bool
) -> web.StreamResponse:
    """Serve one client until it leaves or the end."""
    socket = web.WebSocketResponse(heartbeat=_PING_S, max_msg_size=_LARGEST_FRAME, compress=False, timeout=_SLOWEST_S)
    await socket.prepare(request)
    async with broken_off_by_errors(request), contextlib.aclosing(events):
        await Subscriber(socket, selection, follow=follow).run(events)
    return socket


class Subscriber:
    """Events go out in one task; another one answers pings and sees the client leave. The first to end ends both."""

    def __init__(self, socket: web.WebSocketResponse, selection: Selection, *, follow: bool) -> None:
        self._socket = socket
        self._selection = selection
        self._follow = follow
        self._last: int | None = selection.since_id
        self._receiving: asyncio.Task[None] | None = None

    async def run(self, events: AsyncGenerator[Event, None]) -> None:
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(self._send_all(events), name="events out")
            self._receiving = receiving = group.create_task(self._receive(), name="events in")
            await asyncio.wait((sending, receiving), return_when=asyncio.FIRST_COMPLETED)
            if receiving.cancelled():  # to be closed by the other one
                await asyncio.wait((sending,), timeout=_SLOWEST_S)
            sending.cancel()
            receiving.cancel()

    async def _send_all(self, events: AsyncGenerator[Event, None]) -> None:
        try:
            async for event in events:
                # Before it is sent: one that is queued when the client turns out too slow still comes before the close.
                self._last = event.seq
                async with asyncio.timeout(_SLOWEST_S):
                    await self._socket.send_str(shown.event(event).model_dump_json())
            await self._close()
        except TimeoutError:
            await close_slow(self._socket, f"too slow{self._where()}", within_s=_SLOWEST_S)
            raise
        except ConnectionError:
            return  # the client has gone

    async def _close(self) -> None:
        """Close, and wait for the client's answer: aiohttp does not where another task receives meanwhile."""
        if self._receiving is not None:
            self._receiving.cancel()
            await asyncio.wait((self._receiving,))
        left_s = self._selection.left_s()
        if self._follow and (left_s is None or left_s > 0):
            reason = f"the daemon stops{self._where()}"
            await self._socket.close(code=WSCloseCode.GOING_AWAY, message=reason.encode())
        else:
            await self._socket.close(code=WSCloseCode.OK)

    def _where(self) -> str:
        return "" if self._last is None else f": go on with since_id={self._last}"

    async def _receive(self) -> None:
        async for _message in self._socket:
            await self._socket.close(code=WSCloseCode.UNSUPPORTED_DATA, message=b"events take no messages")
            return
