"""What the server does with those who say nothing, or not all."""

import asyncio
from pathlib import Path
from types import ModuleType

import pytest
from aiohttp import web

from containerd_py.api import archives, requests
from containerd_py.api.server import Runner
from containerd_py.errors import DeadlineExceeded


@pytest.mark.parametrize("sent", [b"", b"GET /v1/_ping HTTP/1.1\r\nHost: loc"], ids=["nothing", "half a head"])
async def test_who_does_not_end_a_head_is_hung_up_on(tmp_path: Path, sent: bytes) -> None:
    runner = Runner(web.Application(), shutdown_timeout=1.0, handler_cancellation=True, keepalive_timeout=0.2)
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "socket")).start()
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "socket"))
    writer.write(sent)
    async with asyncio.timeout(30):
        assert await reader.read() == b""
    writer.close()
    await runner.cleanup()


@pytest.mark.parametrize(("module", "limit", "read"), [(requests, "_BODY_S", "_body"), (archives, "_IDLE_S", "_next")])
async def test_who_does_not_end_a_body_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: ModuleType, limit: str, read: str
) -> None:
    monkeypatch.setattr(module, limit, 0.1)
    refused = asyncio.Event()

    async def serve(request: web.Request) -> web.Response:
        try:
            await getattr(module, read)(request)
        except DeadlineExceeded:
            refused.set()
        return web.Response()

    app = web.Application()
    app.router.add_post("/", serve)
    runner = Runner(app, shutdown_timeout=1.0, handler_cancellation=True)
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "socket")).start()
    _reader, writer = await asyncio.open_unix_connection(str(tmp_path / "socket"))
    writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n")
    async with asyncio.timeout(30):
        await refused.wait()
    writer.close()
    await runner.cleanup()
