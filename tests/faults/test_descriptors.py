"""The daemon is at its limit of descriptors: what is new is refused for now; what is there is looked at, ended, removed."""

import asyncio
import itertools
import os
import resource
import signal
from pathlib import Path

from aiohttp import ClientError

from tests.faults.leaks import Leaks
from tests.faults.strace import strace
from tests.integration.api_client import Answer, Api
from tests.integration.daemon_process import Daemon
from tests.integration.recovery.test_daemon_loss import start


def limit(pid: int, *, full: bool) -> None:
    """Let it open no descriptor more: none below the lowest number that is free."""
    _soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    there = set(map(int, os.listdir(f"/proc/{pid}/fd")))
    lowest = next(number for number in itertools.count() if number not in there)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest if full else hard, hard))


def cpu_ticks(pid: int) -> int:
    """Of user and system, as in proc_pid_stat(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


async def refused(daemon: Daemon) -> bool:
    """A client that comes is turned away, or waits; the daemon does not take its turn again and again."""
    try:
        async with asyncio.timeout(0.5), daemon.api() as api:
            await api.get("/v1/_ping")
    except (ClientError, TimeoutError):
        return True
    return False


async def test_what_is_there_is_ended_and_removed(daemon: Daemon, api: Api, rootfs: Path, leaks: Leaks) -> None:
    containers = [await start(api, rootfs, "/bin/sleep", "100") for _ in range(4)]
    waiting = await api.create(rootfs, "/bin/true")
    limit(daemon.pid, full=True)
    body = {"rootfs": str(rootfs), "args": ["/bin/true"]}
    created: list[Answer] = [await api.post("/v1/containers", json=body) for _ in range(3)]
    for answer in created:
        answer.error(503, "unavailable", errno="EMFILE")
    assert len((await api.get("/v1/containers")).json["containers"]) == 5
    assert (await api.post(f"/v1/containers/{containers[0]}/kill")).status == 204
    assert (await api.post(f"/v1/containers/{containers[0]}/wait")).json["exit_code"] == 137
    assert (await api.post(f"/v1/containers/{containers[1]}/stop?timeout=0")).json["exit_code"] == 137
    for container in (*containers, waiting):
        assert (await api.delete(f"/v1/containers/{container}?force=true")).status == 204
    limit(daemon.pid, full=False)
    assert (await api.run(rootfs, "/bin/echo", "again"))[1] == b"again\n"
    daemon.expect_errors()


async def test_a_spawner_that_died_is_replaced_once_there_are_some(daemon: Daemon, api: Api, rootfs: Path) -> None:
    """Without one for the next spawner, nor to watch for ends: what ends meanwhile is told by that one."""
    container, other = [await start(api, rootfs, "/bin/sleep", "100") for _ in range(2)]
    spawner = (await api.get("/v1/info")).json["spawner_pid"]
    _soft, hard = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (3, hard))  # the numbers that the spawner's end frees are none
    os.kill(spawner, signal.SIGKILL)
    async with asyncio.timeout(30):
        while daemon.log.count("cannot replace spawner") < 3:
            await asyncio.sleep(0.01)
    assert (await api.get("/v1/info")).json["spawner_pid"] is None
    assert (await api.post(f"/v1/containers/{container}/kill")).status == 204
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (hard, hard))
    assert (await api.post(f"/v1/containers/{container}/wait")).json["exit_code"] == 137
    async with asyncio.timeout(30):
        while (await api.get("/v1/info")).json["spawner_pid"] in (None, spawner):
            await asyncio.sleep(0.01)
    assert (await api.run(rootfs, "/bin/echo", "again"))[1] == b"again\n"
    assert (await api.get(f"/v1/containers/{other}")).json["status"] == "running"
    for one in (container, other):
        assert (await api.delete(f"/v1/containers/{one}?force=true")).status == 204
    daemon.expect_errors()


async def test_who_comes_is_turned_away_and_costs_nothing(daemon: Daemon, api: Api, leaks: Leaks) -> None:
    await api.get("/v1/_ping")
    limit(daemon.pid, full=True)
    assert await refused(daemon)
    limit(daemon.pid, full=False)
    await leaks.begin(api)  # libuv's own reserve is open on another file from the first time on
    limit(daemon.pid, full=True)
    before = cpu_ticks(daemon.pid)
    turned_away = [await refused(daemon) for _ in range(4)]
    assert (await api.get("/v1/_ping")).status == 200  # who is there already goes on
    spent = cpu_ticks(daemon.pid) - before
    limit(daemon.pid, full=False)
    assert all(turned_away)
    assert spent < os.sysconf("SC_CLK_TCK")  # at least 2 s have gone by: who tries without end uses all of that
    async with daemon.api() as later:
        assert (await later.get("/v1/_ping")).status == 200


async def test_who_comes_when_the_systems_table_is_full_is_hung_up_on_and_the_next_is_served(
    daemon: Daemon, api: Api, leaks: Leaks
) -> None:
    """ENFILE, which nobody but an ordinary user's daemon is told by the kernel itself."""
    await api.get("/v1/_ping")
    with strace("trace=accept4", "inject=accept4:error=ENFILE:when=1", pids=(daemon.pid,)):
        reader, writer = await asyncio.open_unix_connection(daemon.socket)
        assert await reader.read() == b""
        writer.close()
        async with asyncio.timeout(30):
            while await refused(daemon):  # so is who comes before the loop has heard that nobody waits any more
                await asyncio.sleep(0.05)
        async with daemon.api() as later:
            assert (await later.get("/v1/_ping")).status == 200
    await leaks.begin(api)  # libuv's own reserve is open on another file from the first time on
