"""A WebSocket of events to a client that takes nothing, or says something."""

import asyncio
import base64
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from containerd_py.api import app, event_socket
from containerd_py.api.access import Access
from containerd_py.engine.selection import Selection
from containerd_py.engine.views import Event

UPGRADE = (
    "GET /v1/events HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}\r\n\r\n"
)


class EndlessEngine:
    """Something happens all the time."""

    def __init__(self) -> None:
        self.left = 10**9

    async def events(self, _selection: Selection, *, follow: bool) -> AsyncGenerator[Event, None]:
        seq = 0
        while self.left:
            self.left -= 1
            seq += 1
            yield Event(seq, datetime.now(UTC), "container.created", "abc", "web", {"x": "y" * 10_000})
        assert follow


@pytest.fixture
def engine() -> EndlessEngine:
    return EndlessEngine()


@pytest.fixture
async def socket_path(engine: EndlessEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    monkeypatch.setattr(event_socket, "_SLOWEST_S", 0.1)
    serving: Any = engine
    runner = app.runner(app.build(serving, Access(group_allowed=False)))
    await runner.setup()
    await web.UnixSite(runner, path := str(tmp_path / "api.sock")).start()
    yield path
    await runner.cleanup()


async def test_a_client_that_takes_nothing_is_dropped(socket_path: str) -> None:
    with capture_logs() as logs:
        reader, writer = await asyncio.open_unix_connection(socket_path, limit=1)
        writer.write(UPGRADE.encode())
        async with asyncio.timeout(30):
            while not logs:
                await asyncio.sleep(0.01)
    assert [(line["event"], line["cause"]) for line in logs] == [("stream broken off", "the client takes nothing")]
    received = bytearray()
    async with asyncio.timeout(30):
        while data := await reader.read(1 << 20):
            received += data
    assert received.startswith(b"HTTP/1.1 101 ")
    writer.close()


async def open_socket(session: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
    return await session.ws_connect("http://localhost/v1/events")


async def test_a_client_that_says_something_is_told_that_it_may_not(socket_path: str) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(socket_path)) as session:
        for message in ("text", b"bytes"):
            socket = await open_socket(session)
            await (socket.send_str(message) if isinstance(message, str) else socket.send_bytes(message))
            async with asyncio.timeout(30):
                while (received := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                    continue
            assert (received.type, received.data) == (aiohttp.WSMsgType.CLOSE, aiohttp.WSCloseCode.UNSUPPORTED_DATA)
            assert received.extra == "events take no messages"
            await socket.close()


async def test_the_end_before_its_time_tells_where_to_go_on(socket_path: str, engine: EndlessEngine) -> None:
    engine.left = 3
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(socket_path)) as session:
        socket = await open_socket(session)
        received = [await socket.receive() for _ in range(4)]
        assert [message.type for message in received[:3]] == [aiohttp.WSMsgType.TEXT] * 3
        assert (received[3].data, received[3].extra) == (
            aiohttp.WSCloseCode.GOING_AWAY,
            "the daemon stops: go on with since_id=3",
        )
