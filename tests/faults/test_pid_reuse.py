"""Another process gets the number of a payload: it is never touched, and never taken for the payload."""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.api_client import Api
from tests.integration.daemon_process import Daemon
from tests.integration.recovery.test_daemon_loss import remove, start

_LAST_PID = Path("/proc/sys/kernel/ns_last_pid")
_TRIES = 1000


@contextlib.contextmanager
def stranger(pid: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process with that number, which nobody has. Others may be quicker to take it, once or twice."""
    for _ in range(_TRIES):
        _LAST_PID.write_text(str(pid - 1))
        process = subprocess.Popen(["/bin/sleep", "100"])
        try:
            if process.pid == pid:
                yield process
                return
        finally:
            process.kill()
            process.wait()
        time.sleep(0.01)
    pytest.fail(f"{pid} was taken by others {_TRIES} times")


async def gone(pid: int) -> None:
    async with asyncio.timeout(30):
        while Path(f"/proc/{pid}").exists():
            await asyncio.sleep(0.01)


async def refused(api: Api, container: str) -> None:
    path = f"/v1/containers/{container}"
    (await api.post(f"{path}/kill")).error(409, "conflict")
    (await api.post(f"{path}/exec", json={"args": ["/bin/true"]})).error(409, "conflict")
    for look in ("stats", "top"):
        (await api.get(f"{path}/{look}")).error(409, "conflict")
    assert (await api.post(f"{path}/stop?timeout=0")).status == 200


@pytest.mark.parametrize("lost", ["daemon", "daemon and spawner"])
async def test_a_stranger_that_came_while_nobody_looked(daemon: Daemon, rootfs: Path, lost: str) -> None:
    async with daemon.api() as api:
        container = await start(api, rootfs, "/bin/sleep", "100")
        pid = (await api.get(f"/v1/containers/{container}")).json["pid"]
        spawner = (await api.get("/v1/info")).json["spawner_pid"]
    daemon.kill()
    if lost == "daemon and spawner":
        os.kill(spawner, signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
    await gone(pid)
    with stranger(pid) as process:
        await daemon.come_back()
        async with daemon.api() as api:
            found = (await api.get(f"/v1/containers/{container}")).json
            assert found["status"] == "stopped"
            assert found["exit"]["exit_code"] == (137 if lost == "daemon" else None)
            await refused(api, container)
            await remove(api, container)
        assert process.poll() is None


async def test_a_stranger_that_comes_before_the_end_was_heard_of(daemon: Daemon, api: Api, rootfs: Path) -> None:
    """The daemon stands still, so that it takes the container to be alive when it is asked."""
    container = await start(api, rootfs, "/bin/sleep", "100")
    pid = (await api.get(f"/v1/containers/{container}")).json["pid"]
    os.kill(daemon.pid, signal.SIGSTOP)
    os.kill(pid, signal.SIGKILL)
    await gone(pid)
    with stranger(pid) as process:
        asked = asyncio.ensure_future(api.post(f"/v1/containers/{container}/kill"))
        await asyncio.sleep(0.05)
        os.kill(daemon.pid, signal.SIGCONT)
        (await asked).error(409, "conflict")
        await refused(api, container)
        await remove(api, container)
        assert process.poll() is None
