"""The daemon is stopped, or replaced, under load: it drains, and what runs is the next one's."""

import asyncio
import contextlib
from pathlib import Path

import pytest
from aiohttp import ClientError

from tests.integration.api_client import BASE, Api
from tests.integration.daemon_process import Daemon
from tests.integration.recovery.test_daemon_loss import counting, output_of, remove, start

_COUNT = "trap 'exit 9' TERM; i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done"


async def use(api: Api, rootfs: Path, container: str) -> None:
    """Ask for something again and again, until nobody answers any more."""
    with contextlib.suppress(ClientError, AssertionError):
        while True:
            await api.run(rootfs, "/bin/sh", "-c", "exit 3")
            made = await api.post(f"/v1/containers/{container}/exec", json={"args": ["/bin/true"]})
            assert made.status == 201
            await api.post(f"/v1/exec/{made.json['id']}/start")


async def follow(api: Api, path: str) -> None:
    with contextlib.suppress(ClientError):
        async with api.session.get(BASE + path) as response:
            await response.content.read()


@pytest.mark.parametrize("rounds", [2])
async def test_a_stop_under_load(daemon: Daemon, rootfs: Path, rounds: int) -> None:
    """Twice: the second spawner, if there is one, has what the first had."""
    async with daemon.api() as api:
        containers = [await start(api, rootfs, "/bin/sh", "-c", _COUNT) for _ in range(3)]
        await output_of(api, containers[-1], 2)
    for _ in range(rounds):
        async with daemon.api() as api:
            busy = [asyncio.ensure_future(use(api, rootfs, containers[0])) for _ in range(6)]
            busy += [asyncio.ensure_future(follow(api, f"/v1/containers/{one}/logs?follow=true")) for one in containers]
            busy += [asyncio.ensure_future(follow(api, "/v1/events?follow=true"))]
            await asyncio.sleep(0.5)
            assert await asyncio.to_thread(daemon.stop) == 0
            await asyncio.gather(*busy)
        daemon.start()
        await daemon.answering()
    async with daemon.api() as api:
        listed = (await api.get("/v1/containers")).json["containers"]
        assert {one["id"] for one in listed if one["status"] == "running"} >= set(containers)
        for container in containers:
            assert (await api.post(f"/v1/containers/{container}/stop?timeout=20")).json["exit_code"] == 9
            output = (await api.get(f"/v1/containers/{container}/logs")).body
            assert output == counting(output.count(b"\n"))
        for one in listed:
            await remove(api, one["id"])
    daemon.expect_errors()
