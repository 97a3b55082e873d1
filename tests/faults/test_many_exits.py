"""Many containers that end at the same moment, and some that end before their start was answered: every code is exact."""

import asyncio
import os
from pathlib import Path

import pytest

from tests.faults.leaks import Leaks
from tests.integration.api_client import Api

_AT_ONCE = 16


async def of_all(api: Api, containers: list[str], action: str) -> list[int | None]:
    """Do it to all, some at a time; return the exit codes that are told."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(container: str) -> int | None:
        async with room:
            answer = await api.post(f"/v1/containers/{container}/{action}")
            assert answer.status in (200, 204), answer.body
            return answer.json["exit_code"] if answer.body else None

    return list(await asyncio.gather(*map(one, containers)))


async def remove_all(api: Api, containers: list[str]) -> None:
    for container in containers:
        assert (await api.delete(f"/v1/containers/{container}")).status == 204


def zombies(parent: int) -> list[str]:
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [pid for pid in children if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"]


@pytest.mark.timeout(900)
async def test_all_end_at_once(api: Api, rootfs: Path, leaks: Leaks, *, whole: bool) -> None:
    os.mkfifo(rootfs / "gate")
    for _ in range(2 if whole else 1):  # the second thousand needs no more memory than the first
        await leaks.begin(api)
        await end_at_once(api, rootfs / "gate", 1000 if whole else 60)


async def end_at_once(api: Api, gate: Path, count: int) -> None:
    containers = [
        await api.create(gate.parent, "/bin/sh", "-c", f"read line </gate; exit {number % 251}") for number in range(count)
    ]
    await of_all(api, containers, "start")
    waiting = [asyncio.ensure_future(api.post(f"/v1/containers/{container}/wait")) for container in containers[:20]]
    with gate.open("w") as opened:  # all of them wait for somebody to open it
        opened.write("")
    codes = await of_all(api, containers, "wait")
    assert codes == [number % 251 for number in range(count)]
    assert [answer.json["exit_code"] for answer in await asyncio.gather(*waiting)] == codes[:20]
    spawner = (await api.get("/v1/info")).json["spawner_pid"]
    async with asyncio.timeout(20):
        while zombies(spawner):
            await asyncio.sleep(0.01)
    await remove_all(api, containers)


async def test_one_that_ends_before_its_start_was_answered(api: Api, rootfs: Path) -> None:
    containers = [await api.create(rootfs, "/bin/sh", "-c", f"exit {number}") for number in range(40)]
    await of_all(api, containers, "start")
    assert await of_all(api, containers, "wait") == list(range(40))
    await remove_all(api, containers)
