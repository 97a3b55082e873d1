"""Events by a WebSocket: each message is one; how the daemon closes it tells why there are no more."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import aiohttp

from containerd_py import wire
from containerd_py.client.failures import read_model
from containerd_py.errors import Internal, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

_CLOSE_S = 2.0
_OK = 1000
_AGAIN = (1001, 1006, 1012, 1013)


async def read(socket: aiohttp.ClientWebSocketResponse) -> AsyncGenerator[wire.Event, None]:
    """Yield events to their end, and close it.

    Raises Unavailable where this client was too slow, the daemon stops or the connection is lost: the message tells which.
    """
    last: int | None = None
    try:
        while (message := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
            event = read_model(wire.Event, message.data.encode(), "GET /v1/events")
            last = event.seq
            yield event
        _check_end(message, last)
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await socket.close()


def _check_end(message: aiohttp.WSMessage, last: int | None) -> None:
    closed = message.type is aiohttp.WSMsgType.CLOSE
    if closed and message.data == _OK:
        return
    reason = (message.extra or "connection lost") if closed else "connection lost"
    if closed and message.data not in _AGAIN:
        raise Internal(f"cannot follow events: {reason} (code {message.data})", step="events")
    hint = None if last is None else f"go on with since_id {last}"
    raise Unavailable(f"cannot follow events: {reason}", step="events", hint=hint)
