"""Going on where a stream broke off: the daemon was restarted, and containers have not noticed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from containerd_py.client import event_socket
from containerd_py.errors import Internal, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from containerd_py import wire
    from containerd_py.client.connection import Connection

_AWAY_S = 30.0
_AGAIN_S = 0.1
_OFFSET = "Output-Offset"


class _Patience:
    """How long the daemon may be away. Without any word from it, not at all."""

    def __init__(self) -> None:
        self._until_s: float | None = None
        self._heard = False

    def heard(self) -> None:
        """To be called when it answers."""
        self._heard, self._until_s = True, None

    async def wait(self, lost: Unavailable) -> None:
        """Return when it is worth another try; else raise what was lost."""
        now_s = asyncio.get_running_loop().time()
        if self._until_s is None:
            self._until_s = now_s + _AWAY_S
        if not self._heard or now_s > self._until_s:
            raise lost
        await asyncio.sleep(_AGAIN_S)


async def output(connection: Connection, path: str, query: dict[str, str]) -> AsyncGenerator[bytes, None]:
    """Yield what a request for logs with `follow` answers, each byte once."""
    begun: int | None = None
    came = 0
    # Of one stream, or of a time, it cannot be told where in all output it broke off: its beginning is read again.
    countable = not query.keys() & {"stream", "since", "timestamps"}
    patience = _Patience()
    while True:
        passed = 0 if begun is None or countable else came
        try:
            async with connection.answer("GET", path, _from(query, begun, came if countable else 0)) as response:
                patience.heard()
                if begun is None:
                    begun = _beginning(response.headers.get(_OFFSET), path)
                async for data in response.content.iter_any():
                    new = data[passed:]
                    passed -= len(data) - len(new)
                    came += len(new)
                    if new:
                        yield new
                return
        except Unavailable as lost:
            await patience.wait(lost)


async def events(connection: Connection, query: list[tuple[str, str]]) -> AsyncGenerator[wire.Event, None]:
    """Yield what a request for events with `follow` answers, each event once."""
    patience = _Patience()
    filters = [(name, value) for name, value in query if name not in ("since", "since_id")]
    again = query if len(query) > len(filters) else [*filters, ("since", f"{time.time():.6f}")]
    while True:
        try:
            socket = await connection.upgrade("/v1/events", query, protocols=())
            patience.heard()
            async with contextlib.aclosing(event_socket.read(socket)) as told:
                async for event in told:
                    again = [*filters, ("since_id", str(event.seq))]
                    yield event
        except Unavailable as lost:
            await patience.wait(lost)
            query = again
        else:
            return


def _from(query: dict[str, str], begun: int | None, came: int) -> dict[str, str]:
    if begun is None:
        return query
    return {name: value for name, value in query.items() if name != "tail"} | {"offset": str(begun + came)}


def _beginning(told: str | None, path: str) -> int:
    if told is None or not told.isdecimal():
        raise Internal(f"cannot read the daemon's answer to GET {path}: it tells no {_OFFSET}")
    return int(told)
