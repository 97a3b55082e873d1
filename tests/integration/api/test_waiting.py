"""Waiting: its head comes at once, and each condition means what it says."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.api.restarts import remove, started
from tests.integration.api_client import BASE, Api
from tests.integration.daemon_process import Daemon


async def begin(api: Api, container: str, condition: str) -> aiohttp.ClientResponse:
    """Return once the head of the answer is there."""
    answer = await api.session.post(f"{BASE}/v1/containers/{container}/wait?condition={condition}")
    assert answer.status == 200
    return answer


async def told(answer: aiohttp.ClientResponse) -> Any:
    return json.loads(await answer.read())


async def test_the_head_comes_before_the_end(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/sh", "-c", "exit 3")
    waiting = await begin(api, container, "not-running")
    assert waiting.headers["Content-Type"] == "application/json"
    await api.post(f"/v1/containers/{container}/start")
    assert (await told(waiting))["exit_code"] == 3
    assert (await api.post(f"/v1/containers/{container}/wait?condition=not-running")).json["exit_code"] == 3
    await remove(api, container)


async def test_the_next_exit_is_not_the_last_one(api: Api, rootfs: Path) -> None:
    container = await started(api, rootfs, "read a; exit $a", stdin=True)
    first = await begin(api, container, "next-exit")
    await api.post(f"/v1/containers/{container}/stop?timeout=0")
    assert (await told(first))["exit_code"] == 137
    second = await begin(api, container, "next-exit")
    await api.post(f"/v1/containers/{container}/start")
    await api.post(f"/v1/containers/{container}/kill?signal=KILL")
    ended = await told(second)
    assert ended == (await api.get(f"/v1/containers/{container}")).json["exit"]
    await remove(api, container)


async def test_no_run_is_skipped_by_a_fast_policy(api: Api, rootfs: Path) -> None:
    """Several runs may have ended before who waits is looked at."""
    container = await api.create(rootfs, "/bin/sh", "-c", "exit 9", restart="on-failure:1")
    waits = [await begin(api, container, "next-exit") for _ in range(3)]
    await api.post(f"/v1/containers/{container}/start")
    ends = [await told(wait) for wait in waits]
    assert ends[0] == ends[1] == ends[2]
    await remove(api, container)


async def test_removal_is_waited_for(api: Api, rootfs: Path) -> None:
    container = await started(api, rootfs, "exit 4")
    removal = await begin(api, container, "removed")
    await api.post(f"/v1/containers/{container}/wait")
    await remove(api, container)
    assert (await told(removal))["exit_code"] == 4


async def test_what_never_comes_is_told(api: Api, rootfs: Path) -> None:
    container = await started(api, rootfs, "exit 4")
    await api.post(f"/v1/containers/{container}/wait")
    waiting = await begin(api, container, "next-exit")
    await remove(api, container)
    error = await told(waiting)
    assert error["kind"] == "not_found"
    assert "deleted" in error["message"]


async def test_a_wait_ends_with_its_client_and_with_the_daemon(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await started(api, rootfs, "exec sleep 100")
        (await begin(api, container, "removed")).close()
        waiting = await begin(api, container, "not-running")
        assert daemon.stop() == 0
        with pytest.raises(aiohttp.ClientError):
            await waiting.read()
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:
        await remove(api, container)


@pytest.mark.parametrize("query", ["condition=well", "condition=", "condition=removed&condition=removed", "x=1"])
async def test_what_cannot_be_waited_for(api: Api, rootfs: Path, query: str) -> None:
    container = await api.create(rootfs, "/bin/true")
    answer = await api.post(f"/v1/containers/{container}/wait?{query}")
    answer.error(400, "invalid_argument", step="parse")
    (await api.post("/v1/containers/nothing/wait")).error(404, "not_found", step="find")
    await remove(api, container)


async def test_memory_that_ran_out_is_the_reason(api: Api, rootfs: Path) -> None:
    """The payload itself is killed; or one of its processes, and the payload goes on to its own end."""
    eat = 'a=x; while :; do a="$a$a"; done'
    itself = await started(api, rootfs, eat, resources={"memory_bytes": 8 << 20})
    ended = (await api.post(f"/v1/containers/{itself}/wait")).json
    assert (ended["exit_code"], ended["reason"], ended["signal"], ended["oom_killed"]) == (137, "oom", "SIGKILL", True)
    child = await started(api, rootfs, f"sh -c '{eat}'; exit 5", resources={"memory_bytes": 8 << 20})
    ended = (await api.post(f"/v1/containers/{child}/wait")).json
    assert (ended["exit_code"], ended["reason"], ended["oom_killed"]) == (5, "exited", True)
    lines = (await api.get("/v1/events?since_id=0&follow=false")).body.splitlines()
    kinds = [(event["type"], event["id"]) for event in map(json.loads, lines)]
    assert kinds.count(("container.oom", itself)) == kinds.count(("container.oom", child)) == 1
    assert kinds.index(("container.oom", itself)) < kinds.index(("container.exited", itself))
    # The next run counts from nothing.
    await api.post(f"/v1/containers/{child}/update", json={"resources": {"memory_bytes": None}})
    await api.post(f"/v1/containers/{child}/start")
    await asyncio.sleep(0)
    ended = (await api.post(f"/v1/containers/{child}/stop?timeout=0")).json
    assert (ended["reason"], ended["oom_killed"]) == ("signaled", False)
    for container in (itself, child):
        await remove(api, container)
