"""What payloads tell of themselves is heard after the loss of the daemon, of the spawner, and of both."""

import asyncio
import os
import signal
from pathlib import Path

from tests.integration.api.restarts import remove, until
from tests.integration.api_client import Api
from tests.integration.daemon_process import Daemon
from tests.integration.notifying import say, state, talker


async def again(daemon: Daemon) -> None:
    daemon.start()
    await daemon.answering()


async def status(api: Api, container: str, expected: str) -> None:
    async with asyncio.timeout(30):
        while (await state(api, container))["status"] != expected:
            await asyncio.sleep(0.01)


async def test_what_is_said_without_a_daemon_is_not_lost(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await talker(api, rootfs, delay=True)
        await say(api, container, r"READY=1\nSTATUS=before", status="before", ready=True)
        await api.request("PUT", f"/v1/containers/{container}/stdin", data=b"STATUS=meanwhile\n")
    daemon.kill()
    (rootfs / "go").touch()
    async with asyncio.timeout(30):
        while not (rootfs / "said").exists():
            await asyncio.sleep(0.01)
    await again(daemon)
    async with daemon.api() as api:
        await status(api, container, "meanwhile")
        assert (await state(api, container))["ready"] is True
        await say(api, container, "STATUS=after", status="after")
        assert (await api.post(f"/v1/containers/{container}/wait?condition=ready")).json == {"condition": "ready"}
        await remove(api, container)


async def test_what_waits_unheard_holds_up_neither_spawner_nor_daemon(daemon: Daemon, rootfs: Path) -> None:
    """Sockets that linger, in messages that nobody has taken: they go with the last descriptor of the payload's socket."""
    async with daemon.api() as api:
        container = await talker(api, rootfs, "linger")
    daemon.kill()
    (rootfs / "go").touch()
    async with asyncio.timeout(20):
        while not (rootfs / "gone").exists():
            await asyncio.sleep(0.01)
    await again(daemon)
    async with daemon.api() as api:
        await until(api, container, status="stopped")
        for _ in range(2):
            assert (await api.run(rootfs, "/bin/echo", "on"))[1] == b"on\n"
        await remove(api, container)


async def test_the_loss_of_the_spawner_changes_nothing(daemon: Daemon, rootfs: Path) -> None:
    daemon.expect_errors()
    async with daemon.api() as api:
        container = await talker(api, rootfs)
        await say(api, container, "STATUS=before", status="before")
        spawner = (await api.get("/v1/info")).json["spawner_pid"]
        os.kill(spawner, signal.SIGKILL)
        async with asyncio.timeout(30):
            while (await api.get("/v1/info")).json["spawner_pid"] in (spawner, None):
                await asyncio.sleep(0.01)
        await say(api, container, "STATUS=between", status="between")
    daemon.kill()  # the new spawner has the socket too
    await again(daemon)
    async with daemon.api() as api:
        await say(api, container, "STATUS=after", status="after")
        await remove(api, container)


async def test_where_both_are_lost_the_socket_is_made_again(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await talker(api, rootfs)
        await say(api, container, r"READY=1\nSTATUS=before", ready=True)
        spawner = (await api.get("/v1/info")).json["spawner_pid"]
    daemon.kill()
    os.kill(spawner, signal.SIGKILL)
    await again(daemon)
    async with daemon.api() as api:
        (rootfs / "go").touch()  # its input is lost too
        await status(api, container, "by itself")
        assert (await state(api, container))["ready"] is True
        await remove(api, container)


async def test_a_watchdog_goes_on_with_the_next_daemon(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await talker(api, rootfs, watchdog_s=1)
        await say(api, container, "READY=1", ready=True)
    daemon.kill()
    await again(daemon)
    async with daemon.api() as api:
        found = await until(api, container, status="stopped")
        assert found["exit"]["signal"] == "SIGKILL"
        await remove(api, container)
