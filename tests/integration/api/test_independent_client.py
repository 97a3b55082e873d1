"""The framing of attach and exec, spoken by a client that is not ours: websocket-client."""

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import websocket

from tests.integration.api.test_execs import begin, create
from tests.integration.api.test_streams import PROTOCOL, remove, start
from tests.integration.api_client import Api
from tests.integration.daemon_process import Daemon


class Foreign:
    """Blocking, in a thread."""

    def __init__(self, daemon: Daemon, path: str) -> None:
        self._socket = websocket.WebSocket()
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(20)
        connection.connect(str(daemon.socket))
        self._connection = connection
        self._socket.connect(  # type: ignore[no-untyped-call]  # the library has types for the rest only
            f"ws://localhost{path}", socket=connection, subprotocols=[PROTOCOL], suppress_origin=True, host="localhost"
        )
        assert self._socket.getsubprotocol() == PROTOCOL

    def send(self, channel: int, data: bytes) -> None:
        self._socket.send_binary(bytes([channel]) + data)

    def to_end(self) -> tuple[dict[int, bytes], Any]:
        """Return what came by channel, and the status, which is the last message."""
        channels: dict[int, bytes] = {}
        while True:
            opcode, data = self._socket.recv_data()
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                break
            channels[data[0]] = channels.get(data[0], b"") + data[1:]
            last = data[0]
        assert last == 3
        self._socket.close()
        self._connection.close()
        return channels, json.loads(channels.pop(3))


async def test_exec(daemon: Daemon, api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/sleep", "100")
    await start(api, container)
    made = await create(api, container, "/bin/sh", "-c", "cat; echo error >&2; exit 3", stdin=True)
    client = await asyncio.to_thread(Foreign, daemon, f"/v1/exec/{made}/attach?offset=0")
    client.send(0, b"hello\n")  # before the start
    assert (await api.post(f"/v1/exec/{made}/start")).status == 204
    client.send(255, b"\0")
    channels, status = await asyncio.to_thread(client.to_end)
    assert channels == {1: b"hello\n", 2: b"error\n", 255: b"\1\2"}
    assert (status["reason"], status["details"]["causes"][0]["message"]) == ("NonZeroExitCode", "3")
    await remove(api, container)


async def test_a_terminal_in_an_exec(daemon: Daemon, api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/sleep", "100")
    await start(api, container)
    made = await begin(api, container, "/bin/sh", terminal=True)
    client = await asyncio.to_thread(Foreign, daemon, f"/v1/exec/{made}/attach?offset=0")
    client.send(4, b'{"Width": 91, "Height": 17}')
    client.send(0, b"stty size; exit\n")
    channels, status = await asyncio.to_thread(client.to_end)
    assert b"17 91\r\n" in channels[1]
    assert status["status"] == "Success"
    await remove(api, container)


async def test_attach(daemon: Daemon, api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/cat", stdin=True)
    client = await asyncio.to_thread(Foreign, daemon, f"/v1/containers/{container}/attach")
    await start(api, container)
    client.send(0, bytes(range(256)))
    client.send(255, b"\0")
    channels, status = await asyncio.to_thread(client.to_end)
    assert channels[1] == bytes(range(256))
    assert status == {"metadata": {}, "status": "Success"}
    await remove(api, container)
