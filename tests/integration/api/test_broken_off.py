"""What goes wrong after the first byte of an answer is seen by every client, and is in the log."""

import asyncio
import os
import socket
from pathlib import Path

from containerd_py.api.routes import ROUTES
from tests.integration.api.tars import remove, started
from tests.integration.api_client import DOCUMENT, Api
from tests.integration.daemon_process import Daemon

_STREAMED = {
    *("container_logs", "exec_logs", "get_archive", "export_container", "container_stats", "stats", "events"),
    *("wait_container", "wait_exec"),
}


def ask(path: Path, request: str) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(str(path))
        connection.sendall(request.encode())
        parts = []
        while part := connection.recv(65_536):
            parts.append(part)
    return b"".join(parts)


async def answer(daemon: Daemon, line: str) -> bytes:
    return await asyncio.to_thread(ask, daemon.socket, f"{line}\r\nHost: localhost\r\nConnection: close\r\n\r\n")


def make_deep(folder: Path) -> None:
    """So deep that packing it fails, after much has been sent."""
    folder.mkdir()
    current = os.open(folder, os.O_RDONLY)
    for _ in range(210):
        os.mkdir("d", dir_fd=current)
        below = os.open("d", os.O_RDONLY, dir_fd=current)
        os.close(current)
        current = below
    os.close(current)


async def test_an_archive_ends_without_its_last_chunk_and_the_log_tells_why(daemon: Daemon, api: Api, rootfs: Path) -> None:
    make_deep(rootfs / "deep")
    container = await started(api, rootfs)
    whole = await answer(daemon, f"GET /v1/containers/{container}/archive?path=/bin HTTP/1.1")
    assert whole.endswith(b"\r\n0\r\n\r\n")
    part = await answer(daemon, f"GET /v1/containers/{container}/archive?path=/deep HTTP/1.1")
    assert part.startswith(b"HTTP/1.1 200")
    assert not part.endswith(b"0\r\n\r\n")
    (line,) = (line for line in daemon.lines if line["event"] == "stream broken off")
    assert line["path"] == f"/v1/containers/{container}/archive"
    assert "directories lie deeper than 200 levels" in str(line)
    await remove(api, container)


async def test_http_without_an_end_gets_no_streams(daemon: Daemon, api: Api, rootfs: Path) -> None:
    container = await started(api, rootfs, stdin=True)
    executed = (await api.post(f"/v1/containers/{container}/exec", json={"args": ["/bin/true"]})).json["id"]
    for route in ROUTES:
        if route.operation not in _STREAMED:
            continue
        path = route.path.replace("{id}", executed if "/exec/" in route.path else container)
        query = "?path=/bin" if route.operation == "get_archive" else ""
        told = await answer(daemon, f"{route.method} {path}{query} HTTP/1.0")
        assert told.startswith(b"HTTP/1.0 400"), (route.operation, told[:200])
        assert b"cannot stream the answer: HTTP/1.0" in told
        documented = DOCUMENT["paths"][route.path][route.method.lower()]["responses"]
        assert "400" in documented, route.operation
    assert (await answer(daemon, "GET /v1/_ping HTTP/1.0")).endswith(b"OK\n")
    await remove(api, container)
