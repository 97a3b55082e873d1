"""Output without end, without lines, with lines without end: every byte is there, in its order, and memory stays flat."""

import hashlib
import os
from pathlib import Path

import pytest
from aiohttp import ClientTimeout

from tests.integration.api_client import BASE, Api
from tests.integration.recovery.test_daemon_loss import remove, start

_BLOCK = 1 << 20
_HOUR = ClientTimeout(3600)


async def digest_of_log(api: Api, container: str, query: str = "") -> tuple[int, str]:
    """Return how many bytes there are, and their hash."""
    size, digest = 0, hashlib.sha256()
    async with api.session.get(f"{BASE}/v1/containers/{container}/logs{query}", timeout=_HOUR) as response:
        async for part in response.content.iter_chunked(_BLOCK):
            size += len(part)
            digest.update(part)
    return size, digest.hexdigest()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("follow", [False, True], ids=["afterwards", "meanwhile"])
async def test_a_gibibyte(api: Api, rootfs: Path, *, whole: bool, follow: bool) -> None:
    """Of bytes that are no text: newlines stand in them as they come."""
    count = 1024 if whole else 48
    block = os.urandom(_BLOCK)
    (rootfs / "block").write_bytes(block)
    script = f"i=0; while [ $i -lt {count} ]; do i=$((i+1)); cat /block; done; exit 3"
    container = await start(api, rootfs, "/bin/sh", "-c", script)
    expected = hashlib.sha256()
    for _ in range(count):
        expected.update(block)
    if follow:
        assert await digest_of_log(api, container, "?follow=true") == (count * _BLOCK, expected.hexdigest())
    assert (await api.post(f"/v1/containers/{container}/wait", timeout=_HOUR)).json["exit_code"] == 3
    assert await digest_of_log(api, container) == (count * _BLOCK, expected.hexdigest())
    await remove(api, container)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("query", ["", "?tail=1", "?timestamps=true", "?tail=1&timestamps=true"])
async def test_a_line_of_a_hundred_mebibytes_without_its_end(api: Api, rootfs: Path, *, whole: bool, query: str) -> None:
    size = (100 if whole else 24) << 20
    script = f"busybox head -c {size} /dev/zero | busybox tr '\\0' x"
    container = await start(api, rootfs, "/bin/sh", "-c", script)
    assert (await api.post(f"/v1/containers/{container}/wait", timeout=_HOUR)).json["exit_code"] == 0
    async with api.session.get(f"{BASE}/v1/containers/{container}/logs{query}", timeout=_HOUR) as response:
        assert response.status == 200
        told = await response.read()
    assert told.count(b"x") == size
    assert (b"\n" in told) == ("timestamps" in query and told.endswith(b"\n"))
    assert told.rstrip(b"\n").endswith(b"x" * 1000)
    await remove(api, container)
