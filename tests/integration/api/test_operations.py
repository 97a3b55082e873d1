"""Actions that take long: begun without waiting for them, looked at, waited for and followed."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.api.restarts import remove, started, until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.api_client import Answer, Api
    from tests.integration.daemon_process import Daemon

_ASYNC = {"Prefer": "respond-async"}
_STUBBORN = "trap '' TERM; echo up; while :; do sleep 0.05; done"


async def begun(api: Api, method: str, path: str) -> Any:
    answer = await api.request(method, path, headers=_ASYNC)
    assert answer.status == 202, answer.body
    told = answer.json
    assert answer.headers["Location"] == f"/v1/operations/{told['id']}"
    assert answer.headers["Preference-Applied"] == "respond-async"
    return told


async def ended(api: Api, operation: str) -> Any:
    answer: Answer = await api.post(f"/v1/operations/{operation}/wait")
    assert answer.status == 200
    return answer.json


async def test_a_stop_is_begun_seen_and_waited_for(api: Api, rootfs: Path) -> None:
    container = await started(api, rootfs, _STUBBORN, name="stubborn")
    told = await begun(api, "POST", f"/v1/containers/{container}/stop?timeout=1000")
    assert (told["action"], told["status"], told["container_name"]) == ("stop", "running", "stubborn")
    assert told["asked_by"]["uid"] == 0
    assert (await api.get(f"/v1/operations/{told['id']}")).json == told
    assert told in (await api.get("/v1/operations")).json["operations"]
    assert (await api.post(f"/v1/containers/{container}/kill?signal=KILL")).status == 204
    after = await ended(api, told["id"])
    assert (after["status"], after["exit"]["signal"], after["error"]) == ("done", "SIGKILL", None)
    assert after["finished_at"] > after["started_at"]
    assert (await api.get(f"/v1/containers/{container}")).json["exit"] == after["exit"]
    await remove(api, container)


async def test_others_see_what_is_waited_for(api: Api, rootfs: Path) -> None:
    container = await started(api, rootfs, _STUBBORN)
    stopping = asyncio.ensure_future(api.post(f"/v1/containers/{container}/stop?timeout=1000"))
    async with asyncio.timeout(30):
        while not (found := _of(await _operations(api), container, "stop")):
            await asyncio.sleep(0.01)
    assert found[0]["status"] == "running"
    assert (await api.post(f"/v1/containers/{container}/kill?signal=KILL")).status == 204
    assert (await ended(api, found[0]["id"]))["exit"] == (await stopping).json
    await remove(api, container)
    assert [one["status"] for one in _of(await _operations(api), container, "delete")] == ["done"]


async def test_restart_deletion_and_prune(api: Api, rootfs: Path) -> None:
    container = await started(api, rootfs, "exec sleep 100")
    told = await begun(api, "POST", f"/v1/containers/{container}/restart?timeout=0")
    assert (await ended(api, told["id"]))["status"] == "done"
    assert (await api.get(f"/v1/containers/{container}")).json["status"] == "running"
    told = await begun(api, "DELETE", f"/v1/containers/{container}?force=true")
    assert (await ended(api, told["id"]))["status"] == "done"
    assert (await api.get(f"/v1/containers/{container}")).status == 404
    other = await started(api, rootfs, "true")
    await until(api, other, status="stopped")
    told = await begun(api, "POST", "/v1/prune")
    assert told["container_id"] is None
    assert (await ended(api, told["id"]))["pruned"]["removed"] == [other]


async def test_a_failure_is_told_by_the_operation_and_by_an_event(api: Api, rootfs: Path) -> None:
    container = await started(api, rootfs, "exec sleep 100")
    told = await begun(api, "POST", f"/v1/containers/{container}/start")
    after = await ended(api, told["id"])
    assert (after["status"], after["error"]["kind"]) == ("failed", "conflict")
    lines = (await api.get("/v1/events?since_id=0&follow=false&type=operation.ended")).body.splitlines()
    (event,) = [one for one in map(json.loads, lines) if one["attributes"]["operation"] == told["id"]]
    assert (event["id"], event["attributes"]["action"]) == (container, "start")
    assert event["attributes"]["outcome"] == "failed"
    assert event["attributes"]["error"] == after["error"]["message"]
    await remove(api, container)


async def test_what_is_waited_for_is_no_event(api: Api, rootfs: Path) -> None:
    container = await started(api, rootfs, "true")
    await remove(api, container)
    assert (await api.get("/v1/events?since_id=0&follow=false&type=operation.ended")).body == b""


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/containers/none/stop", 404),
        ("POST", "/v1/containers/none/stop?timeout=-1", 400),
        ("POST", "/v1/containers/none/stop?colour=red", 400),
        ("DELETE", "/v1/containers/none", 404),
        ("GET", "/v1/operations/none", 404),
        ("POST", "/v1/operations/none/wait", 404),
        ("POST", "/v1/operations/none/wait?x=1", 400),
    ],
)
async def test_what_does_not_begin_is_told_at_once(api: Api, method: str, path: str, status: int) -> None:
    answer = await api.request(method, path, headers=_ASYNC)
    assert answer.status == status
    if status == 404:
        assert "none" in answer.json["message"]


async def test_other_preferences_change_nothing(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/true")
    answer = await api.post(f"/v1/containers/{container}/start", headers={"Prefer": "wait=10, return=minimal"})
    assert answer.status == 204
    await remove(api, container)


async def test_a_wait_is_told_that_the_daemon_stops(api: Api, daemon: Daemon, rootfs: Path) -> None:
    container = await started(api, rootfs, _STUBBORN)
    told = await begun(api, "POST", f"/v1/containers/{container}/stop?timeout=60")
    waiting = asyncio.ensure_future(ended(api, told["id"]))
    await asyncio.sleep(0.1)  # the head of the wait is there, or it is a 503: both say so
    await asyncio.to_thread(daemon.stop)
    assert (await waiting)["kind"] == "unavailable"
    daemon.start()
    await daemon.answering()
    assert (await api.get(f"/v1/operations/{told['id']}")).status == 404
    await api.delete(f"/v1/containers/{container}?force=true")


def _of(operations: Any, container: str, action: str) -> list[Any]:
    return [one for one in operations if (one["container_id"], one["action"]) == (container, action)]


async def _operations(api: Api) -> Any:
    return (await api.get("/v1/operations")).json["operations"]
