"""Requests as anyone could send them, the rude ones too."""

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import Any

import aiohttp

_BASE = "http://localhost"
_PROTOCOL = "v5.channel.k8s.io"


class Wrong(Exception):
    """The daemon did what it must never do."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def fine(self) -> bool:
        return self.status < 300


class Caller:
    """One of those that share a session; `socket` is for requests that no well-behaved client sends.

    faults: the daemon is being done to what may well have it answer 500, such as that a worker was lost.
    """

    def __init__(self, session: aiohttp.ClientSession, socket: str, *, faults: bool = False) -> None:
        self._session = session
        self._socket = socket
        self._faults = faults

    async def call(self, method: str, path: str, body: Any = None) -> Answer:
        """Raises Wrong for a 500, and for an error that says nothing; with faults, for one that nobody foresaw only."""
        data = None if body is None else json.dumps(body).encode()
        async with self._session.request(method, _BASE + path, data=data) as response:
            answer = Answer(response.status, await response.read())
        if answer.status == 500 and self._faults and b"is a defect of" not in answer.body:
            return answer
        if answer.status == 500 or (answer.status >= 400 and not answer.json.get("message", "").startswith("cannot ")):
            raise Wrong(f"{method} {path}: {answer.status} {answer.body.decode(errors='replace')}")
        return answer

    async def leave(self, method: str, path: str, after_s: float, body: Any = None) -> None:
        """Ask, and hang up before the answer."""
        try:
            async with asyncio.timeout(after_s):
                await self.call(method, path, body)
        except TimeoutError:
            return

    async def peek(self, path: str, size: int) -> None:
        """Read so many bytes of a stream, at most, and hang up; give up on one that has nothing to say."""
        try:
            async with asyncio.timeout(0.2), self._session.get(_BASE + path) as response:
                await response.content.read(size)
                response.close()
        except TimeoutError:
            return

    async def glance(self, path: str, frames: int, *, typed: bytes = b"", politely: bool = True) -> None:
        """Attach, type, read some frames, and leave with or without a word."""
        try:
            socket = await self._session.ws_connect(_BASE + path, protocols=(_PROTOCOL,))
        except aiohttp.WSServerHandshakeError as refused:
            if refused.status == 500:
                raise Wrong(f"attach {path}: 500") from refused
            return
        try:
            async with asyncio.timeout(0.2):
                if typed:
                    await socket.send_bytes(b"\0" + typed)
                for _ in range(frames):
                    if (await socket.receive()).type is not aiohttp.WSMsgType.BINARY:
                        break
        except (TimeoutError, ConnectionError):
            pass
        if politely:
            await socket.close()
        else:
            socket._response.close()

    async def rude(self, data: bytes) -> None:
        """Send bytes and hang up."""
        _reader, writer = await asyncio.open_unix_connection(self._socket)
        writer.write(data)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()
