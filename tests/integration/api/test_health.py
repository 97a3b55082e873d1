"""Health checks: what is asked of a container, what is told of it, and what is done about it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.api.restarts import events, remove, started, until
from tests.integration.api_client import BASE, Api
from tests.integration.daemon_process import Daemon

SLEEP = "exec sleep 1000"
WELL = ["/bin/sh", "-c", "echo looking; test -e /well"]
OFTEN = {"interval_s": 0.1, "retries": 2}
SERVE = "exec busybox httpd -f -p 8080 -h /www"


async def health(api: Api, container: str) -> Any:
    return (await api.get(f"/v1/containers/{container}")).json["health_state"]


async def results(api: Api, container: str, count: int) -> Any:
    """Wait for so many results; return the state then."""
    async with asyncio.timeout(30):
        while len((found := await health(api, container))["results"]) < count:
            await asyncio.sleep(0.01)
    return found


async def told(api: Api) -> list[dict[str, str]]:
    return [attributes for name, attributes in await events(api) if name == "health"]


async def test_a_program_tells_how_it_is(api: Api, rootfs: Path) -> None:
    (rootfs / "well").touch()
    container = await started(api, rootfs, SLEEP, name="web", health={"exec": WELL, **OFTEN})
    found = await until(api, container, health="healthy")
    state = found["health_state"]
    assert (state["status"], state["failing_streak"]) == ("healthy", 0)
    assert (state["results"][-1]["exit_code"], state["results"][-1]["output"]) == (0, "looking\n")
    (listed,) = (await api.get("/v1/containers")).json["containers"]
    assert listed["health"] == "healthy"
    for query, count in (("health=healthy", 1), ("health=none&health=starting", 0), ("health=unhealthy&health=healthy", 1)):
        assert len((await api.get(f"/v1/containers?{query}")).json["containers"]) == count, query
    (rootfs / "well").unlink()
    found = await until(api, container, health="unhealthy")
    assert found["health_state"]["failing_streak"] >= 2
    assert found["health_state"]["since"] > state["since"]
    (rootfs / "well").touch()
    await until(api, container, health="healthy")
    state = await results(api, container, 5)
    assert len(state["results"]) == 5
    assert [one["status"] for one in await told(api)] == ["healthy", "unhealthy", "healthy"]
    assert (await told(api))[1] == {"status": "unhealthy", "failing_streak": "2", "on_failure": "none"}
    # It is nobody's exec.
    assert (await api.get(f"/v1/containers/{container}/exec")).json["execs"] == []
    lines = (await api.get("/v1/events?since_id=0&follow=false")).body.splitlines()
    assert [line for line in lines if b'"exec.' in line] == []
    await api.post(f"/v1/containers/{container}/stop?timeout=0")
    found = (await api.get(f"/v1/containers/{container}")).json
    assert (found["health"], found["health_state"]["status"]) == (None, "healthy")
    await remove(api, container)


@pytest.mark.parametrize(
    ("asked", "output"),
    [
        ({"tcp": {"port": 8080}}, "connected to 127.0.0.1:8080"),
        ({"http": {"port": 8080}}, "HTTP/1.1 200 OK"),
        ({"http": {"port": 8080, "path": "/index.html?a=b"}}, "HTTP/1.1 200 OK"),
    ],
)
async def test_its_own_network_is_asked(api: Api, rootfs: Path, asked: dict[str, Any], output: str) -> None:
    """Nothing listens there on the host."""
    (rootfs / "www").mkdir()
    (rootfs / "www/index.html").write_text("hello")
    container = await started(api, rootfs, SERVE, health=asked | OFTEN)
    found = await until(api, container, health="healthy")
    assert found["health_state"]["results"][-1]["output"] == output
    await remove(api, container)


@pytest.mark.parametrize(
    ("asked", "output"),
    [
        ({"tcp": {"port": 8081}}, "cannot connect to 127.0.0.1:8081: Connection refused"),
        ({"tcp": {"port": 8081, "host": "::1"}}, "cannot connect to [::1]:8081: "),
        ({"tcp": {"port": 8080, "host": "192.0.2.1"}}, "cannot connect to 192.0.2.1:8080: Network is unreachable"),
        ({"http": {"port": 8080, "path": "/none"}}, "HTTP/1.1 404 Not Found"),
        ({"http": {"port": 8082}}, "127.0.0.1:8082 does not answer by HTTP: 'nonsense\\n'"),
        ({"http": {"port": 8083}, "timeout_s": 0.2}, "it took longer than 0.2 s"),
        ({"exec": ["/bin/nothing"]}, "cannot find program /bin/nothing"),
        ({"exec": ["/bin/sh", "-c", "echo no; sleep 50 & sleep 50"], "timeout_s": 2}, "no\n\nit took longer than 2 s"),
        ({"exec": ["/bin/sh", "-c", "while :; do echo 0123456789; done"], "timeout_s": 2}, "0123456789\n"),
    ],
    ids=str,
)
async def test_what_is_found_wrong_is_told(api: Api, rootfs: Path, asked: dict[str, Any], output: str) -> None:
    (rootfs / "www").mkdir()
    script = "busybox nc -ll -p 8082 -e /bin/echo nonsense & busybox nc -ll -p 8083 -e /bin/sleep 100 &"
    container = await started(api, rootfs, f"{script} {SERVE}", health={**OFTEN, **asked})
    await until(api, container, health="unhealthy")
    async with asyncio.timeout(30):  # nobody may have listened at first
        while not (last := (await health(api, container))["results"][-1])["output"].startswith(output):
            await asyncio.sleep(0.01)
    assert len(last["output"]) < 2100
    assert last["exit_code"] == (127 if "nothing" in output else 1)
    await remove(api, container)


async def test_none_of_its_processes_outlives_a_check(api: Api, rootfs: Path) -> None:
    check = ["/bin/sh", "-c", "sleep 777 & echo x >>/checks; sleep 777"]
    container = await started(api, rootfs, SLEEP, health={"exec": check, "interval_s": 1, "timeout_s": 0.2, "retries": 1})
    await until(api, container, health="unhealthy")
    async with asyncio.timeout(30):
        while True:  # between two checks
            processes = (await api.get(f"/v1/containers/{container}/top")).json["processes"]
            if [one["args"] for one in processes] == [["sleep", "1000"]]:
                break
    await remove(api, container)


@pytest.mark.parametrize("action", ["kill", "stop", "restart"])
async def test_something_is_done_about_it(api: Api, rootfs: Path, action: str) -> None:
    asked = {"exec": ["/bin/false"], "on_failure": action, **OFTEN}
    container = await started(api, rootfs, SLEEP, health=asked, stop_signal="KILL", restart="on-failure:1")
    if action == "restart":
        async with asyncio.timeout(30):
            while (found := (await api.get(f"/v1/containers/{container}")).json)["previous_exit"] is None:
                await asyncio.sleep(0.01)
        assert found["previous_exit"]["signal"] == "SIGKILL"
        assert ("restarting", {"cause": "health"}) in await events(api)
    elif action == "stop":
        found = await until(api, container, status="stopped")
        assert (found["restart_count"], found["next_start_at"]) == (0, None)
    else:  # its policy starts it again, and is at its end then
        found = await until(api, container, status="stopped", restart_count=1, next_start_at=None)
        assert ("killed", {"signal": "SIGKILL", "cause": "health"}) in await events(api)
    assert (await told(api))[0] == {"status": "unhealthy", "failing_streak": "2", "on_failure": action}
    lines = map(json.loads, (await api.get("/v1/events?since_id=0&follow=false")).body.splitlines())
    assert {event["asked_by"] is None for event in lines if event["type"] == "container.health"} == {True}
    await remove(api, container)


async def test_nothing_is_done_about_one_that_is_being_stopped(api: Api, rootfs: Path) -> None:
    """It goes down, as it was asked to, and is not well meanwhile: that is no reason to start it again."""
    (rootfs / "well").touch()
    (rootfs / "bin/rm").symlink_to("busybox")
    script = "trap 'rm /well; echo down' TERM; echo up; while :; do sleep 0.05; done"
    check = {"exec": WELL, **OFTEN, "on_failure": "restart"}
    container = await started(api, rootfs, script, health=check)
    await until(api, container, health="healthy")
    stopping = asyncio.create_task(api.post(f"/v1/containers/{container}/stop?timeout=1000"))
    await until(api, container, health="unhealthy")
    assert (await api.post(f"/v1/containers/{container}/kill?signal=KILL")).status == 204
    assert (await stopping).json["signal"] == "SIGKILL"
    assert [name for name, _ in await events(api) if name in ("started", "restarting")] == ["started"]
    found = (await api.get(f"/v1/containers/{container}")).json
    assert (found["status"], found["next_start_at"]) == ("stopped", None)
    await remove(api, container)


async def test_failures_in_the_start_period_do_not_count(api: Api, rootfs: Path) -> None:
    asked = {"exec": WELL, "start_period_s": 1000, "interval_s": 0.1, "retries": 1}
    container = await started(api, rootfs, SLEEP, health=asked)
    state = await results(api, container, 3)
    assert (state["status"], state["failing_streak"]) == ("starting", 0)
    (rootfs / "well").touch()
    await until(api, container, health="healthy")
    (rootfs / "well").unlink()
    await until(api, container, health="unhealthy")
    await remove(api, container)


async def test_each_run_begins_anew(api: Api, rootfs: Path) -> None:
    container = await started(api, rootfs, SLEEP, health={"exec": ["/bin/false"], **OFTEN})
    await until(api, container, health="unhealthy")
    await api.post(f"/v1/containers/{container}/kill?signal=KILL")
    before = (await until(api, container, status="stopped"))["health_state"]
    async with api.session.get(f"{BASE}/v1/events?follow=true&type=container.health") as following:
        assert (await api.post(f"/v1/containers/{container}/start")).status == 204
        event = json.loads(await following.content.readline())
    assert event["attributes"] == {"status": "unhealthy", "failing_streak": "2", "on_failure": "none"}
    assert (await health(api, container))["since"] > before["since"]
    await remove(api, container)


async def test_a_paused_container_is_not_checked(api: Api, rootfs: Path) -> None:
    """Another one tells how time passes."""
    check = {"exec": ["/bin/sh", "-c", "echo x >>/checks-$(hostname)"], "interval_s": 0.1}
    paused = await started(api, rootfs, SLEEP, health=check, hostname="a")
    clock = await started(api, rootfs, SLEEP, health=check, hostname="b")
    await until(api, paused, health="healthy")
    assert (await api.post(f"/v1/containers/{paused}/pause")).status == 204
    before = await health(api, paused)
    (rootfs / "checks-b").unlink(missing_ok=True)
    async with asyncio.timeout(30):
        while not (rootfs / "checks-b").exists() or len((rootfs / "checks-b").read_text()) < 10:
            await asyncio.sleep(0.01)
    assert await health(api, paused) == before
    assert (await api.get(f"/v1/containers/{paused}")).json["health"] == "healthy"
    assert (await api.post(f"/v1/containers/{paused}/resume")).status == 204
    async with asyncio.timeout(30):
        while await health(api, paused) == before:
            await asyncio.sleep(0.01)
    for container in (paused, clock):
        await remove(api, container)


async def test_a_check_that_a_pause_has_held_up_does_not_count(api: Api, rootfs: Path) -> None:
    check = {"exec": ["/bin/sh", "-c", "echo x >>/checks; sleep 0.5"], "interval_s": 0.1, "timeout_s": 6, "retries": 1}
    container = await started(api, rootfs, SLEEP, health=check)
    await until(api, container, health="healthy")
    other = await started(api, rootfs, SLEEP, health={"exec": ["/bin/sleep", "7"], "interval_s": 0.1})
    size = len((rootfs / "checks").read_text())
    async with asyncio.timeout(30):
        while len((rootfs / "checks").read_text()) == size:
            await asyncio.sleep(0.01)
    await api.post(f"/v1/containers/{container}/pause")
    await results(api, other, 1)
    await api.post(f"/v1/containers/{container}/resume")
    before = await health(api, container)
    async with asyncio.timeout(30):
        while await health(api, container) == before:
            await asyncio.sleep(0.01)
    assert [one["status"] for one in await told(api)].count("unhealthy") == 0
    for one in (container, other):
        await remove(api, one)


# ── waiting ──


async def begin(api: Api, container: str) -> aiohttp.ClientResponse:
    answer = await api.session.post(f"{BASE}/v1/containers/{container}/wait?condition=healthy")
    assert answer.status == 200
    return answer


async def test_health_is_waited_for(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/sh", "-c", SLEEP, health={"exec": WELL, **OFTEN})
    waiting = await begin(api, container)  # its head is there before the start
    await api.post(f"/v1/containers/{container}/start")
    await until(api, container, health="unhealthy")
    (rootfs / "well").touch()
    assert json.loads(await waiting.read()) == {"condition": "healthy"}
    again = await api.post(f"/v1/containers/{container}/wait?condition=healthy")
    assert again.json == {"condition": "healthy"}
    await remove(api, container)


async def test_an_end_before_is_told(api: Api, rootfs: Path) -> None:
    container = await started(api, rootfs, "read a; exit 5", stdin=True, health={"exec": ["/bin/false"], **OFTEN})
    waiting = await begin(api, container)
    await api.request("PUT", f"/v1/containers/{container}/stdin", data=b"x\n")
    assert json.loads(await waiting.read())["exit_code"] == 5
    await remove(api, container)


async def test_what_is_not_checked_is_never_healthy(api: Api, rootfs: Path) -> None:
    container = await started(api, rootfs, SLEEP)
    found = (await api.get(f"/v1/containers/{container}")).json
    assert (found["health"], found["health_state"]) == (None, None)
    answer = await api.post(f"/v1/containers/{container}/wait?condition=healthy")
    assert "no health check" in answer.error(409, "conflict", step="wait")["message"]
    await remove(api, container)


# ── the ends ──


@pytest.mark.parametrize("asked", [{"exec": ["/bin/sleep", "1000"]}, {"http": {"port": 8083}}], ids=str)
async def test_nothing_is_left_of_a_check_that_is_being_made(daemon: Daemon, rootfs: Path, asked: dict[str, Any]) -> None:
    """Where its container ends, is deleted, and where the daemon ends."""
    script = "busybox nc -ll -p 8083 -e /bin/cat & exec sleep 1000"
    asked = asked | {"interval_s": 0.1, "timeout_s": 1000}
    async with daemon.api() as api:
        deleted = await started(api, rootfs, script, health=asked)
        killed = await started(api, rootfs, script, health=asked)
        kept = await started(api, rootfs, script, health=asked)
        for container in (deleted, killed, kept):
            pid = await being_checked(api, container)
            assert (await api.get(f"/v1/containers/{container}/exec")).json["execs"] == []
        await remove(api, deleted)
        assert (await api.post(f"/v1/containers/{killed}/kill?signal=KILL")).status == 204
        await until(api, killed, status="stopped")
        await remove(api, killed)
    assert daemon.stop() == 0
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:
        async with asyncio.timeout(30):
            while pid in await programs(api, kept):  # the next check may be under way
                await asyncio.sleep(0.01)
        await remove(api, kept)


async def programs(api: Api, container: str) -> dict[int, str]:
    processes = (await api.get(f"/v1/containers/{container}/top")).json["processes"]
    return {one["pid"]: one["args"][0] for one in processes}


async def being_checked(api: Api, container: str) -> int:
    """Wait for a check of that test; return the pid of its program, or of the one that answers it."""
    async with asyncio.timeout(30):
        while True:
            for pid, program in (await programs(api, container)).items():
                if program in ("/bin/sleep", "/bin/cat"):
                    return pid
            await asyncio.sleep(0.01)


async def test_figures_tell_of_health(api: Api, rootfs: Path) -> None:
    container = await started(api, rootfs, SLEEP, name="web", health={"exec": WELL, **OFTEN})
    other = await started(api, rootfs, SLEEP, name="other")
    await until(api, container, health="unhealthy")
    line = f'pycontainerd_container_healthy{{id="{container}",name="web"}}'
    assert f"{line} 0.0" in (await api.get("/metrics")).body.decode()
    (rootfs / "well").touch()
    await until(api, container, health="healthy")
    body = (await api.get("/metrics")).body.decode()
    assert f"{line} 1.0" in body
    assert f'healthy{{id="{other}"' not in body
    for one in (container, other):
        await remove(api, one)


# ── bad input ──


_NO_CHECKS: list[tuple[dict[str, Any], str]] = [
    ({}, "health"),
    ({"exec": []}, "health.exec"),
    ({"exec": "true"}, "health.exec"),
    ({"exec": ["a", 1]}, "health.exec.1"),
    ({"exec": ["a"], "http": {"port": 1}}, "health"),
    ({"tcp": {}}, "health.tcp.port"),
    ({"tcp": {"port": 65_536}}, "health.tcp.port"),
    ({"tcp": {"port": 1, "host": "localhost"}}, "health.tcp.host"),
    ({"tcp": {"port": 1, "host": "fe80::1%eth0"}}, "health.tcp.host"),
    ({"http": {"port": 1, "path": "x"}}, "health.http.path"),
    ({"http": {"port": 1, "path": "/a b"}}, "health.http.path"),
    ({"http": {"port": 1, "path": "/\r\nHost: x"}}, "health.http.path"),
    ({"tcp": {"port": 1}, "interval_s": 0}, "health.interval_s"),
    ({"tcp": {"port": 1}, "timeout_s": -1}, "health.timeout_s"),
    ({"tcp": {"port": 1}, "retries": 0}, "health.retries"),
    ({"tcp": {"port": 1}, "start_period_s": "1"}, "health.start_period_s"),
    ({"tcp": {"port": 1}, "on_failure": "panic"}, "health.on_failure"),
    ({"tcp": {"port": 1}, "colour": "red"}, "health.colour"),
]


async def test_what_is_no_check(api: Api, rootfs: Path) -> None:
    for asked, path in _NO_CHECKS:
        body = {"rootfs": str(rootfs), "args": ["/bin/true"], "health": asked}
        error = (await api.post("/v1/containers", json=body)).error(400, "invalid_argument", step="parse")
        assert f" {path}: " in error["message"]
    assert (await api.get("/v1/containers")).json["containers"] == []


async def test_a_document_can_be_checked_too(api: Api, rootfs: Path) -> None:
    oci = {
        "ociVersion": "1.2.0",
        "root": {"path": str(rootfs)},
        "process": {"args": ["/bin/sleep", "1000"], "cwd": "/", "user": {"uid": 0, "gid": 0}},
        "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}]},
    }
    answer = await api.post("/v1/containers", json={"oci": oci, "health": {"exec": ["/bin/true"], **OFTEN}})
    container = answer.json["id"]
    await api.post(f"/v1/containers/{container}/start")
    await until(api, container, health="healthy")
    await remove(api, container)
