"""The framing of attach and exec, spoken by the stream client of the Python package `kubernetes`.

It knows TCP only, and names itself an origin: a bridge in between does what a proxy before the daemon would do.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest_asyncio
from kubernetes.client import Configuration
from kubernetes.stream.ws_client import ERROR_CHANNEL, RESIZE_CHANNEL, V4_CHANNEL_PROTOCOL, WSClient

from tests.integration.api.test_execs import begin, create
from tests.integration.api.test_streams import PROTOCOL, remove, start
from tests.integration.api_client import Api
from tests.integration.daemon_process import Daemon

Result = TypeVar("Result")


class Bridge:
    """From a port of this machine to the daemon's socket; without the Origin and Host of the request."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self.port = 0

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["Bridge"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_unix_connection(str(self._daemon.socket))
        head = await reader.readuntil(b"\r\n\r\n")
        head = re.sub(rb"(?im)^(origin|host):.*\r\n", b"", head).replace(b"\r\n", b"\r\nHost: localhost\r\n", 1)
        inner_writer.write(head)
        await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))

    @contextlib.asynccontextmanager
    async def client(self, path: str, **headers: str) -> AsyncIterator[WSClient]:
        url = f"ws://127.0.0.1:{self.port}{path}"
        client = await asyncio.to_thread(WSClient, Configuration(), url, headers, capture_all=True)
        try:
            yield client
        finally:
            client.sock.shutdown()  # its own close leaves a socket open that the other side has closed


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


@pytest_asyncio.fixture
async def bridge(daemon: Daemon) -> AsyncIterator[Bridge]:
    async with Bridge(daemon).serving() as one:
        yield one


async def blocking(call: Callable[..., Result], *args: Any, **options: Any) -> Result:
    return await asyncio.to_thread(call, *args, **options)


async def test_exec(bridge: Bridge, api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/sleep", "100")
    await start(api, container)
    made = await begin(api, container, "/bin/sh", "-c", "read a; echo got $a; cat; echo error >&2; exit 3", stdin=True)
    async with bridge.client(f"/v1/exec/{made}/attach?offset=0") as client:
        assert client.subprotocol == PROTOCOL
        await blocking(client.write_stdin, "one\n")  # in a text frame
        assert await blocking(client.readline_stdout, timeout=20) == "got one"
        await blocking(client.write_stdin, b"two\n")
        await blocking(client.close_channel, 0)
        await blocking(client.run_forever, timeout=20)
        assert (await blocking(client.read_stdout)) == "two\n"
        assert (await blocking(client.read_stderr)) == "error\n"
        assert client.returncode == 3
    await remove(api, container)


async def test_attach_with_the_older_protocol(bridge: Bridge, api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/sh", "-c", "read a; echo got $a", stdin=True)
    async with bridge.client(
        f"/v1/containers/{container}/attach", **{"sec-websocket-protocol": V4_CHANNEL_PROTOCOL}
    ) as client:
        assert client.subprotocol == V4_CHANNEL_PROTOCOL
        await start(api, container)
        await blocking(client.write_stdin, "one\n")
        await blocking(client.run_forever, timeout=20)
        assert set(client._channels) == {1, ERROR_CHANNEL}  # none of it is told to be at its end
        assert (await blocking(client.read_stdout)) == "got one\n"
        assert client.returncode == 0
    await remove(api, container)


async def test_a_terminal(bridge: Bridge, api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/sleep", "100")
    await start(api, container)
    made = await create(api, container, "/bin/sh", "-c", "read a; stty size", terminal=True)
    async with bridge.client(f"/v1/exec/{made}/attach?offset=0") as client:
        await blocking(client.write_channel, RESIZE_CHANNEL, '{"Width": 91, "Height": 17}')
        assert (await api.post(f"/v1/exec/{made}/start")).status == 204
        await blocking(client.write_stdin, "go\n")
        await blocking(client.run_forever, timeout=20)
        assert client.returncode == 0
        assert (await blocking(client.read_all)).replace("\r", "").splitlines()[-1] == "17 91"
    await remove(api, container)
