"""Paths of callers on servers that do not answer: they hold up those who have named them, and nobody else."""

import asyncio
from pathlib import Path

import pytest

from tests.integration.api.restarts import remove, started
from tests.integration.api_client import Api
from tests.integration.mounted import hung_file_system

pytestmark = pytest.mark.skipif(not Path("/dev/fuse").exists(), reason="this host has no FUSE")

HUNG = 40
"""More than the threads that asyncio has for all (32 at most)."""


async def until_threads(pid: int, count: int) -> None:
    async with asyncio.timeout(30):
        while len(list(Path(f"/proc/{pid}/task").iterdir())) < count:
            await asyncio.sleep(0.01)


async def test_many_creations_that_hang_hold_up_nobody_else(api: Api, rootfs: Path, tmp_path: Path) -> None:
    pid = (await api.get("/v1/info")).json["daemon_pid"]
    before = len(list(Path(f"/proc/{pid}/task").iterdir()))
    with hung_file_system(tmp_path / "hung") as root:
        asked = {"rootfs": str(root), "args": ["/bin/true"], "user": "somebody"}
        hanging = [asyncio.create_task(api.post("/v1/containers", json=asked)) for _ in range(HUNG)]
        await until_threads(pid, before + 5)

        async with asyncio.timeout(30):
            container = await started(api, rootfs, "exec sleep 100", user="0")
            assert (await api.post(f"/v1/containers/{container}/stop?timeout=0")).status == 200
            await remove(api, container)
        assert not any(one.done() for one in hanging)
    for answer in await asyncio.gather(*hanging):
        answer.error(400, "invalid_argument", errno="ENOTCONN")
    assert (await api.get("/v1/containers")).json["containers"] == []
