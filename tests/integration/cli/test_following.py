"""What `pyctr` follows goes on where the daemon is killed or restarted: nothing is missing, and nothing comes twice."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.integration.cli.test_pyctr import PYCTR, pyctr

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.integration.daemon_process import Daemon

pytestmark = pytest.mark.timeout(180)
SCRIPT = "i=0; while [ ! -e /stop ]; do echo o$i; echo e$i >&2; i=$((i+1)); busybox usleep 20000; done; printf last"


class Follower:
    """`pyctr` whose output goes into a file."""

    def __init__(self, process: asyncio.subprocess.Process, file: Path) -> None:
        self.process = process
        self.file = file

    async def grown(self) -> None:
        """Return once there is more than now."""
        size = self.file.stat().st_size
        async with asyncio.timeout(30):
            while self.file.stat().st_size <= size:
                assert self.process.returncode is None, self.file.read_text()
                await asyncio.sleep(0.02)


@asynccontextmanager
async def following(daemon: Daemon, folder: Path, *arguments: str) -> AsyncIterator[Follower]:
    file = folder / ("-".join(arguments).replace("/", "") + ".out")
    environment = os.environ | {"PYCONTAINERD_SOCKET": str(daemon.socket)}
    with file.open("wb") as output:
        process = await asyncio.create_subprocess_exec(*PYCTR, *arguments, stdout=output, env=environment)
    try:
        yield Follower(process, file)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined]


async def test_logs_and_events_through_restarts_of_the_daemon(daemon: Daemon, rootfs: Path, tmp_path: Path) -> None:
    await pyctr(daemon, "run", "-d", "--name", "box", "--rootfs", str(rootfs), "/bin/sh", "-c", SCRIPT)
    asked = {
        "all": ("logs", "box"),
        "stamped": ("logs", "-t", "box"),
        "errors": ("logs", "--stream", "stderr", "--since", "1h", "box"),
        "tail": ("logs", "--tail", "3", "box"),
        "json": ("logs", "--format", "json", "box"),
    }
    async with AsyncExitStack() as stack:
        logs = {
            name: await stack.enter_async_context(following(daemon, tmp_path, *one, "-f")) for name, one in asked.items()
        }
        events = await stack.enter_async_context(following(daemon, tmp_path, "events", "--format", "json"))
        for follower in logs.values():
            await follower.grown()
        await pyctr(daemon, "rename", "box", "crate")
        daemon.kill()
        daemon.start()
        await daemon.answering()
        await pyctr(daemon, "rename", "crate", "box")
        for follower in logs.values():
            await follower.grown()
        daemon.stop()
        daemon.start()
        await daemon.answering()
        for follower in logs.values():
            await follower.grown()
        (rootfs / "stop").touch()
        for name, follower in logs.items():
            async with asyncio.timeout(30):
                assert await follower.process.wait() == 0, name
        async with asyncio.timeout(30):
            while b"container.exited" not in events.file.read_bytes():
                await events.grown()
        events.process.send_signal(signal.SIGINT)
        assert await events.process.wait() == 130
    for name, arguments in asked.items():
        whole, told = (await pyctr(daemon, *arguments)).out, logs[name].file.read_text()
        if name == "tail":
            assert told in (await pyctr(daemon, "logs", "box")).out
            assert told.endswith("last")
        else:
            assert told == whole, name
    seen = [json.loads(line) for line in events.file.read_text().splitlines()]
    assert [one["type"] for one in seen] == ["container.renamed", "container.renamed", "container.exited"]
    await pyctr(daemon, "rm", "box")


async def test_without_the_daemon_it_is_waited_for_only_so_long(daemon: Daemon, rootfs: Path, tmp_path: Path) -> None:
    await pyctr(daemon, "run", "-d", "--name", "box", "--rootfs", str(rootfs), "/bin/sh", "-c", SCRIPT)
    async with following(daemon, tmp_path, "logs", "-f", "box") as logs:
        await logs.grown()
        daemon.kill()
        async with asyncio.timeout(40):
            assert await logs.process.wait() == 1
    daemon.start()
    await daemon.answering()
    await pyctr(daemon, "rm", "-f", "box")
