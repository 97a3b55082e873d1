"""What WebSockets have in common, whatever they carry."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import WSCloseCode

if TYPE_CHECKING:
    from aiohttp import web


def is_asked_for(request: web.Request) -> bool:
    return request.headers.get("Upgrade", "").lower() == "websocket"


async def close_slow(socket: web.WebSocketResponse, reason: str, *, within_s: float) -> None:
    """Put the close frame behind what the client has still to take, and wait a while for it to take all.

    In a task of its own: a send that timed out leaves a cancelled future in aiohttp, which the next one awaits.
    """
    closing = asyncio.create_task(socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=reason.encode()))
    await asyncio.wait((closing,), timeout=within_s)
    closing.cancel()
    await asyncio.sleep(within_s)  # cut short by the end of the connection
