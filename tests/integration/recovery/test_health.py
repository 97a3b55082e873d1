"""What health checks have found survives the daemon; a check that was being made when it died does not."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.integration.api.restarts import remove, started, until
from tests.integration.api_client import Api
from tests.integration.daemon_process import Daemon


async def again(daemon: Daemon) -> None:
    daemon.start()
    await daemon.answering()


@pytest.mark.parametrize("both", [False, True], ids=["daemon", "daemon and spawner"])
async def test_the_findings_are_there_and_checks_go_on(
    daemon: Daemon,
    rootfs: Path,
    both: bool,  # noqa: FBT001 - a case of the table
) -> None:
    check = {"exec": ["/bin/sh", "-c", "echo $$; test -e /well"], "interval_s": 0.1, "retries": 2}
    async with daemon.api() as api:
        container = await started(api, rootfs, "exec sleep 1000", health=check)
        before = await until(api, container, health="unhealthy")
        spawner = (await api.get("/v1/info")).json["spawner_pid"]
    daemon.kill()
    if both:
        os.kill(spawner, signal.SIGKILL)
    await again(daemon)
    async with daemon.api() as api:
        found = (await api.get(f"/v1/containers/{container}")).json
        state, earlier = found["health_state"], before["health_state"]
        assert (found["health"], state["since"]) == ("unhealthy", earlier["since"])
        assert state["failing_streak"] >= earlier["failing_streak"]
        assert earlier["results"][0] in state["results"] or len(state["results"]) == 5
        (rootfs / "well").touch()
        await until(api, container, health="healthy")
        await remove(api, container)


async def test_a_check_that_was_being_made_is_ended(daemon: Daemon, rootfs: Path) -> None:
    check = {"exec": ["/bin/sleep", "777"], "interval_s": 0.5, "timeout_s": 1000}
    async with daemon.api() as api:
        container = await started(api, rootfs, "exec sleep 1000", health=check)
        async with asyncio.timeout(30):
            while len(pids := await processes(api, container)) < 2:
                await asyncio.sleep(0.01)
    daemon.kill()
    await again(daemon)
    async with daemon.api() as api:
        async with asyncio.timeout(30):
            while set(pids) <= set(await processes(api, container)):
                await asyncio.sleep(0.01)
        assert (await api.get(f"/v1/containers/{container}/exec")).json["execs"] == []
        await remove(api, container)


async def processes(api: Api, container: str) -> list[int]:
    return [one["pid"] for one in (await api.get(f"/v1/containers/{container}/top")).json["processes"]]
