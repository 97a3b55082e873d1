"""What WebSockets have in common, whatever they carry."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import WSCloseCode

if TYPE_CHECKING:
    from aiohttp import web

_LONGEST_REASON = 123  # of the 125 bytes of a control frame (RFC 6455, 5.5.1)


def is_asked_for(request: web.Request) -> bool:
    return request.headers.get("Upgrade", "").lower() == "websocket"


def reason(text: str) -> bytes:
    """Return as much of it as a close frame takes, in whole characters: a client takes anything else for a wrong frame."""
    return text.encode()[:_LONGEST_REASON].decode(errors="ignore").encode()


async def close_slow(socket: web.WebSocketResponse, reason: str, *, within_s: float) -> None:
    """Put the close frame behind what the client has still to take, and wait a while for it to take all.

    In a task of its own: a send that timed out leaves a cancelled future in aiohttp, which the next one awaits.
    """
    closing = asyncio.create_task(socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=reason.encode()))
    await asyncio.wait((closing,), timeout=within_s)
    closing.cancel()
    await asyncio.sleep(within_s)  # cut short by the end of the connection
