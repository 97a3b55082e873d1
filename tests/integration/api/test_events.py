"""Events of a real daemon: whose request they came of, which of them are asked for, and what a restart leaves of them."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.api_client import BASE, Api
from tests.integration.daemon_process import Daemon


async def told(api: Api, query: str) -> list[Any]:
    answer = await api.get(f"/v1/events?follow=false&{query}")
    assert answer.status == 200, answer.body
    return [json.loads(line) for line in answer.body.splitlines()]


async def test_events_tell_who_asked(api: Api, rootfs: Path) -> None:
    await api.run(rootfs, "/bin/true")
    us = {"uid": os.geteuid(), "pid": os.getpid()}
    assert [(event["type"], event["asked_by"]) for event in await told(api, "since_id=0")] == [
        ("container.created", us),
        ("container.started", us),
        ("container.exited", None),
        ("container.deleted", us),
    ]


async def test_events_are_filtered(api: Api, rootfs: Path) -> None:
    await api.run(rootfs, "/bin/true", name="one", labels={"app": "web"})
    two = await api.create(rootfs, "/bin/true", name="two", labels={"app": "db"})
    await api.post(f"/v1/containers/{two}/rename?name=three")

    async def numbers(query: str) -> list[int]:
        return [event["seq"] for event in await told(api, f"since_id=0&{query}")]

    assert await numbers("label=app=web") == [1, 2, 3, 4]
    assert await numbers("label=app&type=container.deleted&type=container.renamed") == [4, 6]
    assert await numbers("container=one") == [1, 2, 3, 4]
    assert await numbers("container=three") == await numbers(f"container={two[:14]}") == [5, 6]
    assert await numbers("container=nobody") == []
    await api.delete(f"/v1/containers/{two}")
    assert await numbers("container=two") == [5]


async def test_events_of_a_time(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/true")
    (created,) = await told(api, "since=0")
    await api.post(f"/v1/containers/{container}/rename?name=other")
    time = created["time"]
    assert [event["seq"] for event in await told(api, f"since={time}")] == [1, 2]
    assert [event["seq"] for event in await told(api, f"until={time}")] == [1]
    assert (await api.get(f"/v1/events?until={time}")).body.count(b"\n") == 1  # it ends, though it follows
    await api.delete(f"/v1/containers/{container}")


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_events_go_on_with_the_next_daemon(daemon: Daemon, rootfs: Path, how: str) -> None:
    async with daemon.api() as api:
        container = await api.create(rootfs, "/bin/true", labels={"app": "web"})
        before = await told(api, "since_id=0")
    getattr(daemon, how)()
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:
        assert await told(api, "since_id=0&label=app=web") == before
        await api.delete(f"/v1/containers/{container}?force=true")
        after = await told(api, "since_id=1")
    assert [event["seq"] for event in after] == list(range(2, 2 + len(after)))
    assert after[-1]["type"] == "container.deleted"


async def test_a_damaged_file_costs_the_damaged_lines_only(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        await api.run(rootfs, "/bin/true")
    daemon.stop()
    path = daemon.state_dir / "events.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"\x00" * 100 + b"\n" + lines[3])
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:
        kinds = [(event["seq"], event["type"]) for event in await told(api, "since_id=0")]
    assert kinds == [(1, "container.created"), (3, "gap"), (4, "container.deleted")]
    assert [line["lines"] for line in daemon.lines if "lines" in line] == [1]


# ── by WebSocket ──


async def received(api: Api, query: str) -> list[Any]:
    """Return what comes until the daemon closes, and with which code."""
    async with api.session.ws_connect(f"{BASE}/v1/events?{query}") as socket:
        events = [message.json() async for message in socket]
        return [*events, socket.close_code]


async def test_a_websocket_carries_the_same(api: Api, rootfs: Path) -> None:
    await api.run(rootfs, "/bin/true", name="one", labels={"app": "web"})
    await api.run(rootfs, "/bin/true", name="two")
    for query in (
        "since_id=0&follow=false",
        "since_id=0&follow=false&label=app&type=container.created",
        "since_id=999&follow=false",  # of before a boot: a gap comes first
        "since_id=0&follow=false&container=two",
    ):
        expected = [json.loads(line) for line in (await api.get(f"/v1/events?{query}")).body.splitlines()]
        found = await received(api, query)
        for event in (*expected, *found[:-1]):
            event.pop("time") if event["type"] == "gap" else None
        assert found == [*expected, 1000]
        assert expected


async def test_a_websocket_follows(api: Api, daemon: Daemon, rootfs: Path) -> None:
    async with api.session.ws_connect(f"{BASE}/v1/events?type=container.created", heartbeat=0.5) as socket:
        container = await api.create(rootfs, "/bin/true")
        assert (await socket.receive_json())["id"] == container
        await api.delete(f"/v1/containers/{container}")
        os.kill(daemon.pid, signal.SIGTERM)
        end = await socket.receive()
        assert (end.type, end.data, end.extra) == (
            *(aiohttp.WSMsgType.CLOSE, aiohttp.WSCloseCode.GOING_AWAY),
            "the daemon stops: go on with since_id=1",
        )
    assert daemon.wait() == 0
    daemon.start()
    await daemon.answering()


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("since_id=x", {}, 400),
        ("type=nothing", {}, 400),
        ("colour=red", {}, 400),
        ("", {"Origin": "http://localhost"}, 403),
        ("", {"Sec-WebSocket-Version": "99"}, 400),
        ("", {"Sec-WebSocket-Key": "short"}, 400),
    ],
)
async def test_a_websocket_that_cannot_be(api: Api, query: str, headers: dict[str, str], status: int) -> None:
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    upgrade |= {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    answer = await api.get(f"/v1/events?{query}", headers=upgrade | headers)
    answer.error(status, "forbidden" if status == 403 else "invalid_argument")
