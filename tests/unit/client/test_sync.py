"""The client for scripts: its calls, its iterators, and that nothing of it is left."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from containerd_py import errors
from containerd_py.client import Channel, SyncClient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from tests.unit.client.conftest import Answer, ScriptedDaemon

    Script = Callable[[Callable[[SyncClient], object]], Awaitable[Any]]

EXIT = {"exit_code": 3, "reason": "exited", "signal": None, "finished_at": "2026-01-02T03:04:05.000006Z"}


@pytest.fixture
def script(daemon: ScriptedDaemon, tmp_path: Path) -> Script:
    """Run a function with an open client in a thread of its own: this one is the daemon's."""

    def run(function: Callable[[SyncClient], object]) -> object:
        before = threading.enumerate()
        with SyncClient(str(tmp_path / "daemon.sock")) as client:
            told = function(client)
        assert [one for one in threading.enumerate() if one not in before] == []
        return told

    return lambda function: asyncio.to_thread(run, function)


def endless(gone: asyncio.Event) -> Answer:
    """Output without end; gone: set when its reader is."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x\n")
                await asyncio.sleep(0.001)
        finally:
            gone.set()

    return answer


async def test_it_waits_for_answers_and_raises_errors(daemon: ScriptedDaemon, script: Script) -> None:
    daemon.replies("POST /v1/containers/web/wait", EXIT)
    daemon.replies("POST /v1/containers/web/start", {"kind": "conflict", "message": "it runs"}, status=409)

    def use(client: SyncClient) -> int | None:
        with pytest.raises(errors.Conflict, match="it runs"):
            client.start("web")
        with pytest.raises(errors.InvalidArgument, match="cannot look up"):
            client.start("../x")
        return client.wait("web", condition="next-exit").exit_code

    assert await script(use) == 3
    assert daemon.heard == ["POST /v1/containers/web/start", "POST /v1/containers/web/wait?condition=next-exit"]


async def test_it_iterates_and_closes_what_is_left(daemon: ScriptedDaemon, script: Script) -> None:
    gone = asyncio.Event()

    daemon.on("GET /v1/containers/web/logs", endless(gone))

    def use(client: SyncClient) -> bytes:
        for chunk in client.logs("web", follow=True):
            return chunk  # the iterator is dropped here, and with it the connection
        return b""

    told = await script(use)
    assert told[:1] == b"x"
    await asyncio.wait_for(gone.wait(), 20)


async def test_an_iterator_that_the_client_does_not_outlive(daemon: ScriptedDaemon, script: Script) -> None:
    daemon.on("GET /v1/containers/web/logs", endless(asyncio.Event()))

    def use(client: SyncClient) -> Iterator[bytes]:
        chunks = client.logs("web", follow=True)
        assert next(chunks)[:1] == b"x"
        return chunks

    chunks = await script(use)
    with pytest.raises(RuntimeError, match="not open"):
        next(chunks)


async def test_input_comes_from_any_iterable(daemon: ScriptedDaemon, script: Script) -> None:
    daemon.replies("PUT /v1/containers/web/stdin", status=204)

    def use(client: SyncClient) -> None:
        client.write_stdin("web", b"bytes")
        client.write_stdin("web", (piece for piece in (b"a", b"b")), close=True)

    await script(use)
    assert daemon.bodies == [b"bytes", b"ab"]
    assert daemon.heard[1].endswith("close=true")


async def test_attaching(daemon: ScriptedDaemon, script: Script) -> None:
    async def talk(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=("v5.channel.k8s.io",))
        await socket.prepare(request)
        daemon.bodies.append((await socket.receive()).data)
        await socket.send_bytes(b"\x01out")
        await socket.send_bytes(b'\x03{"metadata": {}, "status": "Success"}')
        await socket.close()
        return socket

    daemon.on("GET /v1/containers/web/attach", talk)

    def use(client: SyncClient) -> object:
        with client.attach("web", 0) as attachment:
            attachment.send_stdin(b"in")
            return list(attachment), attachment.exit_code, attachment.offset

    assert await script(use) == ([(Channel.STDOUT, b"out")], 0, 3)
    assert daemon.bodies[-1] == b"\x00in"


def test_an_interrupt_cancels_the_call(tmp_path: Path) -> None:
    """In the main thread, where Python raises it."""
    hanging, dropped = threading.Event(), threading.Event()
    daemon = threading.Thread(target=lambda: asyncio.run(_hang(tmp_path / "s", hanging, dropped)))
    daemon.start()
    before = set(threading.enumerate())
    with SyncClient(str(tmp_path / "s")) as client:
        _retry_until_connected(client)

        def interrupt() -> None:
            hanging.wait(20)
            os.kill(os.getpid(), signal.SIGINT)

        sender = threading.Thread(target=interrupt)
        sender.start()
        with pytest.raises(KeyboardInterrupt):
            client.wait("web")
        assert dropped.wait(20)
        sender.join()
    daemon.join(20)
    gc.collect()
    assert set(threading.enumerate()) <= before - {daemon}


def _retry_until_connected(client: SyncClient) -> None:
    while True:
        try:
            return client.ping()
        except errors.Unavailable:
            threading.Event().wait(0.01)


async def _hang(socket: Path, hanging: threading.Event, dropped: threading.Event) -> None:
    over = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        if request.method == "GET":
            return web.Response(status=204)
        hanging.set()
        try:
            await asyncio.sleep(60)
        finally:
            dropped.set()
            over.set()
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=1, handler_cancellation=True)
    await runner.setup()
    await web.UnixSite(runner, str(socket)).start()
    await asyncio.wait_for(over.wait(), 30)
    await runner.cleanup()
