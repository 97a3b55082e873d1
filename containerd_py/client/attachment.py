"""One attached client of one container: its output as it comes, its input, its terminal's size, and how it ended.

Each binary message of the WebSocket starts with its channel (v5.channel.k8s.io):

    client ──0 stdin, 4 resize {"Width", "Height"}, 5 "SIGTERM", 255 0 "stdin is at its end"──► daemon
    client ◄──1 stdout, 2 stderr, 255 n "channel n is at its end", 3 Status──────────────────── daemon

Who attaches to a created container before it is started misses no byte.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from enum import IntEnum
from typing import TYPE_CHECKING, Self

import aiohttp

from containerd_py import errors
from containerd_py.client.status import Status, parse_status

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

_FRAME_BYTES = 32 * 1024  # a frame is at most 64 KiB
_CLOSE = 255
_TRY_AGAIN_LATER = 1013
_GOING_AWAY = (1000, 1001, 1006, 1012)  # without a status before it, 1000 too is an end too early
_CLOSE_S = 2.0  # a daemon that is busy sending may never answer the close


class Channel(IntEnum):
    STDIN = 0
    STDOUT = 1
    STDERR = 2
    STATUS = 3
    RESIZE = 4
    SIGNAL = 5


class FellBehind(errors.Unavailable):
    """The daemon closed the stream because this client read too slowly, or what comes next is kept no more.

    offset: where to attach again; skipped: so many bytes of output before it are gone.
    """

    def __init__(self, container: str, reason: str, offset: int | None, skipped: int = 0) -> None:
        hint = None if offset is None else f"attach again from offset {offset}"
        super().__init__(f"cannot follow the output of {container!r}: {reason}", step="attach", hint=hint)
        self.offset = offset
        self.skipped = skipped


class Attachment:
    """Iterate to get (channel, data) of stdout and stderr until the container ends.

    The iteration ends when the container did, and `exit_code` is set then. It raises FellBehind where this client
    was too slow, Unavailable where the connection is lost or the daemon stops, Internal where it reports a failure.
    Sending on a connection that is gone raises Unavailable.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, container: str, offset: int | None) -> None:
        self._socket = socket
        self._container = container
        self._status: Status | None = None
        self.offset = offset
        """The offset of the next byte of output, where it is known: the daemon told it, or the attachment began at one."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Leave the container; it goes on without this client."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await self._socket.close()

    @property
    def exit_code(self) -> int | None:
        """The payload's exit code (128 + n after signal n); None before the end, or where the daemon tells none."""
        return None if self._status is None else self._status.exit_code

    async def __aiter__(self) -> AsyncGenerator[tuple[Channel, bytes], None]:
        while True:
            message = await self._socket.receive()
            if message.type is not aiohttp.WSMsgType.BINARY:
                self._ended(message)
                return
            channel, data = message.data[0] if message.data else _CLOSE, message.data[1:]
            if channel == Channel.STATUS:
                self._status = parse_status(data)
            elif channel in (Channel.STDOUT, Channel.STDERR) and data:
                if self.offset is not None:
                    self.offset += len(data)
                yield Channel(channel), data

    async def send_stdin(self, data: bytes) -> None:
        for start in range(0, len(data), _FRAME_BYTES):
            await self._send(bytes([Channel.STDIN]) + data[start : start + _FRAME_BYTES])

    async def close_stdin(self) -> None:
        """Tell the payload that its standard input is at its end."""
        await self._send(bytes([_CLOSE, Channel.STDIN]))

    async def resize(self, rows: int, columns: int) -> None:
        await self._send(bytes([Channel.RESIZE]) + json.dumps({"Width": columns, "Height": rows}).encode())

    async def send_signal(self, signal: str) -> None:
        """Send the payload a signal, behind the input that was sent before; signal: "SIGTERM", "TERM" or "15"."""
        await self._send(bytes([Channel.SIGNAL]) + signal.encode())

    async def _send(self, message: bytes) -> None:
        try:
            await self._socket.send_bytes(message)
        except (aiohttp.ClientError, ConnectionError) as error:
            raise self._lost() from error

    def _ended(self, message: aiohttp.WSMessage) -> None:
        """Return where the stream ended as the contract says, else raise why it did not."""
        if self._status is not None:
            if self._status.failure is not None:
                raise errors.Internal(f"cannot follow {self._container!r}: {self._status.failure}", step="attach")
            return
        if message.type is not aiohttp.WSMsgType.CLOSE:
            raise self._lost()
        reason = message.extra or ""
        # The daemon tells where it gave up, which may be before a frame that did arrive: the own count is exact.
        # It may be ahead too: of what is kept no more.
        own = self.offset
        if told := re.search(r"offset\D{0,3}(\d+)", reason):
            self.offset = max(self.offset or 0, int(told[1]))
        if message.data == _TRY_AGAIN_LATER:
            skipped = 0 if own is None or self.offset is None else self.offset - own
            raise FellBehind(self._container, reason or "too slow", self.offset, skipped)
        if message.data in _GOING_AWAY:
            raise self._lost()
        cause = reason or f"closed with code {message.data}"
        raise errors.Internal(f"cannot follow {self._container!r}: {cause}", step="attach")

    def _lost(self) -> errors.Unavailable:
        hint = "the container itself is not touched; attach again when the daemon is back"
        return errors.Unavailable(f"cannot follow {self._container!r}: connection lost", step="attach", hint=hint)
