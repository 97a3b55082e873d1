"""A client that takes nothing is dropped, and can tell that what it has is not all."""

import asyncio
import base64
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from containerd_py.api import app, attach, streams
from containerd_py.api.access import Access
from containerd_py.engine.following import Reading
from containerd_py.engine.runs import Run
from containerd_py.engine.selection import ContainerFilter
from containerd_py.engine.views import OutputChunk, Stream

HEAD = "GET /v1/containers/abc/{} HTTP/1.1\r\nHost: localhost\r\n{}\r\n"
UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    f"Sec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}\r\nSec-WebSocket-Protocol: {attach.PROTOCOL}\r\n"
)


class EndlessEngine:
    """One container, whose output never ends."""

    @property
    def streams(self) -> Self:
        return self

    def joinable(self, reference: str) -> tuple[str, int]:
        return reference, 0

    def run_of(self, _reference: str) -> Run:
        return Run()

    def container_filter(self, reference: str) -> ContainerFilter:
        return ContainerFilter(reference)

    def logged(self, _reference: str, _offset: int) -> str:
        return "abc"

    async def start_of(self, _reference: str, _reading: Reading) -> int:
        return 0

    async def output(self, _reference: str, **_options: Any) -> AsyncIterator[OutputChunk]:
        offset = 0
        while True:
            yield OutputChunk(Stream.STDOUT, offset, b"x" * 32_768)
            offset += 32_768


@pytest.fixture
async def socket_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    monkeypatch.setattr(streams, "_SLOWEST_S", 0.1)
    monkeypatch.setattr(attach, "_SLOWEST_S", 0.1)
    engine: Any = EndlessEngine()
    runner = app.runner(app.build(engine, Access(group_allowed=False)))
    await runner.setup()
    await web.UnixSite(runner, path := str(tmp_path / "api.sock")).start()
    yield path
    await runner.cleanup()


async def dropped(reader: asyncio.StreamReader) -> bytes:
    """Return all that was sent before the connection was closed, once it is; nothing is read before."""
    await asyncio.sleep(0)
    reading = bytearray()
    while data := await reader.read(1 << 20):
        reading += data
    return bytes(reading)


async def ask(path: str, request: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_unix_connection(path, limit=1)
    writer.write(request.encode())
    return reader, writer


async def broken_off(logs: list[Any], cause: str = "the client takes nothing") -> None:
    async with asyncio.timeout(30):
        while not logs:
            await asyncio.sleep(0.01)
    told = [(line["event"], line["cause"]) for line in logs if line["event"] != "audit"]
    assert told == [("stream broken off", cause)]


class SilentEngine(EndlessEngine):
    """One container that says nothing, and whose input is read when it is let."""

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.written = 0

    async def output(self, _reference: str, **_options: Any) -> AsyncIterator[OutputChunk]:
        await asyncio.Event().wait()
        yield OutputChunk(Stream.STDOUT, 0, b"")

    async def write_stdin(self, _reference: str, data: bytes) -> None:
        await self.let.wait()
        self.written += len(data)


@pytest.fixture
async def silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[SilentEngine, str]]:
    monkeypatch.setattr(attach, "_PING_S", 0.05)
    monkeypatch.setattr(attach, "_PONG_S", 0.2)
    engine: Any = SilentEngine()
    runner = app.runner(app.build(engine, Access(group_allowed=False)))
    await runner.setup()
    await web.UnixSite(runner, path := str(tmp_path / "silent.sock")).start()
    yield engine, path
    await runner.cleanup()


async def test_a_client_that_answers_no_ping_is_dropped(silent: tuple[SilentEngine, str]) -> None:
    with capture_logs() as logs:
        reader, writer = await ask(silent[1], HEAD.format("attach", UPGRADE))
        await broken_off(logs, "the client answers no ping")
    async with asyncio.timeout(30):
        assert (await dropped(reader)).endswith(b"\r\n\r\n\x89\x00")  # a ping, and then nothing
    writer.close()


async def test_a_client_whose_pongs_are_behind_its_input_stays(silent: tuple[SilentEngine, str]) -> None:
    engine, path = silent
    frames, size = 100, 60_000

    async def flood(socket: aiohttp.ClientWebSocketResponse) -> None:
        for _ in range(frames):
            await socket.send_bytes(b"\0" + bytes(size))

    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(path)) as session,
        session.ws_connect("http://localhost/v1/containers/abc/attach", protocols=(attach.PROTOCOL,)) as socket,
    ):
        flooding = asyncio.ensure_future(flood(socket))
        receiving = asyncio.ensure_future(socket.receive())  # which answers pings
        await asyncio.sleep(1)  # several pings long: that nothing happens cannot be waited for
        assert not receiving.done()
        assert engine.written == 0
        engine.let.set()
        await flooding
        async with asyncio.timeout(30):
            while engine.written < frames * size:
                await asyncio.sleep(0.01)
        assert not receiving.done()
        receiving.cancel()
        await asyncio.gather(receiving, return_exceptions=True)


async def test_a_log_reader_that_takes_nothing_gets_no_end(socket_path: str) -> None:
    with capture_logs() as logs:
        reader, writer = await ask(socket_path, HEAD.format("logs?follow=true", ""))
        await broken_off(logs)
    async with asyncio.timeout(30):
        body = (await dropped(reader)).partition(b"\r\n\r\n")[2]
    assert len(body) > 65_536
    assert b"HTTP/1.1" not in body  # no second response in the middle of the output
    assert not body.endswith(b"0\r\n\r\n")  # nor an end, as if this had been all
    writer.close()


async def test_an_attached_client_that_takes_nothing_is_dropped(socket_path: str) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with capture_logs() as logs:
        reader, writer = await ask(socket_path, HEAD.format("attach?offset=0", UPGRADE))
        await broken_off(logs)
    async with asyncio.timeout(30):
        while len(os.listdir("/proc/self/fd")) > before + 1:  # ours is still open, the daemon's is not
            await asyncio.sleep(0.01)
        assert (await dropped(reader)).startswith(b"HTTP/1.1 101 ")
    writer.close()
