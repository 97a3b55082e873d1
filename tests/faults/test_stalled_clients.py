"""Clients that stop to read: the container goes on, others read, and what is held for the client is bounded."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.api_client import Api
from tests.integration.daemon_process import Daemon
from tests.integration.recovery.test_daemon_loss import remove, start

_UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n"
)
_SIZE = 32 << 20


@contextlib.contextmanager
def stalled(daemon: Daemon, path: str, more: str = "") -> Iterator[socket.socket]:
    """A client that asks, and reads nothing of what it is told."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(daemon.socket))
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n".encode())
        assert client.recv(1, socket.MSG_PEEK)  # it is being served
        yield client


def rest_of(client: socket.socket) -> bytes:
    """Return what was sent to it until it was hung up on."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(1 << 20):
            parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize(
    ("path", "more"),
    [("attach?offset=0", _UPGRADE), ("logs?follow=true", ""), ("logs?follow=true&timestamps=true", "")],
    ids=["attach", "log", "lines"],
)
async def test_a_container_does_not_wait_for_who_reads_nothing(
    daemon: Daemon, api: Api, rootfs: Path, path: str, more: str
) -> None:
    script = f"read go; busybox head -c {_SIZE} /dev/zero; read end; exit 5"
    container = await start(api, rootfs, "/bin/sh", "-c", script, stdin=True)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(stalled(daemon, f"/v1/containers/{container}/{path}", more)) for _ in range(3)]
        await api.request("PUT", f"/v1/containers/{container}/stdin", data=b"\n")
        async with asyncio.timeout(60):
            while (await api.get(f"/v1/containers/{container}")).json["output_bytes"] < _SIZE:
                await asyncio.sleep(0.01)
        assert (await api.post(f"/v1/containers/{container}/exec", json={"args": ["/bin/true"]})).status == 201
        await api.request("PUT", f"/v1/containers/{container}/stdin", data=b"\n")
        assert (await api.post(f"/v1/containers/{container}/wait")).json["exit_code"] == 5
        assert (await api.get(f"/v1/containers/{container}/logs")).body == bytes(_SIZE)
        await remove(api, container)
        del clients


async def test_a_subscriber_who_reads_nothing_finds_a_gap(daemon: Daemon, api: Api, rootfs: Path) -> None:
    """The ring has room for some thousands; what a socket holds is less than the events of this."""
    container = await start(api, rootfs, "/bin/sleep", "1000")
    with stalled(daemon, "/v1/events?follow=true&since_id=0") as client:
        for number in range(6000):
            answer = await api.post(f"/v1/containers/{container}/rename?name=n{number % 2}{'x' * 100}")
            assert answer.status == 204, answer.body
        await remove(api, container)
        told = b""
        while b'"type":"container.deleted"' not in told:
            told += await asyncio.to_thread(client.recv, 1 << 20)
    assert b'"type":"gap"' in told
