"""What a payload tells of itself by sd_notify(3)."""

import asyncio
import json
import os
import socket
from pathlib import Path
from typing import Any

import aiohttp

from tests.integration.api.restarts import events, output, remove, until
from tests.integration.api_client import BASE, Api
from tests.integration.daemon_process import Daemon
from tests.integration.notifying import say, state, talker


async def test_what_it_says_is_shown(api: Api, rootfs: Path) -> None:
    container = await talker(api, rootfs, name="web")
    found = await state(api, container)
    silent = {"ready": False, "ready_at": None, "status": "", "stopping": False, "errno": None, "watchdog_s": None}
    assert found == silent
    await say(api, container, "STATUS=loading\n", status="loading")
    await say(api, container, "READY=1\nSTATUS=here, at last\nMAINPID=1\nX_OTHER=2\nnonsense", ready=True)
    found = await state(api, container)
    assert (found["status"], found["ready"], found["stopping"]) == ("here, at last", True, False)
    ready_at = found["ready_at"]
    await say(api, container, "STATUS=ééé" + "x" * 2000, status="ééé" + "x" * 1021)
    await say(api, container, "READY=1\nERRNO=2\nSTOPPING=1", stopping=True, errno=2)
    assert (await state(api, container))["ready_at"] == ready_at
    assert [name for name, _ in await events(api)] == ["created", "started", "ready"]
    detail = (await api.get("/v1/containers/web")).json
    assert detail["spec"]["notify"] is True
    assert "NOTIFY_SOCKET=/run/notify/notify.sock" in detail["oci"]["process"]["env"]
    await remove(api, container)


async def test_who_has_ended_before_is_believed_too(api: Api, rootfs: Path) -> None:
    """Such as systemd-notify(1): by the time that we look at it, nobody is there."""
    container = await talker(api, rootfs)
    await say(api, container, "child:READY=1", ready=True)
    await say(api, container, "child:STATUS=of a child", status="of a child")
    await remove(api, container)


async def test_the_last_words_are_heard(api: Api, rootfs: Path) -> None:
    container = await talker(api, rootfs)
    await api.request("PUT", f"/v1/containers/{container}/stdin", data=rb"exit:STATUS=it fell over\nERRNO=5" + b"\n")
    assert (await api.post(f"/v1/containers/{container}/wait")).json["exit_code"] == 7
    found = await state(api, container)
    assert (found["status"], found["errno"]) == ("it fell over", 5)
    await api.post(f"/v1/containers/{container}/start")  # and forgotten with the next run
    assert (await state(api, container))["status"] == ""
    await say(api, container, "READY=1", ready=True)
    await remove(api, container)


async def test_a_stranger_is_not_believed(daemon: Daemon, api: Api, rootfs: Path) -> None:
    container = await talker(api, rootfs)
    path = daemon.state_dir / "containers" / container / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
        folder = os.open(path, os.O_PATH)
        stranger.sendto(b"READY=1\nSTATUS=of a stranger\nWATCHDOG=trigger", f"/proc/self/fd/{folder}/notify.sock")
        os.close(folder)
    await say(api, container, "ERRNO=1", errno=1)  # which has come after it
    assert ((await state(api, container))["ready"], (await state(api, container))["status"]) == (False, "")
    assert "stranger passed over" in daemon.log
    await remove(api, container)


async def test_descriptors_and_long_messages_are_thrown_away(daemon: Daemon, api: Api, rootfs: Path) -> None:
    container = await talker(api, rootfs)
    await output(api, container, 1)  # for which files are opened
    before = len(os.listdir(f"/proc/{daemon.pid}/fd"))
    await api.request("PUT", f"/v1/containers/{container}/stdin", data=b"READY=1\\nSTATUS=" + b"x" * 5000 + b"\n")
    for number in range(5):
        await say(api, container, f"fds:ERRNO={number}", errno=number)
    assert (await state(api, container))["ready"] is False
    assert len(os.listdir(f"/proc/{daemon.pid}/fd")) <= before
    await remove(api, container)


async def test_a_descriptor_that_is_slow_to_be_closed_holds_up_its_sender_only(
    daemon: Daemon, api: Api, rootfs: Path
) -> None:
    """A socket that lingers: who closes it last waits for as long as the payload has asked for."""
    container = await talker(api, rootfs)
    await say(api, container, "linger:", status="given away")
    await api.request("PUT", f"/v1/containers/{container}/stdin", data=b"STATUS=not heard\n")
    other = await talker(api, rootfs)
    await say(api, other, "READY=1", ready=True)
    assert (await api.run(rootfs, "/bin/echo", "on"))[1] == b"on\n"
    assert (await state(api, container))["status"] == "given away"
    async with asyncio.timeout(20):
        while "slow to be closed" not in daemon.log:
            await asyncio.sleep(0.05)
    assert (await api.post(f"/v1/containers/{container}/restart?timeout=0")).status == 204
    await say(api, container, "READY=1", ready=True)  # with its run the other end has gone too
    for one in (container, other):
        await remove(api, one)


async def test_any_user_can_say_it(api: Api, rootfs: Path) -> None:
    container = await talker(api, rootfs, user="1234:1234", read_only=True)
    await say(api, container, "READY=1", ready=True)
    await remove(api, container)


# ── the watchdog ──


async def test_one_that_falls_silent_is_killed(api: Api, rootfs: Path) -> None:
    container = await talker(api, rootfs, watchdog_s=0.3, restart="on-failure:1")
    detail = (await api.get(f"/v1/containers/{container}")).json
    assert "WATCHDOG_USEC=300000" in detail["oci"]["process"]["env"]
    for _ in range(5):
        await say(api, container, "STATUS=a", status="a")
        await say(api, container, "STATUS=b", status="b")  # before READY=1 nothing is expected of it
    await api.request("PUT", f"/v1/containers/{container}/stdin", data=b"READY=1\n")
    found = await until(api, container, restart_count=1, status="running")
    assert found["previous_exit"]["signal"] == "SIGKILL"
    assert ("killed", {"signal": "SIGKILL", "cause": "watchdog"}) in await events(api)
    await say(api, container, "STATUS=again", status="again")
    await remove(api, container)


async def test_its_own_word_changes_the_watchdog(api: Api, rootfs: Path) -> None:
    container = await talker(api, rootfs)
    await say(api, container, r"WATCHDOG_USEC=1000000000\nREADY=1", watchdog_s=1000.0)
    await say(api, container, r"WATCHDOG_USEC=0", watchdog_s=None)
    await say(api, container, r"WATCHDOG_USEC=200000", watchdog_s=0.2)
    await until(api, container, status="stopped")
    await remove(api, container)
    triggered = await talker(api, rootfs)
    await api.request("PUT", f"/v1/containers/{triggered}/stdin", data=b"WATCHDOG=trigger\n")
    await until(api, triggered, status="stopped")
    await remove(api, triggered)


async def test_one_that_is_paused_is_not_missed(api: Api, rootfs: Path) -> None:
    """Another one, with the same watchdog, tells how time passes."""
    paused = await talker(api, rootfs, watchdog_s=5)
    clock = await talker(api, rootfs, watchdog_s=6)
    await say(api, paused, "READY=1", ready=True)
    assert (await api.post(f"/v1/containers/{paused}/pause")).status == 204
    await say(api, clock, "READY=1", ready=True)
    await until(api, clock, status="stopped")
    assert (await api.get(f"/v1/containers/{paused}")).json["status"] == "paused"
    assert (await api.post(f"/v1/containers/{paused}/resume")).status == 204
    await until(api, paused, status="stopped")
    for container in (paused, clock):
        await remove(api, container)


async def test_one_that_goes_on_saying_so_lives(api: Api, rootfs: Path) -> None:
    container = await talker(api, rootfs, watchdog_s=4)
    clock = await talker(api, rootfs, watchdog_s=5)
    await api.request("PUT", f"/v1/containers/{container}/stdin", data=b"beat:WATCHDOG=1\n")
    await say(api, container, "READY=1", ready=True)
    await say(api, clock, "READY=1", ready=True)
    await until(api, clock, status="stopped")
    assert (await api.get(f"/v1/containers/{container}")).json["status"] == "running"
    for one in (container, clock):
        await remove(api, one)


# ── waiting ──


async def begin(api: Api, container: str) -> aiohttp.ClientResponse:
    answer = await api.session.post(f"{BASE}/v1/containers/{container}/wait?condition=ready")
    assert answer.status == 200
    return answer


async def test_readiness_is_waited_for(api: Api, rootfs: Path) -> None:
    container = await talker(api, rootfs)
    waiting = await begin(api, container)
    await say(api, container, "READY=1", ready=True)
    assert json.loads(await waiting.read()) == {"condition": "ready"}
    assert (await api.post(f"/v1/containers/{container}/wait?condition=ready")).json == {"condition": "ready"}
    await api.post(f"/v1/containers/{container}/restart?timeout=0")
    waiting = await begin(api, container)
    await api.post(f"/v1/containers/{container}/kill?signal=KILL")
    assert json.loads(await waiting.read())["signal"] == "SIGKILL"
    await remove(api, container)


async def test_who_does_not_notify_is_never_ready(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/true")
    assert (await api.get(f"/v1/containers/{container}")).json["notify_state"] is None
    answer = await api.post(f"/v1/containers/{container}/wait?condition=ready")
    assert "no socket" in answer.error(409, "conflict", step="wait")["message"]
    await remove(api, container)


# ── forms, bad input ──


async def test_a_document_with_a_socket_of_its_own_gets_ours(api: Api, rootfs: Path) -> None:
    oci = {
        "ociVersion": "1.2.0",
        "root": {"path": str(rootfs)},
        "process": {"args": ["/bin/sh"], "cwd": "/", "env": ["NOTIFY_SOCKET=/x", "A=b"], "user": {"uid": 0, "gid": 0}},
        "linux": {"namespaces": [{"type": "mount"}]},
    }
    answer = await api.post("/v1/containers", json={"oci": oci, "notify": True})
    container = answer.json["id"]
    env = (await api.get(f"/v1/containers/{container}")).json["oci"]["process"]["env"]
    assert env == ["A=b", "NOTIFY_SOCKET=/run/notify/notify.sock"]
    await remove(api, container)


async def test_what_cannot_be_is_refused(daemon: Daemon, api: Api, rootfs: Path) -> None:
    body: dict[str, Any] = {"rootfs": str(rootfs), "args": ["/bin/true"]}
    for asked, path in (
        ({"notify": 1}, "notify"),
        ({"notify": None}, "notify"),
        ({"notify": True, "watchdog_s": 0}, "watchdog_s"),
        ({"notify": True, "watchdog_s": "1"}, "watchdog_s"),
        ({"watchdog_s": 1}, "watchdog_s"),
    ):
        error = (await api.post("/v1/containers", json=body | asked)).error(400, "invalid_argument")
        assert f" {path}: " in error["message"]
    assert (await api.get("/v1/containers")).json["containers"] == []
    assert os.listdir(daemon.state_dir / "containers") == []


async def test_a_creation_that_fails_leaves_no_socket(daemon: Daemon, api: Api, rootfs: Path) -> None:
    body = {"rootfs": str(rootfs), "args": ["/bin/nothing"], "notify": True}
    assert (await api.post("/v1/containers", json=body)).status == 400
    assert os.listdir(daemon.state_dir / "containers") == []
