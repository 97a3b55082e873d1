"""Clients that go at any point of a request, and of its answer: nothing of them is left, and nobody else notices."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.api.restarts import remove, started
from tests.integration.api_client import Api
from tests.integration.daemon_process import Daemon

_UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n"
)
_MASKED = b"\x82\x87\x00\x00\x00\x00\x00line\n\x03"
_MOMENTS_S = (0.0, 0.001, 0.003, 0.01, 0.03)


def request(method: str, path: str, body: bytes = b"", more: str = "") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


def requests_of(container: str, rootfs: Path) -> dict[str, bytes]:
    path = f"/v1/containers/{container}"
    execute = json.dumps({"args": ["/bin/true"]}).encode()
    return {
        "create": request("POST", "/v1/containers", json.dumps({"rootfs": str(rootfs), "args": ["/bin/true"]}).encode()),
        "exec": request("POST", f"{path}/exec", execute),
        "update": request("POST", f"{path}/update", b'{"resources": {"pids": 50}}'),
        "stats": request("GET", f"{path}/stats?stream=true"),
        "logs": request("GET", f"{path}/logs?follow=true"),
        "events": request("GET", "/v1/events?follow=true"),
        "wait": request("POST", f"{path}/wait"),
        "stdin": request("PUT", f"{path}/stdin", b"line\n"),
        "archive": request("GET", f"{path}/archive?path=/bin"),
        "upload": request("PUT", f"{path}/archive?path=/", bytes(10_240), "Content-Type: application/x-tar\r\n"),
        "pause": request("POST", f"{path}/pause"),
        "attach": request("GET", f"{path}/attach", more=_UPGRADE) + _MASKED,
        "deferred": request("POST", f"{path}/restart", more="Prefer: respond-async\r\n"),
    }


_NAMES = tuple(requests_of("x", Path("/")))


def leave(daemon: Daemon, sent: bytes, after_s: float = 0.0) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(daemon.socket))
        client.sendall(sent)
        time.sleep(after_s)


def beginnings(whole: bytes) -> Iterator[bytes]:
    """Every one of a short request; of a long body some."""
    for length in range(0, len(whole), 1 if len(whole) < 1024 else 97):
        yield whole[:length]


async def calm(api: Api) -> None:
    """What was begun for who has gone comes to its end, and can be removed."""
    async with asyncio.timeout(30):
        while (found := (await api.get("/v1/containers")).json["containers"]) or await under_way(api):
            for one in found:
                await api.post(f"/v1/containers/{one['id']}/resume")
                await api.delete(f"/v1/containers/{one['id']}?force=true")
            await asyncio.sleep(0.01)


async def under_way(api: Api) -> bool:
    return any(one["status"] == "running" for one in (await api.get("/v1/operations")).json["operations"])


@pytest.mark.parametrize("name", _NAMES)
async def test_at_any_point_of_the_request(api: Api, daemon: Daemon, rootfs: Path, name: str) -> None:
    container = await started(api, rootfs, "/bin/cat", stdin=True)
    whole = requests_of(container, rootfs)[name]
    for sent in beginnings(whole):
        await asyncio.to_thread(leave, daemon, sent)
    found = (await api.get("/v1/containers")).json["containers"]
    assert [(one["id"], one["status"]) for one in found] == [(container, "running")]  # none of it was done
    assert (await api.get(f"/v1/containers/{container}/exec")).json["execs"] == []
    await remove(api, container)


@pytest.mark.parametrize("name", _NAMES)
async def test_at_any_moment_of_the_answer(api: Api, daemon: Daemon, rootfs: Path, name: str) -> None:
    container = await started(api, rootfs, "/bin/cat", stdin=True)
    whole = requests_of(container, rootfs)[name]
    for moment in _MOMENTS_S:
        await asyncio.to_thread(leave, daemon, whole, moment)
    assert (await api.get("/v1/_ping")).status == 200
    await calm(api)
