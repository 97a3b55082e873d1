"""What is executed in containers outlives the daemon and the spawner as containers do."""

import asyncio
import contextlib
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.test_execs import attach, begin, create
from tests.integration.api.test_streams import Attached
from tests.integration.api_client import Api
from tests.integration.daemon_process import Daemon
from tests.integration.recovery.test_daemon_loss import counting, remove, restart, start
from tests.integration.recovery.test_spawner_loss import kill_spawner, spawner_of

COUNT = "i=0; while [ $i -lt 200 ]; do i=$((i+1)); echo $i; sleep 0.01; done; exit 42"


def record_of(daemon: Daemon, container: str, exec_id: str) -> Path:
    return daemon.state_dir / "containers" / container / "execs" / f"{exec_id}.json"


def change(record: Path, **fields: Any) -> None:
    record.write_text(json.dumps(json.loads(record.read_text()) | fields))


async def all_output(api: Api, exec_id: str) -> bytes:
    async with attach(api, exec_id) as socket:
        client = Attached(socket)
        await client.to_end()
    return client.channels.get(1, b"")


async def wait(api: Api, exec_id: str) -> Any:
    return (await api.post(f"/v1/exec/{exec_id}/wait")).json


async def seen(api: Api, exec_id: str, least: int) -> None:
    async with asyncio.timeout(30):
        while (await api.get(f"/v1/exec/{exec_id}")).json["output_bytes"] < least:
            await asyncio.sleep(0.01)


async def test_the_daemon_is_killed_again_and_again(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await start(api, rootfs, "/bin/sleep", "100")
        counter = await begin(api, container, "/bin/sh", "-c", COUNT)
        cat = await begin(api, container, "/bin/cat", stdin=True)
        shell = await begin(api, container, "/bin/sh", terminal=True)
        waiting = await create(api, container, "/bin/echo", "late")
        await seen(api, counter, 10)
    for _ in range(2):
        await restart(daemon)
    async with daemon.api() as api:
        assert (await wait(api, counter))["exit_code"] == 42
        assert await all_output(api, counter) == counting(200)
        async with attach(api, cat) as socket:
            client = Attached(socket)
            await client.send(0, b"still here")
            await client.send(255, b"\0")
            await client.to_end()
        assert client.channels[1] == b"still here"
        async with attach(api, shell) as socket:
            await Attached(socket).send(0, b"exit 3\n")
            assert (await wait(api, shell))["exit_code"] == 3
        assert (await api.post(f"/v1/exec/{waiting}/start")).status == 204
        await wait(api, waiting)
        assert await all_output(api, waiting) == b"late\n"
        before = (await api.get(f"/v1/containers/{container}/exec")).json
    await restart(daemon)
    async with daemon.api() as api:
        assert (await api.get(f"/v1/containers/{container}/exec")).json == before
        assert await all_output(api, counter) == counting(200)
        await remove(api, container)


async def test_it_ends_while_there_is_no_daemon(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await start(api, rootfs, "/bin/sleep", "100")
        ending = await begin(api, container, "/bin/sh", "-c", "sleep 0.3; echo last; exit 9")
        pid = (await api.get(f"/v1/exec/{ending}")).json["pid"]
    daemon.kill()
    async with asyncio.timeout(30):
        while Path(f"/proc/{pid}").exists():
            await asyncio.sleep(0.01)
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:
        assert (await wait(api, ending))["exit_code"] == 9
        assert await all_output(api, ending) == b"last\n"
        await remove(api, container)


async def test_the_container_ends_while_there_is_no_daemon(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await start(api, rootfs, "/bin/sleep", "100")
        running = await begin(api, container, "/bin/sleep", "100")
        waiting = await create(api, container, "/bin/true")
        pid = (await api.get(f"/v1/containers/{container}")).json["pid"]
    daemon.kill()
    os.kill(pid, signal.SIGKILL)
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:
        assert (await wait(api, running))["signal"] == "SIGKILL"
        assert (await wait(api, waiting))["reason"] == "failed"
        await remove(api, container)


async def test_the_spawner_is_killed(daemon: Daemon, api: Api, rootfs: Path) -> None:
    container = await start(api, rootfs, "/bin/sleep", "100")
    counter = await begin(api, container, "/bin/sh", "-c", COUNT)
    await seen(api, counter, 10)
    await kill_spawner(api)
    assert (await wait(api, counter))["exit_code"] == 42
    assert await all_output(api, counter) == counting(200)
    again = await begin(api, container, "/bin/sh", "-c", "exit 5")
    assert (await wait(api, again))["exit_code"] == 5
    await remove(api, container)
    daemon.expect_errors()


def pipes(pid: int) -> set[str]:
    """What it has open of them, by their inodes: both ends of one have the same."""
    found = set()
    for number in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # it was closed this moment
            found.add(os.readlink(f"/proc/{pid}/fd/{number}"))
    return {one for one in found if one.startswith("pipe:")}


async def test_the_spawner_is_killed_and_then_the_daemon(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await start(api, rootfs, "/bin/sleep", "100")
        cat = await begin(api, container, "/bin/cat", stdin=True)
        pid = (await api.get(f"/v1/exec/{cat}")).json["pid"]
        successor = await kill_spawner(api)
        async with asyncio.timeout(30):  # who is there has not been given everything yet
            while not pipes(pid) <= pipes(successor):
                await asyncio.sleep(0.01)
    await restart(daemon)
    async with daemon.api() as api, attach(api, cat) as socket:
        client = Attached(socket)
        await client.send(0, b"through two")
        await client.send(255, b"\0")
        await client.to_end()
        assert client.channels[1] == b"through two"
        await remove(api, container)
    daemon.expect_errors()


async def test_both_are_killed(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await start(api, rootfs, "/bin/sleep", "100")
        script = "trap 'exit 6' TERM; echo up; while :; do sleep 0.05; done"
        going = await begin(api, container, "/bin/sh", "-c", script)
        await seen(api, going, 3)
        gone = await begin(api, container, "/bin/sleep", "100")
        pid = (await api.get(f"/v1/exec/{gone}")).json["pid"]
        spawner = await spawner_of(api)
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
        ended = await wait(api, gone)
        assert (ended["exit_code"], ended["reason"]) == (None, "lost")
        assert (await api.post(f"/v1/exec/{going}/kill?signal=TERM")).status == 204
        assert (await wait(api, going))["exit_code"] == 6  # nobody's child any more: from the kernel's record
        await remove(api, container)


async def test_a_start_that_had_not_told_the_worker_is_undone(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await start(api, rootfs, "/bin/sleep", "100")
        begun = await begin(api, container, "/bin/sleep", "100")
        pid = (await api.get(f"/v1/exec/{begun}")).json["pid"]
    daemon.kill()
    change(record_of(daemon, container, begun), status="starting", pid=None, started_at=None)
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:
        assert (await api.get(f"/v1/exec/{begun}")).json["status"] == "created"
        async with asyncio.timeout(30):
            while Path(f"/proc/{pid}").exists():
                await asyncio.sleep(0.01)
        assert (await api.post(f"/v1/exec/{begun}/start")).status == 204
        await remove(api, container)


async def test_a_start_that_was_not_recorded(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await start(api, rootfs, "/bin/sleep", "100")
        running = await begin(api, container, "/bin/sleep", "100")
        ended = await begin(api, container, "/bin/sh", "-c", "exit 8")
        await wait(api, ended)
    daemon.kill()
    change(record_of(daemon, container, running), status="starting", started_at=None)
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:
        async with asyncio.timeout(30):
            while (detail := (await api.get(f"/v1/exec/{running}")).json)["status"] != "running":
                await asyncio.sleep(0.01)
        assert (await api.get(f"/v1/exec/{ended}")).json["exit"]["exit_code"] == 8
        assert (await api.post(f"/v1/exec/{running}/kill")).status == 204
        assert (await wait(api, running))["signal"] == "SIGKILL"
        assert detail["started_at"] is not None
        await remove(api, container)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"schema": 99}'])
async def test_a_record_that_cannot_be_read_costs_only_itself(daemon: Daemon, rootfs: Path, content: bytes) -> None:
    async with daemon.api() as api:
        container = await start(api, rootfs, "/bin/sleep", "100")
        broken = await begin(api, container, "/bin/sh", "-c", "echo x; sleep 100")
        await seen(api, broken, 2)
        whole = await begin(api, container, "/bin/sleep", "100")
        pid = (await api.get(f"/v1/exec/{broken}")).json["pid"]
    daemon.kill()
    record_of(daemon, container, broken).write_bytes(content)
    record_of(daemon, container, whole).with_suffix(".json.new").write_bytes(b"an attempt")
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:
        listed = (await api.get(f"/v1/containers/{container}/exec")).json["execs"]
        assert [(one["id"], one["status"]) for one in listed] == [(whole, "running")]
        async with asyncio.timeout(30):
            while Path(f"/proc/{pid}").exists():
                await asyncio.sleep(0.01)
        await remove(api, container)
    assert len(list((daemon.state_dir / "quarantine").iterdir())) == 1
    assert list((daemon.data_dir / "execs").iterdir()) == []
    daemon.expect_errors()


async def test_an_end_that_could_not_be_recorded_is_found_by_the_next_daemon(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await start(api, rootfs, "/bin/sleep", "100")
        ending = await begin(api, container, "/bin/sh", "-c", "read a; echo x; exit 7", stdin=True)
        obstacle = record_of(daemon, container, ending).with_suffix(".json.new")
        obstacle.mkdir()
        async with attach(api, ending) as socket:
            await Attached(socket).send(0, b"\n")
            assert (await wait(api, ending))["exit_code"] == 7
    daemon.kill()
    obstacle.rmdir()
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:
        assert (await wait(api, ending))["exit_code"] == 7
        assert await all_output(api, ending) == b"x\n"
        await remove(api, container)
    daemon.expect_errors()


async def test_starts_in_flight_at_the_loss_of_the_spawner(daemon: Daemon, api: Api, rootfs: Path) -> None:
    """Each has run, or can be started again."""
    container = await start(api, rootfs, "/bin/sleep", "100")
    made = [await create(api, container, "/bin/true") for _ in range(10)]
    spawner = await spawner_of(api)
    assert spawner is not None
    starting = [asyncio.create_task(api.post(f"/v1/exec/{one}/start")) for one in made]
    await asyncio.sleep(0.02)
    os.kill(spawner, signal.SIGKILL)
    answers = await asyncio.gather(*starting)
    async with asyncio.timeout(30):
        while await spawner_of(api) in (None, spawner):
            await asyncio.sleep(0.01)
    for one, answer in zip(made, answers, strict=True):
        if answer.status == 503:
            assert (await api.get(f"/v1/exec/{one}")).json["status"] == "created"
            assert (await api.post(f"/v1/exec/{one}/start")).status == 204
        else:
            assert answer.status == 204, answer.body
        assert (await wait(api, one))["exit_code"] == 0
    await remove(api, container)
    daemon.expect_errors()


async def test_the_daemon_is_killed_in_the_middle_of_starts(daemon: Daemon, rootfs: Path) -> None:
    """At any moment of it: each has run, is undone and can be started, or goes on; none is there twice."""
    async with daemon.api() as api:
        container = await start(api, rootfs, "/bin/sleep", "100")
    for delay_s in (0.002, 0.006, 0.012, 0.02, 0.03):
        async with daemon.api() as api:
            made = [await create(api, container, "/bin/sh", "-c", f"echo x >>/{n}; echo {n}") for n in range(8)]
            starting = [asyncio.create_task(api.post(f"/v1/exec/{one}/start")) for one in made]
            await asyncio.sleep(delay_s)
            daemon.kill()
            await asyncio.gather(*starting, return_exceptions=True)
        daemon.start()
        await daemon.answering()
        async with daemon.api() as api:
            for number, one in enumerate(made):
                async with asyncio.timeout(30):
                    while (status := (await api.get(f"/v1/exec/{one}")).json["status"]) == "starting":
                        await asyncio.sleep(0.01)
                if status == "created":
                    assert (await api.post(f"/v1/exec/{one}/start")).status == 204
                assert (await wait(api, one))["exit_code"] == 0
                assert await all_output(api, one) == b"%d\n" % number
                assert (rootfs / str(number)).read_text() == "x\n"
                (rootfs / str(number)).unlink()
    async with daemon.api() as api:
        await remove(api, container)
