"""A daemon that answers from a script, on a real Unix socket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from containerd_py.client import Client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ScriptedDaemon:
    """Answers each "METHOD /path" as told, and keeps what it heard, in order, with the query."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.bodies: list[bytes] = []
        self._answers: dict[str, Answer] = {}

    def on(self, route: str, answer: Answer) -> None:
        self._answers[route] = answer

    def replies(self, route: str, body: Any = None, *, status: int = 200) -> None:
        async def answer(_: web.Request) -> web.Response:
            return web.Response(status=status) if body is None else web.json_response(body, status=status)

        self.on(route, answer)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.heard.append(f"{request.method} {request.path_qs}")
        self.bodies.append(await request.read())
        return await self._answers[f"{request.method} {request.path}"](request)


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[ScriptedDaemon]:
    scripted = ScriptedDaemon()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", scripted.serve)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "daemon.sock")).start()
    yield scripted
    await runner.cleanup()


@pytest.fixture
async def client(daemon: ScriptedDaemon, tmp_path: Path) -> AsyncIterator[Client]:
    async with Client(str(tmp_path / "daemon.sock")) as opened:
        yield opened


@pytest.fixture(autouse=True)
async def settled() -> AsyncIterator[None]:
    """Fail a test that leaves a task behind."""
    before = asyncio.all_tasks()
    yield
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    if left:
        _, left = await asyncio.wait(left, timeout=30)
    assert not left
