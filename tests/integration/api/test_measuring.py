"""What containers use, and their processes."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.api.restarts import output, remove, started, until
from tests.integration.api_client import BASE, Api
from tests.integration.daemon_process import Daemon

BUSY = "echo up; while :; do :; done"
MEMORY = 64 << 20


async def line(answer: aiohttp.ClientResponse) -> Any:
    async with asyncio.timeout(30):
        return json.loads(await answer.content.readline())


async def test_one_container_is_measured(api: Api, rootfs: Path) -> None:
    fields: dict[str, Any] = {"resources": {"memory_bytes": MEMORY, "pids": 40}, "name": "busy"}
    container = await started(api, rootfs, BUSY, **fields)
    await output(api, container, 1)
    answer = await api.get("/v1/containers/busy/stats")
    assert (answer.status, answer.body.count(b"\n")) == (200, 1)
    found = json.loads(answer.body)
    assert (found["id"], found["name"], found["cpu"]["percent"]) == (container, "busy", None)
    assert found["cpu"]["usage_ns"] > 0
    assert (found["memory"]["limit_bytes"], found["pids"]["limit"]) == (MEMORY, 40)
    assert 0 < found["memory"]["working_set_bytes"] <= found["memory"]["usage_bytes"] < MEMORY
    assert found["memory"]["anon_bytes"] > 0
    assert found["pids"]["current"] == 1
    assert (await api.post(f"/v1/containers/{container}/pause")).status == 204
    assert (await api.get(f"/v1/containers/{container}/stats")).status == 200
    await remove(api, container)


async def test_figures_go_on_until_the_run_ends(api: Api, rootfs: Path) -> None:
    container = await started(api, rootfs, BUSY)
    await output(api, container, 1)
    answer = await api.session.get(f"{BASE}/v1/containers/{container}/stats?follow=true&interval=0.1")
    first, second = await line(answer), await line(answer)
    assert first["cpu"]["percent"] is None
    assert second["cpu"]["percent"] > 0
    assert second["cpu"]["usage_ns"] > first["cpu"]["usage_ns"]
    assert (await api.post(f"/v1/containers/{container}/restart?timeout=0")).status == 204
    async with asyncio.timeout(30):
        await answer.read()  # it ends, though the container runs again
    await remove(api, container)


async def test_all_containers_come_in_one_stream(api: Api, rootfs: Path) -> None:
    first = await started(api, rootfs, BUSY, name="first", labels={"a": "b"})
    second = await started(api, rootfs, "exec sleep 100", name="second")
    ended = await started(api, rootfs, "exit 0", name="ended")
    await until(api, ended, status="stopped")

    async def names(query: str) -> list[str]:
        return [one["name"] for one in json.loads((await api.get(f"/v1/stats{query}")).body)["containers"]]

    assert await names("") == ["first", "second"]
    assert await names("?container=second&container=ended") == ["second"]
    assert await names("?label=a%3Db") == ["first"]
    assert await names("?label=a&container=second") == []
    (await api.get("/v1/stats?container=nothing")).error(404, "not_found", step="find")
    answer = await api.session.get(f"{BASE}/v1/stats?follow=true&interval=0.1")
    one, two = await line(answer), await line(answer)
    assert [entry["cpu"]["percent"] for entry in one["containers"]] == [None, None]
    assert {entry["time"] for entry in two["containers"]} == {two["time"]}
    assert two["containers"][0]["cpu"]["percent"] > two["containers"][1]["cpu"]["percent"]
    third = await started(api, rootfs, "exec sleep 100", name="third")
    await remove(api, first)
    async with asyncio.timeout(30):
        while [entry["name"] for entry in (await line(answer))["containers"]] != ["second", "third"]:
            pass
    answer.close()
    for container in (second, ended, third):
        await remove(api, container)


@pytest.mark.parametrize(
    "path", ["/v1/stats?follow=true&interval=3600", "/v1/containers/{}/stats?follow=true&interval=3600"]
)
async def test_streams_end_with_the_daemon(daemon: Daemon, rootfs: Path, path: str) -> None:
    async with daemon.api() as api:
        container = await started(api, rootfs, "exec sleep 100")
        answer = await api.session.get(BASE + path.format(container))
        await line(answer)
        assert daemon.stop() == 0
        assert await answer.read() == b""
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:
        await remove(api, container)


@pytest.mark.parametrize(
    "query",
    [
        "interval=1",
        "follow=true&interval=0",
        "follow=true&interval=3601",
        "follow=maybe",
        "colour=red",
        "follow=1&interval=x",
    ],
)
@pytest.mark.parametrize("path", ["/v1/stats", "/v1/containers/{}/stats"])
async def test_what_cannot_be_measured(api: Api, rootfs: Path, path: str, query: str) -> None:
    container = await started(api, rootfs, "exec sleep 100")
    (await api.get(f"{path.format(container)}?{query}")).error(400, "invalid_argument", step="parse")
    await remove(api, container)


async def test_the_processes_are_read_from_the_host(api: Api, rootfs: Path) -> None:
    for unseen in ("ps", "ls"):
        (rootfs / "bin" / unseen).unlink()  # nothing is run in it
    container = await started(api, rootfs, "sleep 100 & sleep 101 & echo up; wait", user="5:6", resources={"pids": 3})
    await output(api, container, 1)
    async with asyncio.timeout(30):
        while len(found := (await api.get(f"/v1/containers/{container}/top")).json["processes"]) < 3 or any(
            one["name"] != name for one, name in zip(found, ("sh", "sleep", "sleep"), strict=False)
        ):
            await asyncio.sleep(0.01)
    payload, *children = found
    assert payload["pid"] == (await api.get(f"/v1/containers/{container}")).json["pid"]
    assert (payload["container_pid"], payload["args"][:2], payload["user_id"]) == (1, ["/bin/sh", "-c"], 5)
    assert {(one["parent_pid"], one["args"][-1]) for one in children} == {(payload["pid"], "100"), (payload["pid"], "101")}
    assert sorted(one["pid"] for one in found) == [one["pid"] for one in found]
    assert all(one["rss_bytes"] > 0 and one["threads"] == 1 for one in found)
    await remove(api, container)


@pytest.mark.parametrize("action", ["top", "stats"])
async def test_what_has_ended_uses_nothing(api: Api, rootfs: Path, action: str) -> None:
    (await api.get(f"/v1/containers/nothing/{action}")).error(404, "not_found", step="find")
    container = await api.create(rootfs, "/bin/true")
    assert (await api.get(f"/v1/containers/{container}/{action}")).status == 200  # its worker is there
    await api.post(f"/v1/containers/{container}/start")
    await api.post(f"/v1/containers/{container}/wait")
    (await api.get(f"/v1/containers/{container}/{action}")).error(409, "conflict", step="measure")
    await remove(api, container)
