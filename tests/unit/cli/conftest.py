"""A daemon in a thread, on a real Unix socket, that speaks the contract from a script; and ways to call `pyctr`."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from containerd_py.cli.main import main
from containerd_py.cli.quick.program import attempt

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    Talk = Callable[[web.WebSocketResponse], Awaitable[None]]

ID = "c0ffee00c0ffee00c0ffee00"
_QUICK = """
import os, sys
from containerd_py.cli.quick.program import attempt
code = attempt(sys.argv[1:], os.environ)
if code is None:
    from containerd_py.cli.main import main
    code = main()
sys.exit(code)
"""
TIME = "2026-01-02T03:04:05.000006Z"


class FakeDaemon:
    """One container's daemon. `heard` is what it was asked, in order; `started` and `signalled` are set when it was.

    A talk is the daemon's side of one attachment; each attachment takes the next one.
    """

    def __init__(self, socket_path: str) -> None:
        self.socket_path = socket_path
        self.heard: list[str] = []
        self.bodies: list[Any] = []
        self.keys: list[str] = []
        self.talks: list[Talk] = []
        self.exit: dict[str, Any] = {"exit_code": 0, "reason": "exited", "signal": None, "finished_at": TIME}
        self.hanging = threading.Event()
        self._hangs: set[str] = set()
        self._breaks: set[str] = set()
        self._replies: dict[str, tuple[int, Any]] = {}
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(30)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(30)

    def replies(self, route: str, body: Any = None, status: int = 200) -> None:
        """Answer "METHOD /path" so: a dict or a list as JSON, bytes as they are, None with no body."""
        self._replies[route] = (status, body)

    def hangs(self, route: str) -> None:
        """Never answer; `hanging` is set when it was asked."""
        self._hangs.add(route)

    def breaks(self, route: str) -> None:
        """Hang up instead of an answer."""
        self._breaks.add(route)

    def refuses(self, route: str, status: int, kind: str, message: str, **more: str) -> None:
        self.replies(route, {"kind": kind, "message": message, **more}, status)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopped, self.started, self.signalled = asyncio.Event(), asyncio.Event(), asyncio.Event()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.UnixSite(runner, self.socket_path).start()
        self._ready.set()
        await self._stopped.wait()
        await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.heard.append(f"{request.method} {request.path_qs}")
        if request.path.endswith("/attach"):
            return await self._attach(request)
        if key := request.headers.get("Idempotency-Key"):
            self.keys.append(key)
        if body := await request.read():
            self.bodies.append(json.loads(body))
        if f"{request.method} {request.path}" in self._hangs:
            self.hanging.set()
            await self._stopped.wait()
        if f"{request.method} {request.path}" in self._breaks and request.transport is not None:
            request.transport.abort()
        if request.path.endswith("/kill"):
            self.signalled.set()
        status, answer = self._replies.get(f"{request.method} {request.path}") or self._usual(request)
        if request.path.endswith("/start") and status < 400:
            self.started.set()
        if isinstance(answer, bytes) and request.headers.get("Upgrade"):
            return await self._send_lines(request, answer)
        if isinstance(answer, bytes):
            return web.Response(status=status, body=answer)
        return web.Response(status=status) if answer is None else web.json_response(answer, status=status)

    async def _send_lines(self, request: web.Request, lines: bytes) -> web.StreamResponse:
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        for line in lines.splitlines():
            await websocket.send_str(line.decode())
        await websocket.close()
        return websocket

    def _usual(self, request: web.Request) -> tuple[int, Any]:
        if request.path == "/v1/containers" and request.method == "POST":
            return 201, {"id": ID, "name": "web"}
        if request.path.endswith(("/wait", "/stop")):
            return 200, self.exit
        return 204, None

    async def _attach(self, request: web.Request) -> web.StreamResponse:
        websocket = web.WebSocketResponse(protocols=("v5.channel.k8s.io",))
        await websocket.prepare(request)
        await self.talks.pop(0)(websocket)
        await websocket.close()
        return websocket

    async def end(self, websocket: web.WebSocketResponse) -> None:
        """Send the status that belongs to `exit`."""
        code = self.exit["exit_code"]
        causes = {"causes": [{"reason": "ExitCode", "message": str(code)}]}
        failure = {"metadata": {}, "status": "Failure", "reason": "NonZeroExitCode", "message": "", "details": causes}
        status = failure if code else {"metadata": {}, "status": "Success"}
        if code is None:
            status = {"metadata": {}, "status": "Failure", "reason": "InternalError", "message": "nobody saw the end"}
        await websocket.send_bytes(b"\x03" + json.dumps(status).encode())

    def prints(self, *frames: bytes) -> None:
        """Script one attachment: after the start these frames, then the end."""

        async def talk(websocket: web.WebSocketResponse) -> None:
            await self.started.wait()
            for frame in frames:
                await websocket.send_bytes(frame)
            await self.end(websocket)

        self.talks.append(talk)


@dataclass
class Result:
    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Pyctr:
    """Calls `pyctr`: in this process, or as one of its own where signals, stdin or a terminal matter."""

    _program: tuple[str, ...] = ("-m", "containerd_py.cli.main")

    def __init__(self, socket_path: str, capture: pytest.CaptureFixture[bytes]) -> None:
        self._socket_path = socket_path
        self._capture = capture

    def __call__(self, *args: str) -> Result:
        code = self.main(["--socket", self._socket_path, *args])
        out, err = self._capture.readouterr()
        return Result(code, out, err.decode())

    def main(self, args: list[str]) -> int:
        return main(args)

    def spawn(self, *args: str, **streams: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self.command(*args), **streams)

    def command(self, *args: str) -> list[str]:
        return [sys.executable, "-W", "error", *self._program, "--socket", self._socket_path, *args]


class QuickPyctr(Pyctr):
    """As the program is started: what it can do without the rest it does so."""

    _program = ("-c", _QUICK)

    def main(self, args: list[str]) -> int:
        code = attempt(args, os.environ)
        return main(args) if code is None else code


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[FakeDaemon]:
    fake = FakeDaemon(str(tmp_path / "daemon.sock"))
    fake.start()
    yield fake
    fake.stop()


@pytest.fixture
def quick_pyctr(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Pyctr:
    return QuickPyctr(str(tmp_path / "daemon.sock"), capfdbinary)


@pytest.fixture
def pyctr(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Pyctr:
    return Pyctr(str(tmp_path / "daemon.sock"), capfdbinary)
