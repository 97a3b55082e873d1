"""What is to be started again is started by the next daemon, wherever the one before it was when it died."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from containerd_py.runtime.linux.mounts import MountAttr, attach, new_filesystem
from tests.integration.api.restarts import events, output, remove, started, until
from tests.integration.conftest import has_ended
from tests.integration.daemon_process import Daemon
from tests.unit.store.small_disk import fill

SAY_AND_SLEEP = "echo up; exec sleep 100"


def edit(daemon: Daemon, container: str, **changes: Any) -> None:
    path = daemon.state_dir / "containers" / container / "state.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def planned(cause: str) -> dict[str, str]:
    return {"at": datetime.now(UTC).isoformat(), "cause": cause}


async def again(daemon: Daemon) -> None:
    daemon.start()
    await daemon.answering()


async def test_a_policy_goes_on_with_the_next_daemon(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        dying = await started(api, rootfs, SAY_AND_SLEEP, restart="always")
        failing = await started(api, rootfs, "echo x; exit 1", restart="on-failure:5")
        ended = await started(api, rootfs, "exit 0", restart="on-failure")
        stopped = await started(api, rootfs, SAY_AND_SLEEP, restart="always")
        await api.post(f"/v1/containers/{stopped}/stop?timeout=0")
        pid = (await until(api, dying, status="running"))["pid"]
        await until(api, ended, status="stopped")
    daemon.kill()
    os.kill(pid, signal.SIGKILL)  # while nobody looks
    await again(daemon)
    async with daemon.api() as api:
        await until(api, dying, status="running", restart_count=1)
        await until(api, failing, status="stopped", restart_count=5, next_start_at=None)
        assert (await api.get(f"/v1/containers/{failing}/logs")).body == b"x\n" * 6
        for container in (ended, stopped):
            found = (await api.get(f"/v1/containers/{container}")).json
            assert (found["status"], found["next_start_at"], found["restart_count"]) == ("stopped", None, 0)
        for container in (dying, failing, ended, stopped):
            await remove(api, container)


async def test_a_policy_goes_on_where_daemon_and_spawner_are_lost(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await started(api, rootfs, SAY_AND_SLEEP, restart="on-failure")
        pid = (await until(api, container, status="running"))["pid"]
        spawner = (await api.get("/v1/info")).json["spawner_pid"]
    daemon.kill()
    os.kill(spawner, signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
    await again(daemon)
    async with daemon.api() as api:
        found = await until(api, container, status="running", restart_count=1)
        assert found["pid"] != pid
        await remove(api, container)


@pytest.mark.parametrize("cause", ["policy", "request"])
async def test_a_start_that_was_cut_off_is_made_up_for(daemon: Daemon, rootfs: Path, cause: str) -> None:
    """Killed after the worker was forked and before it was on record: it is ended, and another one started."""
    async with daemon.api() as api:
        container = await started(api, rootfs, SAY_AND_SLEEP, restart="always" if cause == "policy" else "no")
        pid = (await until(api, container, output_bytes=3))["pid"]
    daemon.kill()
    ended = {"exit_code": 5, "reason": "exited", "signal": None, "finished_at": datetime.now(UTC).isoformat()}
    edit(daemon, container, status="stopped", exit=ended, next_start=planned(cause))
    await again(daemon)
    async with daemon.api() as api:
        found = await until(api, container, status="running", restart_count=int(cause == "policy"))
        assert found["pid"] != pid
        assert found["previous_exit"]["exit_code"] == 5
        assert not Path(f"/proc/{pid}").exists()
        await remove(api, container)


async def test_a_worker_that_no_record_knows_is_ended(daemon: Daemon, rootfs: Path) -> None:
    """The record says that it has stopped, and nobody wants it to be started."""
    async with daemon.api() as api:
        container = await started(api, rootfs, SAY_AND_SLEEP)
        pid = (await until(api, container, output_bytes=3))["pid"]
    daemon.kill()
    ended = {"exit_code": 5, "reason": "exited", "signal": None, "finished_at": datetime.now(UTC).isoformat()}
    edit(daemon, container, status="stopped", exit=ended)
    await again(daemon)
    async with daemon.api() as api:
        assert (await api.get(f"/v1/containers/{container}")).json["exit"]["exit_code"] == 5
        async with asyncio.timeout(30):
            while not has_ended(pid):
                await asyncio.sleep(0.01)
        await remove(api, container)


async def test_a_worker_that_waited_for_a_start_by_policy_is_started(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await api.create(rootfs, "/bin/sh", "-c", SAY_AND_SLEEP, restart="always")
        pid = (await api.get(f"/v1/containers/{container}")).json["pid"]
    daemon.kill()
    edit(daemon, container, next_start=planned("policy"))
    await again(daemon)
    async with daemon.api() as api:
        found = await until(api, container, status="running", restart_count=1, next_start_at=None)
        assert found["pid"] == pid
        await remove(api, container)


async def test_a_restart_that_was_cut_off_before_the_end_is_gone_on_with(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await started(api, rootfs, SAY_AND_SLEEP, stop_timeout_s=0)
        pid = (await until(api, container, output_bytes=3))["pid"]
    daemon.kill()
    edit(daemon, container, next_start=planned("request"))
    await again(daemon)
    async with daemon.api() as api:
        assert await output(api, container, 2) == b"up\nup\n"
        found = await until(api, container, status="running", next_start_at=None)
        assert (found["restart_count"], found["previous_exit"]["signal"]) == (0, "SIGKILL")
        assert found["pid"] != pid
        await remove(api, container)


@pytest.mark.parametrize(("policy", "comes_back"), [("always", True), ("unless-stopped", False), ("no", False)])
async def test_after_a_boot_always_comes_back_though_it_was_stopped(
    daemon: Daemon,
    rootfs: Path,
    policy: str,
    comes_back: bool,  # noqa: FBT001 - a case of the table
) -> None:
    async with daemon.api() as api:
        container = await started(api, rootfs, SAY_AND_SLEEP, restart=policy)
        await api.post(f"/v1/containers/{container}/stop?timeout=0")
    daemon.kill()
    edit(daemon, container, boot_id="another boot's")
    await again(daemon)
    async with daemon.api() as api:
        if comes_back:
            await until(api, container, status="running")
        else:
            assert (await api.get(f"/v1/containers/{container}")).json["status"] == "stopped"
        await remove(api, container)


async def test_the_output_of_all_runs_is_there_after_a_restart_of_the_daemon(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await started(api, rootfs, "echo one")
        await api.post(f"/v1/containers/{container}/wait")
    daemon.kill()
    await again(daemon)
    async with daemon.api() as api:
        await api.post(f"/v1/containers/{container}/start")
        await api.post(f"/v1/containers/{container}/wait")
        assert (await api.get(f"/v1/containers/{container}/logs")).body == b"one\none\n"
        await remove(api, container)


@contextlib.asynccontextmanager
async def on_small_disk(daemon: Daemon) -> AsyncIterator[None]:
    """Have the daemon's state on a file system of its own, without any container before and after."""
    daemon.stop()
    with new_filesystem("tmpfs", (("size", "512k"), ("mode", "700")), MountAttr(0)) as tree:
        place = os.open(daemon.state_dir, os.O_PATH | os.O_CLOEXEC)
        attach(tree.fileno(), place)
        os.close(place)
    try:
        await again(daemon)
        yield
        daemon.stop()
    finally:
        await asyncio.to_thread(subprocess.run, ["/usr/bin/umount", "-l", str(daemon.state_dir)], check=True)
    await again(daemon)


async def test_a_full_disk_does_not_use_up_a_policy(daemon: Daemon, rootfs: Path) -> None:
    daemon.expect_errors()
    async with on_small_disk(daemon), daemon.api() as api:
        container = await started(api, rootfs, SAY_AND_SLEEP, restart="on-failure:2")
        pid = (await until(api, container, status="running"))["pid"]
        fill(str(daemon.state_dir))
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(20):
            while len([name for name, _ in await events(api) if name == "restart_failed"]) < 4:
                await asyncio.sleep(0.01)
        (daemon.state_dir / "filler").unlink()
        await until(api, container, status="running", restart_count=1)
        await remove(api, container)


async def test_what_goes_with_its_end_goes_with_the_next_daemon(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        alone = await started(api, rootfs, SAY_AND_SLEEP, auto_remove=True)
        before = await started(api, rootfs, "exit 0")
        pid = (await until(api, alone, status="running"))["pid"]
        await until(api, before, status="stopped")
    daemon.kill()
    edit(daemon, before, auto_remove=True)  # as where the daemon dies between the end and the removal
    os.kill(pid, signal.SIGKILL)
    await again(daemon)
    async with daemon.api() as api:
        for container in (alone, before):
            await api.post(f"/v1/containers/{container}/wait?condition=removed")
        assert (await api.get("/v1/containers")).json == {"containers": []}
