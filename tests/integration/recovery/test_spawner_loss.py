"""The spawner is killed: containers live on, the daemon starts another one, exit codes stay exact."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.integration.api.restarts import until
from tests.integration.api.test_execs import begin
from tests.integration.api.test_restarting import hooked
from tests.integration.api_client import Api
from tests.integration.daemon_process import Daemon
from tests.integration.recovery.test_daemon_loss import counting, output_of, remove, start


async def spawner_of(api: Api) -> int | None:
    pid = (await api.get("/v1/info")).json["spawner_pid"]
    assert pid is None or isinstance(pid, int)
    return pid


async def kill_spawner(api: Api) -> int:
    """SIGKILL; return the pid of its successor."""
    old = await spawner_of(api)
    assert old is not None
    os.kill(old, signal.SIGKILL)
    async with asyncio.timeout(30):
        while (new := await spawner_of(api)) in (None, old):
            await asyncio.sleep(0.01)
    assert new is not None
    return new


async def test_containers_live_on_and_exit_codes_stay_exact(daemon: Daemon, api: Api, rootfs: Path) -> None:
    script = "i=0; while [ $i -lt 200 ]; do i=$((i+1)); echo $i; sleep 0.01; done; exit 42"
    containers = [await start(api, rootfs, "/bin/sh", "-c", script) for _ in range(3)]
    await output_of(api, containers[0], 5)
    await kill_spawner(api)
    for container in containers:
        assert (await api.post(f"/v1/containers/{container}/wait")).json["exit_code"] == 42
        assert (await api.get(f"/v1/containers/{container}/logs")).body == counting(200)
        await remove(api, container)
    assert (await api.run(rootfs, "/bin/echo", "new spawner"))[1] == b"new spawner\n"
    daemon.expect_errors()


async def test_what_ends_while_there_is_no_spawner_ends_for_those_who_wait(daemon: Daemon, api: Api, rootfs: Path) -> None:
    """The next one cannot be started for a while: its socket's place is taken."""
    container = await start(api, rootfs, "/bin/sh", "-c", "trap 'exit 6' TERM; echo up; while :; do sleep 0.05; done")
    await output_of(api, container, 1)
    stopped = await start(api, rootfs, "/bin/sleep", "100")
    executed = await begin(api, container, "/bin/sleep", "100")
    waiting = await api.create(rootfs, "/bin/true")
    spawner, socket = await spawner_of(api), daemon.state_dir / "spawner.sock"
    assert spawner is not None
    socket.unlink()
    socket.mkdir()
    os.kill(spawner, signal.SIGKILL)
    async with asyncio.timeout(30):
        while b"cannot replace spawner" not in daemon.log.encode():
            await asyncio.sleep(0.01)
    assert (await api.post(f"/v1/exec/{executed}/kill")).status == 204
    assert (await api.post(f"/v1/exec/{executed}/wait")).json["signal"] == "SIGKILL"
    assert (await api.post(f"/v1/containers/{container}/stop?timeout=20")).json["exit_code"] == 6
    assert (await api.post(f"/v1/containers/{stopped}/stop?timeout=0")).json["exit_code"] == 137
    for one in (container, stopped, waiting):
        await remove(api, one)
    assert (await api.get("/v1/info")).json["spawner_pid"] is None
    socket.rmdir()
    async with asyncio.timeout(30):
        while await spawner_of(api) is None:
            await asyncio.sleep(0.01)
    assert (await api.run(rootfs, "/bin/echo", "again"))[1] == b"again\n"
    daemon.expect_errors()


async def test_a_created_container_is_handed_over(daemon: Daemon, api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/echo", "late")
    await kill_spawner(api)
    assert (await api.post(f"/v1/containers/{container}/start")).status == 204
    assert (await api.post(f"/v1/containers/{container}/wait")).json["exit_code"] == 0
    assert (await api.get(f"/v1/containers/{container}/logs")).body == b"late\n"
    await remove(api, container)
    daemon.expect_errors()


@pytest.mark.parametrize("again", [False, True], ids=["create", "start again"])
async def test_a_worker_that_is_not_on_record_yet_is_handed_over(
    daemon: Daemon, api: Api, rootfs: Path, tmp_path: Path, *, again: bool
) -> None:
    """The spawner has answered, and a hook takes its time: else nobody would watch for its end."""
    flag = tmp_path / "flag"
    body = await hooked(api, rootfs, flag, "createRuntime")
    if again:
        container = (await api.post("/v1/containers", json=body)).json["id"]
        await api.post(f"/v1/containers/{container}/start")
        await until(api, container, status="stopped")
    flag.touch()
    began = Path(f"{flag}.began")
    began.unlink(missing_ok=True)
    making = asyncio.create_task(
        api.post(f"/v1/containers/{container}/start") if again else api.post("/v1/containers", json=body)
    )
    async with asyncio.timeout(30):
        while not began.exists():
            await asyncio.sleep(0.01)
    await kill_spawner(api)
    flag.unlink()
    answer = await making
    assert answer.status in (201, 204)
    if not again:
        container = answer.json["id"]
        assert (await api.post(f"/v1/containers/{container}/start")).status == 204
    async with asyncio.timeout(30):
        assert (await api.post(f"/v1/containers/{container}/wait")).json["exit_code"] == 1
    await remove(api, container)
    daemon.expect_errors()


async def test_the_spawner_dies_and_then_the_daemon(daemon: Daemon, rootfs: Path) -> None:
    """The second spawner has what it was handed: pipes, pidfds."""
    async with daemon.api() as api:
        container = await start(api, rootfs, "/bin/sh", "-c", "while read a; do echo $a; done; exit 5", stdin=True)
        await kill_spawner(api)
    daemon.kill()
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:
        assert (await api.get(f"/v1/containers/{container}")).json["status"] == "running"
        await remove(api, container)
    daemon.expect_errors()


async def test_both_die_and_a_container_goes_on(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await start(api, rootfs, "/bin/sh", "-c", "trap 'exit 6' TERM; echo up; while :; do sleep 0.05; done")
        await output_of(api, container, 1)
        spawner = await spawner_of(api)
    assert spawner is not None
    daemon.kill()
    os.kill(spawner, signal.SIGKILL)
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:
        assert (await api.get(f"/v1/containers/{container}")).json["status"] == "running"
        ended = (await api.post(f"/v1/containers/{container}/stop?timeout=20")).json
        assert ended["exit_code"] == 6  # nobody's child any more: from the kernel's record (Linux 6.15)
        await remove(api, container)


async def test_both_die_and_the_container_too(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await start(api, rootfs, "/bin/sleep", "100")
        spawner = await spawner_of(api)
        pid = (await api.get(f"/v1/containers/{container}")).json["pid"]
    assert spawner is not None
    daemon.kill()
    os.kill(spawner, signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(30):
        while Path(f"/proc/{pid}").exists():
            await asyncio.sleep(0.01)
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:
        ended = (await api.get(f"/v1/containers/{container}")).json["exit"]
        assert (ended["exit_code"], ended["reason"]) == (None, "lost")  # never 0
        await remove(api, container)


async def test_creations_in_flight_fail_in_a_way_that_can_be_retried(daemon: Daemon, api: Api, rootfs: Path) -> None:
    spawner = await spawner_of(api)
    assert spawner is not None
    body = {"rootfs": str(rootfs), "args": ["/bin/true"]}
    creating = [asyncio.create_task(api.post("/v1/containers", json=body)) for _ in range(20)]
    await asyncio.sleep(0.02)
    os.kill(spawner, signal.SIGKILL)
    answers = await asyncio.gather(*creating)
    for answer in answers:
        if answer.status != 201:
            answer.error(503, "unavailable")
            assert "try again" in answer.json["hint"]
    async with asyncio.timeout(30):
        while await spawner_of(api) in (None, spawner):
            await asyncio.sleep(0.01)
    made = {answer.json["id"] for answer in answers if answer.status == 201}
    assert {container["id"] for container in (await api.get("/v1/containers")).json["containers"]} == made
    for container in made:
        await remove(api, container)
    daemon.expect_errors()
