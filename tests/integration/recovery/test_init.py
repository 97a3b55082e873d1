"""A container with a first process of ours goes on without a daemon, as any other does."""

import os
import signal
from pathlib import Path

import pytest

from tests.integration.api.restarts import output, remove, started
from tests.integration.daemon_process import Daemon


@pytest.mark.parametrize("both", [False, True], ids=["daemon", "daemon and spawner"])
async def test_it_is_found_again_and_its_exit_code_is_known(
    daemon: Daemon,
    rootfs: Path,
    both: bool,  # noqa: FBT001 - a case of the table
) -> None:
    async with daemon.api() as api:
        container = await started(api, rootfs, "trap 'exit 9' USR1; echo up; while :; do sleep 0.05; done", init=True)
        await output(api, container, 1)
        spawner = (await api.get("/v1/info")).json["spawner_pid"]
    daemon.kill()
    if both:
        os.kill(spawner, signal.SIGKILL)
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:
        assert (await api.get(f"/v1/containers/{container}")).json["status"] == "running"
        await api.post(f"/v1/containers/{container}/kill?signal=USR1")
        assert (await api.post(f"/v1/containers/{container}/wait")).json["exit_code"] == 9
        await remove(api, container)
