"""Pausing and resuming: what stands still, what ends it all the same, and that a new daemon knows of it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.integration.api_client import Answer, Api
from tests.integration.daemon_process import Daemon

COUNTING = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done"


async def counting(api: Api, rootfs: Path) -> str:
    container = await api.create(rootfs, "/bin/sh", "-c", COUNTING)
    assert (await api.post(f"/v1/containers/{container}/start")).status == 204
    await more_than(api, container, 0)
    return container


async def more_than(api: Api, container: str, size: int) -> int:
    """Wait until there is more output than that; return how much."""
    async with asyncio.timeout(30):
        while (found := (await api.get(f"/v1/containers/{container}")).json["output_bytes"]) <= size:
            await asyncio.sleep(0.01)
    return int(found)


async def status(api: Api, container: str) -> str:
    return str((await api.get(f"/v1/containers/{container}")).json["status"])


async def events(api: Api) -> list[str]:
    lines = (await api.get("/v1/events?since_id=0&follow=false")).body.splitlines()
    return [line.split(b'"type":"container.')[1].split(b'"')[0].decode() for line in lines]


def states(cgroups: list[str]) -> set[str]:
    """What the kernel says of the processes: the state letter of each (proc_pid_stat(5)) does not tell a frozen one."""
    found = set()
    for path in cgroups:
        for name in ("cgroup.freeze", "freezer.self_freezing"):
            file = Path(path, name)
            if file.exists():
                found.add(file.read_text().strip())
    return found


async def test_a_paused_container_stands_still_until_it_is_resumed(api: Api, rootfs: Path) -> None:
    container = await counting(api, rootfs)
    cgroups = (await api.get(f"/v1/containers/{container}")).json["cgroup_paths"]
    assert (await api.post(f"/v1/containers/{container}/pause")).status == 204
    assert await status(api, container) == "paused"
    assert "1" in states(cgroups)
    assert [one["id"] for one in (await api.get("/v1/containers?status=paused")).json["containers"]] == [container]
    size = (await api.get(f"/v1/containers/{container}")).json["output_bytes"]
    (await api.post(f"/v1/containers/{container}/pause")).error(409, "conflict", step="pause")
    assert (await api.post(f"/v1/containers/{container}/resume")).status == 204
    assert await status(api, container) == "running"
    await more_than(api, container, size)
    (await api.post(f"/v1/containers/{container}/resume")).error(409, "conflict", step="resume")
    assert await events(api) == ["created", "started", "paused", "resumed"]
    await api.delete(f"/v1/containers/{container}?force=true")


async def kill(api: Api, container: str) -> Answer:
    return await api.post(f"/v1/containers/{container}/kill")


async def stop(api: Api, container: str) -> Answer:
    return await api.post(f"/v1/containers/{container}/stop?timeout=0")


@pytest.mark.parametrize("end", [kill, stop])
async def test_a_paused_container_can_be_ended(
    api: Api, rootfs: Path, end: Callable[[Api, str], Awaitable[Answer]]
) -> None:
    container = await counting(api, rootfs)
    await api.post(f"/v1/containers/{container}/pause")
    (await api.delete(f"/v1/containers/{container}")).error(409, "conflict", step="delete")
    assert (await end(api, container)).status in (200, 204)
    assert (await api.post(f"/v1/containers/{container}/wait")).json["signal"] == "SIGKILL"
    assert (await api.delete(f"/v1/containers/{container}")).status == 204


async def test_stop_lets_a_paused_payload_end_by_itself(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/sh", "-c", f"trap 'exit 5' TERM; {COUNTING}")
    await api.post(f"/v1/containers/{container}/start")
    await more_than(api, container, 0)
    await api.post(f"/v1/containers/{container}/pause")
    assert (await api.post(f"/v1/containers/{container}/stop?timeout=20")).json["exit_code"] == 5
    assert (await api.delete(f"/v1/containers/{container}")).status == 204


async def test_other_signals_wait_for_the_end_of_the_pause(api: Api, rootfs: Path) -> None:
    container = await counting(api, rootfs)
    await api.post(f"/v1/containers/{container}/pause")
    assert (await api.post(f"/v1/containers/{container}/kill?signal=USR1")).status == 204
    assert await status(api, container) == "paused"
    await api.post(f"/v1/containers/{container}/resume")
    # The first process of a pid namespace ignores what it has no handler for: it is there, and counts on.
    await more_than(api, container, (await api.get(f"/v1/containers/{container}")).json["output_bytes"])
    assert (await api.delete(f"/v1/containers/{container}?force=true")).status == 204


async def test_a_paused_container_is_deleted_by_force(api: Api, rootfs: Path) -> None:
    container = await counting(api, rootfs)
    await api.post(f"/v1/containers/{container}/pause")
    assert (await api.delete(f"/v1/containers/{container}?force=true")).status == 204


@pytest.mark.parametrize("action", ["pause", "resume"])
async def test_only_what_runs_is_paused(api: Api, rootfs: Path, action: str) -> None:
    (await api.post(f"/v1/containers/nothing/{action}")).error(404, "not_found", step="find")
    container = await api.create(rootfs, "/bin/true")
    (await api.post(f"/v1/containers/{container}/{action}")).error(409, "conflict", step=action)
    (await api.post(f"/v1/containers/{container}/{action}?hard=1")).error(400, "invalid_argument", step="parse")
    (await api.post(f"/v1/containers/{container}/{action}", data=b"x")).error(400, "invalid_argument", step="parse")
    await api.delete(f"/v1/containers/{container}")


async def test_a_new_daemon_asks_the_kernel_what_is_paused(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        kept, thawed, frozen = [await counting(api, rootfs) for _ in range(3)]
        paths = {one: (await api.get(f"/v1/containers/{one}")).json["cgroup_paths"] for one in (thawed, frozen)}
        for container in (kept, thawed):
            await api.post(f"/v1/containers/{container}/pause")
    daemon.kill()
    for container, value in ((thawed, "0"), (frozen, "1")):  # as a daemon leaves it that dies between the two steps
        written = [file for path in paths[container] if (file := Path(path, "cgroup.freeze")).exists()]
        for file in written:
            file.write_text(value)
        assert written
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:
        assert [await status(api, one) for one in (kept, thawed, frozen)] == ["paused", "running", "paused"]
        for container in (kept, frozen):
            assert (await api.post(f"/v1/containers/{container}/resume")).status == 204
        for container in (kept, thawed, frozen):
            assert (await api.delete(f"/v1/containers/{container}?force=true")).status == 204
