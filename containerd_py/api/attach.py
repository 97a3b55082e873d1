"""Attaching to a container, or to an exec, over a WebSocket, in the framing of kubectl and CRI (v5.channel.k8s.io).

The first byte of each message is its channel: 0 stdin, 1 stdout, 2 stderr, 3 status, 4 resize, 255 close; and 5 signal,
which is ours. v4.channel.k8s.io is the same without 255: no stream can be told to be at its end.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Protocol

from aiohttp import WSCloseCode, WSMsgType, web

from containerd_py import strict_json
from containerd_py.api import requests, websockets
from containerd_py.api.streams import LARGEST_OFFSET, broken_off_by_errors
from containerd_py.api.websockets import close_slow, is_asked_for
from containerd_py.engine.views import OutputGap, Stream
from containerd_py.errors import Conflict, ContainerdError, InvalidArgument

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import WSMessage

    from containerd_py.engine.engine import Engine
    from containerd_py.engine.runs import Run
    from containerd_py.engine.views import Exit, OutputChunk

PROTOCOL, WITHOUT_CLOSE = "v5.channel.k8s.io", "v4.channel.k8s.io"
STDIN, STDOUT, STDERR, STATUS, RESIZE, SIGNAL, CLOSE = 0, 1, 2, 3, 4, 5, 255
_CHANNELS = {Stream.STDOUT: STDOUT, Stream.STDERR: STDERR}
_LARGEST_FRAME = 65_536
_PING_S, _PONG_S = 30.0, 15.0
_SLOWEST_S = 30.0


class Joinable(Protocol):
    """What has streams that a client can join, by id: containers are `Engine`'s, execs `Execs`'."""

    def output(
        self, reference: str, *, offset: int | None, stream: Stream | None, follow: bool
    ) -> AsyncIterator[OutputChunk | OutputGap]: ...

    async def write_stdin(self, reference: str, data: bytes) -> None: ...

    async def close_stdin(self, reference: str) -> None: ...

    def resize(self, reference: str, *, rows: int, columns: int) -> None: ...

    async def signal(self, reference: str, number: int) -> None: ...

    def run_of(self, reference: str) -> Run: ...


async def attach(request: web.Request, engine: Engine) -> web.StreamResponse:
    offset = read_request(request)
    found, end = engine.streams.joinable(requests.reference(request))
    return await join(request, engine.streams, found, end if offset is None else offset)


def read_request(request: web.Request) -> int | None:
    """Return the offset that is asked for. Raises InvalidArgument, also where it is no WebSocket of this protocol."""
    query = requests.Query(request)
    offset = query.integer("offset", least=0, most=LARGEST_OFFSET)
    query.done()
    offered = [word.strip() for word in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    if not is_asked_for(request) or not {PROTOCOL, WITHOUT_CLOSE} & set(offered):
        raise InvalidArgument(
            f"cannot attach: a WebSocket with subprotocol {PROTOCOL!r} is needed",
            step="attach",
            hint="pyctr attach speaks it; plain HTTP clients read …/logs?follow=true",
        )
    return offset


async def join(request: web.Request, joined: Joinable, reference: str, offset: int) -> web.StreamResponse:
    """Serve one client until it leaves or the end. offset: where its output begins."""
    socket = web.WebSocketResponse(
        protocols=(PROTOCOL, WITHOUT_CLOSE),
        autoping=False,
        max_msg_size=_LARGEST_FRAME,
        compress=False,
        timeout=_SLOWEST_S,
    )
    await socket.prepare(request)
    async with broken_off_by_errors(request):
        await Session(socket, joined, reference).run(offset)
    return socket


class _Gap(Exception):
    """The next byte that is to be sent is kept no more."""


class Session:
    """One attached client: output goes out in one task, input comes in in another, a third pings; the end of one ends all.

    Not by the heartbeat of aiohttp: it takes a client for gone whose pong is behind input that the payload does not read.
    """

    def __init__(self, socket: web.WebSocketResponse, joined: Joinable, reference: str) -> None:
        self._socket = socket
        self._joined = joined
        self._id = reference
        self._run = joined.run_of(reference)
        self._offset = 0
        self._receiving: asyncio.Task[None] | None = None
        self._ending = False
        self._heard = self._busy = False

    async def run(self, offset: int) -> None:
        self._offset = offset
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(self._send_all(), name=f"attach output {self._id}")
            self._receiving = receiving = group.create_task(self._receive_all(), name=f"attach input {self._id}")
            pinging = group.create_task(self._ping(), name=f"attach ping {self._id}")
            await asyncio.wait((sending, receiving, pinging), return_when=asyncio.FIRST_COMPLETED)
            if self._ending:
                await asyncio.wait((sending,), timeout=_SLOWEST_S)
            for task in (sending, receiving, pinging):
                task.cancel()

    # ── to the client ──

    async def _send_all(self) -> None:
        try:
            await self._send_output()
            await self._send_end()
        except _Gap:
            reason = f"output before it is kept no more: go on with offset={self._offset}"
            await self._socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=reason.encode())
        except TimeoutError:
            reason = f"too slow: go on with offset={self._offset}"
            await close_slow(self._socket, reason, within_s=_SLOWEST_S)
            raise
        except ContainerdError as problem:
            await self._send_status(failure(problem.message, "InternalError"))
            await self._close()
        except ConnectionError:
            return  # the client has gone

    async def _send_output(self) -> None:
        async for chunk in self._joined.output(self._id, offset=self._offset, stream=None, follow=True):
            if isinstance(chunk, OutputGap):
                self._offset = chunk.end
                raise _Gap
            # Before the frame is sent: one that is queued when the client turns out too slow still comes before the close.
            self._offset = chunk.offset + len(chunk.data)
            await self._send(bytes([_CHANNELS[chunk.stream]]) + chunk.data)

    async def _send_end(self) -> None:
        ended = self._run.exit
        if ended is None and self._run.output_end is not None:
            await self._send_status(failure("it was removed before it ran", "InternalError"))
            await self._close()
            return
        if ended is None:  # the daemon stops; the container goes on
            reason = f"the daemon stops: go on with offset={self._offset}"
            await self._socket.close(code=WSCloseCode.GOING_AWAY, message=reason.encode())
            return
        if self._socket.ws_protocol == PROTOCOL:
            await self._send(bytes([CLOSE, STDOUT]))
            await self._send(bytes([CLOSE, STDERR]))
        await self._send_status(status_of(ended))
        await self._close()

    async def _close(self) -> None:
        """Close, and wait for the client's answer: aiohttp does not where another task receives meanwhile."""
        self._ending = True
        if self._receiving is not None:
            self._receiving.cancel()
            await asyncio.wait((self._receiving,))
        await self._socket.close(code=WSCloseCode.OK)

    async def _send_status(self, status: dict[str, Any]) -> None:
        await self._send(bytes([STATUS]) + json.dumps(status).encode())

    async def _send(self, frame: bytes) -> None:
        """Raises TimeoutError for a client that takes nothing for half a minute."""
        async with asyncio.timeout(_SLOWEST_S):
            await self._socket.send_bytes(frame)

    # ── from the client ──

    async def _ping(self) -> None:
        """Raises TimeoutError for a client that says nothing, where it could have been heard."""
        while True:
            await asyncio.sleep(_PING_S)
            self._heard = False
            try:
                await self._socket.ping()
            except ConnectionError:
                return
            await asyncio.sleep(_PONG_S)
            if not (self._heard or self._busy or self._ending):
                raise TimeoutError("the client answers no ping")

    async def _receive_all(self) -> None:
        async for message in self._socket:
            self._heard = self._busy = True
            try:
                if message.type is WSMsgType.PING:
                    await self._socket.pong(message.data)
                elif message.type is not WSMsgType.PONG:
                    await self._receive(message)
            except Conflict:
                continue  # input for a payload that takes none any more; its end is told by the other task
            except ContainerdError as problem:
                await self._socket.close(code=WSCloseCode.UNSUPPORTED_DATA, message=websockets.reason(problem.message))
                return
            finally:
                self._busy, self._heard = False, True

    async def _receive(self, message: WSMessage) -> None:
        channel, data = _frame(message)
        if channel == STDIN:
            await self._joined.write_stdin(self._id, data)
        elif channel == RESIZE:
            rows, columns = window(data)
            self._joined.resize(self._id, rows=rows, columns=columns)
        elif channel == SIGNAL:
            await self._joined.signal(self._id, requests.signal_number(data.decode(errors="replace")))
        elif channel == CLOSE and data == bytes([STDIN]) and self._socket.ws_protocol == PROTOCOL:
            await self._joined.close_stdin(self._id)
        else:
            raise InvalidArgument(f"cannot read frame: channel {channel} is not for clients")


def _frame(message: WSMessage) -> tuple[int, bytes]:
    """Return (channel, data). Clients in languages where text comes easier than bytes send text."""
    frame = message.data.encode() if message.type is WSMsgType.TEXT else message.data
    if message.type not in (WSMsgType.BINARY, WSMsgType.TEXT) or not frame:
        raise InvalidArgument("cannot read frame: a channel in its first byte is needed")
    return frame[0], frame[1:]


def window(data: bytes) -> tuple[int, int]:
    """Read {"Width": columns, "Height": rows}; return (rows, columns). Raises InvalidArgument."""
    value = strict_json.loads(data, what="window size")
    rows, columns = (value.get("Height"), value.get("Width")) if isinstance(value, dict) else (None, None)
    most = requests.LARGEST_WINDOW
    if not (type(rows) is int and type(columns) is int and 0 < rows <= most and 0 < columns <= most):
        raise InvalidArgument('cannot read window size: {"Width": …, "Height": …} is needed, 1 to 65535 each')
    return rows, columns


def status_of(ended: Exit) -> dict[str, Any]:
    """Return the Kubernetes Status object that tells an exit."""
    if ended.exit_code == 0:
        return {"metadata": {}, "status": "Success"}
    if ended.exit_code is None:
        return failure("the exit code is lost: nobody saw the end", "InternalError")
    status = failure(f"command terminated with exit code {ended.exit_code}", "NonZeroExitCode")
    return status | {"details": {"causes": [{"reason": "ExitCode", "message": str(ended.exit_code)}]}}


def failure(message: str, reason: str) -> dict[str, Any]:
    return {"metadata": {}, "status": "Failure", "reason": reason, "message": message}
